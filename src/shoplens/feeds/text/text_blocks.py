"""The text of a file in blocks, for formats whose lines may be as long as the file."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from shoplens.feeds.text.text_lines import HEAD, decode_escaped, utf16_name


class TextBlocks:
    """The text of a file, block by block; bytes that are not valid UTF-8 are read as Windows-1252.

    Args:
        path: the file.
        encoding: what the file says of itself; a byte order mark, or bytes that look like UTF-16, count more.

    Attributes:
        has_stray_bytes: whether bytes read so far were not valid UTF-8 where that was expected.
    """

    def __init__(self, path: Path, encoding: str = "utf-8") -> None:
        self._path, self._encoding = path, encoding
        self.has_stray_bytes = False

    def __iter__(self) -> Iterator[str]:
        with self._path.open("rb") as file:
            head = file.read(HEAD)
            file.seek(0)
            encoding = utf16_name(head) or _usable(self._encoding)
            errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
            decoder = codecs.getincrementaldecoder(encoding)(errors)
            while block := file.read(HEAD):
                yield self._decode_stray_bytes(decoder.decode(block))
            yield self._decode_stray_bytes(decoder.decode(b"", True))

    def _decode_stray_bytes(self, text: str) -> str:
        mended = decode_escaped(text)
        self.has_stray_bytes = self.has_stray_bytes or mended != text
        return mended


def read_on(blocks: Iterator[str], text: str, limit: int) -> str | None:
    """``text`` with at least as much again behind it, up to ``limit`` characters or one block, so that what is searched
    anew each time stays in proportion to what is read; None where nothing follows."""
    added: list[str] = []
    missing = max(1, min(len(text), limit - len(text)))
    while missing > 0 and (block := next(blocks, None)) is not None:
        added.append(block)
        missing -= len(block)
    return "".join([text, *added]) if added else None


_NOT_OF_FILES = frozenset({"unicode-escape", "raw-unicode-escape", "idna", "punycode", "undefined"})
"""Encodings that no shop writes files in, and that fail on common text."""


def _usable(name: str) -> str:
    """An encoding that Python knows and that a file without signs of UTF-16 can be in."""
    try:
        known = codecs.lookup(name).name
        b" ".decode(known)  # a LookupError, too, for what is no encoding of text, such as base64
    except (LookupError, UnicodeError):
        return "utf-8-sig"
    return "utf-8-sig" if known.startswith("utf") or known in _NOT_OF_FILES else known
