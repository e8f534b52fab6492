"""A decoded photo, and a region of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from shoplens.errors import InvalidValue
from shoplens.images.hashes import pixel_hash
from shoplens.types import Pixels, Region


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded photo.

    Attributes:
        pixels: uint8 (h, w, 3), RGB, upright, read-only. It has ``width`` x ``height`` pixels, or fewer when the
            photo was decoded reduced.
        content_hash: of the file's bytes.
        width, height: pixels of the upright photo at full resolution.
    """

    pixels: Pixels
    content_hash: str
    width: int
    height: int

    @property
    def pixel_hash(self) -> str:
        """Hash of the upright RGB pixels as they were decoded; a reduced picture has another one than the full one."""
        return pixel_hash(self.pixels)

    def crop(self, region: Region) -> Pixels:
        """The region's pixels; ``region`` counts pixels at full resolution even when this picture is reduced.

        Raises:
            InvalidValue: the region reaches outside the photo.
        """
        return crop_pixels(self.pixels, region, (self.width, self.height))


def crop_pixels(pixels: Pixels, region: Region, size: tuple[int, int] | None = None) -> Pixels:
    """View of the region's pixels, at least 1 x 1.

    Args:
        pixels: uint8 (h, w, 3), upright.
        region: a box in pixels of the upright photo at full resolution.
        size: width and height at full resolution; those of ``pixels`` when omitted. On reduced pixels the box is
            scaled and widened to whole pixels.

    Raises:
        InvalidValue: the region reaches outside the photo.
    """
    height, width = pixels.shape[:2]
    full_width, full_height = size or (width, height)
    if region.x + region.width > full_width or region.y + region.height > full_height:
        raise InvalidValue(
            f"Region {region.x},{region.y},{region.width},{region.height} reaches outside the photo, "
            f"which is {full_width} x {full_height} pixels.",
            f"Keep X + W within {full_width} and Y + H within {full_height}.",
        )
    left, right = _scale_interval(region.x, region.width, full_width, width)
    top, bottom = _scale_interval(region.y, region.height, full_height, height)
    return pixels[top:bottom, left:right]


def _scale_interval(start: int, length: int, full: int, reduced: int) -> tuple[int, int]:
    first = start * reduced // full
    last = math.ceil((start + length) * reduced / full)
    return first, max(last, first + 1)
