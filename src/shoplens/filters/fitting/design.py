"""What no feed names, as unit vectors: the design that a product is a variant of, its outline, and its tints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shoplens.filters.fitting.crossfit import Bools, Doubles, number_groups
from shoplens.filters.fitting.pca import components
from shoplens.filters.model.principal_components import Projection
from shoplens.filters.photo_features.pixels import Floats

DESIGN_SIZE = 128
SHAPE_SIZE = 64
TINT_SIZE = 64
_SHRINKAGE = 0.3
_TINY = 1e-9


def fit_design(block: Projection, projected: Floats, groups: Sequence[str], first: Bools) -> Projection:
    """What products of one group have in common, however their variants differ: (DESIGN_SIZE,).

    The backbone's directions are whitened by the covariance within groups, C: x -> C^(-1/2) x, C shrunk by .3 of its
    mean eigenvalue, so that directions in which variants of one design differ count little; then the 128 directions in
    which whitened photos differ most are kept. Within-class covariance normalisation: Hatch, Kajarekar, Stolcke 2006,
    "Within-Class Covariance Normalization for SVM-based Speaker Recognition".

    Only first photos count, or C would hold the difference between views. All axes are zero where no group has two
    products.

    Args:
        block: the backbone's, of the basis.
        projected: float32 (n, m), what the block makes of the photos.
        groups: of each photo.
        first: bool (n,), whether it is its product's first photo.
    """
    numbers = number_groups(groups)
    sizes = np.bincount(numbers[first], minlength=int(numbers.max(initial=-1)) + 1)
    used = first & (sizes[numbers] > 1)
    if not used.any() or not block.size:
        return Projection(block.first, block.mean, np.zeros((len(block.mean), DESIGN_SIZE), np.float32))
    x, of = projected[used], numbers[used]
    sums = np.zeros((len(sizes), block.size), np.float32)
    np.add.at(sums, of, x)
    whitened = _whitening(x - (sums / np.maximum(sizes, 1)[:, None])[of])
    axes = components(projected[first] @ whitened, DESIGN_SIZE)
    return Projection.of(block.first, block.mean, block.axes @ (whitened @ axes), DESIGN_SIZE)


def fit_shape(outlines: Floats, start: int, first: Bools) -> Projection:
    """The 64 directions in which the outlines of first photos differ most: (SHAPE_SIZE,).

    Args:
        outlines: float32 (n, OUTLINE).
        start: number of the outline's first column among the features.
        first: bool (n,), whether a photo is its product's first.
    """
    rows = outlines[first]
    mean = rows.mean(axis=0) if len(rows) else np.zeros(outlines.shape[1], np.float32)
    return Projection.of(start, mean, components(rows - mean, SHAPE_SIZE), SHAPE_SIZE)


def fit_tint(histograms: Floats, start: int, first: Bools) -> Projection:
    """The 64 directions in which the fine colour histograms of first photos lie: (TINT_SIZE,).

    Rows are square roots, so that the cosine of two of them is the agreement of the histograms; not centred, so that it
    stays one. It tells shades apart that bear one name and fall on one anchor of the palette.

    Args:
        histograms: float32 (n, FINE).
        start: number of their first column among the features.
        first: bool (n,), whether a photo is its product's first.
    """
    mean = np.zeros(histograms.shape[1], np.float32)
    return Projection.of(start, mean, components(histograms[first], TINT_SIZE), TINT_SIZE)


def _whitening(apart: Doubles) -> Floats:
    """C^(-1/2), float32 (m, m), of deviations (n, m)."""
    covariance = apart.T @ apart / len(apart)
    values, axes = np.linalg.eigh(covariance)
    values = np.maximum(values, 0) + max(_SHRINKAGE * float(values.mean()), _TINY)
    result: Floats = (axes / np.sqrt(values)) @ axes.T
    return result.astype(np.float32)
