"""Discriminants, folds, calibration, and labels that are wrong."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.filters.fitting import temperature_scaling
from shoplens.filters.fitting.crossfit import (
    FOLDS,
    MEAN_HEAD,
    CrossFitData,
    LinearHeads,
    class_sums_without_each_fold,
    floored_softmax,
    softmax,
)
from shoplens.filters.fitting.lda import UNKNOWN, fit_fisher_heads, solve_discriminant
from shoplens.filters.fitting.temperature_scaling import TemperatureScaling, correct_temperature, fit_temperature


def clustered_photos(count: int, kinds: int = 3, noise: float = 0.6, seed: int = 0) -> tuple[CrossFitData, np.ndarray]:
    """Photos around one corner per class, in folds at random."""
    random = np.random.default_rng(seed)
    classes = random.integers(kinds, size=count)
    x = np.eye(8)[classes] + noise * random.standard_normal((count, 8))
    return CrossFitData.from_photos(x.astype(np.float32), random.integers(FOLDS, size=count)), classes


def out_of_fold(heads: LinearHeads, rows: CrossFitData) -> np.ndarray:
    return floored_softmax(heads.logits(rows.x, rows.folds), heads.floor)


@pytest.mark.parametrize("silent", [0, 60])
def test_a_discriminant_equals_its_definition(silent: int) -> None:
    """Photos that the feed is silent about deviate from the mean of all."""
    rows, classes = clustered_photos(200)
    classes = np.where(np.arange(200) < silent, 3, classes)
    targets = np.eye(4, dtype=np.float32)[classes]  # the fourth class has no photo of which the feed says so
    sums = class_sums_without_each_fold(rows, rows.covariances, targets * (classes < 3)[:, None], classes < 3)
    for fold in range(FOLDS):
        x, y = rows.x[rows.folds != fold].astype(np.float64), classes[rows.folds != fold]
        mean = x.mean(axis=0)
        means = np.stack(
            [mean + (x[y == k].mean(axis=0) - mean) * (y == k).sum() / ((y == k).sum() + 2) for k in range(3)] + [mean]
        )
        deviations = x - means[y]
        within = deviations.T @ deviations / len(x)
        inverse = np.linalg.inv(within + 0.3 * np.trace(within) / 8 * np.eye(8))
        weights, bias = solve_discriminant(sums[fold], 0.3)
        expected = [(m - mean) @ inverse @ (rows.x - mean).T - (m - mean) @ inverse @ (m - mean) / 2 for m in means[:3]]
        assert np.allclose((rows.x @ weights + bias)[:, :3], np.array(expected).T, rtol=1e-3, atol=2e-3)
        assert np.allclose((rows.x @ weights + bias)[:, 3], 0)


def test_sums_leave_out_a_fold_and_what_is_not_used() -> None:
    rows, classes = clustered_photos(90)
    targets = np.eye(3, dtype=np.float32)[classes]
    for used in (np.arange(90) % 7 > 0, np.arange(90) % 7 == 0, np.zeros(90, bool)):
        for fold, sums in enumerate(class_sums_without_each_fold(rows, rows.covariances, targets, used)):
            inside = used & (rows.folds != fold)
            others = rows.x[rows.folds != fold].astype(np.float64)
            centred = rows.x - others.mean(axis=0)
            assert sums.photos == inside.sum()
            assert np.array_equal(sums.counts, targets[inside].sum(axis=0))
            assert np.allclose(
                sums.class_deviations, targets[inside].T @ centred[inside] @ sums.covariance.axes, atol=1e-3
            )
            assert np.allclose(sums.total_deviation, centred[inside].sum(axis=0) @ sums.covariance.axes, atol=1e-3)
            assert sums.covariance.photos == len(others)
            assert np.allclose(sums.covariance.mean, others.mean(axis=0), atol=1e-5)
            spread = sums.covariance.axes * sums.covariance.variances @ sums.covariance.axes.T
            assert np.allclose(spread, np.cov(others.T, bias=True), atol=1e-4)


def test_classes_that_hardly_spread_overflow_nothing() -> None:
    """Their heads are steep before they are calibrated; every warning is an error here."""
    rng = np.random.default_rng(2)
    classes = np.arange(400) % 3
    x = (rng.standard_normal((3, 6))[classes] + 1e-4 * rng.standard_normal((400, 6))).astype(np.float32)
    rows = CrossFitData.from_photos(x, np.arange(400) // 3 % FOLDS)
    heads = fit_fisher_heads(rows, classes, 3)
    assert np.isfinite(heads.weights).all()
    assert (out_of_fold(heads, rows).argmax(axis=1) == classes).all()


def test_no_head_is_trained_on_the_fold_that_it_predicts(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the choice of the shrinkage, of the calibration and of doubted labels, which are held still here."""
    monkeypatch.setattr("shoplens.filters.fitting.lda._SHRINKAGES", (0.3,))
    monkeypatch.setattr("shoplens.filters.fitting.lda._DOUBTFUL_OWN", -1.0)
    rows, classes = clustered_photos(120)
    heads = fit_fisher_heads(rows, classes, 3)
    changed = classes.copy()
    changed[rows.folds == 2] = (changed[rows.folds == 2] + 1) % 3
    other = fit_fisher_heads(rows, changed, 3)
    directions = [h.weights[2] / np.linalg.norm(h.weights[2]) for h in (heads, other)]
    assert np.allclose(directions[0], directions[1], atol=1e-4)
    assert not np.allclose(heads.weights[1] / np.linalg.norm(heads.weights[1]), directions[0], atol=1e-4)


