"""Reading of the JSON objects of a feed one at a time: an object per line, an array, or objects over several lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shoplens.errors import FeedError
from shoplens.feeds.text.text_blocks import TextBlocks, extend_text
from shoplens.feeds.text.text_lines import MAX_LINE, read_head_text

LISTS = frozenset({"products", "items", "offers", "articles", "catalog", "catalogue", "data", "results", "entries"})
"""Keys of the outermost object under which feeds list their products."""
_TOKEN = re.compile(r'"(?:[^"\\\n]++|\\.)*+"|["{}\[\]]', re.DOTALL)
_LIST = re.compile(rf'"(?:{"|".join(sorted(LISTS))})"\s*:\s*\[')
_CLOSING = {"{": "}", "[": "]"}
_PAST_THE_LIST = 1_000_000
"""A level that no bracket has; it is set when the list of products has ended."""


@dataclass(frozen=True, slots=True)
class JsonText:
    """The text of an object in a file.

    Attributes:
        number: the first object is 1.
        text: from its opening brace to its closing one.
    """

    number: int
    text: str


def is_by_line(path: Path) -> bool:
    """Return whether a file holds an object per line, rather than one JSON document."""
    lines = [line for line in read_head_text(path).splitlines() if line.strip()][:2]
    first, second = ([line.strip() for line in lines] + ["", ""])[:2]
    if not first.startswith("{") or (not second and _LIST.search(first)):
        return False
    return first.endswith("}") or second.startswith("{")


class _Scanner:
    """Follows the brackets of a document to find where products start and end.

    Attributes:
        open: the brackets that are open.
    """

    def __init__(self) -> None:
        self.open: list[str] = []
        self._level: int | None = None
        """Number of open brackets around a product; None while that is unknown."""
        self._key = ""
        self._has_id = False

    @property
    def is_between(self) -> bool:
        """Whether no product is open, and no object that may turn out to be a product."""
        return not self.open or (self._level is not None and len(self.open) <= self._level)

    def starts_product(self, token: str) -> bool:
        """Process a string or an opening bracket; return whether a product, or what may be one, starts with it."""
        depth = len(self.open)
        if token[0] == '"' and depth == 1:
            self._key = token[1:-1]
            self._has_id = self._has_id or self._key == "id"
        if token not in _CLOSING:
            return False
        if token == "[" and depth == 0:
            self._level = 1
        elif token == "[" and self.open == ["{"] and self._level is None:
            self._level = 2 if self._key in LISTS and not self._has_id else None
        self.open.append(token)
        return token == "{" and depth == (self._level or 0)

    def ends_product(self, token: str) -> bool:
        """Process a closing bracket; return whether a product ends with it. Unmatched brackets are ignored."""
        if not self.open or token != _CLOSING[self.open[-1]]:
            return False
        self.open.pop()
        depth, level = len(self.open), self._level
        if depth == 0:
            self._level, self._key, self._has_id = None, "", False
        elif level is not None and depth < level:
            self._level = _PAST_THE_LIST
        return token == "}" and depth == (level or 0)


class JsonDocument:
    """Reads the objects of a document: an array, an object with a list of products, or objects one after the other.

    The text between two matching braces is given whether or not it is valid JSON.

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
        """Whether bytes read so far were not valid UTF-8, and so were read as Windows-1252."""
        return self._source.has_stray_bytes

    def __iter__(self) -> Iterator[JsonText]:
        """Yield the objects in order.

        Raises:
            FeedError: ``bad-json``, the document breaks off.
        """
        number = position = 0
        scanner = _Scanner()
        while (token := self._next_token(position)) is not None:
            position = token.end()
            if scanner.starts_product(token[0]):
                self._drop(token.start())
                position = 1
            if scanner.ends_product(token[0]):
                number += 1
                yield JsonText(number, self._text[:position])
            if scanner.is_between:
                self._drop(position)
                position = 0
        if scanner.open:
            raise self._damage_error(f"it breaks off at line {self._line}, inside {len(scanner.open)} brackets")

    def _next_token(self, position: int) -> re.Match[str] | None:
        """Return the next string or bracket, or None at the end of the file.

        A quote that is not closed on its line does not start a string.
        """
        while True:
            token = _TOKEN.search(self._text, position)
            if token is not None and token[0] == '"' and "\n" in self._text[token.end() :]:
                position = token.end()
                continue
            if token is not None and token[0] != '"':
                return token
            longer = extend_text(self._blocks, self._text, 2 * MAX_LINE)
            if longer is None:
                return None
            if len(self._text) > 2 * MAX_LINE:
                raise self._damage_error(f"what starts on line {self._line} is longer than {MAX_LINE // 2**20} MB")
            self._text = longer

    def _drop(self, length: int) -> None:
        self._line += self._text.count("\n", 0, length)
        self._text = self._text[length:]

    def _damage_error(self, problem: str) -> FeedError:
        fix = "Export it again; perhaps a download was interrupted."
        return FeedError(f"{self._path} is incomplete: {problem}.", fix, code="bad-json")
