"""Everything that is measured in a photo without learning, in one row that a store can keep."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from shoplens.errors import InvalidValue
from shoplens.filters.photo_features.palette import ANCHORS, FINE, fine_and_palette
from shoplens.filters.photo_features.pixels import Floats, foreground, oklab, small
from shoplens.types import Pixels

_SILHOUETTE = 12
_CELLS = 6
_CELL = 8
"""Pixels per side of one cell of gradients."""
_DIRECTIONS = 8
_ROUND = np.arange(_DIRECTIONS + 2) % _DIRECTIONS
OUTLINE = _SILHOUETTE**2 + _CELLS**2 * _DIRECTIONS
"""Numbers of :func:`outline`."""

_LEAST = 0.005
"""With a smaller part of the photo in the foreground the whole photo is the box."""
_FLAT = 1e-6
"""A photo whose gradients are no longer than this has no edges."""


def outline(lab: Floats, mask: Floats) -> Floats:
    """Silhouette and edges of the foreground's bounding box: float32 (OUTLINE,), all in [0, 1].

    First the mask, squeezed to 12 x 12. Then oriented gradients of lightness in 6 x 6 cells x 8 directions of half a
    turn, each pixel shared between its two nearest directions by the length of its gradient; all divided by their
    Euclidean length, then the square root. Zeros where the photo has no edges. After Navneet Dalal and Bill Triggs,
    "Histograms of oriented gradients for human detection", 2005.

    Args:
        lab: OKLab, float32 (h, w, 3).
        mask: foreground, float32 (h, w) in [0, 1].
    """
    box = _box(mask)
    side = _CELLS * _CELL
    silhouette = _resize(mask, box, _SILHOUETTE, Image.Resampling.BOX)
    edges = _edges(_resize(np.ascontiguousarray(lab[..., 0]), box, side, Image.Resampling.BILINEAR))
    return np.concatenate([np.clip(silhouette, 0, 1).ravel(), edges])


def _box(mask: Floats) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the foreground; right and bottom are outside."""
    shown = mask > 0.5
    if np.count_nonzero(shown) < _LEAST * shown.size:
        return 0, 0, mask.shape[1], mask.shape[0]
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _resize(plane: Floats, box: tuple[int, int, int, int], side: int, resampling: Image.Resampling) -> Floats:
    return np.asarray(Image.fromarray(plane).resize((side, side), resampling, box=box), np.float32)


def _edges(lightness: Floats) -> Floats:
    """Square roots of the normalised oriented gradients, (cells * cells * directions,), rows of cells first."""
    down, right = _slopes(lightness), _slopes(lightness.T).T
    length = np.hypot(down, right).ravel()
    turn = np.arctan2(down, right).ravel() * np.float32(_DIRECTIONS / np.pi)
    turn[turn < 0] += _DIRECTIONS
    lower = np.floor(turn)
    part = turn - lower
    first = lower.astype(np.intp)
    cells = _cells(len(lightness))
    total = _CELLS**2 * _DIRECTIONS
    sums = np.bincount(cells + _ROUND.take(first), length * (1 - part), total)
    sums += np.bincount(cells + _ROUND.take(first + 1), length * part, total)
    norm = float(np.linalg.norm(sums))
    return np.zeros(total, np.float32) if norm <= _FLAT else np.sqrt(sums / norm).astype(np.float32)


def _slopes(rows: Floats) -> Floats:
    """Difference of the rows below and above, halved; at the border, of the row itself and its only neighbour."""
    slopes = np.empty_like(rows)
    slopes[1:-1] = (rows[2:] - rows[:-2]) / 2
    slopes[0], slopes[-1] = rows[1] - rows[0], rows[-1] - rows[-2]
    return slopes


@lru_cache(maxsize=1)
def _cells(side: int) -> npt.NDArray[np.intp]:
    """For each pixel, flat, where its cell's directions begin."""
    cell = np.arange(side) // (side // _CELLS)
    return ((cell[:, None] * _CELLS + cell) * _DIRECTIONS).ravel()


MEASURED = FINE + OUTLINE + ANCHORS
"""Numbers of a row."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What a photo's pixels say.

    Attributes:
        fine: float32 (FINE,), see :func:`~shoplens.filters.photo_features.palette.fine_histograms`.
        outline: float32 (OUTLINE,), see :func:`~shoplens.filters.photo_features.measurements.outline`.
        palette: float32 (ANCHORS,), see :func:`~shoplens.filters.photo_features.palette.palette`.

    Raises:
        InvalidValue: another shape or type.
    """

    fine: Floats
    outline: Floats
    palette: Floats

    def __post_init__(self) -> None:
        for name, length in (("fine", FINE), ("outline", OUTLINE), ("palette", ANCHORS)):
            part = getattr(self, name)
            if part.shape != (length,) or part.dtype != np.float32:
                raise InvalidValue(
                    f"{name} is of shape {part.shape}, {part.dtype}.", f"Give float32 of shape ({length},)."
                )

    def as_row(self) -> Floats:
        """float32 (MEASURED,): fine, outline, palette."""
        return np.concatenate([self.fine, self.outline, self.palette])

    @classmethod
    def from_row(cls, row: Floats) -> Measured:
        """What :meth:`as_row` gave.

        Raises:
            InvalidValue: another shape or type.
        """
        if row.shape != (MEASURED,):
            raise InvalidValue(
                f"A row of shape {row.shape} was not measured by this version.",
                f"It must be ({MEASURED},); measure the photo again.",
            )
        return cls(row[:FINE], row[FINE : FINE + OUTLINE], row[FINE + OUTLINE :])


def measure(photo: Pixels) -> Measured:
    """What the photo's pixels say; equal pixels give equal numbers.

    Raises:
        InvalidValue: a photo without pixels, or of another shape or type than :data:`~shoplens.types.Pixels`.
    """
    lab = oklab(small(photo))
    mask = foreground(lab)
    fine, palette = fine_and_palette(lab, mask)
    return Measured(fine, outline(lab, mask), palette)
