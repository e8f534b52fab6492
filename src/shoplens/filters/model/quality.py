"""Quality of a dimension: how well it is predicted for photos that its heads were not fitted to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shoplens.filters.fitting.crossfit import FOLDS, Bools, Ints
from shoplens.filters.photo_features.pixels import Floats

BINS = 15
_MARGIN = 0.05
"""A dimension is visible when it is predicted better than by this part of the way from chance to perfection."""
_NORMAL_QUANTILE = 1.645
"""95 % quantile of the normal distribution."""
_T_QUANTILE = 2.132
"""95 % quantile of Student's t distribution with one degree of freedom less than there are folds."""

Doubles = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Quality:
    """Quality of a dimension, over all photos for which the feed gives a value, each predicted by heads that were not
    fitted to its group.

    Attributes:
        photos: number of these photos.
        accuracy: share of photos whose most probable class is the feed's; in a multi-label dimension the share of
            photos whose most probable class is one of the feed's; in a tree that of the deepest node known.
        balanced_accuracy: mean over the classes of the share of their photos that are predicted correctly (mean
            recall); in a multi-label dimension of those photos where the class has a probability above .5.
        majority_accuracy: accuracy of always predicting the most frequent class.
        calibration_error: expected calibration error of the most probable class: mean over 15 bins of equal mass of
            |share that is correct - mean probability| (Naeini, Cooper, Hauskrecht 2015, "Obtaining Well Calibrated
            Probabilities Using Bayesian Binning"); by chance it is above 0 for perfect probabilities, too.
        is_visible: whether the photos show this dimension at all.
        average_precision: mean over the classes of the average precision of their probabilities; None unless
            multi-label.
    """

    photos: int
    accuracy: float
    balanced_accuracy: float
    majority_accuracy: float
    calibration_error: float
    is_visible: bool
    average_precision: float | None = None


NO_QUALITY = Quality(0, 0.0, 0.0, 0.0, 0.0, False)
"""Quality of a dimension for which the feed gives no photo a value."""


def measure_class_quality(probabilities: Floats, classes: Ints, groups: Ints) -> Quality:
    """Measure the quality for photos of one class each.

    ``is_visible`` is the result of a one-sided test at 5 %. The photos of a group are similar, so groups are the units.
    All classes are given equal prior probability (p / frequency), and a photo that is then predicted correctly counts
    1 / photos of its class, so that the sum over groups is a balanced accuracy whose chance level is 1 / classes. It
    must exceed chance by more than .05 of the way from there to 1 and by 1.645 standard errors of a sum over groups.

    Args:
        probabilities: float32 (n, K).
        classes: int64 (n,).
        groups: int64 (n,), number of each photo's group.
    """
    if not len(classes):
        return NO_QUALITY
    counts = np.bincount(classes, minlength=probabilities.shape[1])
    has_photos = counts > 0
    is_correct = probabilities.argmax(axis=1) == classes
    recalls = np.bincount(classes, weights=is_correct, minlength=len(counts))[has_photos] / counts[has_photos]
    balanced = np.where(has_photos, probabilities / np.maximum(counts, 1), -1).argmax(axis=1) == classes
    return Quality(
        len(classes),
        float(is_correct.mean()),
        float(recalls.mean()),
        float(counts.max() / counts.sum()),
        calibration_error(probabilities.max(axis=1), is_correct),
        _is_above_chance(balanced / (counts[classes] * has_photos.sum()), groups, 1 / int(has_photos.sum())),
    )


def measure_label_quality(probabilities: Floats, targets: Floats, folds: Ints) -> Quality:
    """Measure the quality for photos that may have several classes.

    ``is_visible`` is the result of a one-sided t-test at 5 % over the folds: the mean average precision must exceed the
    classes' mean frequency, which is the chance level, by more than .05 of the way from there to 1.

    Args:
        probabilities: float32 (n, K), each class independently.
        targets: float32 (n, K), 1 for each class of a photo.
        folds: int64 (n,).
    """
    if not targets.size:
        return NO_QUALITY
    counts = targets.sum(axis=0)
    has_photos = counts > 0
    if not has_photos.any():
        return NO_QUALITY
    is_correct = targets[np.arange(len(targets)), probabilities.argmax(axis=1)] > 0
    recalls = ((probabilities > 0.5) * targets).sum(axis=0)[has_photos] / counts[has_photos]
    return Quality(
        len(targets),
        float(is_correct.mean()),
        float(recalls.mean()),
        float(counts.max() / len(targets)),
        calibration_error(probabilities.max(axis=1), is_correct),
        _is_above_frequency(probabilities, targets, folds),
        mean_average_precision(probabilities, targets),
    )


def calibration_error(confidences: Floats, is_correct: Bools) -> float:
    """Return the mean over 15 bins of equal mass of |share that is correct - mean confidence|.

    >>> calibration_error(np.array([0.5, 0.5], np.float32), np.array([True, False]))
    0.5
    """
    if not len(confidences):
        return 0.0
    order = np.argsort(confidences, kind="stable")
    gaps = [
        len(part) * abs(float(is_correct[part].mean()) - float(confidences[part].mean(dtype=np.float64)))
        for part in np.array_split(order, min(BINS, len(order)))
    ]
    return sum(gaps) / len(confidences)


def mean_average_precision(probabilities: Floats, targets: Floats) -> float:
    """Return the mean average precision over the classes with photos; among equal probabilities, photos without the
    class come first.

    >>> mean_average_precision(np.array([[0.9], [0.8], [0.1]], np.float32), np.array([[1], [0], [1]], np.float32))
    0.8333333333333333
    """
    precisions = [
        _average_precision(probabilities[:, number], targets[:, number])
        for number in np.flatnonzero(targets.sum(axis=0))
    ]
    return float(np.mean(precisions)) if precisions else 0.0


def _average_precision(probabilities: Floats, targets: Floats) -> float:
    order = np.lexsort((targets, -probabilities))
    hits = targets[order] > 0
    return float((np.cumsum(hits)[hits] / (np.flatnonzero(hits) + 1)).mean())


def _is_above_chance(parts: Doubles, groups: Ints, chance: float) -> bool:
    """Return whether a sum over independent groups is significantly above chance."""
    sums = np.bincount(groups, weights=parts)
    sums = sums[np.bincount(groups) > 0]
    threshold = chance + _MARGIN * (1 - chance)
    if len(sums) < 2 or chance >= 1:
        return False
    error = float(np.sqrt(len(sums) * sums.var(ddof=1)))
    return float(sums.sum()) - threshold > _NORMAL_QUANTILE * error


def _is_above_frequency(probabilities: Floats, targets: Floats, folds: Ints) -> bool:
    gains: Sequence[float] = [
        mean_average_precision(probabilities[inside], targets[inside]) - _frequency_threshold(targets[inside])
        for inside in (folds == fold for fold in range(FOLDS))
        if inside.any() and targets[inside].any()
    ]
    if len(gains) < FOLDS:
        return False
    return float(np.mean(gains)) > _T_QUANTILE * float(np.std(gains, ddof=1)) / math.sqrt(FOLDS)


def _frequency_threshold(targets: Floats) -> float:
    shares = targets.mean(axis=0)
    return float((shares + _MARGIN * (1 - shares))[shares > 0].mean())
