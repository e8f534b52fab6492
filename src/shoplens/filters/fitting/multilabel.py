"""Which classes a photo is of, where it may be of several: one ridge regression per class, and Platt's sigmoids."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from shoplens.filters.fitting.crossfit import Bools, Heads, Rows, Sums, sums_without_each_fold
from shoplens.filters.photo_features.pixels import Floats

_PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0)
"""As parts of the mean variance of a direction."""
_STEPS = 25
_SPREAD = 0.5
"""Slopes of single classes differ from the common one by about this part of it."""
_RIDGE = 1e-3
"""Keeps offsets finite and Newton's steps solvable."""
_MOST_STEP = 5.0


def regression(sums: Sums, penalty: float) -> tuple[Floats, Floats]:
    """Weights (m, K) and bias (K,) of ridge regression on targets of 0 and 1, one per class, all solved at once.

    Minimises sum_i (y_i - w'x_i - b)² + penalty * (photos * mean variance of x's m columns) * |w|², where y is a
    class's share for those few photos that the feed is silent about. Hoerl, Kennard 1970, "Ridge Regression: Biased
    Estimation for Nonorthogonal Problems".
    """
    spread = sums.spread
    share = sums.counts / max(sums.photos, 1.0)
    ridge = max(penalty * float(spread.variances.mean()) if len(spread.mean) else 0.0, 1e-6)
    crossed = (sums.apart - np.outer(share, sums.told)) / max(spread.photos, 1.0)
    weights = spread.axes @ (crossed / (spread.variances + ridge)).T.astype(np.float32)
    return weights, (share - spread.mean @ weights).astype(np.float32)


def multilabel_heads(rows: Rows, targets: Floats, known: Bools) -> Heads:
    """Heads whose logits, through a sigmoid, are calibrated probabilities, each class by itself.

    The penalty is the one of .01, .03, .1, .3 and 1 with the least log loss on photos that the heads never saw; the
    sigmoids are fitted to the same predictions, see :func:`platt`. No photo is left out for its label: where classes
    do not exclude each other, one that is surely there says nothing against another.

    Args:
        rows: photos in the basis.
        targets: float32 (n, K), 1 for each class that a photo is of.
        known: bool (n,), False where the feed is silent.
    """
    sums = sums_without_each_fold(rows, rows.spreads_of(known), targets, known)
    seen = np.stack([part.counts > 0 for part in sums])
    tried = [Heads.of([regression(part, penalty) for part in sums], seen) for penalty in _PENALTIES]
    x, folds = rows.x[known], rows.folds[known]
    sigmoids = [platt(heads.logits(x, folds), targets[known]) for heads in tried]
    best = min(range(len(tried)), key=lambda one: sigmoids[one].loss)
    return tried[best].scale(sigmoids[best].slope, sigmoids[best].offset)


Doubles = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


class Sigmoids(NamedTuple):
    """p = sigmoid(slope * score + offset); both float32 (K,). ``loss`` is the mean log loss in nats."""

    slope: Floats
    offset: Floats
    loss: float


def platt(scores: Floats, targets: Floats) -> Sigmoids:
    """A sigmoid per class, its slope drawn to the slope that suits all classes together.

    Slope and offset of least log loss by Newton's method, targets smoothed: Platt 1999, "Probabilistic Outputs for
    Support Vector Machines"; Lin, Lin, Weng 2007, "A note on Platt's probabilistic outputs". First one slope for all
    classes and an offset for each; then a slope for each, normally distributed around the common one with a deviation
    of half of it, so that a class of few photos keeps the common slope. A slope below 0 means that scores say nothing:
    then it is 0, and probabilities are frequencies.

    Args:
        scores: float32 (n, K), of photos that the heads never saw.
        targets: float32 (n, K), 0 or 1.
    """
    photos, classes = scores.shape
    if not scores.size:
        return Sigmoids(np.zeros(classes, np.float32), np.full(classes, -_MOST_STEP, np.float32), 0.0)
    s, y = scores.astype(np.float64), targets.astype(np.float64)
    positive = y.sum(axis=0)
    y = np.where(y > 0, (positive + 1) / (positive + 2), 1 / (photos - positive + 2))
    share = np.clip(y.mean(axis=0), 1e-6, 1 - 1e-6)
    frequent: Doubles = np.log(share / (1 - share))
    centre = s.mean(axis=0)
    s = s - centre
    unit = float(np.sqrt((s**2).mean())) or 1.0
    s = s / unit
    slope, offset = _newton(s, y, np.zeros(classes), frequent, None)
    common = float(slope[0])
    if common > 0:
        slope, offset = _newton(s, y, slope, offset, common)
    slope, offset = np.maximum(slope, 0.0), np.where(slope > 0, offset, frequent)
    z = slope * s + offset
    loss = float((np.logaddexp(0, z) - y * z).mean())
    slope = slope / unit
    return Sigmoids(slope.astype(np.float32), (offset - slope * centre).astype(np.float32), loss)


def _newton(s: Doubles, y: Doubles, slope: Doubles, offset: Doubles, common: float | None) -> tuple[Doubles, Doubles]:
    """Slopes and offsets (K,): one slope for all where ``common`` is None, else slopes drawn to it."""
    pull = 0.0 if common is None else 1 / (_SPREAD * common) ** 2
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(slope * s + offset, -35, 35)))
        gap, weight = p - y, p * (1 - p)
        down = (gap * s).sum(axis=0) + pull * (slope - (common or 0.0))
        across, bent = gap.sum(axis=0), weight.sum(axis=0) + _RIDGE
        mixed, curved = (weight * s).sum(axis=0), (weight * s * s).sum(axis=0) + pull + _RIDGE
        left, right = curved - mixed**2 / bent, down - mixed * across / bent
        if common is None:
            left, right = np.full_like(left, left.sum()), np.full_like(right, right.sum())
        step = np.clip(right / left, -_MOST_STEP, _MOST_STEP)
        slope, offset = slope - step, offset - np.clip((across - mixed * step) / bent, -_MOST_STEP, _MOST_STEP)
        if float(np.abs(step).max()) < 1e-8:
            break
    return slope, offset
