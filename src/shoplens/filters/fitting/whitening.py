"""Whitening: directions in which rows vary without meaning count less."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from shoplens.filters.fitting.crossfit import FOLDS, Bools, Doubles, Ints, number_groups
from shoplens.filters.model.principal_components import round_to_half
from shoplens.filters.model.view_metric import ViewMetric
from shoplens.filters.photo_features.pixels import Floats

_TINY = 1e-9
VIEW_SHRINKAGE = 0.3
"""Shrinkage of the covariance of photos of one product, however many there are."""
VIEW_PRIOR = 128
"""Further photos that count as if they differed alike in all directions, so that few photos change little."""


def whitening_matrix(deviations: Floats | Doubles, shrinkage: float) -> Floats:
    """Return (C + shrinkage · t · I)^(-1/2), float32 (m, m): C is the covariance of deviations, t its mean eigenvalue.

    If the deviations are those of rows from the means of their classes, this is within-class covariance normalisation:
    Hatch, Kajarekar, Stolcke 2006, "Within-Class Covariance Normalization for SVM-based Speaker Recognition".

    Args:
        deviations: float (n, m), with mean 0; without rows all directions count alike.
        shrinkage: 0 or more; the greater, the more alike all directions count.
    """
    values, axes = np.linalg.eigh(deviations.T @ deviations / max(len(deviations), 1))
    mean = float(values.mean()) if len(values) else 0.0
    lengths = np.sqrt(np.maximum(values, 0) + max(shrinkage * mean, _TINY))
    result: Floats = (axes / lengths) @ axes.T
    return result.astype(np.float32)


def fit_view_metric(vectors: Mapping[str, Floats], products: Sequence[str], folds: Ints) -> ViewMetric | None:
    """Learn how photos of one product differ, from the products with several; None where there are none.

    The covariance within products is shrunk by :data:`VIEW_SHRINKAGE` and by :data:`VIEW_PRIOR` divided by the number
    of further photos. Its inverse square root takes the place of the inverse, so that a shop's own photos, which vary
    otherwise than shoppers', are not trusted fully; both numbers and the power were chosen on development photos.
    Within-class covariance normalisation: Hatch, Kajarekar, Stolcke 2006, "Within-Class Covariance Normalization for
    SVM-based Speaker Recognition".

    A photo that several products have, such as a table of sizes, shows none of them, and is left out.

    Args:
        vectors: dimension -> float32 (n, d), unit vectors of the catalogue's photos; of one dimension at least.
        products: the product of each photo.
        folds: int64 (n,), of the groups of the products.
    """
    numbers = number_groups(products)
    own = _shows_one_product(next(iter(vectors.values())), numbers)
    vectors = {name: rows[own] for name, rows in vectors.items()}
    numbers, folds = number_groups(numbers[own].tolist()), folds[own]
    sizes = np.bincount(numbers)
    if not len(sizes) or sizes.max() < 2:
        return None
    matrices = {}
    for name, rows in vectors.items():
        sums = np.zeros((len(sizes), rows.shape[1]), np.float32)
        np.add.at(sums, numbers, rows)
        deviations = rows - (sums / sizes[:, None])[numbers]
        fitted = []
        for fold in range(FOLDS + 1):
            kept = (folds != fold) & (sizes[numbers] > 1)
            further = kept.sum() - len(np.unique(numbers[kept]))
            matrix = whitening_matrix(deviations[kept], VIEW_SHRINKAGE + VIEW_PRIOR / max(int(further), 1))
            fitted.append(matrix / (np.trace(matrix) / len(matrix)))
        matrices[name] = round_to_half(np.stack(fitted))
    return ViewMetric(matrices, len(numbers) - len(sizes))


def _shows_one_product(vectors: Floats, products: Ints) -> Bools:
    """Return bool (n,): whether no photo of another product is equal, by its vector."""
    owners: dict[bytes, set[int]] = {}
    keys = [row.tobytes() for row in vectors]
    for key, product in zip(keys, products.tolist(), strict=True):
        owners.setdefault(key, set()).add(product)
    return np.array([len(owners[key]) == 1 for key in keys], np.bool_)
