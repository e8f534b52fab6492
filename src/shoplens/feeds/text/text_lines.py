"""Lines of text from a file whose encoding nobody wrote down."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, AnyStr, BinaryIO, Literal

from shoplens.types import Rejection

HEAD = 65_536
"""Bytes that are looked at to tell the encoding and the line ends."""

MAX_LINE = 16 * 2**20
"""Bytes (in UTF-16, characters) of one line, its end included; a longer line is left out."""

_ESCAPED = re.compile("[\udc80-\udcff]+")
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_FLAWS: dict[str, tuple[Literal["rejected", "note"], str, str]] = {
    "not-utf-8": (
        "note",
        "Some bytes of this row are not valid UTF-8; these and others like them were read as Windows-1252.",
        "Export the feed as UTF-8.",
    ),
    "bad-characters": (
        "note",
        "Some bytes of this row are no character in UTF-16; they were replaced.",
        "Export as UTF-8.",
    ),
    "nul-bytes": (
        "note",
        "This row holds NUL characters; here and below they were removed.",
        "Export the feed without them.",
    ),
    "line-too-long": (
        "rejected",
        f"The line is longer than {MAX_LINE // 2**20} MB; it is left out.",
        "Export texts without pictures inside, and one product per line.",
    ),
}


class TextLines:
    """The lines of a file with their ends, in UTF-8 (with or without a byte order mark) or UTF-16; bytes that are not
    valid UTF-8 are read as Windows-1252.

    What was odd about the lines read so far waits in :meth:`notes`, once per oddity; but every line that is too long
    is rejected, and an empty one stands in its place.

    Attributes:
        left_out: how many of the lines read so far were too long.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.left_out = 0
        self._seen: set[str] = set()
        self._fresh: list[tuple[str, str]] = []

    def __iter__(self) -> Iterator[str]:
        with self._path.open("rb") as file:
            head = file.read(HEAD)
            file.seek(0)
            encoding = utf16_name(head)
            lines = self._utf16(encoding) if encoding else self._utf8(_byte_lines(file, head))
            for line in lines:
                if "\0" in line:
                    self._flaw("nul-bytes", line)
                    line = line.replace("\0", "")
                yield line

    def notes(self, row: int) -> Iterator[Rejection]:
        """The oddities found since the last call, as notes on ``row``, or rejections of it."""
        while self._fresh:
            yield _flaw(row, *self._fresh.pop(0))

    def _flaw(self, kind: str, line: str) -> None:
        if kind not in self._seen:
            self._seen.add(kind)
            self._fresh.append((kind, line.strip()[:200]))

    def _too_long(self, start: str) -> str:
        self.left_out += 1
        self._fresh.append(("line-too-long", start.strip()))
        return "\n"

    def _utf8(self, lines: Iterator[bytes]) -> Iterator[str]:
        for number, raw in enumerate(lines):
            if number == 0:
                raw = raw.removeprefix(codecs.BOM_UTF8)
            if len(raw) > MAX_LINE:
                yield self._too_long(raw[:200].decode("utf-8", "replace"))
                continue
            try:
                yield raw.decode("utf-8")
            except UnicodeDecodeError:
                text = decode_escaped(raw.decode("utf-8", "surrogateescape"))
                self._flaw("not-utf-8", text)
                yield text

    def _utf16(self, encoding: str) -> Iterator[str]:
        with self._path.open(encoding=encoding, errors="replace", newline="") as file:
            for line in _read_lines(file, ("\n", "\r")):
                if len(line) > MAX_LINE:
                    yield self._too_long(line[:200])
                    continue
                if "\ufffd" in line:
                    self._flaw("bad-characters", line)
                yield line


def stray_bytes(row: int, text: str) -> Rejection:
    """The note on a file with bytes that are not valid UTF-8."""
    return _flaw(row, "not-utf-8", text.strip()[:200])


def _flaw(row: int, kind: str, value: str) -> Rejection:
    level, reason, fix = _FLAWS[kind]
    return Rejection(kind=kind, level=level, row=row, value=value, reason=reason, fix=fix)


def head_text(path: Path) -> str:
    """The first 64 kB of a file as text, to recognise it by."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    return head.decode(utf16_name(head) or "utf-8-sig", "replace").replace("\0", "")


def decode_escaped(text: str) -> str:
    """Text in which bytes that could not be decoded are escaped as surrogates (PEP 383), these read as Windows-1252.

    >>> decode_escaped(b"Gr\\xfcn f\\xc3\\xbcr".decode("utf-8", "surrogateescape"))
    'Grün für'
    """
    return _ESCAPED.sub(lambda bad: bytes(ord(one) & 0xFF for one in bad[0]).decode("cp1252", "replace"), text)


def utf16_name(head: bytes) -> str | None:
    """Python's name of the form of UTF-16 that a file is in, by its first bytes; None for any other encoding."""
    by_mark = _UTF16.get(head[:2])
    if by_mark or len(head) < 4:
        return by_mark
    even, odd = (part.count(0) / len(part) for part in (head[0:200:2], head[1:200:2]))
    if max(even, odd) < 0.7 or min(even, odd) > 0.1:  # of ASCII, which headers are, half the bytes of UTF-16 are NUL
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def _byte_lines(file: BinaryIO, head: bytes) -> Iterator[bytes]:
    if b"\n" in head or b"\r" not in head:
        yield from _read_lines(file, (b"\n",))
        return
    rest = b""  # line ends of the old Macintosh
    while block := file.read(HEAD):
        *lines, rest = (rest + block).split(b"\r")
        yield from (line + b"\r" for line in lines)
        rest = rest[: MAX_LINE + 1]
    if rest:
        yield rest


def _read_lines(file: IO[AnyStr], ends: tuple[AnyStr, ...]) -> Iterator[AnyStr]:
    """The lines of a file; of one that is longer than ``MAX_LINE``, its start."""
    while line := file.readline(MAX_LINE + 1):
        yield line
        while len(line) > MAX_LINE and not line.endswith(ends):
            line = file.readline(MAX_LINE + 1)
