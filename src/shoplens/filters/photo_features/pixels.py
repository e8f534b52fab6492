"""A photo in perceptual coordinates, and which of its pixels show the product."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue
from shoplens.types import Pixels

Floats = npt.NDArray[np.float32]
"""float32 of any shape."""

SIDE = 64
"""Pixels per side at which photos are measured."""
_LOOKS = 2
"""Each of these pixels is the mean of so many times so many of the photo's: colours need no more, and to read every
pixel of a large photo takes longer than all that is measured."""

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

_DARKEST = np.float32(1e-24)
"""Stands for no light, whose logarithm would be infinite."""

_RING = 24
"""The border ring is as wide as this part of the shorter side."""
_ALIKE = 0.1
"""Distance from the ring's median within which a border pixel is taken for the same ground."""
_LEAST_GROUND = 0.6
"""Share of such pixels from which on the ground's light is fitted; with fewer, a fit would run away."""
_RIDGE = 1e-5
"""Makes that fit solvable for a photo of one row, too."""
_SECOND_GROUND = 0.25
"""Share of other pixels in the ring from which on they are a second ground."""
_NEAREST, _FARTHEST = 0.014, 0.042
"""Bounds of the distance from the ground at which the product begins."""
_SOFT = 0.25
"""How far around that distance, as a part of it, a pixel is in doubt."""
_ENCLOSED = 0.7
"""How much a pixel counts that looks like the ground but has the product on all four sides."""
_BETWEEN = 0.2
"""How sure the product must be that it lies between."""
_LEAST_PRODUCT = 0.02
_NOTHING = 0.05
"""Less sure is 0, so that most of the ground need not be looked at again."""
_LEVELS, _LEVEL = 128, 0.5 / 128
_MIDDLES = (np.arange(_LEVELS) + 0.5) * _LEVEL


