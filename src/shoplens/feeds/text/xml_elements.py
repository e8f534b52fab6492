"""Reading of the elements of an XML feed one at a time; flaws in elements are repaired.

A file that breaks off is refused as a whole, because it would look like a catalogue that lost its products. A document
type with declarations is refused, too, because entities can expand a small file to a large one; nothing that a document
type refers to is ever read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from shoplens.errors import FeedError
from shoplens.feeds.text.text_blocks import TextBlocks, extend_text
from shoplens.feeds.text.text_lines import MAX_LINE, read_head_text
from shoplens.feeds.text.xml_repair import FLAWS, parse_element
from shoplens.types import Rejection

_TAG_END = r"(?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+')*+>"
_OUTSIDE = re.compile(rf"<!\[CDATA\[|<!--|<\?|<!DOCTYPE|</?[^\W\d][^\s<>/\"']*{_TAG_END}", re.IGNORECASE)
_ENDS = {"<![": "]]>", "<!-": "-->", "<?": "?>"}
_NAME = re.compile(r"</?([^\s<>/]+)")
_DECLARED = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")


@dataclass(frozen=True, slots=True)
class ElementText:
    """The text of an element in a file.

    Attributes:
        name: name of its tag, without a prefix.
        line: number of the line on which it starts; the first line of the file is 1.
        text: the text from its first ``<`` to its last ``>``; an element that is never closed ends where the next one
            starts.
        is_closed: whether it has an end tag.
    """

    name: str
    line: int
    text: str
    is_closed: bool = True


def read_root_name(path: Path) -> str:
    """Return the name of a file's first element, without its prefix; empty where the start of the file has none."""
    for tag in re.finditer(
        r"<([^\W\d][^\s<>/]*)", re.sub(r"<!--.*?(?:-->|\Z)|<\?.*?(?:\?>|\Z)", "", read_head_text(path), flags=re.DOTALL)
    ):
        return local_name(tag[1])
    return ""


def local_name(name: str) -> str:
    """Return a name without its prefix.

    >>> local_name("g:price")
    'price'
    """
    return name.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class NumberedElement:
    """An element of a feed.

    Attributes:
        number: its number among the elements of the requested names; the first is 1.
        element: the parsed element.
    """

    number: int
    element: Element


def read_elements(path: Path, names: Collection[str]) -> Iterator[NumberedElement | Rejection]:
    """Yield the outermost elements of these names, repaired, with a note on the first flaw of each kind.

    Names in the elements keep their prefixes. An element that cannot be parsed is rejected alone.

    Raises:
        FeedError: ``bad-xml``, the file breaks off; ``unsafe-xml``, it declares a document type of its own.
    """
    noted_flaws: set[str] = set()
    elements = XmlElements(path, names)
    for number, raw in enumerate(elements, 1):
        flaws = {"stray-bytes"} if elements.has_stray_bytes else set()
        try:
            element = parse_element(raw.text, flaws) if raw.is_closed else None
        except ValueError:
            element = None
        for flaw in sorted(flaws - noted_flaws):
            reason, fix = FLAWS[flaw]
            yield Rejection(kind=flaw, level="note", row=number, value=raw.text, reason=reason, fix=fix)
        noted_flaws |= flaws
        if element is not None:
            yield NumberedElement(number, element)
            continue
        yield Rejection(
            kind="malformed-element",
            row=number,
            value=raw.text,
            reason=f"The <{raw.name}> that starts on line {raw.line} cannot be parsed as XML.",
            fix=f"Close all of its tags, including </{raw.name}>.",
        )


