"""The body of a server's answer -> the photo in it: unpacked, within the limit, read no further than it may be one.

What the headers say of the body is believed only where its first bytes do not tell.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from shoplens.errors import PhotoError
from shoplens.images.formats import HEAD_BYTES, is_photo

_NO_PHOTO_TYPES = (
    "text/",
    "audio/",
    "video/",
    "font/",
    "multipart/",
    "image/svg",
    "application/json",
    "application/ld+json",
    "application/xml",
    "application/xhtml",
    "application/pdf",
    "application/javascript",
    "application/zip",
)
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP, _ZLIB, _DEFLATE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
"""What ``zlib`` calls the three ways to pack bytes."""
_AS_THEY_ARE = ("", "identity", "gzip", "x-gzip")
"""What ``Content-Encoding`` may say of bytes that are not packed; many servers say gzip of what is none."""
_PIECE = 65_536


def read_photo(url: str, headers: Mapping[bytes, bytes], chunks: Iterable[bytes], limit: int) -> bytes:
    """The bytes of the file that ``chunks`` make up.

    Args:
        url: to name in errors.
        headers: of the answer, their names in lower case.
        chunks: the body as it arrives.
        limit: the most bytes that may arrive, and the most that they may be when they are unpacked.

    Raises:
        PhotoError: ``fetch-too-large``; or ``fetch-type`` for what neither is a photo by its first bytes nor may be
            one by its type, and for packed bytes that cannot be unpacked.
    """
    kind = _header(headers, b"content-type").split(";")[0].strip()
    is_doubtful = kind.startswith(_NO_PHOTO_TYPES)
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > limit:
        raise _no_photo(url, kind) if is_doubtful else _too_large(url, limit)
    head, pieces = _head(_limit_size(url, chunks, limit))
    packing = _packing(url, head, _header(headers, b"content-encoding"))
    if packing is not None:
        head, pieces = _head(_limit_size(url, _decompress(url, pieces, packing), limit))
    if is_doubtful and not is_photo(head):
        raise _no_photo(url, kind)
    return b"".join(pieces)


def _header(headers: Mapping[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1").strip().lower()


def _packing(url: str, head: bytes, said: str) -> int | None:
    """How a body with these first bytes is packed; None when it is not."""
    if head.startswith(_GZIP_MAGIC):
        return _GZIP
    if is_photo(head) or said in _AS_THEY_ARE:
        return None
    if said == "deflate":  # browsers take it with and without the header of zlib
        return _ZLIB if head[:1] == b"\x78" and int.from_bytes(head[:2], "big") % 31 == 0 else _DEFLATE
    raise PhotoError(
        f"{url[:200]} is sent packed as {said[:40]}, though that was not asked for.",
        "Let the server send photos as they are, or packed as gzip or deflate.",
        code="fetch-type",
    )


def _head(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """As many first bytes as tell what a file is, or all that there are; and all pieces again."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= HEAD_BYTES:
            break
    return head, chain((head,), pieces)


def _limit_size(url: str, pieces: Iterable[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise _too_large(url, limit)
        yield piece


def _decompress(url: str, pieces: Iterable[bytes], packing: int) -> Iterator[bytes]:
    """The pieces of what was packed, each small, so that a bomb is noticed before it is large."""
    unpacker = zlib.decompressobj(packing)
    try:
        for piece in pieces:
            while piece and not unpacker.eof:
                yield unpacker.decompress(piece, _PIECE)
                piece = unpacker.unconsumed_tail
        yield unpacker.flush()
    except zlib.error as problem:
        raise PhotoError(
            f"{url[:200]} is sent packed, but cannot be unpacked: {problem}.",
            "Let the server send photos as they are.",
            code="fetch-type",
        ) from None


def _no_photo(url: str, kind: str) -> PhotoError:
    return PhotoError(
        f"{url[:200]} is {kind[:80]}, not a photo.",
        "Give the URL of the photo itself, not of a page that shows it.",
        code="fetch-type",
    )


def _too_large(url: str, limit: int) -> PhotoError:
    return PhotoError(
        f"{url[:200]} has more than {limit:,} bytes.",
        "Give a smaller photo, or raise max_photo_bytes (SHOPLENS_MAX_PHOTO_BYTES).",
        code="fetch-too-large",
    )