def small(photo: Pixels, side: int = SIDE) -> Pixels:
    """The photo squeezed to a square of ``side`` pixels; its proportions are given up.

    Of each of the square's cells 2 x 2 pixels of the photo are looked at, evenly spread, and their mean is taken; where
    a cell has fewer, some are looked at twice.

    Raises:
        InvalidValue: a photo without pixels, or of another shape or type than :data:`~shoplens.types.Pixels`.
    """
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8 or not photo.size:
        raise InvalidValue(
            f"A photo of shape {photo.shape}, {photo.dtype}, cannot be measured.",
            "Give uint8 of shape (height, width, 3) with at least one pixel.",
        )
    looked = photo.take(_sample_positions(photo.shape[0], side), axis=0).take(
        _sample_positions(photo.shape[1], side), axis=1
    )
    rows = looked.reshape(side, _LOOKS, -1).sum(axis=1, dtype=np.uint16).reshape(side, side, _LOOKS, 3)
    sums = sum((rows[:, :, look] for look in range(1, _LOOKS)), start=rows[:, :, 0])
    result: Pixels = ((sums + _LOOKS**2 // 2) // _LOOKS**2).astype(np.uint8)
    return result


@lru_cache(maxsize=16)
def _sample_positions(length: int, side: int) -> npt.NDArray[np.intp]:
    """Which of ``length`` pixels are looked at: ``side`` times 2, in order."""
    looks = side * _LOOKS
    return ((2 * np.arange(looks) + 1) * length) // (2 * looks)


def oklab(rgb: Pixels) -> Floats:
    """float32 (h, w, 3): lightness L in [0, 1], green-red a and blue-yellow b, of 8-bit sRGB.

    Björn Ottosson, "A perceptual color space for image processing", 2020 (bottosson.github.io/posts/oklab).
    White is (1, 0, 0), black (0, 0, 0), #ff0000 (.628, .225, .126).
    """
    cones: Floats = _LINEAR.take(rgb) @ _RGB_TO_CONES
    lab: Floats = np.exp(np.log(np.maximum(cones, _DARKEST)) / 3) @ _CONES_TO_LAB  # a cube root at a third of its price
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
    distance, noise = _from_ground(lab)
    begins = min(max(_otsu(distance) / 2, 2 * noise, _NEAREST), _FARTHEST)
    sure: Floats = 1 / (1 + np.exp(np.minimum((begins - distance) * np.float32(1 / (_SOFT * begins)), 30)))
    sure[sure < _NOTHING] = 0
    np.maximum(sure, _ENCLOSED, out=sure, where=_enclosed_mask(_without_specks(sure) > _BETWEEN))
    if sure.mean() < _LEAST_PRODUCT:
        return np.full_like(sure, 0.5)
    return sure


def _from_ground(lab: Floats) -> tuple[Floats, float]:
    """Distance (h, w) of every pixel from the ground, and the 80th percentile of it within the ring's ground."""
    height, width, _ = lab.shape
    ring, positions = _ring_and_positions(height, width)
    pixels = np.ascontiguousarray(lab.reshape(-1, 3).T)
    pixels[1:] *= CHROMA
    border = pixels.take(ring, axis=1)
    middle = _at(border, 0.5)
    alike = _length(border - middle) < _ALIKE
    distance = _length(pixels - middle)
    share = float(alike.mean())
    noise = 0.0
    if share > _LEAST_GROUND:
        known, light_there = positions.take(ring[alike], axis=1), border.compress(alike, axis=1)
        crossed = known @ known.T
        crossed[np.diag_indices(len(crossed))] += _RIDGE * known.shape[1]
        light: Floats = np.linalg.solve(crossed, known @ light_there.T)
        distance = np.minimum(distance, _length(pixels - light.T @ positions))
        noise = float(_at(distance.take(ring[alike]), 0.8)[0])
    if 1 - share > _SECOND_GROUND:
        distance = np.minimum(distance, _length(pixels - _at(border.compress(~alike, axis=1), 0.5)))
    return distance.reshape(height, width), noise


def _at(rows: Floats, part: float) -> Floats:
    """(..., 1): of each row the number that stands at this part of the way when they are sorted, e.g. .5 the median."""
    result: Floats = np.sort(rows, axis=-1)[..., round(part * (rows.shape[-1] - 1)), None]
    return result


def _length(planes: Floats) -> Floats:
    """(n,) of three planes (3, n)."""
    squares = planes * planes
    result: Floats = np.sqrt(squares[0] + squares[1] + squares[2])
    return result


@lru_cache(maxsize=4)
def _ring_and_positions(height: int, width: int) -> tuple[npt.NDArray[np.intp], Floats]:
    """Flat places of the border ring, and 1, x, y, xy, x², y² of every pixel: float32 (6, h * w)."""
    wide = max(1, round(min(height, width) / _RING))
    inside = np.zeros((height, width), bool)
    inside[wide:-wide, wide:-wide] = True
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    positions = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y]).reshape(6, -1).astype(np.float32)
    return np.flatnonzero(~inside), positions


def _otsu(distance: Floats) -> float:
    """The threshold that splits the distances (those above .5 count as .5) into the two most distinct classes.

    Nobuyuki Otsu, "A threshold selection method from gray-level histograms", 1979.
    """
    levels = np.minimum(distance.ravel() / _LEVEL, _LEVELS - 1).astype(np.intp)
    share = np.bincount(levels, minlength=_LEVELS) / levels.size
    below = np.cumsum(share)
    moment = np.cumsum(share * _MIDDLES)
    between = (moment[-1] * below - moment) ** 2 / np.maximum(below * (1 - below), 1e-9)
    return float(_MIDDLES[np.argmax(between)])


def _without_specks(sure: Floats) -> Floats:
    """``sure`` where the eight neighbours hold more than .8 of it together, so that a lone pixel is nothing."""
    height, width = sure.shape
    padded = np.zeros((height + 2, width + 2), np.float32)
    padded[1:-1, 1:-1] = sure
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    around = rows[:, :width] + rows[:, 1 : width + 1] + rows[:, 2:] - sure
    result: Floats = np.minimum(sure, np.clip(around - 0.8, 0, 1))
    return result


def _enclosed_mask(product: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Where there is product on the left, on the right, above and below, the pixel itself included."""
    across = _between(product)
    across &= _between(product.T).T
    return across


def _between(rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """From the first true number of each row to the last."""
    width = rows.shape[1]
    places = np.arange(width)
    first = np.where(rows.any(axis=1), rows.argmax(axis=1), width)
    last = width - 1 - rows[:, ::-1].argmax(axis=1)
    return np.asarray((places >= first[:, None]) & (places <= last[:, None]))
