"""Vectors as places on a flat map, so that products that look alike lie side by side."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue
from shoplens.filters.fitting.pca import principal_axes
from shoplens.types import Vectors

Positions = npt.NDArray[np.float32]
"""float32, shape (n, 2), each in [0, 1]."""

FEWEST_FOR_UMAP = 15
WITHOUT_UMAP = "PCA; for UMAP: pip install 'shoplens[map]'"
NEIGHBOURS = 15
MIN_DISTANCE = 0.35
WIDEST_GAP = 0.05
SOFTNESS = 0.05
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class Projection:
    """Where each vector lies on the map.

    Attributes:
        positions: float32 (n, 2) in [0, 1], in the vectors' order. The map keeps its proportions: the longer side
            runs from 0 to 1 along the first axis, the shorter one lies in the middle.
        method: ``UMAP`` or ``PCA``.
        note: what a reader should know about the method; empty when there is nothing.
    """

    positions: Positions
    method: str
    note: str = ""

    def __post_init__(self) -> None:
        _check_positions(self.positions)


def project(vectors: Vectors, seed: int = 0) -> Projection:
    """The map of unit vectors (n, d): by UMAP where it is installed and n is at least 15, else by PCA.

    The same vectors and seed give the same map. UMAP keeps neighbours together; how far apart two islands lie means
    little, so bands where nothing lies are narrowed to a twentieth of the map. PCA keeps the two directions in which
    the vectors differ most.

    Source of UMAP: McInnes, Healy and Melville, 2018, https://arxiv.org/abs/1802.03426.
    """
    if len(vectors) < FEWEST_FOR_UMAP:
        few = f"PCA; UMAP takes {FEWEST_FOR_UMAP} products or more" if len(vectors) > 2 else ""
        return Projection(_scale_to_unit_square(_principal(vectors)), "PCA", few)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numba, and umap about TensorFlow, which nobody asked for
        try:
            import umap
        except ImportError:
            return Projection(_scale_to_unit_square(_principal(vectors)), "PCA", WITHOUT_UMAP)
        places = umap.UMAP(
            n_neighbors=min(NEIGHBOURS, len(vectors) - 1),
            min_dist=MIN_DISTANCE,
            metric="cosine",
            init="pca",  # the spectral one gives up on catalogues that fall apart into islands
            random_state=seed,
            n_jobs=1,
        ).fit_transform(vectors)
    if not np.isfinite(places).all():
        return Projection(
            _scale_to_unit_square(_principal(vectors)), "PCA", "PCA; the vectors are too much alike for UMAP"
        )
    return Projection(_scale_to_unit_square(_narrow_gaps(_principal(places))), "UMAP")


def query_positions(queries: Vectors, products: Vectors, positions: Positions, nearest: int = 4) -> Positions:
    """Where query photos lie on a map of products: float32 (number of queries, 2).

    A query lies at the weighted mean of the positions of its few most similar products. With s the cosine to a product
    and s* the highest one, the weight is exp((s - s*) / 0.05): a product that is 0.05 less similar than the best pulls
    37 % as much. The map of the products does not move, and one query's place does not depend on another's.

    Without products, queries lie in the middle.

    >>> products = np.eye(3, dtype=np.float32)
    >>> places = np.array([[0, 0], [1, 0], [1, 1]], np.float32)
    >>> placed(products[1:2], products, places).round(3).tolist()
    [[1.0, 0.0]]
    """
    if len(products) != len(positions):
        raise InvalidValue(f"{len(positions)} positions for {len(products)} products.", "Give one for each.")
    if not len(products):
        return np.full((len(queries), 2), 0.5, np.float32)
    places = np.empty((len(queries), 2), np.float32)
    for start in range(0, len(queries), _ROWS_AT_ONCE):
        cosines = queries[start : start + _ROWS_AT_ONCE] @ products.T
        best = np.argsort(-cosines, axis=1, kind="stable")[:, :nearest]
        similarity = np.take_along_axis(cosines, best, axis=1)
        weights = np.exp((similarity - similarity[:, :1]) / SOFTNESS)
        weights /= weights.sum(axis=1, keepdims=True)
        places[start : start + _ROWS_AT_ONCE] = np.einsum("qk,qkc->qc", weights, positions[best])
    return places.clip(0.0, 1.0)


def _principal(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Coordinates along the two directions of most variance, float32 (n, 2); the sign is fixed by the longest tail."""
    places = np.zeros((len(rows), 2), np.float32)
    if len(rows) < 2:
        return places
    centered = rows - rows.mean(axis=0)
    found = centered @ principal_axes(centered, 2, exact=True)
    extremes = found[np.abs(found).argmax(axis=0), range(found.shape[1])]
    places[:, : found.shape[1]] = found * np.where(extremes < 0, -1, 1)
    return places


def _narrow_gaps(places: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The same map with empty bands, across or down, made narrow. What lies within an island keeps its shape."""
    widest = max(WIDEST_GAP, 3 / len(places))
    narrow = np.empty_like(places)
    for axis, values in enumerate(places.T):
        order = np.argsort(values, kind="stable")
        steps = np.diff(values[order], prepend=values[order[0]])
        narrow[order, axis] = np.cumsum(np.minimum(steps, widest * np.ptp(values)))
    across, down = np.ptp(narrow, axis=0)
    return narrow if across >= down else narrow[:, ::-1]


def _scale_to_unit_square(places: npt.NDArray[np.float32]) -> Positions:
    if not len(places):
        return np.zeros((0, 2), np.float32)
    low, high = places.min(axis=0), places.max(axis=0)
    side = float((high - low).max())
    if side < 1e-6:
        return np.full((len(places), 2), 0.5, np.float32)
    scaled: Positions = ((places - (low + high) / 2) / side + 0.5).clip(0.0, 1.0).astype(np.float32)
    return scaled


def _check_positions(positions: Positions) -> None:
    fits = positions.ndim == 2 and positions.shape[1] == 2 and positions.dtype == np.float32
    if not (fits and np.isfinite(positions).all() and ((positions >= 0) & (positions <= 1)).all()):
        raise InvalidValue(
            f"Positions of shape {positions.shape}, {positions.dtype}, are no places on a map.",
            "Give float32 of shape (n, 2), each in [0, 1].",
        )
