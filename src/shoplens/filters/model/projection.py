"""Columns of the features as unit vectors: an affine map, then length 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shoplens.errors import InvalidValue
from shoplens.filters.photo_features.pixels import Floats

_TINY = 1e-9
_CHUNK = 4096
"""Photos at a time, so that a large catalogue needs no second copy of its features."""


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Columns of the features -> unit vectors.

    Attributes:
        first: number of the first column that counts.
        mean: float32 (c,), subtracted from the columns.
        axes: float32 (c, size), multiplied with the rest; held to half precision.
    """

    first: int
    mean: Floats
    axes: Floats

    @property
    def size(self) -> int:
        """How many numbers a photo gets."""
        return int(self.axes.shape[1])

    def apply(self, features: Floats) -> Floats:
        """float32 (n, first + c or more) -> float32 (n, size), rows of length 1.

        Zeros for the mean photo, and for columns that are all zero, which are of a photo that could not be read.

        Raises:
            InvalidValue: rows that are too short.
        """
        return unit(self.project(features))

    def project(self, features: Floats) -> Floats:
        """As :meth:`apply`, of any length: the affine map alone."""
        end = self.first + len(self.mean)
        if features.ndim != 2 or features.shape[1] < end:
            raise InvalidValue(f"Features of shape {features.shape}.", f"Give rows of at least {end} numbers.")
        result = np.empty((len(features), self.size), np.float32)
        for start in range(0, len(features), _CHUNK):
            columns = features[start : start + _CHUNK, self.first : end]
            result[start : start + _CHUNK] = ((columns - self.mean) @ self.axes) * columns.any(axis=1, keepdims=True)
        return result

    @classmethod
    def of(cls, first: int, mean: Floats, axes: Floats, size: int | None = None) -> Projection:
        """Axes of any length, at most 1 afterwards; columns of zeros follow where there are fewer than ``size``."""
        padded = np.zeros((len(axes), axes.shape[1] if size is None else size), np.float32)
        padded[:, : axes.shape[1]] = axes
        largest = float(np.abs(padded).max(initial=0))
        return cls(first, mean.astype(np.float32), half(padded / largest) if largest > 0 else padded)


def half(numbers: Floats) -> Floats:
    """Rounded to what half precision holds, so that a stored model answers exactly as the fitted one."""
    return numbers.astype(np.float16).astype(np.float32)


def unit(rows: Floats) -> Floats:
    """Rows of length 1; zeros stay."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    result: Floats = np.where(norms > _TINY, rows / np.maximum(norms, _TINY), 0).astype(np.float32)
    return result
