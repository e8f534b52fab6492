"""Everything that is measured in a photo without learning, in one row that a store can keep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shoplens.errors import InvalidValue
from shoplens.filters.photo_features.palette import ANCHORS, FINE, fine_and_palette
from shoplens.filters.photo_features.pixels import Floats, foreground, oklab, small
from shoplens.filters.photo_features.silhouette import OUTLINE, outline
from shoplens.types import Pixels

MEASURED = FINE + OUTLINE + ANCHORS
"""Numbers of a row."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What a photo's pixels say.

    Attributes:
        fine: float32 (FINE,), see :func:`~shoplens.filters.photo_features.palette.fine_histograms`.
        outline: float32 (OUTLINE,), see :func:`~shoplens.filters.photo_features.silhouette.outline`.
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