class XmlElements:
    """Reads the outermost elements of some names from a file; it can be iterated once.

    Args:
        path: the file.
        names: names of the elements, without prefixes.
    """

    def __init__(self, path: Path, names: Collection[str]) -> None:
        self._path = path
        self._names = frozenset(names)
        self._source = TextBlocks(path, _read_encoding(path))
        self._blocks = iter(self._source)
        self._text = ""
        self._line = 1
        self._open: list[str] = []
        self._times_open: Counter[str] = Counter()
        self._root = ""
        self._root_is_closed = False

    @property
    def has_stray_bytes(self) -> bool:
        """Whether bytes read so far were not valid in the file's encoding, and so were read as Windows-1252."""
        return self._source.has_stray_bytes

    def __iter__(self) -> Iterator[ElementText]:
        """Yield the elements in order.

        Raises:
            FeedError: ``bad-xml``, the file breaks off; ``unsafe-xml``, it declares a document type of its own.
        """
        while (token := self._next(_OUTSIDE)) is not None:
            markup = token[0]
            self._drop(token.start())
            if markup[:2] in ("<!", "<?"):
                self._skip_markup(markup)
                continue
            name = _tag_name(markup)
            if markup.startswith("</"):
                self._close(name)
            elif local_name(name) in self._names:
                yield self._read_element(name, markup)
                continue
            elif not markup.endswith("/>"):
                self._root = self._root or name
                self._open.append(name)
                self._times_open[name] += 1
            self._drop(len(markup))
        if not self._root_is_closed or self._root in self._open:
            inside = f", inside <{self._open[-1]}>" if self._open else ""
            raise self._damage_error(f"it breaks off at line {self._line}{inside}")

    def _read_element(self, name: str, markup: str) -> ElementText:
        """Read the element at the start of the text, whose start tag is ``markup``."""
        line = self._line
        if markup.endswith("/>"):
            return ElementText(local_name(name), line, self._take(len(markup)))
        inside = re.compile(rf"<!\[CDATA\[|<!--|</?{re.escape(name)}(?=[\s/>]){_TAG_END}")
        position = len(markup)
        while (token := self._next(inside, position)) is not None:
            if token[0].startswith("<!"):
                position = self._end_of(token.start(), _ENDS[token[0][:3]])
            elif token[0].startswith("</"):
                return ElementText(local_name(name), line, self._take(token.end()))
            elif token[0].endswith("/>"):
                position = token.end()
            else:
                return ElementText(local_name(name), line, self._take(token.start()), is_closed=False)
        raise self._damage_error(f"it breaks off inside the <{name}> that starts on line {line}")

    def _close(self, name: str) -> None:
        """Close the element of this name and all that are open in it; an end tag that closes nothing is ignored."""
        is_open = self._times_open[name] > 0
        while is_open:
            closed = self._open.pop()
            self._times_open[closed] -= 1
            is_open = closed != name
            self._root_is_closed = self._root_is_closed or not self._open

    def _skip_markup(self, markup: str) -> None:
        """Skip the comment, CDATA section, instruction or document type at the start of the text."""
        if markup[:3] in _ENDS or markup[:2] in _ENDS:
            self._drop(self._end_of(0, _ENDS.get(markup[:3]) or _ENDS[markup[:2]]))
            return
        end = self._end_of(0, ">")
        if "[" in self._text[:end]:
            raise FeedError(
                f"{self._path} is XML with a document type that declares entities: {self._text[:60]!r}.",
                "Export the feed without declarations in <!DOCTYPE>.",
                code="unsafe-xml",
            )
        self._drop(end)

    def _next(self, pattern: re.Pattern[str], position: int = 0) -> re.Match[str] | None:
        """Return the next match of ``pattern``, or None at the end of the file."""
        while True:
            match = pattern.search(self._text, position)
            if match is not None:
                return match
            unfinished = self._text.rfind("<", position)
            position = len(self._text) if unfinished < 0 else unfinished
            if not self._read_on():
                return None

    def _end_of(self, start: int, end: str) -> int:
        """Return the position after the first ``end`` behind ``start``."""
        position = start
        while (end_position := self._text.find(end, position)) < 0:
            position = max(start, len(self._text) - len(end))
            if not self._read_on():
                raise self._damage_error(f"it breaks off at line {self._line}, before {end}")
        return end_position + len(end)

    def _read_on(self) -> bool:
        """Read more of the file; return whether there was any."""
        if len(self._text) > 2 * MAX_LINE:
            raise self._damage_error(f"what starts on line {self._line} is longer than {MAX_LINE // 2**20} MB")
        longer = extend_text(self._blocks, self._text, 2 * MAX_LINE)
        self._text = longer or self._text
        return longer is not None

    def _take(self, length: int) -> str:
        text = self._text[:length]
        self._drop(length)
        return text

    def _drop(self, length: int) -> None:
        self._line += self._text.count("\n", 0, length)
        self._text = self._text[length:]

    def _damage_error(self, problem: str) -> FeedError:
        fix = "Export it again; perhaps a download was interrupted."
        return FeedError(f"{self._path} is incomplete: {problem}.", fix, code="bad-xml")


def _tag_name(markup: str) -> str:
    match = _NAME.match(markup)
    return match[1] if match else ""


def _read_encoding(path: Path) -> str:
    """Return the encoding that a file declares; UTF-8 where it declares none."""
    with path.open("rb") as file:
        declared = _DECLARED.search(file.read(1024))
    return declared[1].decode("ascii") if declared else "utf-8"
