"""Bytes -> an upright RGB picture, or a :class:`PhotoError` that says why not."""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.ImageFile import ImageFile

from shoplens.errors import PhotoError
from shoplens.images.broken_files import has_jpeg_end, repair_jpeg, repair_webp, wrong_png_chunk
from shoplens.images.decoding.budget import BUDGET_OF_PROCESS, SMALL_WORK, check_scans, count_scans
from shoplens.images.decoding.memory import bytes_per_pixel
from shoplens.images.formats import format_of
from shoplens.images.hashes import content_hash
from shoplens.images.picture import Picture, crop_pixels
from shoplens.images.srgb import rgb
from shoplens.settings import Settings

__all__ = ["Picture", "crop_pixels", "decode_grey", "decode_photo", "photo_size"]

SHORTEST_SIDE = 4
"""Pixels that the shorter side of a photo has at least: smaller ones are spacers, and count who opens a page."""
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = {5, 6, 7, 8}
_REDUCIBLE = {"RGB", "RGBA", "L", "LA", "CMYK"}
_TRUNCATED_TEXT = re.compile(r"truncated|end of file|incomplete|premature", re.IGNORECASE)
_TRUNCATED_TYPES = (EOFError, IndexError, struct.error)


def decode_photo(data: bytes, settings: Settings, *, shortest: int | None = None) -> Picture:
    """The photo's pixels: upright, 8-bit sRGB, transparency on white, the first frame of an animation.

    Args:
        data: the file's bytes.
        settings: for the limits on bytes, pixels and aspect.
        shortest: None decodes at full resolution. A number lets a JPEG be decoded at 1/2, 1/4 or 1/8 of it, several
            times faster, as long as the shorter side keeps at least so many pixels; for a region, ask for as many
            times more as the photo's shorter side is longer than the region's.

    Raises:
        PhotoError: ``photo-empty``, ``photo-too-many-bytes``, ``photo-not-an-image``, ``photo-needs-heic``,
            ``photo-needs-avif``, ``photo-too-many-pixels``, ``photo-absurd-aspect``, ``photo-too-small``,
            ``photo-too-many-scans``, ``photo-too-slow``, ``photo-truncated`` or ``photo-damaged``.
    """
    with _photo_errors(data):
        image = _open_photo(data, settings)
        return BUDGET_OF_PROCESS.run(lambda: _decode(image, data, shortest), *_work_of(image, data, shortest))


def _decode(image: ImageFile, data: bytes, shortest: int | None) -> Picture:
    """Decode an opened photo; every error is raised as the reader raises it."""
    if image.format == "JPEG" and not has_jpeg_end(data):
        image = format_of(data).open_image(repair_jpeg(data))
    full = image.size
    if shortest is not None and image.format == "JPEG":
        image.draft(None, (shortest, shortest))
    is_drafted = image.size != full
    image.load()
    orientation = _orientation(image)
    small = image if shortest is None else _reduce(image, shortest)
    upright = rgb(small)
    if orientation in _UPRIGHT:
        upright = upright.transpose(_UPRIGHT[orientation])
    pixels = np.asarray(upright)
    if is_drafted or small is not image:
        full = full if is_drafted else image.size
        width, height = full[::-1] if orientation in _SIDEWAYS else full
        return Picture(pixels, content_hash(data), width, height)
    return Picture(pixels, content_hash(data), pixels.shape[1], pixels.shape[0])


def decode_grey(data: bytes, settings: Settings) -> npt.NDArray[np.uint8]:
    """Return the upright photo at full resolution in grey, uint8 (h, w); a JPEG is decoded without its colours.

    Raises:
        PhotoError: as :func:`decode_photo`.
    """
    with _photo_errors(data):
        image = _open_photo(data, settings)
        if image.format != "JPEG" or not has_jpeg_end(data):
            return np.asarray(Image.fromarray(decode_photo(data, settings).pixels).convert("L"))
        image.draft("L", image.size)
        BUDGET_OF_PROCESS.run(image.load, *_work_of(image, data, None))
        grey = image.convert("L")
        orientation = _orientation(image)
        return np.asarray(grey.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else grey)


def _work_of(image: ImageFile, data: bytes, shortest: int | None) -> tuple[int, int, int]:
    """Return the pixels of an opened photo, the bytes that decoding takes, and its scans.

    Raises:
        PhotoError: ``photo-too-many-scans``.
    """
    pixels, scans = image.size[0] * image.size[1], 1
    if image.format == "JPEG":
        scans = count_scans(data)
        check_scans(scans, pixels)
    is_reduced = shortest is not None and _factor(image, shortest) > 1
    return pixels, pixels * bytes_per_pixel(image.format, image.mode, is_reduced=is_reduced), scans


def _reduce(image: Image.Image, shortest: int) -> Image.Image:
    """Return a large photo at 1/2, 1/4 or 1/8, as JPEGs are decoded, before copies of all its pixels are made."""
    factor = _factor(image, shortest)
    return image if factor == 1 or image.size[0] * image.size[1] <= SMALL_WORK else image.reduce(factor)


