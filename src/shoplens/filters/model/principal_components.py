"""Projections of a photo's features, and the principal components that all learned filters work on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from shoplens.errors import InvalidValue
from shoplens.filters.fitting.pca import principal_axes
from shoplens.filters.photo_features.color_histogram import FINE_SIZE
from shoplens.filters.photo_features.measurements import OUTLINE_SIZE
from shoplens.filters.photo_features.pixels import Floats

_TINY = 1e-9
_CHUNK = 4096
"""Photos that are projected at a time, so that a large catalogue needs no second copy of its features."""
_SAMPLE = 3000
"""Most photos from which the components are computed."""
_MIN_RELATIVE_DEVIATION = 0.02
"""Least standard deviation of a column, as a part of the median column's: dividing by less would amplify the noise of a
constant column."""
_COMPONENTS_PER_PHOTO = 0.85
"""The components of all blocks together are at most so many times the photos; more would overfit them."""


@dataclass(frozen=True, slots=True, eq=False)
class FeatureProjection:
    """An affine map of some columns of the features, followed by scaling to length 1.

    Attributes:
        first_column: number of the first column that is read.
        mean: float32 (c,), subtracted from the columns.
        axes: float32 (c, size), multiplied with the difference; rounded to half precision.
    """

    first_column: int
    mean: Floats
    axes: Floats

    @property
    def size(self) -> int:
        """Length of a photo's vector."""
        return int(self.axes.shape[1])

    def unit_vectors(self, features: Floats) -> Floats:
        """Project the features, float32 (n, first_column + c or more), to rows of length 1, float32 (n, size).

        A row is zero for the mean photo, and where the columns are all zero because the photo could not be read.

        Raises:
            InvalidValue: the rows are too short.
        """
        return normalize_rows(self.project(features))

    def project(self, features: Floats) -> Floats:
        """Apply the affine map alone; arguments and errors as of :meth:`unit_vectors`, rows of any length."""
        end = self.first_column + len(self.mean)
        if features.ndim != 2 or features.shape[1] < end:
            raise InvalidValue(f"The features are of shape {features.shape}.", f"Give rows of at least {end} numbers.")
        result = np.empty((len(features), self.size), np.float32)
        for start in range(0, len(features), _CHUNK):
            columns = features[start : start + _CHUNK, self.first_column : end]
            result[start : start + _CHUNK] = ((columns - self.mean) @ self.axes) * columns.any(axis=1, keepdims=True)
        return result

    @classmethod
    def from_axes(cls, first_column: int, mean: Floats, axes: Floats, size: int | None = None) -> FeatureProjection:
        """Return the projection onto axes of any length, which are scaled so that the largest number is 1.

        Args:
            size: number of axes; columns of zeros are appended where there are fewer.
        """
        padded = np.zeros((len(axes), axes.shape[1] if size is None else size), np.float32)
        padded[:, : axes.shape[1]] = axes
        largest = float(np.abs(padded).max(initial=0))
        scaled = round_to_half(padded / largest) if largest > 0 else padded
        return cls(first_column, mean.astype(np.float32), scaled)


def round_to_half(numbers: Floats) -> Floats:
    """Round to what half precision can hold, so that a stored model gives exactly the results of the fitted one."""
    return numbers.astype(np.float16).astype(np.float32)


def normalize_rows(rows: Floats) -> Floats:
    """Scale rows to length 1; rows of zeros stay as they are."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    result: Floats = np.where(norms > _TINY, rows / np.maximum(norms, _TINY), 0).astype(np.float32)
    return result


class _BlockOptions(NamedTuple):
    """How the components of one block of columns are computed.

    Attributes:
        max_components: most components.
        length: length of the block's part of a row, which decides how much the block counts.
        standardize: whether columns are divided by their standard deviation.
    """

    max_components: int
    length: float
    standardize: bool


_BLOCKS = {
    "backbone": _BlockOptions(512, 0.64, True),
    "fine": _BlockOptions(128, 0.64, False),
    "outline": _BlockOptions(128, 0.424, False),
}
"""The palette is left out because the histograms contain it. Numbers and lengths were chosen on development groups."""
_MAX_COMPONENTS = sum(block.max_components for block in _BLOCKS.values())


@dataclass(frozen=True, slots=True, eq=False)
class PrincipalComponents:
    """The principal components of three blocks of the features, which all learned filters work on.

    Attributes:
        blocks: projections of the backbone's features, the fine colour histograms and the outline.
    """

    blocks: tuple[FeatureProjection, FeatureProjection, FeatureProjection]

    @property
    def size(self) -> int:
        """Number m of components."""
        return sum(block.size for block in self.blocks)

    def transform(self, features: Floats) -> Floats:
        """Return the components of photos, float32 (n, c or more) -> float32 (n, m).

        The numbers of each block have the length that is set for it; a whole row has length 1. The numbers of a block
        are zero for its mean, and where its features are all zero because the photo could not be read.

        Raises:
            InvalidValue: the rows are too short.
        """
        return self.join_blocks([block.project(features) for block in self.blocks])

    @staticmethod
    def join_blocks(projected: list[Floats]) -> Floats:
        """Return what :meth:`transform` returns, from the projections of the blocks, float32 (n, size) each."""
        scaled = [
            np.float32(options.length) * normalize_rows(block)
            for options, block in zip(_BLOCKS.values(), projected, strict=True)
        ]
        return np.concatenate(scaled, axis=1)


def fit_principal_components(features: Floats, backbone: int, seed: int = 0) -> PrincipalComponents:
    """Fit the principal components of three blocks of columns, each block by itself.

    The backbone's columns are centred and divided by their standard deviation; the fine colour histograms and the
    outline are only centred. There are at most 512, 128 and 128 components, and fewer than photos; they are computed
    from at most 3,000 photos drawn with ``seed``.

    Args:
        features: float32 (n, ``backbone`` + MEASURED_SIZE), rows as a store keeps them.
        backbone: number of the backbone's columns.
    """
    if len(features) > _SAMPLE:
        drawn = np.random.default_rng(seed).choice(len(features), _SAMPLE, replace=False)
        features = features[np.sort(drawn)]
    ends = np.cumsum([0, backbone, FINE_SIZE, OUTLINE_SIZE])
    first, second, third = (
        _fit_block(features[:, start:end], int(start), options)
        for (start, end), options in zip(pairwise(ends), _BLOCKS.values(), strict=True)
    )
    return PrincipalComponents((first, second, third))


def _fit_block(columns: Floats, start: int, options: _BlockOptions) -> FeatureProjection:
    width = columns.shape[1]
    share = min(1.0, _COMPONENTS_PER_PHOTO * len(columns) / _MAX_COMPONENTS)
    count = max(1, int(options.max_components * share))
    if not len(columns):
        return FeatureProjection(start, np.zeros(width, np.float32), np.zeros((width, 0), np.float32))
    mean = columns.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = columns - mean
    scale = _inverse_deviations(centred) if options.standardize and width else np.ones(width, np.float32)
    axes = principal_axes(centred * scale, min(count, len(columns) - 1))
    return FeatureProjection.from_axes(start, mean, scale[:, None] * axes)


def _inverse_deviations(centred: Floats) -> Floats:
    """Return 1 over the standard deviation of each column, (c,)."""
    deviations = np.sqrt((centred**2).mean(axis=0, dtype=np.float64))
    floor = max(_MIN_RELATIVE_DEVIATION * float(np.median(deviations)), 1e-6 * float(deviations.max()), 1e-12)
    result: Floats = (1 / np.maximum(deviations, floor)).astype(np.float32)
    return result
