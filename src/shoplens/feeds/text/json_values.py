"""The JSON objects of a feed, one at a time: an object per line, an array, or objects over several lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shoplens.errors import FeedError
from shoplens.feeds.text.text_blocks import TextBlocks, read_on
from shoplens.feeds.text.text_lines import MAX_LINE, head_text

LISTS = frozenset({"products", "items", "offers", "articles", "catalog", "catalogue", "data", "results", "entries"})
"""Keys of the outermost object under which feeds keep their products."""
_TOKEN = re.compile(r'"(?:[^"\\\n]++|\\.)*+"|["{}\[\]]', re.DOTALL)
_LIST = re.compile(rf'"(?:{"|".join(sorted(LISTS))})"\s*:\s*\[')
_CLOSES = {"{": "}", "[": "]"}


@dataclass(frozen=True, slots=True)
class JsonText:
    """An object as it stands in a file: its number, the first being 1, and its text."""

    number: int
    text: str


def is_by_line(path: Path) -> bool:
    """Whether a file holds an object per line, rather than one document of JSON."""
    lines = [line for line in head_text(path).splitlines() if line.strip()][:2]
    first, second = ([line.strip() for line in lines] + ["", ""])[:2]
    if not first.startswith("{") or (not second and _LIST.search(first)):
        return False
    return first.endswith("}") or second.startswith("{")


class _Place:
    """Where in a document a scanner is.

    Attributes:
        open: the brackets that are open.
    """

    def __init__(self) -> None:
        self.open: list[str] = []
        self._level: int | None = None
        """How many brackets are open around a product; None while that is not known."""
        self._key = ""
        self._has_id = False

    @property
    def is_between(self) -> bool:
        """Whether no product is open, nor an object that may turn out to be one."""
        return not self.open or (self._level is not None and len(self.open) <= self._level)

    def starts(self, token: str) -> bool:
        """Take a string or an opening bracket; whether a product, or what may be one, starts with it."""
        depth = len(self.open)
        if token[0] == '"' and depth == 1:
            self._key = token[1:-1]
            self._has_id = self._has_id or self._key == "id"
        if token not in _CLOSES:
            return False
        if token == "[" and depth == 0:
            self._level = 1
        elif token == "[" and self.open == ["{"] and self._level is None:
            self._level = 2 if self._key in LISTS and not self._has_id else None
        self.open.append(token)
        return token == "{" and depth == (self._level or 0)

    def ends(self, token: str) -> bool:
        """Take a closing bracket; whether a product ends with it. One that closes nothing is passed over."""
        if not self.open or token != _CLOSES[self.open[-1]]:
            return False
        self.open.pop()
        depth, level = len(self.open), self._level
        if depth == 0:
            self._level, self._key, self._has_id = None, "", False
        elif level is not None and depth < level:
            self._level = 1_000_000  # the list has ended; what follows it is none of its products
        return token == "}" and depth == (level or 0)


class JsonDocument:
    """The objects of a document that is an array, an object with a list of products, or objects one after the other.

    What stands between two braces that belong together is given out whatever is wrong in it.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._source = TextBlocks(path)
        self._blocks = iter(self._source)
        self._text = ""
        self._line = 1

    @property
    def has_stray_bytes(self) -> bool:
        """Whether bytes read so far were not valid UTF-8; they were read as Windows-1252."""
        return self._source.has_stray_bytes

    def __iter__(self) -> Iterator[JsonText]:
        """The objects, in order.

        Raises:
            FeedError: ``bad-json``, the document breaks off.
        """
        number = position = 0
        place = _Place()
        while (token := self._next(position)) is not None:
            position = token.end()
            if place.starts(token[0]):
                self._drop(token.start())
                position = 1
            if place.ends(token[0]):
                number += 1
                yield JsonText(number, self._text[:position])
            if place.is_between:
                self._drop(position)
                position = 0
        if place.open:
            raise self._damage_error(f"it breaks off at line {self._line}, inside {len(place.open)} brackets")

    def _next(self, position: int) -> re.Match[str] | None:
        """The next string or bracket; None at the end of the file. A quote that is never closed on its line is none."""
        while True:
            found = _TOKEN.search(self._text, position)
            if found is not None and found[0] == '"' and "\n" in self._text[found.end() :]:
                position = found.end()
                continue
            if found is not None and found[0] != '"':
                return found
            longer = read_on(self._blocks, self._text, 2 * MAX_LINE)
            if longer is None:
                return None
            if len(self._text) > 2 * MAX_LINE:
                raise self._damage_error(f"what starts on line {self._line} is longer than {MAX_LINE // 2**20} MB")
            self._text = longer

    def _drop(self, length: int) -> None:
        self._line += self._text.count("\n", 0, length)
        self._text = self._text[length:]

    def _damage_error(self, problem: str) -> FeedError:
        fix = "Export it again; perhaps a download was cut off."
        return FeedError(f"{self._path} is not whole: {problem}.", fix, code="bad-json")
