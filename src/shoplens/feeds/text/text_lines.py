"""Reading of a text file by lines, where the encoding is not declared."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, AnyStr, BinaryIO, Literal

from shoplens.types import Rejection

HEAD = 65_536
"""Bytes at the start of a file by which its encoding and line ends are recognised; also the size of a block."""

MAX_LINE = 16 * 2**20
"""Maximum bytes (in UTF-16: characters) of one line, its end included; a longer line is left out."""

_SURROGATES = re.compile("[\udc80-\udcff]+")
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_FLAWS: dict[str, tuple[Literal["rejected", "note"], str, str]] = {
    "not-utf-8": (
        "note",
        "Some bytes of this row are not valid UTF-8; these and all further ones were read as Windows-1252.",
        "Export the feed as UTF-8.",
    ),
    "bad-characters": (
        "note",
        "Some bytes of this row are not a character in UTF-16; they were replaced.",
        "Export the feed as UTF-8.",
    ),
    "nul-bytes": (
        "note",
        "This row contains NUL characters; they were removed here and below.",
        "Export the feed without them.",
    ),
    "line-too-long": (
        "rejected",
        f"The line is longer than {MAX_LINE // 2**20} MB; it is left out.",
        "Export texts without embedded images, and one product per line.",
    ),
}


class TextLines:
    """Reads the lines of a file with their ends, in UTF-8 (with or without a byte order mark) or UTF-16.

    Bytes that are not valid UTF-8 are read as Windows-1252. :meth:`notes` gives the flaws of the lines read so far,
    once per kind; but every line that is too long is rejected, and an empty line is given in its place.

    Attributes:
        too_long: how many of the lines read so far were too long.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.too_long = 0
        self._noted_kinds: set[str] = set()
        self._pending: list[tuple[str, str]] = []

    def __iter__(self) -> Iterator[str]:
        with self._path.open("rb") as file:
            head = file.read(HEAD)
            file.seek(0)
            encoding = detect_utf16(head)
            lines = self._read_utf16(encoding) if encoding else self._decode_utf8(_byte_lines(file, head))
            for line in lines:
                if "\0" in line:
                    self._add_flaw("nul-bytes", line)
                    line = line.replace("\0", "")
                yield line

    def notes(self, row: int) -> Iterator[Rejection]:
        """Yield the flaws found since the last call as notes on ``row``, or as rejections of it."""
        while self._pending:
            yield _flaw_rejection(row, *self._pending.pop(0))

    def _add_flaw(self, kind: str, line: str) -> None:
        if kind not in self._noted_kinds:
            self._noted_kinds.add(kind)
            self._pending.append((kind, line.strip()[:200]))

    def _replace_long_line(self, start: str) -> str:
        self.too_long += 1
        self._pending.append(("line-too-long", start.strip()))
        return "\n"

    def _decode_utf8(self, lines: Iterator[bytes]) -> Iterator[str]:
        for number, raw in enumerate(lines):
            if number == 0:
                raw = raw.removeprefix(codecs.BOM_UTF8)
            if len(raw) > MAX_LINE:
                yield self._replace_long_line(raw[:200].decode("utf-8", "replace"))
                continue
            try:
                yield raw.decode("utf-8")
            except UnicodeDecodeError:
                text = decode_surrogates(raw.decode("utf-8", "surrogateescape"))
                self._add_flaw("not-utf-8", text)
                yield text

    def _read_utf16(self, encoding: str) -> Iterator[str]:
        with self._path.open(encoding=encoding, errors="replace", newline="") as file:
            for line in _read_lines(file, ("\n", "\r")):
                if len(line) > MAX_LINE:
                    yield self._replace_long_line(line[:200])
                    continue
                if "\ufffd" in line:
                    self._add_flaw("bad-characters", line)
                yield line


def stray_bytes_note(row: int, text: str) -> Rejection:
    """Return the note about a row with bytes that are not valid UTF-8."""
    return _flaw_rejection(row, "not-utf-8", text.strip()[:200])


def _flaw_rejection(row: int, kind: str, value: str) -> Rejection:
    level, reason, fix = _FLAWS[kind]
    return Rejection(kind=kind, level=level, row=row, value=value, reason=reason, fix=fix)


def read_head_text(path: Path) -> str:
    """Read the first 64 kB of a file as text, by which its format is recognised."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    return head.decode(detect_utf16(head) or "utf-8-sig", "replace").replace("\0", "")


def decode_surrogates(text: str) -> str:
    """Decode the bytes that are escaped as surrogates in ``text`` (PEP 383) as Windows-1252.

    >>> decode_surrogates(b"Gr\\xfcn f\\xc3\\xbcr".decode("utf-8", "surrogateescape"))
    'Grün für'
    """
    return _SURROGATES.sub(
        lambda run: bytes(ord(surrogate) & 0xFF for surrogate in run[0]).decode("cp1252", "replace"), text
    )


def detect_utf16(head: bytes) -> str | None:
    """Return Python's name of the UTF-16 encoding that a file's first bytes are in; None for any other encoding."""
    by_mark = _UTF16.get(head[:2])
    if by_mark or len(head) < 4:
        return by_mark
    even, odd = (part.count(0) / len(part) for part in (head[0:200:2], head[1:200:2]))
    if max(even, odd) < 0.7 or min(even, odd) > 0.1:  # headers are mostly ASCII; in UTF-16 half of its bytes are NUL
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def _byte_lines(file: BinaryIO, head: bytes) -> Iterator[bytes]:
    if b"\n" in head or b"\r" not in head:
        yield from _read_lines(file, (b"\n",))
        return
    rest = b""  # lines end in a carriage return alone, as on the old Macintosh
    while block := file.read(HEAD):
        *lines, rest = (rest + block).split(b"\r")
        yield from (line + b"\r" for line in lines)
        rest = rest[: MAX_LINE + 1]
    if rest:
        yield rest


def _read_lines(file: IO[AnyStr], ends: tuple[AnyStr, ...]) -> Iterator[AnyStr]:
    """Yield the lines of a file; of a line that is longer than ``MAX_LINE``, only the start."""
    while line := file.readline(MAX_LINE + 1):
        yield line
        while len(line) > MAX_LINE and not line.endswith(ends):
            line = file.readline(MAX_LINE + 1)
