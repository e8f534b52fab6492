"""Fits the unit vectors of what no feed names: the object alone, the design that variants share, outline and tints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shoplens.filters.fitting.crossfit import Bools, number_groups
from shoplens.filters.fitting.pca import principal_axes
from shoplens.filters.fitting.whitening import whitening_matrix
from shoplens.filters.model.principal_components import FeatureProjection
from shoplens.filters.photo_features.pixels import Floats

DESIGN_SIZE = 128
SHAPE_SIZE = 64
TINT_SIZE = 64
OBJECT_SIZE = 256
_OBJECT_FLOOR = 1e-6
"""Smallest eigenvalue, as a share of the largest, so that noise is not whitened."""
_SHRINKAGE = 0.3


def fit_design(
    backbone: FeatureProjection, projected: Floats, groups: Sequence[str], is_first: Bools
) -> FeatureProjection:
    """Fit the projection to what products of one group have in common, however their variants differ: (DESIGN_SIZE,).

    The backbone's components are whitened by the covariance within groups, C: x -> C^(-1/2) x, with C shrunk by .3 of
    its mean eigenvalue, so that directions in which variants of one design differ count little; of the whitened photos,
    the 128 leading principal components are used. Within-class covariance normalisation: Hatch, Kajarekar, Stolcke
    2006, "Within-Class Covariance Normalization for SVM-based Speaker Recognition".

    Only first photos count, because C would else contain the difference between views. All axes are zero where no group
    has two products.

    Args:
        backbone: the projection of the backbone's block of the principal components.
        projected: float32 (n, m), the photos under that projection.
        groups: the group of each photo.
        is_first: bool (n,), whether a photo is its product's first.
    """
    numbers = number_groups(groups)
    sizes = np.bincount(numbers[is_first], minlength=int(numbers.max(initial=-1)) + 1)
    is_used = is_first & (sizes[numbers] > 1)
    if not is_used.any() or not backbone.size:
        axes = np.zeros((len(backbone.mean), DESIGN_SIZE), np.float32)
        return FeatureProjection(backbone.first_column, backbone.mean, axes)
    x, groups_of_x = projected[is_used], numbers[is_used]
    sums = np.zeros((len(sizes), backbone.size), np.float32)
    np.add.at(sums, groups_of_x, x)
    whitening = whitening_matrix(x - (sums / np.maximum(sizes, 1)[:, None])[groups_of_x], _SHRINKAGE)
    axes = principal_axes(projected[is_first] @ whitening, DESIGN_SIZE)
    return FeatureProjection.from_axes(
        backbone.first_column, backbone.mean, backbone.axes @ (whitening @ axes), DESIGN_SIZE
    )


def fit_shape(outlines: Floats, start: int, is_first: Bools) -> FeatureProjection:
    """Fit the projection to the 64 leading principal components of the outlines of first photos: (SHAPE_SIZE,).

    Args:
        outlines: float32 (n, OUTLINE_SIZE).
        start: number of the outline's first column in the features.
        is_first: bool (n,), whether a photo is its product's first.
    """
    rows = outlines[is_first]
    mean = rows.mean(axis=0) if len(rows) else np.zeros(outlines.shape[1], np.float32)
    return FeatureProjection.from_axes(start, mean, principal_axes(rows - mean, SHAPE_SIZE), SHAPE_SIZE)


def fit_tint(histograms: Floats, start: int, is_first: Bools) -> FeatureProjection:
    """Fit the projection to the 64 leading directions of the fine colour histograms of first photos: (TINT_SIZE,).

    Rows are square roots, so the cosine of two of them is the agreement of the histograms; they are not centred, so
    that it stays an agreement. The tint distinguishes shades that have one name and fall on one anchor of the palette.

    Args:
        histograms: float32 (n, FINE_SIZE).
        start: number of their first column in the features.
        is_first: bool (n,), whether a photo is its product's first.
    """
    mean = np.zeros(histograms.shape[1], np.float32)
    return FeatureProjection.from_axes(start, mean, principal_axes(histograms[is_first], TINT_SIZE), TINT_SIZE)


def fit_object(features: Floats, start: int, parts: Sequence[int]) -> FeatureProjection:
    """Fit the projection to the look of the object alone: (OBJECT_SIZE,).

    Each output of the network for the objects is centred and halfway whitened on the shop's own photos: its
    principal components get the power -1/4 of their variances, so what all products of a shop have in common counts
    less, and the outputs get equal lengths. Of all of them together the 256 leading principal components are used.
    Partial whitening: Jégou and Chum 2012, "Negative Evidences and Co-occurrences in Image Retrieval: The Benefit of
    PCA and Whitening".

    All axes are zero where there are fewer than two different photos.

    Args:
        features: float32 (n, o), the network's features of the objects.
        start: number of their first column.
        parts: lengths of the outputs of which they consist, at least one.
    """
    mean = features.mean(axis=0, dtype=np.float64).astype(np.float32) if len(features) else np.zeros(sum(parts))
    centred = features - mean
    blocks, scaled = list[Floats](), list[Floats]()
    for stop, size in zip(np.cumsum(parts), parts, strict=True):
        axes = _whitened_axes(centred[:, stop - size : stop])
        blocks.append(axes)
        scaled.append(centred[:, stop - size : stop] @ axes)
    combined = principal_axes(np.concatenate(scaled, axis=1), OBJECT_SIZE)
    rows = np.split(combined, np.cumsum([axes.shape[1] for axes in blocks])[:-1])
    joined = np.concatenate([axes @ own for axes, own in zip(blocks, rows, strict=True)])
    return FeatureProjection.from_axes(start, mean.astype(np.float32), joined, OBJECT_SIZE)


def _whitened_axes(centred: Floats) -> Floats:
    """Return the directions of halfway whitened components, scaled so that a photo's components have length 1 on
    average: float32 (c, m); m is 0 without variance."""
    if len(centred) < 2 or not centred.any():
        return np.zeros((centred.shape[1], 0), np.float32)
    axes = principal_axes(centred, min(OBJECT_SIZE, len(centred) - 1))
    variances = (centred @ axes).var(axis=0, dtype=np.float64)
    whitened = axes * ((variances + _OBJECT_FLOOR * variances.max()) ** -0.25).astype(np.float32)
    length = float(np.sqrt(((centred @ whitened) ** 2).sum(axis=1).mean()))
    scaled: Floats = whitened / length
    return scaled
