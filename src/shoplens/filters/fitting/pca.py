"""Principal component analysis: the directions in which rows vary most (Pearson 1901)."""

from __future__ import annotations

import numpy as np

from shoplens.filters.photo_features.pixels import Floats

_EXTRA_DIRECTIONS = 32
"""Directions that are computed beyond the requested ones, which makes the requested ones more accurate."""
_ITERATIONS = 2
_FULL_DECOMPOSITION_RATIO = 3
"""A matrix larger than so many times the computed directions is not decomposed as a whole."""


def principal_axes(rows: Floats, max_count: int, *, exact: bool = False) -> Floats:
    """Return orthonormal columns, float32 (c, m) with m <= ``max_count``, most variance first; none without variance.

    Rows are not centred here. The smaller of the two Gram matrices is decomposed; the leading eigenvectors of a large
    one are computed by subspace iteration from a fixed random start: Halko, Martinsson, Tropp 2011, "Finding Structure
    with Randomness". Where the variance hardly falls from one direction to the next, these are approximate.

    Args:
        rows: float32 (n, c).
        max_count: number of directions.
        exact: decompose a large matrix as a whole too.
    """
    is_wide = len(rows) <= rows.shape[1]
    values, eigenvectors = _leading_eigenvectors(rows @ rows.T if is_wide else rows.T @ rows, max_count, exact)
    axes = rows.T @ (eigenvectors / np.sqrt(values)) if is_wide else eigenvectors
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]) if axes.size else 1.0
    result: Floats = (axes * signs).astype(np.float32)
    return result


def _leading_eigenvectors(gram: Floats, max_count: int, exact: bool) -> tuple[Floats, Floats]:
    """Return eigenvalues, largest first and without those that are rounding error, and their eigenvectors."""
    size = len(gram)
    count = max_count + _EXTRA_DIRECTIONS
    if size > _FULL_DECOMPOSITION_RATIO * count and not exact:
        start = np.random.default_rng(0).standard_normal((size, count), np.float32)
        frame = np.linalg.qr(gram @ start)[0]
        for _ in range(_ITERATIONS):
            frame = np.linalg.qr(gram @ frame)[0]
        values, rotation = np.linalg.eigh(frame.T @ (gram @ frame))
        vectors = frame @ rotation
    else:
        values, vectors = np.linalg.eigh(gram)
    order = np.argsort(-values, kind="stable")[:max_count]
    significant = order[values[order] > 1e-6 * max(float(values.max(initial=0)), 1e-12)]
    return values[significant], vectors[:, significant]
