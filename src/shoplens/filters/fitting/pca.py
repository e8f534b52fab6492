"""Principal components: the directions in which rows differ most (Pearson 1901)."""

from __future__ import annotations

import numpy as np

from shoplens.filters.photo_features.pixels import Floats

_SPARE = 32
"""Directions looked for beyond those that are kept, for those lie better then."""
_ROUNDS = 2
_WORTH = 3
"""A matrix so many times as large as the directions that are looked for is not taken apart whole."""


def components(rows: Floats, most: int) -> Floats:
    """Orthonormal columns, float32 (c, m) with m <= ``most``, the most variance first; none without variance.

    Rows are taken as they are, so centre them first. The smaller of the two Gram matrices is taken apart; the leading
    directions of a large one by subspace iteration from a random start, always the same: Halko, Martinsson, Tropp 2011,
    "Finding Structure with Randomness".

    Args:
        rows: float32 (n, c).
    """
    few = len(rows) <= rows.shape[1]
    values, found = _leading(rows @ rows.T if few else rows.T @ rows, most)
    vectors = rows.T @ (found / np.sqrt(values)) if few else found
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]) if vectors.size else 1.0
    result: Floats = (vectors * signs).astype(np.float32)
    return result


def _leading(gram: Floats, most: int) -> tuple[Floats, Floats]:
    """Largest eigenvalues first, without those that are rounding error, and their vectors."""
    size = len(gram)
    wanted = most + _SPARE
    if size > _WORTH * wanted:
        start = np.random.default_rng(0).standard_normal((size, wanted), np.float32)
        frame = np.linalg.qr(gram @ start)[0]
        for _ in range(_ROUNDS):
            frame = np.linalg.qr(gram @ frame)[0]
        values, turned = np.linalg.eigh(frame.T @ (gram @ frame))
        vectors = frame @ turned
    else:
        values, vectors = np.linalg.eigh(gram)
    order = np.argsort(-values, kind="stable")[:most]
    kept = order[values[order] > 1e-6 * max(float(values.max(initial=0)), 1e-12)]
    return values[kept], vectors[:, kept]
