"""Directions in which photos of one product differ count less when a query is compared with the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from shoplens.filters.fitting.crossfit import FOLDS, MEAN_HEAD, fold_index
from shoplens.filters.photo_features.pixels import Floats

_TINY = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class ViewMetric:
    """How much each direction counts, learned from products with several photos.

    A query q is compared with a photo p by q'Mp, where M is the square root of the inverse covariance of the photos of
    one product: as if both were whitened halfway, but nothing that is stored of the catalogue changes.

    Attributes:
        matrices: dimension -> float32 (FOLDS + 1, d, d), symmetric: for each fold of groups one that was not fitted to
            it, and one that was fitted to all of them last.
        photos: number of photos, beside the first of each product, that it was learned from.

    Raises:
        ValueError: an array has another shape.
    """

    matrices: Mapping[str, Floats]
    photos: int

    def __post_init__(self) -> None:
        for name, matrices in self.matrices.items():
            if matrices.ndim != 3 or matrices.shape[0] != FOLDS + 1 or matrices.shape[1] != matrices.shape[2]:
                raise ValueError(f"the view metric of {name} is of shape {matrices.shape}")

    def transform(self, name: str, vector: Floats, group: str | None = None) -> Floats:
        """Return Mq, float32 (d,), with the length of q; q itself in a dimension that has no metric.

        Args:
            name: of the dimension.
            vector: float32 (d,).
            group: of the product whose photo it is, where it is of the catalogue.
        """
        if name not in self.matrices:
            return vector
        transformed = self.matrices[name][MEAN_HEAD if group is None else fold_index(group, FOLDS)] @ vector
        length = np.linalg.norm(vector) / max(float(np.linalg.norm(transformed)), _TINY)
        result: Floats = (transformed * length).astype(np.float32)
        return result
