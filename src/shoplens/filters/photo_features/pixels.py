"""Converts photos to perceptual colours, and finds the pixels that show the product."""

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
_SAMPLES_PER_CELL = 2
"""Each of these pixels is the mean of so many times so many of the photo's pixels: colours need no more, and reading
every pixel of a large photo takes longer than all measurements."""

CHROMA = 2.0
"""Weight of a and b relative to L in a distance: plain OKLab understates differences of hue and chroma; this is the
factor of ``deltaEOK2`` in color.js."""

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
"""Replaces zero light, whose logarithm would be infinite."""

_RING = 24
"""The border ring is as wide as the shorter side divided by this."""
_SAME_GROUND_DISTANCE = 0.1
"""Distance from the ring's median within which a border pixel belongs to the same background."""
_MIN_GROUND_SHARE = 0.6
"""Share of such pixels from which on the background's light is fitted; with fewer, the fit would be unstable."""
_RIDGE = 1e-5
"""Makes that fit solvable for a photo of one row, too."""
_SECOND_GROUND_SHARE = 0.25
"""Share of other pixels in the ring from which on they form a second background."""
_MIN_THRESHOLD, _MAX_THRESHOLD = 0.014, 0.042
"""Bounds of the distance from the background at which the product begins."""
_SOFTNESS = 0.25
"""Width of the transition at that threshold, as a part of it."""
_ENCLOSED_PROBABILITY = 0.7
"""Least probability of a pixel that looks like the background but has the product on all four sides."""
_MIN_ENCLOSING_PROBABILITY = 0.2
"""Least probability of the product's pixels that enclose others."""
_MIN_PRODUCT_SHARE = 0.02
_MIN_PROBABILITY = 0.05
"""Smaller probabilities become 0, so that most of the background is skipped by the measurements."""
_OTSU_BINS, _OTSU_BIN_WIDTH = 128, 0.5 / 128
_OTSU_CENTRES = (np.arange(_OTSU_BINS) + 0.5) * _OTSU_BIN_WIDTH


