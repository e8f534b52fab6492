"""The linear map in front of a head: it scales the blocks of features alike, and shrinks what varies within a product.

It has three steps, each fitted without gradients, so that training starts from a good place rather than from noise:

1. Every feature becomes its distance from its mean in standard deviations, clipped at :data:`CLIP` (histograms as
square roots).
2. The principal components of four blocks are taken: the network, the colours, the outline, the pooled products.
3. Within-class whitening shrinks directions in which photos of one product differ, so that what is left tells products
apart. With S the mean covariance within classes and t its mean eigenvalue, x is multiplied by (S + shrinkage · t ·
I)^(-1/2). Source: Hatch, Kajarekar, Stolcke 2006, "Within-Class Covariance Normalization".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoplens.filters.fitting.pca import principal_axes
from shoplens.filters.fitting.whitening import whitening_matrix
from shoplens.filters.photo_features.color_histogram import ANCHOR_COUNT, FINE_SIZE
from shoplens.filters.photo_features.measurements import MEASURED_SIZE, OUTLINE_SIZE

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
CLIP = 6.0
SIZES = (1024, 256, 192, 256)
"""Maximum numbers of principal components of the network's features, of the colours, of the outline and of the pooled
products."""
MAX_ROWS = 8_000
"""Maximum number of rows from which means and components are computed."""
_FLAT = 1e-3
"""Is added to every standard deviation, so that a constant feature becomes 0."""
_SMALLEST_LENGTH = 1e-6


@dataclass(frozen=True, slots=True)
class FeatureColumns:
    """Which columns of a photo's features hold what, see :class:`~shoplens.build.photo_features.PhotoFeatures`.

    Attributes:
        backbone: how many of the network's features come before the measured ones.
        width: number of all features.
        pooled: how many of those that follow the measured ones are pooled products of features of the object.
    """

    backbone: int
    width: int
    pooled: int = 0

    @property
    def blocks(self) -> tuple[Ints, Ints, Ints, Ints]:
        """The columns of the network, of the colours, of the outline and of the pooled products."""
        fine = np.arange(self.backbone, self.backbone + FINE_SIZE)
        outline = np.arange(fine[-1] + 1, fine[-1] + 1 + OUTLINE_SIZE)
        anchors = np.arange(outline[-1] + 1, outline[-1] + 1 + ANCHOR_COUNT)
        start = self.backbone + MEASURED_SIZE
        pooled = np.arange(start, start + self.pooled)
        network = np.r_[0 : self.backbone, start + self.pooled : self.width]
        return network, np.concatenate([fine, anchors]), outline, pooled

    @property
    def histograms(self) -> npt.NDArray[np.bool_]:
        """bool (width,): the columns whose square root is taken."""
        mask = np.zeros(self.width, bool)
        mask[self.blocks[1]] = True
        return mask


@dataclass(frozen=True, slots=True, eq=False)
class FeatureScale:
    """Step 1: the scale of every feature.

    Attributes:
        rooted: bool (width,), the columns whose square root is taken.
        mean, factor: float32 (width,); a column becomes (x - mean) · factor, within ± CLIP.
    """

    rooted: npt.NDArray[np.bool_]
    mean: Floats
    factor: Floats

    @classmethod
    def fit(cls, rows: Floats, columns: FeatureColumns) -> FeatureScale:
        """Fit the scale to these rows, float32 (n, width)."""
        rooted = columns.histograms
        values = _sqrt_columns(rows, rooted)
        return cls(rooted, values.mean(axis=0), (1 / (values.std(axis=0) + _FLAT)).astype(np.float32))

    def transform(self, rows: Floats) -> Floats:
        """Return the scaled rows, float32 (n, width)."""
        scaled: Floats = np.clip((_sqrt_columns(rows, self.rooted) - self.mean) * self.factor, -CLIP, CLIP)
        return scaled.astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class FeatureWhitening:
    """All three steps; steps 2 and 3 are one linear map: scaled · axes - offset.

    Attributes:
        scale: step 1.
        axes: float32 (width, b).
        offset: float32 (b,).
    """

    scale: FeatureScale
    axes: Floats
    offset: Floats

    def transform(self, rows: npt.NDArray[np.float16] | Floats) -> Floats:
        """Return the whitened rows, float32 (n, b), of features, float (n, width)."""
        parts = [
            self.scale.transform(rows[start : start + MAX_ROWS].astype(np.float32)) @ self.axes - self.offset
            for start in range(0, len(rows), MAX_ROWS)
        ]
        return np.concatenate([np.zeros((0, self.axes.shape[1]), np.float32), *parts])


def fit_whitening(
    rows: npt.NDArray[np.float16],
    classes: Ints,
    columns: FeatureColumns,
    shrinkage: float,
    seed: int = 0,
) -> FeatureWhitening:
    """Fit the whitening to the photos that are learned from.

    Args:
        rows: float16 (n, width), their features.
        classes: int64 (n,), numbered from 0; rows of one class have to lie together.
        columns: which columns hold what.
        shrinkage: the shrinkage of step 3.
        seed: seed of the draw of rows, where there are more than :data:`MAX_ROWS`.
    """
    sample = np.sort(np.random.default_rng(seed).permutation(len(rows))[:MAX_ROWS])
    sampled_rows = rows[sample].astype(np.float32)
    scale = FeatureScale.fit(sampled_rows, columns)
    axes = _block_components(scale.transform(sampled_rows), columns.blocks)
    unwhitened = FeatureWhitening(scale, axes, np.zeros(axes.shape[1], np.float32)).transform(rows)
    matrix, center = _within_class_whitening(unwhitened, classes, shrinkage)
    return FeatureWhitening(scale, axes @ matrix, center @ matrix)


def _block_components(scaled: Floats, blocks: Sequence[Ints]) -> Floats:
    """Return the components of each block, float32 (width, b); every block counts alike, however wide it is."""
    parts = []
    for columns, size in zip(blocks, SIZES, strict=True):
        if not len(columns):
            continue
        block = scaled[:, columns] / np.float32(np.sqrt(len(columns)))
        axes = np.zeros((scaled.shape[1], 0), np.float32)
        inner = principal_axes(block - block.mean(axis=0), size)
        if inner.size:
            axes = np.zeros((scaled.shape[1], inner.shape[1]), np.float32)
            axes[columns] = inner / np.float32(np.sqrt(len(columns)))
        parts.append(axes)
    return np.concatenate(parts, axis=1)


def _within_class_whitening(rows: Floats, classes: Ints, shrinkage: float) -> tuple[Floats, Floats]:
    """Return the whitening matrix, float32 (b, b), of mean length 1, and the mean of the classes, float32 (b,)."""
    counts = np.bincount(classes)
    means = np.zeros((len(counts), rows.shape[1]), np.float32)
    np.add.at(means, classes, rows)
    means /= np.maximum(counts, 1)[:, None]
    has_others = counts[classes] > 1
    deviations = rows[has_others] - means[classes[has_others]]
    center: Floats = means[counts > 0].mean(axis=0)
    matrix = whitening_matrix(deviations, shrinkage)
    length = np.linalg.norm(matrix) / np.sqrt(max(len(matrix), 1))
    return matrix / np.float32(max(length, _SMALLEST_LENGTH)), center


def _sqrt_columns(rows: Floats, rooted: npt.NDArray[np.bool_]) -> Floats:
    values: Floats = rows.astype(np.float32, copy=True)
    values[:, rooted] = np.sqrt(np.maximum(values[:, rooted], 0))
    return values
