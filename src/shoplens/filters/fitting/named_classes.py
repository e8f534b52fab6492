"""Calibrates the scores of classes that are known by their names, where the feed labels some products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shoplens.filters.fitting.crossfit import FOLDS, Bools, Ints, softmax
from shoplens.filters.fitting.lda import UNKNOWN
from shoplens.filters.model.principal_components import normalize_rows
from shoplens.filters.model.quality import Quality, measure_class_quality
from shoplens.filters.photo_features.pixels import Floats

MIN_LABELED = 20
"""Number of labelled photos below which nothing is calibrated."""
UNCALIBRATED = Quality(0, 0.0, 0.0, 0.0, 0.0, True)
"""Quality of a dimension whose classes nobody labelled: nothing is known of it, and it is predicted all the same."""
_FACTORS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0)
"""Multiples of the scale of the model's logits, of which one is chosen."""
_STEPS = 30
_TINY = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class NamedFit:
    """The scores of the classes of one dimension.

    Attributes:
        vectors: float32 (K, backbone), text vectors of the names.
        scale: factor of the cosines.
        bias: float32 (K,).
        quality: on labelled photos that the calibration did not see.
    """

    vectors: Floats
    scale: float
    bias: Floats
    quality: Quality


def fit_named_classes(
    vectors: Floats, photos: Floats, classes: Ints, folds: Ints, groups: Ints, scale: float
) -> NamedFit:
    """Choose a temperature and an offset per class, by the labelled photos; without enough of them, keep the model's.

    Args:
        vectors: float32 (K, d), text vectors of the names, length 1.
        photos: float32 (n, d), vectors of the photos.
        classes: int64 (n,), the class of each photo, or :data:`~shoplens.filters.fitting.lda.UNKNOWN`.
        folds, groups: int64 (n,).
        scale: of the model's logits.
    """
    is_known = classes != UNKNOWN
    cosines = normalize_rows(photos[is_known]) @ vectors.T
    labels, inside = classes[is_known], folds[is_known]
    if len(labels) < MIN_LABELED or len(np.unique(labels)) < 2:
        return NamedFit(vectors, scale, np.zeros(len(vectors), np.float32), UNCALIBRATED)
    probabilities = np.zeros_like(cosines)
    for fold in range(FOLDS):
        own: Bools = inside == fold
        if own.any() and not own.all():
            factor, bias = _calibrate(cosines[~own], labels[~own], scale)
            probabilities[own] = softmax(factor * cosines[own] + bias)
    factor, bias = _calibrate(cosines, labels, scale)
    return NamedFit(vectors, factor, bias, measure_class_quality(probabilities, labels, groups[is_known]))


def _calibrate(cosines: Floats, labels: Ints, scale: float) -> tuple[float, Floats]:
    """Return the scale and the offsets with the least cross-entropy; a class without labels keeps the offset 0."""
    counts = np.bincount(labels, minlength=cosines.shape[1])
    shares = counts / len(labels)
    best: tuple[float, float, Floats] | None = None
    for factor in _FACTORS:
        bias = np.zeros(cosines.shape[1], np.float32)
        for _ in range(_STEPS):  # the mean probability of a class becomes its share of the labels
            means = softmax(factor * scale * cosines + bias).mean(axis=0)
            bias += np.where(counts > 0, np.log((shares + _TINY) / (means + _TINY)), 0).astype(np.float32)
        likely = softmax(factor * scale * cosines + bias)[np.arange(len(labels)), labels]
        loss = float(-np.log(likely + _TINY).mean())
        if best is None or loss < best[0]:
            best = loss, factor * scale, bias
    assert best is not None, "there is a factor"
    return best[1], best[2]
