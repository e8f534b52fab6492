"""A photo in perceptual coordinates, and which of its pixels show the product."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from shoplens.errors import InvalidValue
from shoplens.types import Pixels

Floats = npt.NDArray[np.float32]
"""float32 of any shape."""

SIDE = 96
"""Pixels per side at which photos are measured."""

CHROMA = 2.0
"""How much a and b count against L in a distance: OKLab as it is understates differences of hue and chroma; this is
the factor of ``deltaEOK2`` in color.js."""

_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_CURVE = np.arange(256) / 255
_LINEAR = np.where(_CURVE <= 0.04045, _CURVE / 12.92, ((_CURVE + 0.055) / 1.055) ** 2.4).astype(np.float32)
_RGB_TO_CONES = _TO_CONES.T.astype(np.float32)
_CONES_TO_LAB = _TO_LAB.T.astype(np.float32)

_RING = 24
"""The border ring is as wide as this part of the shorter side."""
_ALIKE = 0.1
"""Distance from the ring's median within which a border pixel is taken for the same ground."""
_LEAST_GROUND = 0.6
"""Share of such pixels from which on the ground's light is fitted; with fewer, a fit would run away."""
_SECOND_GROUND = 0.25
"""Share of other pixels in the ring from which on they are a second ground."""
_NEAREST, _FARTHEST = 0.014, 0.042
"""Bounds of the distance from the ground at which the product begins."""
_ENCLOSED = 0.7
"""How much a pixel counts that looks like the ground but has the product on all four sides."""
_LEAST_PRODUCT = 0.02
_NOTHING = 0.05
"""Less sure is 0, so that most of the ground need not be looked at again."""
_LEVELS, _LEVEL = 128, 0.5 / 128


def small(photo: Pixels, side: int = SIDE) -> Pixels:
    """The photo squeezed to a square of ``side`` pixels; its proportions are given up.

    Raises:
        InvalidValue: a photo without pixels, or of another shape or type than :data:`~shoplens.types.Pixels`.
    """
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8 or not photo.size:
        raise InvalidValue(
            f"A photo of shape {photo.shape}, {photo.dtype}, cannot be measured.",
            "Give uint8 of shape (height, width, 3) with at least one pixel.",
        )
    return np.asarray(Image.fromarray(photo).resize((side, side), Image.Resampling.BOX, reducing_gap=1.0))


def oklab(rgb: Pixels) -> Floats:
    """float32 (h, w, 3): lightness L in [0, 1], green-red a and blue-yellow b, of 8-bit sRGB.

    Björn Ottosson, "A perceptual color space for image processing", 2020 (bottosson.github.io/posts/oklab).
    White is (1, 0, 0), black (0, 0, 0), #ff0000 (.628, .225, .126).
    """
    lab: Floats = np.cbrt(_LINEAR[rgb] @ _RGB_TO_CONES) @ _CONES_TO_LAB
    return lab