def test_classes_are_predicted() -> None:
    rows, classes = clustered_photos(600)
    is_correct = out_of_fold(fit_fisher_heads(rows, classes, 3), rows).argmax(axis=1) == classes
    assert is_correct.mean() > 0.8


def test_the_mean_head_is_the_mean_of_those_that_saw_the_class() -> None:
    rows, classes = clustered_photos(100)
    only = (rows.folds == 0) & (classes == 2)
    remaining = (classes != 2) | only  # class 2 is in fold 0 alone, so the head of fold 0 never saw it
    rows = CrossFitData.from_photos(rows.x[remaining], rows.folds[remaining])
    heads = fit_fisher_heads(rows, classes[remaining], 3)
    assert np.allclose(heads.weights[MEAN_HEAD][:, :2], heads.weights[:FOLDS, :, :2].mean(axis=0), atol=1e-4)
    assert np.allclose(heads.weights[MEAN_HEAD][:, 2], heads.weights[1:FOLDS, :, 2].mean(axis=0), atol=1e-4)
    assert not np.allclose(heads.weights[MEAN_HEAD][:, 2], heads.weights[:FOLDS, :, 2].mean(axis=0), atol=1e-4)


@pytest.mark.parametrize(
    ("count", "kinds", "known"), [(0, 3, 0), (1, 3, 1), (40, 3, 0), (40, 1, 40), (3, 5, 2)], ids=str
)
def test_too_little_to_learn_gives_the_prior(count: int, kinds: int, known: int) -> None:
    rows, classes = clustered_photos(count, min(kinds, 3))
    classes = np.where(np.arange(count) < known, classes, UNKNOWN)
    probabilities = out_of_fold(fit_fisher_heads(rows, classes, kinds), rows)
    assert probabilities.shape == (count, kinds)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    if known == 0:
        assert np.allclose(probabilities, 1 / kinds, atol=1e-5)


def test_probabilities_are_calibrated() -> None:
    rows, classes = clustered_photos(3000, noise=1.0)
    probabilities = out_of_fold(fit_fisher_heads(rows, classes, 3), rows)
    top, is_correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == classes
    for part in np.array_split(np.argsort(top), 5):
        assert abs(top[part].mean() - is_correct[part].mean()) < 0.06


