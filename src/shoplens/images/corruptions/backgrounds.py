"""Other backgrounds for a product on a plain one, and a table that a picture is laid on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter, ImageOps

from shoplens.images.corruptions.framing import random_perspective
from shoplens.images.corruptions.noise import add_noise

Rng = np.random.Generator
PLAIN_BORDER, NEAR = 18, 14
"""Levels by which a plain background may differ from the median of its border: along the border, and elsewhere."""
_PLAIN_SHARE = 0.7


def put_before_clutter(image: Image.Image, rng: Rng) -> Image.Image:
    """Return the product smaller, turned and seen from aside, before clutter; where the photo has no plain background,
    all of it."""
    corners, size = random_perspective(image.size, rng), image.size
    product = np.where(plain_background(image), 0, 255).astype(np.uint8)
    mask = Image.fromarray(product).filter(ImageFilter.MedianFilter(3))
    moved = image.transform(size, Image.Transform.PERSPECTIVE, corners, Image.Resampling.BILINEAR)
    seen = mask.transform(size, Image.Transform.PERSPECTIVE, corners, Image.Resampling.BILINEAR)
    return Image.composite(moved, draw_clutter(size, rng), seen)


def plain_background(image: Image.Image) -> npt.NDArray[np.bool_]:
    """bool (h, w): what is of the colour of a plain border; nothing where the border is not plain."""
    values = np.asarray(image, np.float32)
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    middle = np.median(border, axis=0)
    if (np.abs(border - middle).max(axis=1) < PLAIN_BORDER).mean() < _PLAIN_SHARE:
        return np.zeros(values.shape[:2], np.bool_)
    return np.asarray(np.abs(values - middle).max(axis=2) < NEAR)


def draw_clutter(size: tuple[int, int], rng: Rng) -> Image.Image:
    """Draw blobs or tiles of a few colours, and noise."""
    tiles = rng.uniform(0, 1, (*rng.integers(2, 7, 2), 3))
    tiles = np.clip(rng.uniform(0, 1, 3) + (tiles - 0.5) * rng.uniform(0.1, 0.9), 0, 1)
    how = Image.Resampling.BICUBIC if rng.random() < 0.7 else Image.Resampling.NEAREST
    smooth = np.asarray(Image.fromarray((tiles * 255).astype(np.uint8)).resize(size, how), np.float32)
    return add_noise(smooth, rng.normal(0, rng.uniform(0, 18), smooth.shape))


def draw_wooden_table(size: tuple[int, int], rng: Rng) -> Image.Image:
    """Draw wood seen from above: streaks from left to right."""
    width, height = size
    streaks = np.repeat(rng.normal(0, 1, (height // 6, 1)), 6, axis=0) + rng.normal(0, 0.25, (height // 6 * 6, width))
    shade = ImageOps.autocontrast(Image.fromarray((streaks * 40 + 128).clip(0, 255).astype(np.uint8)))
    wood = ImageOps.colorize(shade.resize(size), (92, 62, 40), (168, 128, 92))
    return wood.filter(ImageFilter.GaussianBlur(2))