def linear_rgb(lab: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Linear light, float64 (..., 3), of OKLab (..., 3): what :func:`oklab` inverts; outside [0, 1], outside sRGB."""
    cones = np.asarray(lab, np.float64) @ np.linalg.inv(_TO_LAB).T
    result: npt.NDArray[np.float64] = cones**3 @ np.linalg.inv(_TO_CONES).T
    return result


def foreground(lab: Floats) -> Floats:
    """float32 (h, w) in [0, 1]: how surely each pixel shows the product, from colour alone.

    The ground is what the border ring shows: one colour or, where the ring has two, both; its light may change
    smoothly across the photo. The product begins where the distance from the ground leaves the ring's own noise, or at
    half of Otsu's threshold if that is farther. What lies between product on all four sides counts for .7 at least:
    the inside of a white shirt on white. Where next to nothing differs from the border, the product fills
    the photo, or cannot be seen: .5 everywhere.

    Args:
        lab: OKLab, float32 (h, w, 3).
    """
    distance, noise = _from_ground(lab * np.array([1, CHROMA, CHROMA], np.float32))
    begins = float(np.clip(_otsu(distance) / 2, np.clip(2 * noise, _NEAREST, _FARTHEST), _FARTHEST))
    sure: Floats = 1 / (1 + np.exp(np.clip((begins - distance) / (0.25 * begins), -30, 30)))
    sure[sure < _NOTHING] = 0
    result: Floats = np.maximum(sure, _ENCLOSED * np.minimum(1, 2.5 * _enclosed(_without_specks(sure))))
    if result.mean() < _LEAST_PRODUCT:
        return np.full_like(result, 0.5)
    return result


def _from_ground(scaled: Floats) -> tuple[Floats, float]:
    """Distance (h, w) of every pixel from the ground, and the 80th percentile of it within the ring's ground."""
    height, width, _ = scaled.shape
    ring, positions = _ring_and_positions(height, width)
    pixels = scaled.reshape(-1, 3)
    border = pixels[ring]
    middle: Floats = np.median(border, axis=0)
    alike = _length(border - middle) < _ALIKE
    distance = _length(pixels - middle)
    share = float(alike.mean())
    if share > _LEAST_GROUND:
        known = positions[ring][alike]
        light: Floats = np.linalg.lstsq(known.T @ known, known.T @ border[alike], rcond=None)[0]
        fitted: Floats = positions @ light
        distance = np.minimum(distance, _length(pixels - fitted))
    noise = float(np.quantile(distance[ring][alike], 0.8)) if share > _LEAST_GROUND else 0.0
    if 1 - share > _SECOND_GROUND:
        second: Floats = np.median(border[~alike], axis=0)
        distance = np.minimum(distance, _length(pixels - second))
    return distance.reshape(height, width), noise


def _length(rows: Floats) -> Floats:
    result: Floats = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return result


@lru_cache(maxsize=4)
def _ring_and_positions(height: int, width: int) -> tuple[npt.NDArray[np.intp], Floats]:
    """Flat places of the border ring, and 1, x, y, xy, x², y² of every pixel: float32 (h * w, 6)."""
    wide = max(1, round(min(height, width) / _RING))
    inside = np.zeros((height, width), bool)
    inside[wide:-wide, wide:-wide] = True
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    positions = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1).reshape(-1, 6).astype(np.float32)
    return np.flatnonzero(~inside), positions


def _otsu(distance: Floats) -> float:
    """The threshold that splits the distances (those above .5 count as .5) into the two most distinct classes.

    Nobuyuki Otsu, "A threshold selection method from gray-level histograms", 1979.
    """
    levels = np.minimum(distance.ravel() / _LEVEL, _LEVELS - 1).astype(np.intp)
    share = np.bincount(levels, minlength=_LEVELS) / levels.size
    middles = (np.arange(_LEVELS) + 0.5) * _LEVEL
    below = np.cumsum(share)
    moment = np.cumsum(share * middles)
    between = (moment[-1] * below - moment) ** 2 / np.maximum(below * (1 - below), 1e-9)
    return float(middles[np.argmax(between)])


def _without_specks(sure: Floats) -> Floats:
    """``sure`` where the eight neighbours hold more than .8 of it together, so that a lone pixel is nothing."""
    width = sure.shape[1]
    padded = np.pad(sure, 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    around = rows[:, :width] + rows[:, 1 : width + 1] + rows[:, 2:] - sure
    result: Floats = np.minimum(sure, np.clip(around - 0.8, 0, 1))
    return result


def _enclosed(sure: Floats) -> Floats:
    """How sure a product lies on the left, on the right, above and below of each pixel, itself included."""
    most = np.maximum.accumulate
    across = np.minimum(most(sure, axis=1), most(sure[:, ::-1], axis=1)[:, ::-1])
    down = np.minimum(most(sure, axis=0), most(sure[::-1], axis=0)[::-1])
    result: Floats = np.minimum(across, down)
    return result
