"""Heads for photos that may have several classes: one ridge regression per class, and Platt's sigmoids."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from shoplens.filters.fitting.crossfit import (
    Bools,
    ClassSums,
    CrossFitData,
    LinearHeads,
    class_sums_without_each_fold,
)
from shoplens.filters.photo_features.pixels import Floats

_PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Ridge penalties, as parts of the mean variance of a component."""
_ITERATIONS = 25
_SLOPE_DEVIATION = 0.5
"""Prior standard deviation of the slopes of single classes, as a part of the common slope."""
_RIDGE = 1e-3
"""Keeps offsets finite and Newton's steps solvable."""
_MAX_STEP = 5.0


def solve_ridge(sums: ClassSums, penalty: float) -> tuple[Floats, Floats]:
    """Return weights (m, K) and bias (K,) of ridge regression on targets of 0 and 1, one per class, solved at once.

    Minimises sum_i (y_i - w'x_i - b)² + penalty * (photos * mean variance of x's m columns) * |w|², where y is a
    class's share for those few photos for which the feed gives no value. Hoerl, Kennard 1970, "Ridge Regression: Biased
    Estimation for Nonorthogonal Problems".
    """
    covariance = sums.covariance
    share = sums.counts / max(sums.photos, 1.0)
    ridge = max(penalty * float(covariance.variances.mean()) if len(covariance.mean) else 0.0, 1e-6)
    cross_covariance = (sums.class_deviations - np.outer(share, sums.total_deviation)) / max(covariance.photos, 1.0)
    weights = covariance.axes @ (cross_covariance / (covariance.variances + ridge)).T.astype(np.float32)
    return weights, (share - covariance.mean @ weights).astype(np.float32)


def fit_multilabel_heads(data: CrossFitData, targets: Floats, is_known: Bools) -> LinearHeads:
    """Fit heads whose logits give calibrated probabilities by the sigmoid, each class independently.

    The penalty is the one of .01, .03, .1, .3 and 1 with the least log loss on photos that the heads were not fitted
    to; the sigmoids are fitted to the same predictions, see :func:`fit_platt`. No photo is left out as doubtful: where
    classes do not exclude each other, a class that is certainly there is no evidence against another.

    Args:
        data: photos in the principal components.
        targets: float32 (n, K), 1 for each class of a photo.
        is_known: bool (n,), False where the feed gives no value.
    """
    sums = class_sums_without_each_fold(data, data.covariances_of(is_known), targets, is_known)
    has_class = np.stack([fold.counts > 0 for fold in sums])
    candidates = [
        LinearHeads.from_folds([solve_ridge(fold, penalty) for fold in sums], has_class) for penalty in _PENALTIES
    ]
    x, folds = data.x[is_known], data.folds[is_known]
    sigmoids = [fit_platt(heads.logits(x, folds), targets[is_known]) for heads in candidates]
    best = min(range(len(candidates)), key=lambda n: sigmoids[n].loss)
    return candidates[best].scale(sigmoids[best].slope, sigmoids[best].offset)


Doubles = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


class PlattScaling(NamedTuple):
    """p = sigmoid(slope * score + offset); both float32 (K,). ``loss`` is the mean log loss in nats."""

    slope: Floats
    offset: Floats
    loss: float


def fit_platt(scores: Floats, targets: Floats) -> PlattScaling:
    """Fit a sigmoid per class, whose slope is shrunk to the slope that suits all classes together.

    Slope and offset minimise log loss by Newton's method, with smoothed targets: Platt 1999, "Probabilistic Outputs for
    Support Vector Machines"; Lin, Lin, Weng 2007, "A note on Platt's probabilistic outputs". First one slope is fitted
    for all classes and an offset for each; then a slope for each, with a normal prior around the common slope whose
    deviation is half of it, so that a class of few photos keeps the common slope. A slope below 0 means that scores say
    nothing: then it is 0, and probabilities are frequencies.

    Args:
        scores: float32 (n, K), of photos that the heads were not fitted to.
        targets: float32 (n, K), 0 or 1.
    """
    photos, classes = scores.shape
    if not scores.size:
        return PlattScaling(np.zeros(classes, np.float32), np.full(classes, -_MAX_STEP, np.float32), 0.0)
    s, y = scores.astype(np.float64), targets.astype(np.float64)
    positive = y.sum(axis=0)
    y = np.where(y > 0, (positive + 1) / (positive + 2), 1 / (photos - positive + 2))
    share = np.clip(y.mean(axis=0), 1e-6, 1 - 1e-6)
    log_odds: Doubles = np.log(share / (1 - share))
    centre = s.mean(axis=0)
    s = s - centre
    unit = float(np.sqrt((s**2).mean())) or 1.0
    s = s / unit
    slope, offset = _minimize_log_loss(s, y, np.zeros(classes), log_odds, None)
    common = float(slope[0])
    if common > 0:
        slope, offset = _minimize_log_loss(s, y, slope, offset, common)
    slope, offset = np.maximum(slope, 0.0), np.where(slope > 0, offset, log_odds)
    z = slope * s + offset
    loss = float((np.logaddexp(0, z) - y * z).mean())
    slope = slope / unit
    return PlattScaling(slope.astype(np.float32), (offset - slope * centre).astype(np.float32), loss)


def _minimize_log_loss(
    s: Doubles, y: Doubles, slope: Doubles, offset: Doubles, common: float | None
) -> tuple[Doubles, Doubles]:
    """Return slopes and offsets (K,) by Newton's method: one slope for all where ``common`` is None, else slopes with a
    prior around it."""
    precision = 0.0 if common is None else 1 / (_SLOPE_DEVIATION * common) ** 2
    for _ in range(_ITERATIONS):
        p = 1 / (1 + np.exp(-np.clip(slope * s + offset, -35, 35)))
        residual, weight = p - y, p * (1 - p)
        slope_gradient = (residual * s).sum(axis=0) + precision * (slope - (common or 0.0))
        offset_gradient, offset_curvature = residual.sum(axis=0), weight.sum(axis=0) + _RIDGE
        mixed = (weight * s).sum(axis=0)
        slope_curvature = (weight * s * s).sum(axis=0) + precision + _RIDGE
        left = slope_curvature - mixed**2 / offset_curvature
        right = slope_gradient - mixed * offset_gradient / offset_curvature
        if common is None:
            left, right = np.full_like(left, left.sum()), np.full_like(right, right.sum())
        step = np.clip(right / left, -_MAX_STEP, _MAX_STEP)
        offset_step = np.clip((offset_gradient - mixed * step) / offset_curvature, -_MAX_STEP, _MAX_STEP)
        slope, offset = slope - step, offset - offset_step
        if float(np.abs(step).max()) < 1e-8:
            break
    return slope, offset
