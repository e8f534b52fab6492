"""The picture formats that are read, each known by its first bytes; everything else is not a photo here.

Pillow's readers are called directly: ``Image.open`` would consult process-wide limits and try every format it knows.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from PIL.ImageFile import ImageFile

from shoplens.errors import PhotoError

HEAD_BYTES = 256
"""How much of a file's beginning tells its format."""

_BMP_HEADER_SIZES = {12, 16, 40, 52, 56, 64, 108, 124}
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}


@dataclass(frozen=True, slots=True)
class Format:
    """One row of :data:`FORMATS`: a name for people, a test of the first bytes, and the reader."""

    name: str
    matches: Callable[[bytes], bool]
    module: str
    reader: str

    def open_image(self, data: bytes) -> ImageFile:
        """The photo with its header read and its pixels not yet decoded.

        Raises:
            PhotoError: ``photo-needs-heic`` or ``photo-needs-avif``, when what reads this format is not installed.
            Exception: whatever Pillow raises for a header that it cannot read.
        """
        if self.name in _NEEDED:
            _check_installed(self.name)
        return getattr(importlib.import_module(self.module), self.reader)(BytesIO(data), "")  # type: ignore[no-any-return]


def format_of(data: bytes) -> Format:
    """The format that the first bytes belong to.

    Raises:
        PhotoError: ``photo-not-an-image``.
    """
    head = data[:HEAD_BYTES]
    for kind in FORMATS:
        if kind.matches(head):
            return kind
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    other = next((name for prefix, name in _OTHERS if start.startswith(prefix)), f"something that starts {head[:8]!r}")
    raise PhotoError(
        f"The file is no photo but {other}.",
        f"Give one of {', '.join(kind.name for kind in FORMATS)}.",
        code="photo-not-an-image",
    )


def is_photo(head: bytes) -> bool:
    """True when a file that begins with these bytes, :data:`HEAD_BYTES` or all of it, is in one of the formats."""
    return any(kind.matches(head[:HEAD_BYTES]) for kind in FORMATS)


def _starts(*magic: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magic)


def _is_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def _is_bmp(head: bytes) -> bool:
    return head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES


def _brands(head: bytes) -> set[bytes]:
    """Main and compatible brands of an ISO media file; empty for any other file."""
    if head[4:8] != b"ftyp":
        return set()
    brands = head[8 : min(int.from_bytes(head[:4], "big"), HEAD_BYTES)]
    return {brands[at : at + 4] for at in range(0, len(brands), 4) if at != 4}


def _is_avif(head: bytes) -> bool:
    main = head[8:12]
    return main in _AVIF_BRANDS or (main in {b"mif1", b"msf1"} and bool(_brands(head) & _AVIF_BRANDS))


def _is_heif(head: bytes) -> bool:
    return bool(_brands(head) & _HEIF_BRANDS) and not _is_avif(head)


def _has_heif() -> bool:
    try:
        importlib.import_module("pillow_heif")
    except ImportError:
        return False
    return True


def _has_avif() -> bool:
    from PIL import features

    return "avif" in features.modules and features.check("avif") is True


def _check_installed(name: str) -> None:
    installed, fix, code = _NEEDED[name]
    if not installed():
        raise PhotoError(f"The photo is in {name} format, and what reads it is not installed.", fix, code=code)


_NEEDED: dict[str, tuple[Callable[[], bool], str, str]] = {
    "HEIC": (_has_heif, "Run: pip install pillow-heif", "photo-needs-heic"),
    "AVIF": (_has_avif, "Run: pip install --upgrade pillow", "photo-needs-avif"),
}

FORMATS = (
    Format("JPEG", _starts(b"\xff\xd8\xff"), "PIL.JpegImagePlugin", "JpegImageFile"),
    Format("PNG", _starts(b"\x89PNG\r\n\x1a\n"), "PIL.PngImagePlugin", "PngImageFile"),
    Format("WebP", _is_webp, "PIL.WebPImagePlugin", "WebPImageFile"),
    Format("GIF", _starts(b"GIF87a", b"GIF89a"), "PIL.GifImagePlugin", "GifImageFile"),
    Format("BMP", _is_bmp, "PIL.BmpImagePlugin", "BmpImageFile"),
    Format("TIFF", _starts(b"II*\0", b"MM\0*", b"II+\0\x08", b"MM\0+\0\x08"), "PIL.TiffImagePlugin", "TiffImageFile"),
    Format("AVIF", _is_avif, "PIL.AvifImagePlugin", "AvifImageFile"),
    Format("HEIC", _is_heif, "pillow_heif", "HeifImageFile"),
)

_OTHERS = (
    (b"<svg", "an SVG drawing"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "XML or an SVG drawing"),
    (b"%pdf", "a PDF document"),
    (b"%!ps", "a PostScript document"),
    (b"8bps", "a Photoshop document"),
    (b"{", "JSON"),
)
