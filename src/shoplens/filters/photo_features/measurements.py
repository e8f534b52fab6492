"""Everything that is measured in a photo without learning, in one row that a store can keep.

The row holds the fine colour histograms, the outline and the palette. The outline is the shape of the product: its
silhouette in its own bounding box, and the directions of its edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from shoplens.errors import InvalidValue
from shoplens.filters.photo_features.color_histogram import ANCHOR_COUNT, FINE_SIZE, fine_and_palette
from shoplens.filters.photo_features.pixels import Floats, downsample, foreground_mask, rgb_to_oklab
from shoplens.types import Pixels

_SILHOUETTE_SIDE = 12
_CELLS_PER_SIDE = 6
_CELL_SIDE = 8
"""Pixels per side of one cell of gradients."""
_DIRECTIONS = 8
_CYCLIC = np.arange(_DIRECTIONS + 2) % _DIRECTIONS
OUTLINE_SIZE = _SILHOUETTE_SIDE**2 + _CELLS_PER_SIDE**2 * _DIRECTIONS
"""Length of :func:`outline_features`."""
MEASURED_SIZE = FINE_SIZE + OUTLINE_SIZE + ANCHOR_COUNT
"""Length of a measured row."""

_MIN_FOREGROUND = 0.005
"""Where a smaller part of the photo is foreground, the whole photo is the bounding box."""
_MIN_GRADIENT_NORM = 1e-6
"""A photo whose gradients are no longer than this has no edges."""


@dataclass(frozen=True, slots=True, eq=False)
class Measurements:
    """What is measured in the pixels of a photo.

    Attributes:
        fine: float32 (FINE_SIZE,), see :func:`~shoplens.filters.photo_features.color_histogram.fine_histograms`.
        outline: float32 (OUTLINE_SIZE,), see :func:`outline_features`.
        palette: float32 (ANCHOR_COUNT,), see :func:`~shoplens.filters.photo_features.color_histogram.palette`.

    Raises:
        InvalidValue: an array has another shape or type.
    """

    fine: Floats
    outline: Floats
    palette: Floats

    def __post_init__(self) -> None:
        for name, length in (("fine", FINE_SIZE), ("outline", OUTLINE_SIZE), ("palette", ANCHOR_COUNT)):
            part = getattr(self, name)
            if part.shape != (length,) or part.dtype != np.float32:
                raise InvalidValue(
                    f"{name} is of shape {part.shape}, {part.dtype}.", f"Give float32 of shape ({length},)."
                )

    def to_row(self) -> Floats:
        """Return float32 (MEASURED_SIZE,): fine, outline, palette."""
        return np.concatenate([self.fine, self.outline, self.palette])

    @classmethod
    def from_row(cls, row: Floats) -> Measurements:
        """Return the measurements of a row from :meth:`to_row`.

        Raises:
            InvalidValue: the row has another shape or type.
        """
        if row.shape != (MEASURED_SIZE,):
            raise InvalidValue(
                f"A row of shape {row.shape} was not measured by this version.",
                f"It must be ({MEASURED_SIZE},); measure the photo again.",
            )
        return cls(row[:FINE_SIZE], row[FINE_SIZE : FINE_SIZE + OUTLINE_SIZE], row[FINE_SIZE + OUTLINE_SIZE :])


def measure_photo(photo: Pixels) -> Measurements:
    """Measure a photo; equal pixels give equal numbers.

    Raises:
        InvalidValue: the photo has no pixels, or another shape or type than :data:`~shoplens.types.Pixels`.
    """
    lab = rgb_to_oklab(downsample(photo))
    mask = foreground_mask(lab)
    fine, palette = fine_and_palette(lab, mask)
    return Measurements(fine, outline_features(lab, mask), palette)


def outline_features(lab: Floats, mask: Floats) -> Floats:
    """Return silhouette and edges of the foreground's bounding box: float32 (OUTLINE_SIZE,), all in [0, 1].

    The first part is the mask, resized to 12 x 12. The second part holds oriented gradients of lightness in 6 x 6 cells
    x 8 directions of half a turn; the gradient of each pixel is divided among its two nearest directions. They are
    divided by their Euclidean norm, and the square root is taken; they are zeros where the photo has no edges. After
    Navneet Dalal and Bill Triggs, "Histograms of oriented gradients for human detection", 2005.

    Args:
        lab: OKLab, float32 (h, w, 3).
        mask: foreground, float32 (h, w) in [0, 1].
    """
    box = _bounding_box(mask)
    side = _CELLS_PER_SIDE * _CELL_SIDE
    silhouette = _resize(mask, box, _SILHOUETTE_SIDE, Image.Resampling.BOX)
    lightness = _resize(np.ascontiguousarray(lab[..., 0]), box, side, Image.Resampling.BILINEAR)
    return np.concatenate([np.clip(silhouette, 0, 1).ravel(), _edge_features(lightness)])


def _bounding_box(mask: Floats) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the foreground; right and bottom are exclusive."""
    is_foreground = mask > 0.5
    if np.count_nonzero(is_foreground) < _MIN_FOREGROUND * is_foreground.size:
        return 0, 0, mask.shape[1], mask.shape[0]
    rows, columns = np.flatnonzero(is_foreground.any(axis=1)), np.flatnonzero(is_foreground.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _resize(plane: Floats, box: tuple[int, int, int, int], side: int, resampling: Image.Resampling) -> Floats:
    return np.asarray(Image.fromarray(plane).resize((side, side), resampling, box=box), np.float32)


def _edge_features(lightness: Floats) -> Floats:
    """Return the square roots of the normalised oriented gradients, (cells * cells * directions,), by rows of cells."""
    down, right = _vertical_gradient(lightness), _vertical_gradient(lightness.T).T
    length = np.hypot(down, right).ravel()
    direction = np.arctan2(down, right).ravel() * np.float32(_DIRECTIONS / np.pi)
    direction[direction < 0] += _DIRECTIONS
    lower = np.floor(direction)
    fraction = direction - lower
    first = lower.astype(np.intp)
    cells = _cell_starts(len(lightness))
    total = _CELLS_PER_SIDE**2 * _DIRECTIONS
    sums = np.bincount(cells + _CYCLIC.take(first), length * (1 - fraction), total)
    sums += np.bincount(cells + _CYCLIC.take(first + 1), length * fraction, total)
    norm = float(np.linalg.norm(sums))
    return np.zeros(total, np.float32) if norm <= _MIN_GRADIENT_NORM else np.sqrt(sums / norm).astype(np.float32)


def _vertical_gradient(rows: Floats) -> Floats:
    """Return half the difference of the rows below and above; at the border the difference to the only neighbour."""
    gradient = np.empty_like(rows)
    gradient[1:-1] = (rows[2:] - rows[:-2]) / 2
    gradient[0], gradient[-1] = rows[1] - rows[0], rows[-1] - rows[-2]
    return gradient


@lru_cache(maxsize=1)
def _cell_starts(side: int) -> npt.NDArray[np.intp]:
    """Return for each pixel, flat, the index of its cell's first direction."""
    cell = np.arange(side) // (side // _CELLS_PER_SIDE)
    return ((cell[:, None] * _CELLS_PER_SIDE + cell) * _DIRECTIONS).ravel()
