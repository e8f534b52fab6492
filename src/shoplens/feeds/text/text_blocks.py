"""Reading of a text file in blocks, for formats whose lines may be as long as the file."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from shoplens.feeds.text.text_lines import HEAD, decode_surrogates, detect_utf16


class TextBlocks:
    """Reads the text of a file block by block; bytes that are not valid UTF-8 are read as Windows-1252.

    Args:
        path: the file.
        encoding: the encoding that the file declares; a byte order mark, or bytes that look like UTF-16, override it.

    Attributes:
        has_stray_bytes: whether bytes read so far were not valid UTF-8 where UTF-8 was expected.
    """

    def __init__(self, path: Path, encoding: str = "utf-8") -> None:
        self._path, self._encoding = path, encoding
        self.has_stray_bytes = False

    def __iter__(self) -> Iterator[str]:
        with self._path.open("rb") as file:
            head = file.read(HEAD)
            file.seek(0)
            encoding = detect_utf16(head) or _usable_encoding(self._encoding)
            errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
            decoder = codecs.getincrementaldecoder(encoding)(errors)
            while block := file.read(HEAD):
                yield self._decode_stray_bytes(decoder.decode(block))
            yield self._decode_stray_bytes(decoder.decode(b"", True))

    def _decode_stray_bytes(self, text: str) -> str:
        decoded = decode_surrogates(text)
        self.has_stray_bytes = self.has_stray_bytes or decoded != text
        return decoded


def extend_text(blocks: Iterator[str], text: str, limit: int) -> str | None:
    """Return ``text`` with further blocks appended until its length has doubled or reached ``limit``.

    At least one block is appended; None is returned where no block is left. Doubling keeps the time for searching the
    growing text again proportional to its length.
    """
    added: list[str] = []
    missing = max(1, min(len(text), limit - len(text)))
    while missing > 0 and (block := next(blocks, None)) is not None:
        added.append(block)
        missing -= len(block)
    return "".join([text, *added]) if added else None


_UNUSED_ENCODINGS = frozenset({"unicode-escape", "raw-unicode-escape", "idna", "punycode", "undefined"})
"""Encodings of Python in which no shop writes files, and which fail on common text."""


def _usable_encoding(name: str) -> str:
    """Return the named encoding if Python knows it and a file without signs of UTF-16 can be in it, else UTF-8."""
    try:
        known = codecs.lookup(name).name
        b" ".decode(known)  # this raises a LookupError for an encoding that does not give text, such as base64
    except (LookupError, UnicodeError):
        return "utf-8-sig"
    return "utf-8-sig" if known.startswith("utf") or known in _UNUSED_ENCODINGS else known
