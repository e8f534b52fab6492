"""Whitening: directions in which rows vary without meaning count less."""

from __future__ import annotations

import numpy as np

from shoplens.filters.fitting.crossfit import Doubles
from shoplens.filters.photo_features.pixels import Floats

_TINY = 1e-9


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
