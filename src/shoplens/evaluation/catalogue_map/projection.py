"""Projects vectors to positions on a plane, so that products that look alike lie side by side."""

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

MIN_UMAP_ROWS = 15
WITHOUT_UMAP = "PCA; for UMAP: pip install 'shoplens[map]'"
NEIGHBOURS = 15
MIN_DISTANCE = 0.35
MAX_GAP = 0.05
"""Empty bands of the map are narrowed to this share of its width."""
TEMPERATURE = 0.05
"""Difference in cosine similarity at which the weight of a product falls to 1 / e."""
_BATCH_SIZE = 1024


@dataclass(frozen=True, slots=True)
class Projection:
    """The positions of vectors on the map.

    Attributes:
        positions: float32 (n, 2) in [0, 1], in the order of the vectors. The map keeps its proportions: the longer side
            runs from 0 to 1 along the first axis, and the shorter side is centred.
        method: ``UMAP`` or ``PCA``.
        note: a note on the method for readers; may be empty.
    """

    positions: Positions
    method: str
    note: str = ""

    def __post_init__(self) -> None:
        _check_positions(self.positions)


def project(vectors: Vectors, seed: int = 0) -> Projection:
    """Project unit vectors (n, d) to a plane: by UMAP where it is installed and n is at least 15, otherwise by PCA.

    The same vectors and seed give the same map. UMAP keeps neighbours together; the distance of two clusters means
    little, so empty bands are narrowed to a twentieth of the map. PCA keeps the two directions of most variance.

    Source of UMAP: McInnes, Healy and Melville, 2018, https://arxiv.org/abs/1802.03426.
    """
    if len(vectors) < MIN_UMAP_ROWS:
        note = f"PCA; UMAP needs {MIN_UMAP_ROWS} products or more" if len(vectors) > 2 else ""
        return Projection(_scale_to_unit_square(_principal_components(vectors)), "PCA", note)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numba, and of umap about a missing TensorFlow, which is not needed
        try:
            import umap
        except ImportError:
            return Projection(_scale_to_unit_square(_principal_components(vectors)), "PCA", WITHOUT_UMAP)
        positions = umap.UMAP(
            n_neighbors=min(NEIGHBOURS, len(vectors) - 1),
            min_dist=MIN_DISTANCE,
            metric="cosine",
            init="pca",  # spectral initialisation fails for catalogues of separate clusters
            random_state=seed,
            n_jobs=1,
        ).fit_transform(vectors)
    if not np.isfinite(positions).all():
        note = "PCA; the vectors are too similar for UMAP"
        return Projection(_scale_to_unit_square(_principal_components(vectors)), "PCA", note)
    return Projection(_scale_to_unit_square(_narrow_gaps(_principal_components(positions))), "UMAP")


def query_positions(queries: Vectors, products: Vectors, positions: Positions, nearest: int = 4) -> Positions:
    """Return the positions of query photos on a map of products: float32 (number of queries, 2).

    A query lies at the weighted mean of the positions of its few most similar products. With s the cosine similarity to
    a product and s* the highest one, the weight is exp((s - s*) / 0.05): a product that is 0.05 less similar than the
    best has 37 % of its weight. The products do not move, and the position of a query does not depend on others.

    Without products, queries lie in the centre.

    Raises:
        InvalidValue: the numbers of products and positions differ.

    >>> products = np.eye(3, dtype=np.float32)
    >>> positions = np.array([[0, 0], [1, 0], [1, 1]], np.float32)
    >>> query_positions(products[1:2], products, positions).round(3).tolist()
    [[1.0, 0.0]]
    """
    if len(products) != len(positions):
        raise InvalidValue(f"There are {len(positions)} positions for {len(products)} products.", "Give one for each.")
    if not len(products):
        return np.full((len(queries), 2), 0.5, np.float32)
    result = np.empty((len(queries), 2), np.float32)
    for start in range(0, len(queries), _BATCH_SIZE):
        cosines = queries[start : start + _BATCH_SIZE] @ products.T
        best = np.argsort(-cosines, axis=1, kind="stable")[:, :nearest]
        similarity = np.take_along_axis(cosines, best, axis=1)
        weights = np.exp((similarity - similarity[:, :1]) / TEMPERATURE)
        weights /= weights.sum(axis=1, keepdims=True)
        result[start : start + _BATCH_SIZE] = np.einsum("qk,qkc->qc", weights, positions[best])
    return result.clip(0.0, 1.0)


def _principal_components(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the first two principal components, float32 (n, 2); the extreme value of each is made positive."""
    result = np.zeros((len(rows), 2), np.float32)
    if len(rows) < 2:
        return result
    centered = rows - rows.mean(axis=0)
    components = centered @ principal_axes(centered, 2, exact=True)
    extremes = components[np.abs(components).argmax(axis=0), range(components.shape[1])]
    result[:, : components.shape[1]] = components * np.where(extremes < 0, -1, 1)
    return result


def _narrow_gaps(positions: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Narrow the empty horizontal and vertical bands; the shape of each cluster stays. The longer side comes first."""
    max_gap = max(MAX_GAP, 3 / len(positions))
    narrow = np.empty_like(positions)
    for axis, values in enumerate(positions.T):
        order = np.argsort(values, kind="stable")
        steps = np.diff(values[order], prepend=values[order[0]])
        narrow[order, axis] = np.cumsum(np.minimum(steps, max_gap * np.ptp(values)))
    width, height = np.ptp(narrow, axis=0)
    return narrow if width >= height else narrow[:, ::-1]


def _scale_to_unit_square(positions: npt.NDArray[np.float32]) -> Positions:
    if not len(positions):
        return np.zeros((0, 2), np.float32)
    low, high = positions.min(axis=0), positions.max(axis=0)
    side = float((high - low).max())
    if side < 1e-6:
        return np.full((len(positions), 2), 0.5, np.float32)
    scaled: Positions = ((positions - (low + high) / 2) / side + 0.5).clip(0.0, 1.0).astype(np.float32)
    return scaled


def _check_positions(positions: Positions) -> None:
    fits = positions.ndim == 2 and positions.shape[1] == 2 and positions.dtype == np.float32
    if not (fits and np.isfinite(positions).all() and ((positions >= 0) & (positions <= 1)).all()):
        raise InvalidValue(
            f"Positions of shape {positions.shape} and type {positions.dtype} are invalid.",
            "Give float32 of shape (n, 2), each in [0, 1].",
        )