def test_calibration_tries_every_number_of_its_grid() -> None:
    """The three numbers are those of least log loss, by the definition."""
    random = np.random.default_rng(3)
    classes = random.choice(4, 300, p=[0.5, 0.3, 0.15, 0.05])
    scores = (np.eye(4)[classes] * 2 + random.standard_normal((300, 4))).astype(np.float32)
    prior = ((np.bincount(classes, minlength=4) + 1) / 304).astype(np.float32)
    grid = (0.5, 1.0, 2.0), (0.0, 0.5, 1.0)

    def loss(sharp: float, weight: float, lapse: float) -> float:
        predicted = (1 - lapse) * softmax(sharp * scores + weight * np.log(prior)) + lapse * prior
        return float(-np.log(predicted[np.arange(300), classes]).mean())

    losses = {(t, w, e): loss(t, w, e) for t in grid[0] for w in grid[1] for e in temperature_scaling._LAPSE_RATES}
    assert temperature_scaling._search_grid(scores, classes, prior, grid) == min(losses, key=lambda item: losses[item])


def test_scores_without_meaning_become_the_prior() -> None:
    random = np.random.default_rng(0)
    classes = (random.random(3000) < 0.2).astype(np.int64)
    fit = fit_temperature(random.standard_normal((3000, 2)).astype(np.float32) * 20, classes)
    assert fit.slope * 20 < 3
    scores = random.standard_normal((500, 2)).astype(np.float32)
    assert np.allclose(floored_softmax(fit.logits(scores), fit.floor)[:, 1], 0.2, atol=0.1)


def test_a_probability_floor_accounts_for_photos_of_other_classes() -> None:
    random = np.random.default_rng(0)
    classes = random.integers(4, size=4000)
    scores = np.where(np.arange(4) == classes[:, None], 9.0, 0.0).astype(np.float32)
    is_mislabelled = random.random(4000) < 0.2
    classes[is_mislabelled] = random.integers(4, size=int(is_mislabelled.sum()))
    fit = fit_temperature(scores, classes)
    assert fit.floor.sum() == pytest.approx(0.2, abs=0.06)
    predicted = floored_softmax(fit.logits(scores), fit.floor)
    assert predicted.max(axis=1).mean() == pytest.approx((predicted.argmax(axis=1) == classes).mean(), abs=0.03)


def test_the_correction_calibrates_probabilities() -> None:
    rows, classes = clustered_photos(1500, noise=1.0)
    zeros = np.zeros(3, np.float32)
    scores = rows.x[:, :3] * 3
    before = softmax(scores)
    assert before.max(axis=1).mean() - (before.argmax(axis=1) == classes).mean() > 0.1
    after = softmax(correct_temperature(TemperatureScaling(1.0, zeros, zeros), scores, classes).logits(scores))
    assert after.max(axis=1).mean() == pytest.approx((after.argmax(axis=1) == classes).mean(), abs=0.01)


def test_wrong_labels_do_little_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    gained = []
    for seed in range(4):
        rows, classes = clustered_photos(400, noise=0.35, seed=seed)
        random = np.random.default_rng(seed)
        flipped = random.random(400) < 0.15
        labels_with_errors = np.where(flipped, (classes + random.integers(1, 3, size=400)) % 3, classes)

        def accuracy(labels: np.ndarray, rows: CrossFitData = rows, classes: np.ndarray = classes) -> float:
            return float((out_of_fold(fit_fisher_heads(rows, labels, 3), rows).argmax(axis=1) == classes).mean())

        clean, noisy = accuracy(classes), accuracy(labels_with_errors)
        with monkeypatch.context() as patched:
            patched.setattr("shoplens.filters.fitting.lda._DOUBTFUL_OWN", -1.0)  # nothing is doubted
            gained.append(noisy - accuracy(labels_with_errors))
        assert noisy > clean - 0.03
        assert noisy > (labels_with_errors == classes).mean() + 0.07
    assert min(gained) >= -0.01
    assert np.mean(gained) > 0
