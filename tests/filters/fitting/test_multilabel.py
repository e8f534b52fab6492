"""Several classes per photo: ridge regression and Platt's sigmoids."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.filters.fitting.crossfit import FOLDS, CrossFitData, class_sums_without_each_fold, sigmoid
from shoplens.filters.fitting.multilabel import fit_multilabel_heads, fit_platt, solve_ridge


def photos(count: int, seed: int = 0, noise: float = 0.5) -> tuple[CrossFitData, np.ndarray]:
    """Column k says whether a photo is of class k; the last class is of nobody."""
    random = np.random.default_rng(seed)
    targets = (random.random((count, 4)) < [0.5, 0.3, 0.1, 0.0]).astype(np.float32)
    x = np.hstack([targets, np.zeros((count, 2))]) + noise * random.standard_normal((count, 6))
    return CrossFitData.from_photos(x.astype(np.float32), random.integers(FOLDS, size=count)), targets


def test_a_regression_equals_its_definition() -> None:
    rows, targets = photos(150)
    sums = class_sums_without_each_fold(rows, rows.covariances, targets, np.ones(150, bool))
    for fold in range(FOLDS):
        x, y = (part[rows.folds != fold].astype(np.float64) for part in (rows.x, targets))
        middle, share = x.mean(axis=0), y.mean(axis=0)
        scatter = (x - middle).T @ (x - middle)
        penalty = 0.1 * np.trace(scatter) / 6
        expected = np.linalg.solve(scatter + penalty * np.eye(6), (x - middle).T @ (y - share))
        weights, bias = solve_ridge(sums[fold], 0.1)
        assert np.allclose(weights, expected, atol=1e-4)
        assert np.allclose(bias, share - middle @ expected, atol=1e-4)


def test_a_photo_without_values_is_fitted_to_the_share_of_each_class() -> None:
    rows, targets = photos(150)
    known = np.arange(150) % 4 > 0
    for fold, sums in enumerate(class_sums_without_each_fold(rows, rows.covariances, targets, known)):
        inside = rows.folds != fold
        x, y = rows.x[inside].astype(np.float64), targets[inside].astype(np.float64)
        share = y[known[inside]].mean(axis=0)
        y[~known[inside]] = share
        middle = x.mean(axis=0)
        scatter = (x - middle).T @ (x - middle)
        expected = np.linalg.solve(scatter + 0.1 * np.trace(scatter) / 6 * np.eye(6), (x - middle).T @ (y - share))
        weights, bias = solve_ridge(sums, 0.1)
        assert np.allclose(weights, expected, atol=1e-4)
        assert np.allclose(bias, share - middle @ expected, atol=1e-4)


def test_classes_are_predicted_with_calibrated_probabilities() -> None:
    rows, targets = photos(2000)
    heads = fit_multilabel_heads(rows, targets, np.ones(2000, bool))
    predicted = sigmoid(heads.logits(rows.x, rows.folds))
    for k in range(3):
        assert predicted[targets[:, k] == 1, k].mean() > predicted[targets[:, k] == 0, k].mean() + 0.2
        for part in np.array_split(np.argsort(predicted[:, k]), 4):
            assert abs(predicted[part, k].mean() - targets[part, k].mean()) < 0.06
    assert predicted[:, 3].max() < 0.02


def test_photos_without_values_in_the_feed_do_not_count() -> None:
    rows, targets = photos(300)
    known = np.arange(300) % 3 > 0
    wrong = np.where(known[:, None], targets, 1 - targets)
    item, two = fit_multilabel_heads(rows, targets, known), fit_multilabel_heads(rows, wrong, known)
    assert np.array_equal(item.weights, two.weights)
    assert np.array_equal(item.bias, two.bias)


def loss(slope: float, offset: float, scores: np.ndarray, targets: np.ndarray) -> float:
    positive = targets.sum()
    goal = np.where(targets > 0, (positive + 1) / (positive + 2), 1 / (len(targets) - positive + 2))
    z = slope * scores + offset
    return float((np.logaddexp(0, z) - goal * z).sum())


def test_one_class_gets_the_sigmoid_of_least_loss() -> None:
    random = np.random.default_rng(3)
    targets = (random.random((400, 1)) < 0.3).astype(np.float32)
    scores = (2 * targets + random.standard_normal((400, 1))).astype(np.float32)
    fit = fit_platt(scores, targets)
    least = loss(float(fit.slope[0]), float(fit.offset[0]), scores[:, 0], targets[:, 0])
    for slope in (-0.1, 0.0, 0.1):
        for offset in (-0.1, 0.0, 0.1):
            near = loss(float(fit.slope[0]) + slope, float(fit.offset[0]) + offset, scores[:, 0], targets[:, 0])
            assert least <= near + 1e-4


def test_a_class_of_few_photos_keeps_the_common_slope() -> None:
    random = np.random.default_rng(1)
    targets = np.zeros((1000, 3), np.float32)
    targets[:500, 0] = targets[250:750, 1] = 1
    targets[:2, 2] = 1
    scores = (targets * [2, 2, 0] + random.standard_normal((1000, 3))).astype(np.float32)  # 2 photos, scored by chance
    slope = fit_platt(scores, targets).slope
    alone = fit_platt(scores[:, 2:], targets[:, 2:]).slope[0]
    assert slope[0] == pytest.approx(slope[1], rel=0.2)
    assert slope[2] > 0.35 * slope[0]
    assert slope[2] > 2 * alone


def test_scores_that_say_nothing_give_frequencies() -> None:
    random = np.random.default_rng(0)
    targets = (random.random((800, 2)) < [0.1, 0.6]).astype(np.float32)
    scores = -targets + 0.1 * random.standard_normal((800, 2)).astype(np.float32)  # worse than chance
    fit = fit_platt(scores.astype(np.float32), targets)
    assert np.array_equal(fit.slope, np.zeros(2))
    assert np.allclose(sigmoid(fit.offset[None])[0], targets.mean(axis=0), atol=0.01)


@pytest.mark.parametrize(("count", "known"), [(0, 0), (1, 1), (30, 0)])
def test_too_few_photos_are_accepted(count: int, known: int) -> None:
    rows, targets = photos(count)
    heads = fit_multilabel_heads(rows, targets, np.arange(count) < known)
    predicted = sigmoid(heads.logits(rows.x, rows.folds))
    assert predicted.shape == (count, 4)
    assert np.isfinite(predicted).all()
