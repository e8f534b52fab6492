"""Photos as small JPEG data that becomes part of a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from shoplens.errors import ShoplensError
from shoplens.types import Pixels, Region

_REGION_COLOUR = (255, 176, 0)


def encode_thumbnail(
    source: str, picture: Callable[[str], Pixels], size: int, region: Region | None = None
) -> str | None:
    """Return a reduced photo as JPEG in base64; None where the photo cannot be read.

    Args:
        source: of the photo.
        picture: source -> pixels, uint8 (h, w, 3).
        size: longest side in CSS pixels; the photo is stored with twice as many pixels.
        region: a box to mark, in the pixels that ``picture`` returns.
    """
    try:
        image = Image.fromarray(np.asarray(picture(source)))
        if region is not None:
            image = _mark_region(image, region)
        image.thumbnail((size * 2, size * 2), reducing_gap=2.0)
        file = io.BytesIO()
        image.save(file, "JPEG", quality=82)
    except (OSError, ValueError, TypeError, ShoplensError):
        return None
    return base64.b64encode(file.getvalue()).decode("ascii")


def _mark_region(image: Image.Image, region: Region) -> Image.Image:
    """Return the photo darkened outside the region, with a bright line around the region."""
    box = (region.x, region.y, region.x + region.width, region.y + region.height)
    marked = Image.blend(image, Image.new(image.mode, image.size), 0.5)
    marked.paste(image.crop(box), box[:2])
    ImageDraw.Draw(marked).rectangle(box, outline=_REGION_COLOUR, width=max(2, max(image.size) // 120))
    return marked
