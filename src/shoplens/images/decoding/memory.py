"""What decoding a photo takes of memory, by its format: most libraries hold all pixels several times."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PixelBytes:
    """Bytes that a pixel takes while its photo is decoded, at most, as it was measured.

    Attributes:
        reduced: where the photo is reduced before it is converted.
        full: at full resolution.
        full_wide: the same with transparency, or with four colours.
    """

    reduced: int
    full: int
    full_wide: int


FORMATS = {
    "JPEG": PixelBytes(4, 10, 14),
    "PNG": PixelBytes(9, 17, 20),
    "WEBP": PixelBytes(17, 19, 27),  # its library decodes animations, and keeps three pictures
    "GIF": PixelBytes(12, 12, 20),
    "BMP": PixelBytes(9, 11, 16),
    "TIFF": PixelBytes(9, 17, 20),
    "AVIF": PixelBytes(12, 13, 20),
    "HEIF": PixelBytes(9, 11, 20),
}
OTHERS = PixelBytes(17, 19, 27)
_WIDE = {"RGBA", "LA", "PA", "CMYK"}


def bytes_per_pixel(name: str | None, mode: str, *, is_reduced: bool) -> int:
    """Return the bytes that a pixel takes.

    Args:
        name, mode: of the photo, as Pillow names them.
        is_reduced: whether the photo is reduced before it is converted.

    >>> bytes_per_pixel("WEBP", "RGB", is_reduced=True), bytes_per_pixel("JPEG", "CMYK", is_reduced=False)
    (17, 14)
    """
    row = FORMATS.get(name or "", OTHERS)
    return row.reduced if is_reduced else row.full_wide if mode in _WIDE else row.full
