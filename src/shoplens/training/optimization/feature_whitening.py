"""The linear map that a head begins with: blocks of features on one scale, and what varies within a product made small.

Three steps, each fitted without gradients, so that training starts from a good place rather than from noise:

1. every feature less its mean, in its standard deviations, at most :data:`CLIP` of them (histograms as square roots);
2. principal components of three blocks: the network, colours, outline;
3. within-class whitening: directions in which photos of one product differ are shrunk, so that what is left tells
   products apart. With S the mean covariance within classes and t its mean eigenvalue, x is multiplied by
   (S + shrinkage · t · I)^(-1/2). Source: Hatch, Kajarekar, Stolcke 2006, "Within-Class Covariance Normalization".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoplens.filters.fitting.pca import components
from shoplens.filters.photo_features.measured import MEASURED
from shoplens.filters.photo_features.palette import ANCHORS, FINE
from shoplens.filters.photo_features.silhouette import OUTLINE

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
CLIP = 6.0
SIZES = (1024, 256, 192)
"""Principal components of the network's features, of the colours and of the outline, at most."""
MOST_ROWS = 8_000
"""Rows that means and components are taken from."""
_FLAT = 1e-3


@dataclass(frozen=True, slots=True)
class Columns:
    """Where what lies in a photo's features, see :func:`~shoplens.build.photo_features.sight`.

    Attributes:
        backbone: how many of the network's features come before the measured ones.
        width: of the whole row.
    """

    backbone: int
    width: int

    @property
    def blocks(self) -> tuple[Ints, Ints, Ints]:
        """Columns of the network, of the colours and of the outline."""
        fine = np.arange(self.backbone, self.backbone + FINE)
        outline = np.arange(fine[-1] + 1, fine[-1] + 1 + OUTLINE)
        anchors = np.arange(outline[-1] + 1, outline[-1] + 1 + ANCHORS)
        network = np.r_[0 : self.backbone, self.backbone + MEASURED : self.width]
        return network, np.concatenate([fine, anchors]), outline

    @property
    def histograms(self) -> npt.NDArray[np.bool_]:
        """bool (width,): columns of which the square root is taken."""
        found = np.zeros(self.width, bool)
        found[self.blocks[1]] = True
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """Step 1.

    Attributes:
        rooted: bool (width,), columns of which the square root is taken.
        mean, factor: float32 (width,); a column becomes (x - mean) · factor, within ± CLIP.
    """

    rooted: npt.NDArray[np.bool_]
    mean: Floats
    factor: Floats

    @classmethod
    def of(cls, rows: Floats, columns: Columns) -> Scale:
        """That of these rows, float32 (n, width)."""
        rooted = columns.histograms
        values = _sqrt_columns(rows, rooted)
        return cls(rooted, values.mean(axis=0), (1 / (values.std(axis=0) + _FLAT)).astype(np.float32))

    def applied(self, rows: Floats) -> Floats:
        """float32 (n, width)."""
        found: Floats = np.clip((_sqrt_columns(rows, self.rooted) - self.mean) * self.factor, -CLIP, CLIP)
        return found.astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """Steps 2 and 3 as one map: scaled · axes - offset.

    Attributes:
        scale: step 1.
        axes: float32 (width, b).
        offset: float32 (b,).
    """

    scale: Scale
    axes: Floats
    offset: Floats

    def applied(self, rows: npt.NDArray[np.float16] | Floats) -> Floats:
        """float32 (n, b), of float (n, width) features."""
        parts = [
            self.scale.applied(rows[start : start + MOST_ROWS].astype(np.float32)) @ self.axes - self.offset
            for start in range(0, len(rows), MOST_ROWS)
        ]
        return np.concatenate([np.zeros((0, self.axes.shape[1]), np.float32), *parts])


def basis_of(
    rows: npt.NDArray[np.float16],
    classes: Ints,
    columns: Columns,
    shrinkage: float,
    seed: int = 0,
) -> Basis:
    """The basis of photos that are learned from.

    Args:
        rows: float16 (n, width), their features.
        classes: int64 (n,), 0 …; rows of one class have to lie together.
        shrinkage: of step 3.
        seed: of the draw of rows, where there are more than :data:`MOST_ROWS`.
    """
    drawn = np.sort(np.random.default_rng(seed).permutation(len(rows))[:MOST_ROWS])
    some = rows[drawn].astype(np.float32)
    scale = Scale.of(some, columns)
    axes = _principal(scale.applied(some), columns.blocks)
    plain = Basis(scale, axes, np.zeros(axes.shape[1], np.float32)).applied(rows)
    whitening, middle = _within_class(plain, classes, shrinkage)
    return Basis(scale, axes @ whitening, middle @ whitening)


def _principal(scaled: Floats, blocks: Sequence[Ints]) -> Floats:
    """float32 (width, b): components of each block, which counts as much as any other, however wide it is."""
    found = []
    for columns, most in zip(blocks, SIZES, strict=True):
        block = scaled[:, columns] / np.float32(np.sqrt(len(columns)))
        axes = np.zeros((scaled.shape[1], 0), np.float32)
        inner = components(block - block.mean(axis=0), most)
        if inner.size:
            axes = np.zeros((scaled.shape[1], inner.shape[1]), np.float32)
            axes[columns] = inner / np.float32(np.sqrt(len(columns)))
        found.append(axes)
    return np.concatenate(found, axis=1)


def _within_class(rows: Floats, classes: Ints, shrinkage: float) -> tuple[Floats, Floats]:
    """The whitening float32 (b, b), of mean length 1, and the mean of the classes float32 (b,)."""
    counts = np.bincount(classes)
    means = np.zeros((len(counts), rows.shape[1]), np.float32)
    np.add.at(means, classes, rows)
    means /= np.maximum(counts, 1)[:, None]
    several = counts[classes] > 1
    apart = rows[several] - means[classes[several]]
    middle: Floats = means[counts > 0].mean(axis=0)
    values, vectors = np.linalg.eigh(apart.T @ apart / max(len(apart), 1))
    floor = shrinkage * max(float(values.sum()) / max(len(values), 1), 1e-12)
    lengths = (np.maximum(values, 0) + floor) ** -0.5
    whitening = (vectors * lengths) @ vectors.T / np.sqrt(max(np.mean(lengths**2), 1e-12) if len(lengths) else 1.0)
    return whitening.astype(np.float32), middle


def _sqrt_columns(rows: Floats, rooted: npt.NDArray[np.bool_]) -> Floats:
    values: Floats = rows.astype(np.float32, copy=True)
    values[:, rooted] = np.sqrt(np.maximum(values[:, rooted], 0))
    return values