def downsample(photo: Pixels, side: int = SIDE) -> Pixels:
    """Resize the photo to a square of ``side`` pixels, without keeping its proportions.

    Each pixel of the square is the mean of 2 x 2 evenly spaced pixels of its cell of the photo; where a cell has fewer,
    some count twice.

    Raises:
        InvalidValue: the photo has no pixels, or another shape or type than :data:`~shoplens.types.Pixels`.
    """
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8 or not photo.size:
        raise InvalidValue(
            f"A photo of shape {photo.shape}, {photo.dtype}, cannot be measured.",
            "Give uint8 of shape (height, width, 3) with at least one pixel.",
        )
    samples = photo.take(_sample_positions(photo.shape[0], side), axis=0).take(
        _sample_positions(photo.shape[1], side), axis=1
    )
    rows = (
        samples.reshape(side, _SAMPLES_PER_CELL, -1)
        .sum(axis=1, dtype=np.uint16)
        .reshape(side, side, _SAMPLES_PER_CELL, 3)
    )
    sums = sum((rows[:, :, sample] for sample in range(1, _SAMPLES_PER_CELL)), start=rows[:, :, 0])
    result: Pixels = ((sums + _SAMPLES_PER_CELL**2 // 2) // _SAMPLES_PER_CELL**2).astype(np.uint8)
    return result


@lru_cache(maxsize=16)
def _sample_positions(length: int, side: int) -> npt.NDArray[np.intp]:
    """Return the positions of the sampled pixels among ``length``: ``side`` times 2, in order."""
    count = side * _SAMPLES_PER_CELL
    return ((2 * np.arange(count) + 1) * length) // (2 * count)


def rgb_to_oklab(rgb: Pixels) -> Floats:
    """Convert 8-bit sRGB to OKLab, float32 (h, w, 3): lightness L in [0, 1], green-red a and blue-yellow b.

    Björn Ottosson, "A perceptual color space for image processing", 2020 (bottosson.github.io/posts/oklab).
    White is (1, 0, 0), black (0, 0, 0), #ff0000 (.628, .225, .126).
    """
    cones: Floats = _LINEAR.take(rgb) @ _RGB_TO_CONES
    lab: Floats = np.exp(np.log(np.maximum(cones, _DARKEST)) / 3) @ _CONES_TO_LAB  # a cube root in a third of its time
    return lab


def oklab_to_linear_rgb(lab: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Convert OKLab (..., 3) to linear RGB, float64 (..., 3), the inverse of :func:`rgb_to_oklab`; numbers outside of
    [0, 1] are colours outside of sRGB."""
    cones = np.asarray(lab, np.float64) @ np.linalg.inv(_TO_LAB).T
    result: npt.NDArray[np.float64] = cones**3 @ np.linalg.inv(_TO_CONES).T
    return result


def foreground_mask(lab: Floats) -> Floats:
    """Return float32 (h, w) in [0, 1]: the probability that each pixel shows the product, from colour alone.

    The background is what the border ring shows: one colour or, where the ring has two, both; its light may change
    smoothly across the photo. The product begins where the distance from the background exceeds the ring's own noise,
    or at half of Otsu's threshold if that is larger. A pixel with product on all four sides has a probability of at
    least .7, such as the inside of a white shirt on white. Where almost nothing differs from the border, the product
    fills the photo or cannot be seen: the mask is then .5 everywhere.

    Args:
        lab: OKLab, float32 (h, w, 3).
    """
    distance, noise = _ground_distance(lab)
    threshold = min(max(_otsu_threshold(distance) / 2, 2 * noise, _MIN_THRESHOLD), _MAX_THRESHOLD)
    scale = np.float32(1 / (_SOFTNESS * threshold))
    mask: Floats = 1 / (1 + np.exp(np.minimum((threshold - distance) * scale, 30)))
    mask[mask < _MIN_PROBABILITY] = 0
    is_enclosed = _enclosed_mask(_without_specks(mask) > _MIN_ENCLOSING_PROBABILITY)
    np.maximum(mask, _ENCLOSED_PROBABILITY, out=mask, where=is_enclosed)
    if mask.mean() < _MIN_PRODUCT_SHARE:
        return np.full_like(mask, 0.5)
    return mask


def _ground_distance(lab: Floats) -> tuple[Floats, float]:
    """Return the distance (h, w) of every pixel from the background, and its 80th percentile over the background's
    pixels in the ring."""
    height, width, _ = lab.shape
    ring, positions = _ring_and_positions(height, width)
    pixels = np.ascontiguousarray(lab.reshape(-1, 3).T)
    pixels[1:] *= CHROMA
    border = pixels.take(ring, axis=1)
    median = _quantile(border, 0.5)
    is_ground = _column_norms(border - median) < _SAME_GROUND_DISTANCE
    distance = _column_norms(pixels - median)
    share = float(is_ground.mean())
    noise = 0.0
    if share > _MIN_GROUND_SHARE:
        ground_positions, ground_colours = positions.take(ring[is_ground], axis=1), border.compress(is_ground, axis=1)
        gram = ground_positions @ ground_positions.T
        gram[np.diag_indices(len(gram))] += _RIDGE * ground_positions.shape[1]
        light: Floats = np.linalg.solve(gram, ground_positions @ ground_colours.T)
        distance = np.minimum(distance, _column_norms(pixels - light.T @ positions))
        noise = float(_quantile(distance.take(ring[is_ground]), 0.8)[0])
    if 1 - share > _SECOND_GROUND_SHARE:
        second = _quantile(border.compress(~is_ground, axis=1), 0.5)
        distance = np.minimum(distance, _column_norms(pixels - second))
    return distance.reshape(height, width), noise


def _quantile(rows: Floats, share: float) -> Floats:
    """Return (..., 1): the quantile of each row without interpolation, e.g. .5 for the median."""
    result: Floats = np.sort(rows, axis=-1)[..., round(share * (rows.shape[-1] - 1)), None]
    return result


def _column_norms(planes: Floats) -> Floats:
    """Return the Euclidean norms (n,) of the columns of three planes (3, n)."""
    squares = planes * planes
    result: Floats = np.sqrt(squares[0] + squares[1] + squares[2])
    return result


@lru_cache(maxsize=4)
def _ring_and_positions(height: int, width: int) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return the flat indices of the border ring, and 1, x, y, xy, x², y² of every pixel: float32 (6, h * w)."""
    ring_width = max(1, round(min(height, width) / _RING))
    inside = np.zeros((height, width), bool)
    inside[ring_width:-ring_width, ring_width:-ring_width] = True
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    positions = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y]).reshape(6, -1).astype(np.float32)
    return np.flatnonzero(~inside), positions


def _otsu_threshold(distance: Floats) -> float:
    """Return the threshold that splits the distances (those above .5 count as .5) into the two most distinct classes.

    Nobuyuki Otsu, "A threshold selection method from gray-level histograms", 1979.
    """
    bins = np.minimum(distance.ravel() / _OTSU_BIN_WIDTH, _OTSU_BINS - 1).astype(np.intp)
    share = np.bincount(bins, minlength=_OTSU_BINS) / bins.size
    below = np.cumsum(share)
    moment = np.cumsum(share * _OTSU_CENTRES)
    between = (moment[-1] * below - moment) ** 2 / np.maximum(below * (1 - below), 1e-9)
    return float(_OTSU_CENTRES[np.argmax(between)])


def _without_specks(mask: Floats) -> Floats:
    """Return the mask, limited by the sum over the eight neighbours minus .8, so that isolated pixels vanish."""
    height, width = mask.shape
    padded = np.zeros((height + 2, width + 2), np.float32)
    padded[1:-1, 1:-1] = mask
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    around = rows[:, :width] + rows[:, 1 : width + 1] + rows[:, 2:] - mask
    result: Floats = np.minimum(mask, np.clip(around - 0.8, 0, 1))
    return result


def _enclosed_mask(product: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return where there is product on the left, on the right, above and below, the pixel itself included."""
    is_enclosed = _fill_rows(product)
    is_enclosed &= _fill_rows(product.T).T
    return is_enclosed


def _fill_rows(rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return rows that are true from the first true value to the last."""
    width = rows.shape[1]
    columns = np.arange(width)
    first = np.where(rows.any(axis=1), rows.argmax(axis=1), width)
    last = width - 1 - rows[:, ::-1].argmax(axis=1)
    return np.asarray((columns >= first[:, None]) & (columns <= last[:, None]))
