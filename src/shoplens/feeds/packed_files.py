"""Unpacking of feeds: ``.gz`` and ``.zip`` files, recognised by their first bytes, up to a size limit."""

from __future__ import annotations

import gzip
import lzma
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

from shoplens.errors import FeedError

FEED_ENDINGS = frozenset([".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".xml", ".yml", ".rss", ".atom"])
_BLOCK_BYTES = 1 << 20
Readable = IO[bytes] | gzip.GzipFile
_PACK_AGAIN = "Pack it again; perhaps a download was interrupted."
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"


def unpack(path: Path, folder: Path, limit: int) -> Path:
    """Return a feed as a file that can be read: the path itself if it is not packed, else a copy in ``folder``.

    Args:
        path: a file, or a folder of photos.
        folder: the folder for the copy.
        limit: maximum size of the copy in bytes.

    Raises:
        FeedError: ``bad-archive``, it cannot be unpacked, or it contains no feed or several; ``feed-too-large``;
            ``no-space``.
    """
    start = _read_first_bytes(path)
    if not start.startswith((_GZIP, _ZIP)):
        return path
    try:
        if start.startswith(_ZIP):
            return _unpack_zip(path, folder, limit)
        copy = folder / (path.stem if path.suffix.lower() in (".gz", ".gzip") else path.name)
        with gzip.open(path, "rb") as packed:
            return _write_copy(packed, copy, path, limit)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile, NotImplementedError) as problem:
        raise FeedError(f"{path} cannot be unpacked: {problem}.", _PACK_AGAIN, code="bad-archive") from None
    except OSError as problem:
        if problem.errno is None:  # bzip2 raises a plain OSError for damaged data
            raise FeedError(f"{path} cannot be unpacked: {problem}.", _PACK_AGAIN, code="bad-archive") from None
        fix = "Free space in the folder for temporary files, or set another folder in TMPDIR."
        raise FeedError(f"{path} cannot be unpacked: {problem.strerror}.", fix, code="no-space") from None


def _read_first_bytes(path: Path) -> bytes:
    """Read the first bytes of a file; none for a folder or an unreadable file, for which reading raises later."""
    try:
        with path.open("rb") as file:
            return file.read(4)
    except OSError:
        return b""


def _unpack_zip(path: Path, folder: Path, limit: int) -> Path:
    with zipfile.ZipFile(path) as archive:
        names = [member.filename for member in archive.infolist() if not member.is_dir()]
        if "[Content_Types].xml" in names:
            raise FeedError(f"{path} is a workbook.", "Save its sheet of products as CSV.", code="bad-archive")
        feeds = [name for name in names if _is_feed(name)]
        if len(feeds) != 1:
            content = f"{len(feeds)} feeds ({', '.join(feeds[:5])})" if feeds else "no feed"
            fix = "Pack a single file of products (CSV, TSV, JSON or XML), or unpack it and name the file."
            raise FeedError(f"{path} contains {content}.", fix, code="bad-archive")
        member = archive.getinfo(feeds[0])
        if member.flag_bits & 1:
            raise FeedError(f"{path} is locked with a password.", "Pack it without a password.", code="bad-archive")
        with archive.open(member) as packed:
            return _write_copy(packed, folder / PurePosixPath(feeds[0]).name, path, limit)


def _is_feed(name: str) -> bool:
    parts = PurePosixPath(name).parts
    is_clutter = any(part.startswith((".", "__MACOSX")) for part in parts)
    return not is_clutter and PurePosixPath(name).suffix.lower() in FEED_ENDINGS


def _write_copy(packed: Readable, copy: Path, path: Path, limit: int) -> Path:
    bytes_left = limit
    with copy.open("wb") as file:
        while block := packed.read(min(_BLOCK_BYTES, bytes_left + 1)):
            bytes_left -= len(block)
            if bytes_left < 0:
                raise FeedError(
                    f"{path} is larger than {limit:,} bytes when it is unpacked.",
                    "Export fewer products, or raise max_feed_bytes (SHOPLENS_MAX_FEED_BYTES).",
                    code="feed-too-large",
                )
            file.write(block)
    return copy
