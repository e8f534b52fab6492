"""How well a dimension is read off photos that its heads never saw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shoplens.filters.fitting.crossfit import FOLDS, Bools, Ints
from shoplens.filters.photo_features.pixels import Floats

BINS = 15
_MARGIN = 0.05
"""A dimension is seen when it is read better than by this part of the way from chance to perfection."""
_SIDE = 1.645
"""Quantile of the normal distribution, one-sided 95 %."""
_SIDE_OF_FOLDS = 2.132
"""The same of Student's t with one degree of freedom less than there are folds."""

Doubles = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Quality:
    """Measured on all photos that the feed says something about, each read by heads that never saw its group.

    Attributes:
        photos: how many.
        accuracy: share of photos whose most probable class is the feed's; of a multi-label dimension the share of
            photos whose most probable class is one of the feed's; of a tree that of the deepest node known.
        balanced: mean over the classes of the share of their photos that are read rightly (mean recall); of a
            multi-label dimension of those photos where the class has a probability above .5.
        majority: accuracy of always naming the most frequent class.
        average_precision: mean over the classes of the average precision of their probabilities; None unless
            multi-label.
        calibration_error: expected calibration error of the most probable class: mean over 15 bins of equal mass of
            |share that came true - mean probability| (Naeini, Cooper, Hauskrecht 2015, "Obtaining Well Calibrated
            Probabilities Using Bayesian Binning"); it is above 0 for perfect probabilities, too, by chance.
        seen: whether the photos show this dimension at all.
    """

    photos: int
    accuracy: float
    balanced: float
    majority: float
    calibration_error: float
    seen: bool
    average_precision: float | None = None


NOTHING = Quality(0, 0.0, 0.0, 0.0, 0.0, False)
"""Of a dimension that no photo's feed says anything about."""


def quality_of_classes(probabilities: Floats, classes: Ints, groups: Ints) -> Quality:
    """Of photos of one class each.

    ``seen`` is a one-sided test at 5 %. The photos of a group are alike, so groups are what is counted. Each class is
    made as probable as any other (p / frequency), and a photo that is then read rightly counts 1 / photos of its
    class, so that the sum over groups is a balanced accuracy whose chance is 1 / classes. It must lie above chance by
    more than .05 of the way from there to 1 and by 1.645 standard errors, those of a sum over groups.

    Args:
        probabilities: float32 (n, K).
        classes: int64 (n,).
        groups: int64 (n,), number of each photo's group.
    """
    if not len(classes):
        return NOTHING
    counts = np.bincount(classes, minlength=probabilities.shape[1])
    there = counts > 0
    top = probabilities.argmax(axis=1)
    right = top == classes
    recalls = np.bincount(classes, weights=right, minlength=len(counts))[there] / counts[there]
    even = np.where(there, probabilities / np.maximum(counts, 1), -1).argmax(axis=1) == classes
    return Quality(
        len(classes),
        float(right.mean()),
        float(recalls.mean()),
        float(counts.max() / counts.sum()),
        calibration_error(probabilities.max(axis=1), right),
        _above_chance(even / (counts[classes] * there.sum()), groups, 1 / int(there.sum())),
    )


def quality_of_labels(probabilities: Floats, targets: Floats, folds: Ints) -> Quality:
    """Of photos that may be of several classes.

    ``seen`` is a one-sided t-test at 5 % over the folds: the mean average precision must lie above the classes' mean
    frequency, which is what chance gives, by more than .05 of the way from there to 1.

    Args:
        probabilities: float32 (n, K), each class by itself.
        targets: float32 (n, K), 1 for each class of a photo.
        folds: int64 (n,).
    """
    if not targets.size:
        return NOTHING
    counts = targets.sum(axis=0)
    there = counts > 0
    if not there.any():
        return NOTHING
    first = probabilities.argmax(axis=1)
    right = targets[np.arange(len(targets)), first] > 0
    recalls = ((probabilities > 0.5) * targets).sum(axis=0)[there] / counts[there]
    return Quality(
        len(targets),
        float(right.mean()),
        float(recalls.mean()),
        float(counts.max() / len(targets)),
        calibration_error(probabilities.max(axis=1), right),
        _above_frequency(probabilities, targets, folds),
        mean_average_precision(probabilities, targets),
    )


def calibration_error(said: Floats, true: Bools) -> float:
    """Mean over 15 bins of equal mass of |share that came true - mean of what was said|.

    >>> calibration_error(np.array([0.5, 0.5], np.float32), np.array([True, False]))
    0.5
    """
    if not len(said):
        return 0.0
    order = np.argsort(said, kind="stable")
    gaps = [
        len(part) * abs(float(true[part].mean()) - float(said[part].mean(dtype=np.float64)))
        for part in np.array_split(order, min(BINS, len(order)))
    ]
    return sum(gaps) / len(said)


def mean_average_precision(probabilities: Floats, targets: Floats) -> float:
    """Mean over the classes with photos; of equal probabilities the photo without the class comes first.

    >>> mean_average_precision(np.array([[0.9], [0.8], [0.1]], np.float32), np.array([[1], [0], [1]], np.float32))
    0.8333333333333333
    """
    found = [
        _average_precision(probabilities[:, number], targets[:, number])
        for number in np.flatnonzero(targets.sum(axis=0))
    ]
    return float(np.mean(found)) if found else 0.0


def _average_precision(said: Floats, true: Floats) -> float:
    order = np.lexsort((true, -said))
    hits = true[order] > 0
    return float((np.cumsum(hits)[hits] / (np.flatnonzero(hits) + 1)).mean())


def _above_chance(parts: Doubles, groups: Ints, chance: float) -> bool:
    """Whether a sum over groups of independent parts is surely above chance."""
    sums = np.bincount(groups, weights=parts)
    sums = sums[np.bincount(groups) > 0]
    bar = chance + _MARGIN * (1 - chance)
    if len(sums) < 2 or chance >= 1:
        return False
    error = float(np.sqrt(len(sums) * sums.var(ddof=1)))
    return float(sums.sum()) - bar > _SIDE * error


def _above_frequency(probabilities: Floats, targets: Floats, folds: Ints) -> bool:
    gains: Sequence[float] = [
        mean_average_precision(probabilities[inside], targets[inside]) - _bar(targets[inside])
        for inside in (folds == fold for fold in range(FOLDS))
        if inside.any() and targets[inside].any()
    ]
    if len(gains) < FOLDS:
        return False
    return float(np.mean(gains)) > _SIDE_OF_FOLDS * float(np.std(gains, ddof=1)) / math.sqrt(FOLDS)


def _bar(targets: Floats) -> float:
    shares = targets.mean(axis=0)
    return float((shares + _MARGIN * (1 - shares))[shares > 0].mean())
