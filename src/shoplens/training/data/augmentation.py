"""Made phone photos: a photo as if it had been taken again, for learning what does not matter.

Two strengths. ``again`` is for photos that shoppers took, which have clutter and bad light already: another crop, a
little light, sometimes blur and compression. ``phone`` is for photos from a studio: the product is put, tilted and
smaller, before made clutter (where its background is plain) and then treated like the other.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from shoplens.types import Pixels

Rng = np.random.Generator
Strength = Literal["again", "phone"]
LONGEST = 420
"""Pixels of the longest side of what is worked on; the network sees 260."""
PLAIN_BORDER, NEAR = 18, 14
"""Levels by which a plain background may differ from the median of its border: along the border, and elsewhere."""
_PLAIN_SHARE = 0.7


def retaken(photo: Pixels, strength: Strength, seed: tuple[int, ...]) -> Pixels:
    """The photo as if taken again.

    Args:
        photo: uint8 (h, w, 3).
        strength: how much is different.
        seed: the same photo, strength and seed give the same pixels.
    """
    rng = np.random.default_rng(seed)
    image = _smaller(Image.fromarray(np.ascontiguousarray(photo)))
    for chance, change in _CHANGES[strength]:
        if rng.random() < chance:
            image = change(image, rng)
    return np.asarray(image)


def _smaller(image: Image.Image) -> Image.Image:
    scale = LONGEST / max(image.size)
    if scale >= 1:
        return image
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def _random_crop(least: float) -> Callable[[Image.Image, Rng], Image.Image]:
    """Takes a part of at least this share of the area, of a shape between 3:4 and 4:3 of the photo's own."""

    def crop(image: Image.Image, rng: Rng) -> Image.Image:
        area, ratio = rng.uniform(least, 1.0), np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
        width = min(image.width, max(1, round(float(np.sqrt(area * ratio)) * image.width)))
        height = min(image.height, max(1, round(float(np.sqrt(area / ratio)) * image.height)))
        left, top = rng.integers(0, image.width - width + 1), rng.integers(0, image.height - height + 1)
        return image.crop((int(left), int(top), int(left) + width, int(top) + height))

    return crop


def _flip(image: Image.Image, rng: Rng) -> Image.Image:
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _lit(strength: float) -> Callable[[Image.Image, Rng], Image.Image]:
    """Another colour and amount of light, another gamma, more or less colour, and sometimes a shadow across."""

    def light(image: Image.Image, rng: Rng) -> Image.Image:
        values = np.asarray(image, np.float32) / 255
        values = values ** np.exp(rng.normal(0, 0.18 * strength))
        values = values * np.exp(rng.normal(0, 0.06 * strength, 3)) * np.exp(rng.normal(0, 0.08 * strength))
        grey = values.mean(axis=2, keepdims=True)
        values = grey + (values - grey) * np.exp(rng.normal(0, 0.12 * strength))
        if rng.random() < 0.3 * strength:
            angle = rng.uniform(0, 2 * np.pi)
            y, x = np.mgrid[-1 : 1 : values.shape[0] * 1j, -1 : 1 : values.shape[1] * 1j]
            values = values * (1 + 0.25 * strength * (x * np.cos(angle) + y * np.sin(angle)))[..., None]
        return Image.fromarray((np.clip(values, 0, 1) * 255).astype(np.uint8))

    return light


def _blur(image: Image.Image, rng: Rng) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 0.008)) * min(image.size)))


def _compress(image: Image.Image, rng: Rng) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=int(rng.integers(35, 92)))
    return Image.open(file).convert("RGB")


def _before_clutter(image: Image.Image, rng: Rng) -> Image.Image:
    """The product smaller, turned and seen from aside, before a made background."""
    corners, size = _perspective_coefficients(image.size, rng), image.size
    mask = Image.fromarray(np.where(_background(image), 0, 255).astype(np.uint8)).filter(ImageFilter.MedianFilter(3))
    moved = image.transform(size, Image.Transform.PERSPECTIVE, corners, Image.Resampling.BILINEAR)
    seen = mask.transform(size, Image.Transform.PERSPECTIVE, corners, Image.Resampling.BILINEAR)
    return Image.composite(moved, _clutter(size, rng), seen)


def _perspective_coefficients(size: tuple[int, int], rng: Rng) -> list[float]:
    """The eight numbers of Pillow's perspective, which say for each place of the result where it was in the photo."""
    sides = np.array(size, np.float64)
    zoom, angle = rng.uniform(0.55, 1.0), rng.normal(0, np.radians(9))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]) * sides * zoom @ turn.T
    corners += rng.normal(0, 0.04, (4, 2)) * sides + sides / 2 + rng.uniform(-1, 1, 2) * sides * (1 - zoom) / 2
    rows, values = [], []
    for (x, y), (u, v) in zip(corners, [(0, 0), (sides[0], 0), tuple(sides), (0, sides[1])], strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return [float(one) for one in np.linalg.solve(np.array(rows), np.array(values))]


def _background(image: Image.Image) -> npt.NDArray[np.bool_]:
    """bool (h, w): what is of the colour of a plain border; nothing where the border is not plain."""
    values = np.asarray(image, np.float32)
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    middle = np.median(border, axis=0)
    if (np.abs(border - middle).max(axis=1) < PLAIN_BORDER).mean() < _PLAIN_SHARE:
        return np.zeros(values.shape[:2], np.bool_)
    return np.asarray(np.abs(values - middle).max(axis=2) < NEAR)


def _clutter(size: tuple[int, int], rng: Rng) -> Image.Image:
    """Blobs or tiles of a few colours, and noise."""
    tiles = rng.uniform(0, 1, (*rng.integers(2, 7, 2), 3))
    tiles = np.clip(rng.uniform(0, 1, 3) + (tiles - 0.5) * rng.uniform(0.1, 0.9), 0, 1)
    how = Image.Resampling.BICUBIC if rng.random() < 0.7 else Image.Resampling.NEAREST
    smooth = np.asarray(Image.fromarray((tiles * 255).astype(np.uint8)).resize(size, how), np.float32)
    return Image.fromarray(np.clip(smooth + rng.normal(0, rng.uniform(0, 18), smooth.shape), 0, 255).astype(np.uint8))


_CHANGES: dict[Strength, tuple[tuple[float, Callable[[Image.Image, Rng], Image.Image]], ...]] = {
    "again": ((1, _random_crop(0.4)), (0.2, _blur), (0.5, _flip), (1, _lit(0.7)), (0.4, _compress)),
    "phone": (
        (1, _before_clutter),
        (1, _random_crop(0.5)),
        (0.5, _blur),
        (0.5, _flip),
        (1, _lit(1.0)),
        (0.4, _compress),
    ),
}
"""Chance and change, in the order in which they happen."""
