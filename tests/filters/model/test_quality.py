"""Numbers of quality, and whether photos show a dimension at all."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.filters.fitting.crossfit import FOLDS
from shoplens.filters.model.quality import (
    NO_QUALITY,
    calibration_error,
    mean_average_precision,
    measure_class_quality,
    measure_label_quality,
)


def noisy_probabilities(classes: np.ndarray, kinds: int, skill: float, seed: int) -> np.ndarray:
    """Calibrated probabilities of a reader who knows the class with this skill, and guesses otherwise."""
    random = np.random.default_rng(seed)
    predicted = np.where(random.random(len(classes)) < skill, classes, random.integers(kinds, size=len(classes)))
    prior = np.bincount(classes, minlength=kinds) / len(classes)
    likelihood = skill * np.eye(kinds)[predicted] + (1 - skill) / kinds
    return (prior * likelihood / (prior * likelihood).sum(axis=1, keepdims=True)).astype(np.float32)


def test_quality_equals_its_definition() -> None:
    random = np.random.default_rng(0)
    classes = random.choice(3, size=200, p=[0.6, 0.3, 0.1])
    probabilities = noisy_probabilities(classes, 3, 0.5, 1)
    result = measure_class_quality(probabilities, classes, np.arange(200))
    named = probabilities.argmax(axis=1)
    assert result.photos == 200
    assert result.accuracy == pytest.approx(np.mean(named == classes))
    assert result.balanced_accuracy == pytest.approx(np.mean([np.mean(named[classes == k] == k) for k in range(3)]))
    assert result.majority_accuracy == pytest.approx(np.mean(classes == 0))
    assert result.calibration_error == pytest.approx(calibration_error(probabilities.max(axis=1), named == classes))
    assert result.average_precision is None


def test_a_class_without_photos_does_not_count() -> None:
    classes = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.8, 0.1, 0.1]] * 2 + [[0.2, 0.7, 0.1]] * 2, np.float32)
    assert measure_class_quality(probabilities, classes, np.arange(4)).balanced_accuracy == 1.0


def test_a_dimension_is_visible_only_if_predictions_have_skill() -> None:
    observed = dict.fromkeys((0.0, 0.03, 0.3), 0)
    for seed in range(40):
        classes = np.random.default_rng(seed).choice(3, size=600, p=[0.8, 0.15, 0.05])
        for skill in observed:
            probabilities = noisy_probabilities(classes, 3, skill, seed + 100)
            observed[skill] += measure_class_quality(probabilities, classes, np.arange(600)).is_visible
    assert observed[0.0] <= 2
    assert observed[0.03] <= 5  # better than chance, but by less than anybody could see
    assert observed[0.3] >= 38


def test_photos_of_one_group_count_as_one_observation() -> None:
    """Six groups of 100 equal photos: four read rightly prove nothing."""
    classes = np.repeat([0, 1, 0, 1, 0, 1], 100)
    named = np.repeat([0, 1, 0, 1, 1, 0], 100)
    probabilities = (0.8 * np.eye(2)[named] + 0.1).astype(np.float32)
    assert not measure_class_quality(probabilities, classes, np.repeat(np.arange(6), 100)).is_visible
    assert measure_class_quality(probabilities, classes, np.arange(600)).is_visible


def test_a_dimension_of_one_class_or_group_is_not_visible() -> None:
    sure = np.ones((10, 1), np.float32)
    assert not measure_class_quality(sure, np.zeros(10, np.int64), np.arange(10)).is_visible
    item = np.eye(2, dtype=np.float32)[[0, 1] * 5]
    assert not measure_class_quality(item, np.array([0, 1] * 5), np.zeros(10, np.int64)).is_visible


def test_without_photos_there_is_no_quality() -> None:
    assert (
        measure_class_quality(np.zeros((0, 3), np.float32), np.zeros(0, np.int64), np.zeros(0, np.int64)) == NO_QUALITY
    )
    empty = np.zeros((0, 3), np.float32)
    assert measure_label_quality(empty, empty, np.zeros(0, np.int64)) == NO_QUALITY


def test_average_precision_equals_its_definition() -> None:
    random = np.random.default_rng(2)
    predicted, true = random.random((60, 4)).astype(np.float32), (random.random((60, 4)) < 0.3).astype(np.float32)
    true[:, 3] = 0
    expected = []
    for k in range(3):
        ranked = true[np.argsort(-predicted[:, k]), k]
        expected.append(np.mean([ranked[: n + 1].mean() for n in range(60) if ranked[n]]))
    assert mean_average_precision(predicted, true) == pytest.approx(np.mean(expected))


def test_the_average_precision_of_equal_probabilities_is_the_frequency() -> None:
    true = np.zeros((100, 1), np.float32)
    true[:10] = 1
    assert mean_average_precision(np.full((100, 1), 0.5, np.float32), true) < 0.1


def test_quality_of_labels_is_measured_and_visible() -> None:
    random = np.random.default_rng(5)
    targets = (random.random((500, 3)) < 0.3).astype(np.float32)
    folds = random.integers(FOLDS, size=500)
    noise = random.random((500, 3))
    good = measure_label_quality((0.5 * targets + 0.5 * noise).astype(np.float32), targets, folds)
    chance = measure_label_quality(noise.astype(np.float32), targets, folds)
    assert good.is_visible
    assert good.average_precision is not None
    assert good.average_precision > 0.8
    assert not chance.is_visible
    assert chance.average_precision == pytest.approx(0.3, abs=0.06)
    top = np.argmax(0.5 * targets + 0.5 * noise, axis=1)
    assert good.accuracy == pytest.approx(targets[np.arange(500), top].mean())
    assert good.majority_accuracy == pytest.approx(targets.mean(axis=0).max())


def test_labels_of_missing_folds_are_not_visible() -> None:
    targets = np.eye(2, dtype=np.float32)[np.arange(40) % 2]
    folds = np.arange(40) % (FOLDS - 1)
    assert not measure_label_quality(targets, targets, folds).is_visible


def test_calibration_error_equals_its_definition() -> None:
    predicted = np.linspace(0, 1, 30, dtype=np.float32)
    true = np.arange(30) % 3 == 0
    expected = sum(2 * abs(true[n : n + 2].mean() - predicted[n : n + 2].mean()) for n in range(0, 30, 2)) / 30
    assert calibration_error(predicted, true) == pytest.approx(expected, abs=1e-6)
    assert calibration_error(predicted[:1], true[:1]) == pytest.approx(1.0)
    assert calibration_error(predicted[:0], true[:0]) == 0.0