def _factor(image: Image.Image, shortest: int) -> int:
    """Return by how many times a photo may be reduced, 1 where it cannot be."""
    if image.mode not in _REDUCIBLE:
        return 1
    return next((one for one in (8, 4, 2) if min(image.size) >= one * shortest), 1)


def photo_size(data: bytes, settings: Settings) -> tuple[int, int]:
    """Width and height in pixels of the upright photo, read from its header without decoding it.

    Raises:
        PhotoError: as :func:`decode_photo`, as far as the header tells.
    """
    with _photo_errors(data):
        image = _open_photo(data, settings)
        width, height = image.size
        return (height, width) if _is_sideways(image, data) else (width, height)


def _is_sideways(image: ImageFile, data: bytes) -> bool:
    """True when an image whose pixels are not decoded yet has its sides the other way round than the upright photo."""
    if image.format == "TIFF":  # its reader turns the photo itself, and tells the upright size
        return False
    if image.format == "PNG" and "exif" not in image.info and b"eXIf" not in data:
        return False  # Pillow would decode the whole file to look for orientation behind the pixels
    return _orientation(image) in _SIDEWAYS


def _open_photo(data: bytes, settings: Settings) -> ImageFile:
    if not data:
        raise PhotoError("The file is empty (0 bytes).", "Export the photo again.", code="photo-empty")
    if len(data) > settings.max_photo_bytes:
        raise too_many_bytes(len(data), settings)
    kind = format_of(data)
    image = kind.open_image(repair_webp(data) if kind.name == "WebP" else data)
    _check_size(*image.size, settings)
    return image


def too_many_bytes(size: int, settings: Settings) -> PhotoError:
    """The error for a file of ``size`` bytes, or of at least so many."""
    return PhotoError(
        f"The file has {size:,} bytes; at most {settings.max_photo_bytes:,} are allowed.",
        "Give a smaller file, or raise max_photo_bytes (SHOPLENS_MAX_PHOTO_BYTES; of a query: max_query_bytes).",
        code="photo-too-many-bytes",
    )


def _check_size(width: int, height: int, settings: Settings) -> None:
    if width < 1 or height < 1:
        raise ValueError(f"size {width} x {height}")
    if width * height > settings.max_photo_pixels:
        raise PhotoError(
            f"The photo says it is {width} x {height} pixels; at most {settings.max_photo_pixels:,} are allowed.",
            "Give a smaller one, or raise max_photo_pixels (SHOPLENS_MAX_PHOTO_PIXELS; of a query: max_query_pixels).",
            code="photo-too-many-pixels",
        )
    if max(width, height) > settings.max_aspect * min(width, height):
        raise PhotoError(
            f"The photo is {width} x {height} pixels, one side more than {settings.max_aspect:g} times the other.",
            "Give the product's photo rather than a line or a banner, or raise max_aspect (SHOPLENS_MAX_ASPECT).",
            code="photo-absurd-aspect",
        )
    if min(width, height) < SHORTEST_SIDE:
        raise PhotoError(
            f"The photo is {width} x {height} pixels, in which no product can be seen.",
            f"Give the product's photo, {SHORTEST_SIDE} pixels or more on each side, rather than a tracking pixel.",
            code="photo-too-small",
        )


def _orientation(image: ImageFile) -> int:
    """EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # metadata written by anyone; unreadable is the same as none
        return 1


def _silence_warnings() -> None:
    """Keep the readers' warnings in: odd metadata makes them warn."""
    # `catch_warnings` is not safe with threads, an added filter is.
    warnings.filterwarnings("ignore", module=r"PIL\.(TiffImagePlugin|PngImagePlugin|Image)$")


@contextmanager
def _photo_errors(data: bytes) -> Iterator[None]:
    """Turns whatever a reader raises into a :class:`PhotoError`, and keeps its warnings in."""
    _silence_warnings()
    try:
        yield
    except PhotoError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as problem:
        raise PhotoError(f"{problem}", "Give a smaller photo.", code="photo-too-many-pixels") from None
    except Exception as problem:
        if _is_truncated(problem):
            raise PhotoError(
                f"The photo is cut off after {len(data):,} bytes.", "Copy or export it again.", code="photo-truncated"
            ) from None
        raise PhotoError(
            f"The photo is damaged: {_damage(data, problem)}.",
            "Open it in an image editor and save it again.",
            code="photo-damaged",
        ) from None


def _damage(data: bytes, problem: Exception) -> str:
    """What is wrong with the file, as precisely as it is known."""
    if format_of(data).name == "PNG" and (chunk := wrong_png_chunk(data)):
        return f"the checksum of its {chunk} chunk is wrong"
    return str(problem) or type(problem).__name__


def _is_truncated(problem: Exception) -> bool:
    types = (problem, problem.__cause__, problem.__context__)
    return any(isinstance(one, _TRUNCATED_TYPES) for one in types) or bool(_TRUNCATED_TEXT.search(str(problem)))
