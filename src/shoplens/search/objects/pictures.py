"""Pictures for people: the things that were found in a photo, and where two photos match."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from shoplens.images.objects import FoundObject
from shoplens.types import Mask, MatchRegions, Pixels, Region

_FADE = 0.75
"""Share of white in what is no object."""
_BOX = (214, 64, 32)
_COLOURS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008b8b", "#b8860b", "#800000", "#000075")
_HEIGHT = 600
"""Pixels of each of two photos that are shown beside each other."""


def draw_objects(photo: Pixels, mask: Mask, objects: Sequence[FoundObject]) -> Image.Image:
    """Return a photo with what is no object faded, and a numbered frame around each object, the largest first."""
    height, width = photo.shape[:2]
    alpha = np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.BILINEAR))[..., None]
    shown = photo * (1 - _FADE * (1 - alpha)) + 255 * _FADE * (1 - alpha)
    image = Image.fromarray(shown.clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    line = max(2, max(width, height) // 250)
    for number, one in enumerate(objects, 1):
        _draw_frame(draw, one.region(width, height), line, str(number) if len(objects) > 1 else "")
    return image


def draw_match(query: Pixels, product: Pixels, matched: MatchRegions | None) -> Image.Image:
    """Return the query photo and the product's photo beside each other, with dots of one number on places that match.

    The frames are around the things that were compared; without a match the two photos are shown as they are.
    """
    photos = [Image.fromarray(query), Image.fromarray(product)]
    scales = [_HEIGHT / photo.height for photo in photos]
    shown = [
        photo.resize((max(1, round(photo.width * scale)), _HEIGHT)) for photo, scale in zip(photos, scales, strict=True)
    ]
    if matched is not None:
        for side, (photo, scale) in enumerate(zip(shown, scales, strict=True)):
            draw = ImageDraw.Draw(photo)
            box = (matched.query, matched.product)[side]
            _draw_frame(draw, _scale_region(box, scale), 3, "")
            for number, point in enumerate(matched.points):
                x, y = (round(value * scale) for value in (point.query, point.product)[side])
                _draw_dot(draw, (x, y), str(number + 1), _COLOURS[number % len(_COLOURS)])
    page = Image.new("RGB", (shown[0].width + shown[1].width + 12, _HEIGHT), (255, 255, 255))
    page.paste(shown[0], (0, 0))
    page.paste(shown[1], (shown[0].width + 12, 0))
    return page


def _scale_region(box: Region, scale: float) -> Region:
    left, top, wide, high = (round(value * scale) for value in (box.x, box.y, box.width, box.height))
    return Region(left, top, max(wide, 1), max(high, 1))


def _draw_frame(draw: ImageDraw.ImageDraw, box: Region, line: int, text: str) -> None:
    draw.rectangle((box.x, box.y, box.x + box.width - 1, box.y + box.height - 1), outline=_BOX, width=line)
    if text:
        side = 9 * line
        draw.rectangle((box.x, box.y, box.x + side, box.y + side), fill=_BOX)
        middle = (box.x + side / 2, box.y + side / 2)
        draw.text(middle, text, fill="white", anchor="mm", font=ImageFont.load_default(7 * line))


def _draw_dot(draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, colour: str) -> None:
    x, y = place
    draw.ellipse((x - 11, y - 11, x + 11, y + 11), fill=colour, outline="white", width=2)
    draw.text((x, y), text, fill="white", anchor="mm", font=ImageFont.load_default(13))
