"""The elements of an XML feed, one at a time: stray bytes are mended, and only a file that breaks off is refused.

A feed that lost its end would look like a catalogue that lost its products, so it is refused as a whole. So are
document types with declarations of their own, with which a small file could become a large one; nothing that a document
type names is ever read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from shoplens.errors import FeedError
from shoplens.feeds.text.text_blocks import TextBlocks, read_on
from shoplens.feeds.text.text_lines import MAX_LINE, head_text
from shoplens.feeds.text.xml_repair import FLAWS, parse_element
from shoplens.types import Rejection

_TAG_END = r"(?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+')*+>"
_OUTSIDE = re.compile(rf"<!\[CDATA\[|<!--|<\?|<!DOCTYPE|</?[^\W\d][^\s<>/\"']*{_TAG_END}", re.IGNORECASE)
_ENDS = {"<![": "]]>", "<!-": "-->", "<?": "?>"}
_NAME = re.compile(r"</?([^\s<>/]+)")
_DECLARED = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")


@dataclass(frozen=True, slots=True)
class ElementText:
    """An element as it stands in a file.

    Attributes:
        name: of its tag, without a prefix.
        line: on which it starts; the first of the file is 1.
        text: from its first ``<`` to its last ``>``; up to where the next one starts, if it is never closed.
        is_whole: whether it is closed.
    """

    name: str
    line: int
    text: str
    is_whole: bool = True


def root_name(path: Path) -> str:
    """Name of a file's first element, without its prefix; empty where there is none at its start."""
    for tag in re.finditer(
        r"<([^\W\d][^\s<>/]*)", re.sub(r"<!--.*?(?:-->|\Z)|<\?.*?(?:\?>|\Z)", "", head_text(path), flags=re.DOTALL)
    ):
        return local_name(tag[1])
    return ""


def local_name(name: str) -> str:
    """A name without its prefix.

    >>> local_name("g:price")
    'price'
    """
    return name.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class NumberedElement:
    """An element of a feed: its number among all that were asked for, the first being 1, and itself."""

    number: int
    element: Element


def read_elements(path: Path, names: Collection[str]) -> Iterator[NumberedElement | Rejection]:
    """The outermost elements of these names, mended, with a note on the first of each kind of flaw.

    Names in the elements keep their prefixes. One that cannot be taken apart is rejected alone.

    Raises:
        FeedError: as going through :class:`XmlElements`.
    """
    told: set[str] = set()
    elements = XmlElements(path, names)
    for number, found in enumerate(elements, 1):
        flaws = {"stray-bytes"} if elements.has_stray_bytes else set()
        try:
            element = parse_element(found.text, flaws) if found.is_whole else None
        except ValueError:
            element = None
        for flaw in sorted(flaws - told):
            reason, fix = FLAWS[flaw]
            yield Rejection(kind=flaw, level="note", row=number, value=found.text, reason=reason, fix=fix)
        told |= flaws
        if element is not None:
            yield NumberedElement(number, element)
            continue
        yield Rejection(
            kind="malformed-element",
            row=number,
            value=found.text,
            reason=f"The <{found.name}> that starts on line {found.line} cannot be taken apart as XML.",
            fix=f"Close every tag of it, the </{found.name}> included.",
        )


class XmlElements:
    """The outermost elements of some names in a file, to be gone through once.

    Args:
        path: the file.
        names: of the elements, without prefixes.
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
        self._closed = False

    @property
    def has_stray_bytes(self) -> bool:
        """Whether bytes read so far were not valid in the file's encoding; they were read as Windows-1252."""
        return self._source.has_stray_bytes

    def __iter__(self) -> Iterator[ElementText]:
        """The elements, in order.

        Raises:
            FeedError: ``bad-xml``, the file breaks off; ``unsafe-xml``, it declares a document type of its own.
        """
        while (token := self._next(_OUTSIDE)) is not None:
            markup = token[0]
            self._drop(token.start())
            if markup[:2] in ("<!", "<?"):
                self._pass_over(markup)
                continue
            name = _name(markup)
            if markup.startswith("</"):
                self._close(name)
            elif local_name(name) in self._names:
                yield self._element(name, markup)
                continue
            elif not markup.endswith("/>"):
                self._root = self._root or name
                self._open.append(name)
                self._times_open[name] += 1
            self._drop(len(markup))
        if not self._closed or self._root in self._open:
            inside = f", inside <{self._open[-1]}>" if self._open else ""
            raise self._damage_error(f"it breaks off at line {self._line}{inside}")

    def _element(self, name: str, markup: str) -> ElementText:
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
                return ElementText(local_name(name), line, self._take(token.start()), is_whole=False)
        raise self._damage_error(f"it breaks off inside the <{name}> that starts on line {line}")

    def _close(self, name: str) -> None:
        """Close the element of this name and all that are open in it; a name that is not open is passed over."""
        is_open = self._times_open[name] > 0
        while is_open:
            closed = self._open.pop()
            self._times_open[closed] -= 1
            is_open = closed != name
            self._closed = self._closed or not self._open

    def _pass_over(self, markup: str) -> None:
        if markup[:3] in _ENDS or markup[:2] in _ENDS:
            self._drop(self._end_of(0, _ENDS.get(markup[:3]) or _ENDS[markup[:2]]))
            return
        end = self._end_of(0, ">")
        if "[" in self._text[:end]:
            raise FeedError(
                f"{self._path} is XML that declares what could harm: {self._text[:60]!r}.",
                "Export the feed without <!DOCTYPE> and entities of its own.",
                code="unsafe-xml",
            )
        self._drop(end)

    def _next(self, pattern: re.Pattern[str], position: int = 0) -> re.Match[str] | None:
        """The next piece of markup; None at the end of the file."""
        while True:
            found = pattern.search(self._text, position)
            if found is not None:
                return found
            unfinished = self._text.rfind("<", position)
            position = len(self._text) if unfinished < 0 else unfinished
            if not self._read_on():
                return None

    def _end_of(self, start: int, end: str) -> int:
        """Where a piece of markup ends."""
        position = start
        while (found := self._text.find(end, position)) < 0:
            position = max(start, len(self._text) - len(end))
            if not self._read_on():
                raise self._damage_error(f"it breaks off at line {self._line}, before {end}")
        return found + len(end)

    def _read_on(self) -> bool:
        """Read more of the file; whether there was any."""
        if len(self._text) > 2 * MAX_LINE:
            raise self._damage_error(f"what starts on line {self._line} is longer than {MAX_LINE // 2**20} MB")
        longer = read_on(self._blocks, self._text, 2 * MAX_LINE)
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
        fix = "Export it again; perhaps a download was cut off."
        return FeedError(f"{self._path} is not whole: {problem}.", fix, code="bad-xml")


def _name(markup: str) -> str:
    found = _NAME.match(markup)
    return found[1] if found else ""


def _read_encoding(path: Path) -> str:
    """The encoding that a file declares; UTF-8 where it declares none."""
    with path.open("rb") as file:
        declared = _DECLARED.search(file.read(1024))
    return declared[1].decode("ascii") if declared else "utf-8"
