"""JPEG: the bytes of a file, and the damage that few bytes do."""

from __future__ import annotations

import io

from PIL import Image

STORED_AS = {
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}
"""EXIF orientation -> how an upright picture is turned into the pixels that it is stored as."""
_ORIENTATION = 0x0112


def encode_jpeg(image: Image.Image, quality: int) -> bytes:
    """Return the bytes of a JPEG file of this quality."""
    return _encode(image, quality, b"")


def encode_turned_jpeg(image: Image.Image, quality: int, orientation: int) -> bytes:
    """Return a JPEG file of the picture turned, with a tag that says how to turn it back.

    Args:
        image: upright.
        quality: of the JPEG.
        orientation: a key of :data:`STORED_AS`.
    """
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    return _encode(image.transpose(STORED_AS[orientation]), quality, exif)


def compress(image: Image.Image, quality: int) -> Image.Image:
    """Return what a JPEG file of this quality leaves of a picture."""
    return Image.open(io.BytesIO(encode_jpeg(image, quality))).convert("RGB")


def _encode(image: Image.Image, quality: int, exif: bytes | Image.Exif) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, exif=exif)
    return file.getvalue()
