"""Affine projections of a photo's features, and the principal components that every learned filter works on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from shoplens.errors import InvalidValue
from shoplens.filters.fitting.pca import components
from shoplens.filters.photo_features.measurements import OUTLINE
from shoplens.filters.photo_features.palette import FINE
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


_SAMPLE = 3000
"""Most photos that the directions are taken from."""
_FLOOR = 0.02
"""A column varies at least by this part of the median column, or noise in a constant one would be blown up."""


class _Block(NamedTuple):
    """Columns whose directions are taken by themselves.

    Attributes:
        most: most directions.
        share: how much it counts, as the length of its part of a row.
        standard: whether columns are divided by their standard deviation.
    """

    most: int
    share: float
    standard: bool


_BLOCKS = {
    "backbone": _Block(512, 0.64, True),
    "fine": _Block(128, 0.64, False),
    "outline": _Block(128, 0.424, False),
}
"""The palette stays outside: it says what the histograms say. Sizes and shares were chosen on development groups."""
_ALL = sum(block.most for block in _BLOCKS.values())
_PER_PHOTO = 0.85
"""Directions of all blocks together are at most so many times the photos; more would be learned by heart."""


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """Features -> numbers of a photo, block by block.

    Attributes:
        blocks: of the backbone, the fine colour histograms and the outline.
    """

    blocks: tuple[Projection, Projection, Projection]

    @property
    def size(self) -> int:
        """m, how many numbers a photo has in the basis."""
        return sum(block.size for block in self.blocks)

    def apply(self, features: Floats) -> Floats:
        """float32 (n, c or more) -> float32 (n, m); each block's numbers have the length of its share, all together 1.

        A block is zeros for its mean, and where its features are all zero: those of a photo that could not be read.

        Raises:
            InvalidValue: rows that are too short.
        """
        return self.concatenate([block.project(features) for block in self.blocks])

    @staticmethod
    def concatenate(parts: list[Floats]) -> Floats:
        """What :meth:`apply` makes of the blocks' projections."""
        scaled = [np.float32(block.share) * unit(part) for block, part in zip(_BLOCKS.values(), parts, strict=True)]
        return np.concatenate(scaled, axis=1)


def fit_basis(features: Floats, backbone: int, seed: int = 0) -> Basis:
    """Principal components of three blocks of columns, each by itself.

    The backbone's columns are centred and divided by their standard deviation; the fine colour histograms and the
    outline are centred. At most 512, 128 and 128 directions, each fewer than photos, from at most 3,000 photos
    drawn with ``seed``.

    Args:
        features: float32 (n, ``backbone`` + MEASURED), rows as a store keeps them.
        backbone: how many columns the backbone gave.
    """
    if len(features) > _SAMPLE:
        drawn = np.random.default_rng(seed).choice(len(features), _SAMPLE, replace=False)
        features = features[np.sort(drawn)]
    ends = np.cumsum([0, backbone, FINE, OUTLINE])
    first, second, third = (
        _fit_block(features[:, start:end], int(start), block)
        for (start, end), block in zip(pairwise(ends), _BLOCKS.values(), strict=True)
    )
    return Basis((first, second, third))


def _fit_block(columns: Floats, start: int, block: _Block) -> Projection:
    width = columns.shape[1]
    most = max(1, int(block.most * min(1.0, _PER_PHOTO * len(columns) / _ALL)))
    if not len(columns):
        return Projection(start, np.zeros(width, np.float32), np.zeros((width, 0), np.float32))
    mean = columns.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = columns - mean
    scale = _scale(centred) if block.standard and width else np.ones(width, np.float32)
    axes = components(centred * scale, min(most, len(columns) - 1))
    return Projection.of(start, mean, scale[:, None] * axes)


def _scale(centred: Floats) -> Floats:
    """(c,): one over each column's standard deviation."""
    deviation = np.sqrt((centred**2).mean(axis=0, dtype=np.float64))
    floor = max(_FLOOR * float(np.median(deviation)), 1e-6 * float(deviation.max()), 1e-12)
    result: Floats = (1 / np.maximum(deviation, floor)).astype(np.float32)
    return result
