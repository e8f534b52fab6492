"""Photos as the input of a network, as its card says.

With ``resample``, the steps and their rounding are those of the image processors of `transformers` (its PIL backend):
scale, cut the centre out, rescale, subtract the mean, divide by the standard deviation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageOps

from shoplens.embedders.card import Fit, ModelCard, Resample
from shoplens.types import Pixels

FILTERS: dict[Resample, Image.Resampling] = {
    "": Image.Resampling.BICUBIC,
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def network_input(photo: Pixels, card: ModelCard) -> np.ndarray[Any, np.dtype[Any]]:
    """Return one photo as the network's input, without the batch axis: (side, side, 3) or (3, side, side)."""
    image = Image.fromarray(photo)
    if image.size != (card.side, card.side) or card.resize:
        image = FITS[card.fit](image, card)
    pixels = np.asarray(image)
    if card.channels == "BGR":
        pixels = pixels[..., ::-1]
    if card.dtype == "uint8":
        return _apply_layout(pixels, card)
    mean, std = np.asarray(card.mean, np.float32), np.asarray(card.std, np.float32)
    values = pixels.astype(np.float32)
    if card.rescale != 1:
        values *= np.float32(card.rescale)
    return _apply_layout(((values - mean) / std).astype(card.dtype, copy=False), card)


def _apply_layout(pixels: np.ndarray[Any, np.dtype[Any]], card: ModelCard) -> np.ndarray[Any, np.dtype[Any]]:
    return pixels if card.layout == "NHWC" else pixels.transpose(2, 0, 1)


def _squash(image: Image.Image, card: ModelCard) -> Image.Image:
    gap, full = None if card.resample else 2.0, card.resize or card.side
    return _cut_centre(image.resize((full, full), FILTERS[card.resample], reducing_gap=gap), card)


def _crop(image: Image.Image, card: ModelCard) -> Image.Image:
    return ImageOps.fit(image, (card.side, card.side), FILTERS[card.resample])


def _scale_and_cut(image: Image.Image, card: ModelCard) -> Image.Image:
    """Scale the shorter side, round the longer one down, and cut the centre out."""
    shorter = card.resize or card.side
    width, height = (int(shorter * length / min(image.size)) for length in image.size)
    return _cut_centre(image.resize((width, height), FILTERS[card.resample]), card)


def _cut_centre(image: Image.Image, card: ModelCard) -> Image.Image:
    """Cut a square out of the centre, which is rounded up and to the left, or as the card says."""
    side = card.side
    if image.size == (side, side):
        return image
    rests = image.width - side, image.height - side
    left, top = (round(rest / 2) if card.centre == "even" else rest // 2 for rest in rests)
    return image.crop((left, top, left + side, top + side))


def _pad(image: Image.Image, card: ModelCard) -> Image.Image:
    side = card.side
    inner = ImageOps.contain(image, (side, side), FILTERS[card.resample])
    square = Image.new("RGB", (side, side), card.fill or _border_colour(np.asarray(inner)))
    square.paste(inner, ((side - inner.width) // 2, (side - inner.height) // 2))
    return square


def _border_colour(pixels: Pixels) -> tuple[int, ...]:
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return tuple(int(value) for value in np.median(border, axis=0))


FITS: dict[Fit, Any] = {"squash": _squash, "crop": _crop, "pad": _pad, "shortest": _scale_and_cut}
