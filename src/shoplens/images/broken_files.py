"""Files that do not end as they should, or whose checksums are wrong.

Browsers show a picture that was cut off behind its last pixel, where only the end marker or some metadata is missing;
the readers refuse it until that is put in its place.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO

from PIL.JpegImagePlugin import JpegImageFile

from shoplens.images.hashes import content_hash

_MARKER = re.compile(rb"\xff([\xc0-\xcf\xd9-\xfe])")
"""A marker of a JPEG, but those inside a scan."""
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_END, _SCAN = 0xD9, 0xDA
_END_MARKER, _SCAN_MARKER = bytes((0xFF, _END)), bytes((0xFF, _SCAN))
_RESTARTS = [bytes((0xFF, code)) for code in range(0xD0, 0xD8)]
"""The markers that part a scan, so that an error does not spread; they come in turn."""
_COEFFICIENTS = 64
_NOISE = bytes(range(254, 0, -3))
"""Bits as a picture may have them, and no marker among them."""
_WEBP_PIXELS = {b"VP8 ", b"VP8L", b"ANMF"}


def has_jpeg_end(data: bytes) -> bool:
    """True when there is an end marker behind the JPEG's scans, whatever follows it."""
    return data.endswith(_END_MARKER) or any(code == _END for code, _ in _segments(data))


def repair_jpeg(data: bytes) -> bytes:
    """A JPEG without an end marker, with one.

    All of its pixels are there when each part of them has its scan, and when bits behind the last scan change none.

    Raises:
        EOFError: pixels are missing.
    """
    data = data.rstrip(b"\xff")
    if not _has_every_scan(data):
        raise EOFError("parts of all pixels are missing")
    scan = data[data.rfind(_SCAN_MARKER) :]
    restarts = [scan.rfind(restart) for restart in _RESTARTS]
    following = _RESTARTS[(restarts.index(max(restarts)) + 1) % 8 if max(restarts) >= 0 else 0]
    ended = data + _END_MARKER
    if _pixels(ended) != _pixels(data + _NOISE + following + _NOISE + _END_MARKER):
        raise EOFError("the last pixels are missing")
    return ended


def repair_webp(data: bytes) -> bytes:
    """A WebP without what was cut off behind its pixels, such as metadata; one that was not cut off as it is.

    Raises:
        EOFError: pixels are missing.
    """
    if int.from_bytes(data[4:8], "little") + 8 <= len(data):
        return data
    at, has_pixels = 12, False
    while at + 8 <= len(data):
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        if end > len(data):
            break
        has_pixels |= data[at : at + 4] in _WEBP_PIXELS
        at = end + end % 2
    if not has_pixels:
        raise EOFError("fewer bytes than the header says")
    body = data[8:at].ljust(at - 8, b"\0")
    return b"RIFF" + struct.pack("<I", len(body)) + body


def wrong_png_chunk(data: bytes) -> str:
    """The name of the first chunk of a PNG whose checksum is not that of its bytes; empty when there is none."""
    at = 8  # behind the signature
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 <= len(data) and zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return data[at + 4 : at + 8].decode("ascii", "backslashreplace")
        at = end + 4
    return ""


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Code and content of every part of a JPEG that is whole, up to its end; the pixels of scans are left out."""
    at = 2
    while marker := _MARKER.search(data, at):
        code, at = marker[1][0], marker.end()
        if code == _END:
            yield code, b""
            return
        end = at + int.from_bytes(data[at : at + 2], "big")
        if end > len(data):
            return
        yield code, data[at + 2 : end]
        at = end


def _has_every_scan(data: bytes) -> bool:
    """True when there is a scan for the last bit of every coefficient of every component."""
    wanted: set[tuple[int, int]] | None = None
    for code, content in _segments(data):
        if code in _FRAMES:
            wanted = {(component, number) for component in content[6::3] for number in range(_COEFFICIENTS)}
        elif code == _SCAN and wanted and len(content) > 3:
            first, last, bits = content[-3:]
            if not bits & 0x0F:
                wanted -= {(component, number) for component in content[1:-3:2] for number in range(first, last + 1)}
    return wanted == set()


def _pixels(data: bytes) -> str:
    """A hash of a JPEG's pixels."""
    image = JpegImageFile(BytesIO(data), "")
    image.load()
    return content_hash(image.tobytes())
