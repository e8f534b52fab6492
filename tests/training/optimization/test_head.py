"""Tests of training a head: it learns, continues after it was killed, and warns when something is wrong."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.training.optimization.feature_whitening import fit_whitening
from shoplens.training.optimization.head import HeadRecipe, TrainedWeights, TrainingSet, _HeadLearner, train_head
from shoplens.training.optimization.head_export import export_look, measure_export_difference
from shoplens.training.optimization.head_trainers import join_scores, score_by_group
from shoplens.training.optimization.losses import LOSSES, LossFunction
from shoplens.training.optimization.training_loop import EVALUATE_EVERY, LoopOptions, choose_clock, import_torch
from tests.training.toy_samples import COLUMNS, create_toy_samples, sample_photo

pytest.importorskip("pytorch_metric_learning", reason="the extra train is not installed")
SHORT = HeadRecipe(dimensions=8, steps=150, classes_per_batch=20, rows_per_class=3)
RECIPE = HeadRecipe(dimensions=8, steps=300, classes_per_batch=20, rows_per_class=3, learning_rate=0.01)


def create_training_set(products: int = 40, seed: int = 0) -> TrainingSet:
    """Return rows in which four numbers tell products apart, and four louder ones are noise."""
    rng = np.random.default_rng(seed)
    classes = np.repeat(np.arange(products), 6)
    signal = np.random.default_rng(1).normal(size=(products, 4))[classes] + 0.1 * rng.normal(size=(len(classes), 4))
    rows = np.concatenate([signal, 2 * rng.normal(size=(len(classes), 4))], axis=1).astype(np.float32)
    return TrainingSet(rows, classes, np.ones(len(classes), bool))


def accuracy(head: TrainedWeights, queries: TrainingSet) -> float:
    """Return the share of rows whose nearest other row is of their class."""
    vectors = head.embed(queries.rows)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    return float((queries.classes[cosines.argmax(axis=1)] == queries.classes).mean())


@pytest.mark.parametrize("loss", [name for name in LOSSES if name != "proxy-anchor"])
def test_every_loss_learns_the_features_that_distinguish_products(loss: str) -> None:
    start = TrainedWeights(np.eye(8, dtype=np.float32), 0)
    head = train_head(create_training_set(), replace(RECIPE, loss=loss), LoopOptions())
    assert accuracy(start, create_training_set(seed=3)) < 0.4
    assert accuracy(head, create_training_set(seed=3)) > 0.75
    assert not head.warnings


def test_proxies_are_learned_too() -> None:
    """The proxies learn first: with noise this loud the head itself learns too late to be tested."""
    head = train_head(
        create_training_set(), replace(RECIPE, loss="proxy-anchor"), LoopOptions(), lambda embed: np.array([0.5])
    )
    losses = [loss for _, loss, _ in head.history]
    assert losses == sorted(losses, reverse=True) and losses[-1] < 0.8 * losses[0]


def test_of_steps_that_the_validation_cannot_tell_apart_the_last_one_is_kept() -> None:
    scores = iter([[0.2, 0.8], [1.0, 0.3], [0.5, 0.7]])  # means .5, .65, .6: the last is .05 worse, standard error .32
    head = train_head(create_training_set(), SHORT, LoopOptions(), lambda embed: np.array(next(scores)))
    assert head.step == 3 * EVALUATE_EVERY


def test_photos_of_one_design_count_as_one_witness() -> None:
    """Nine photos of one design that got worse say less than two designs that did."""
    values = np.array([0.1] * 9 + [0.5, 0.9])
    scores = score_by_group(values, ["a"] * 9 + ["b", "c"])
    np.testing.assert_allclose(scores, np.array([0.9, 0.5, 0.9]) * 3 / 11)
    assert scores.mean() == pytest.approx(values.mean())
    joined = join_scores([scores, np.array([0.4, 0.8])])
    assert len(joined) == 5 and joined.mean() == pytest.approx((values.mean() + 0.6) / 2)


def test_the_step_with_the_best_validation_score_is_kept() -> None:
    scores = iter([0.2, 0.9, 0.5])
    head = train_head(create_training_set(), SHORT, LoopOptions(), lambda embed: np.array([next(scores)]))
    assert head.step == 2 * EVALUATE_EVERY
    assert [(step, score) for step, _, score in head.history] == [(50, 0.2), (100, 0.9), (150, 0.5)]
    retrained = train_head(create_training_set(), SHORT, LoopOptions(last_step=head.step))
    np.testing.assert_array_equal(retrained.weights, head.weights)


def test_a_killed_training_continues_and_gives_the_same_result(tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(what: str, done: int, total: int) -> None:
        if done == 120:
            raise Killed

    file = tmp_path / "head.checkpoint"
    recipe = replace(SHORT, loss="proxy-anchor")  # has parameters of its own
    uninterrupted = train_head(create_training_set(), recipe, LoopOptions())
    with pytest.raises(Killed):
        train_head(create_training_set(), recipe, LoopOptions(checkpoint=file, progress=kill))
    steps: list[int] = []
    resumed = train_head(
        create_training_set(),
        recipe,
        LoopOptions(checkpoint=file, progress=lambda what, done, total: steps.append(done)),
    )
    assert steps[0] == 101
    np.testing.assert_array_equal(resumed.weights, uninterrupted.weights)


def test_training_restarts_after_a_damaged_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "head.checkpoint"
    file.write_bytes(b"PK\x03\x04 half of it")
    head = train_head(create_training_set(), RECIPE, LoopOptions(checkpoint=file))
    np.testing.assert_array_equal(head.weights, train_head(create_training_set(), RECIPE, LoopOptions()).weights)


def test_a_budget_counts_the_time_of_the_thread_that_trains() -> None:
    learner = _HeadLearner(create_training_set(), RECIPE, import_torch())
    assert choose_clock(learner) is time.thread_time


def test_a_budget_ends_training_early_and_that_is_told() -> None:
    head = train_head(create_training_set(), RECIPE, LoopOptions(budget=0.0))
    assert head.step == 0
    assert f"after 0 of {RECIPE.steps} steps" in head.ended_early and "--budget" in head.ended_early
    assert head.weights.shape == (8, 8)


def test_a_collapse_gives_a_warning() -> None:
    training_set = create_training_set()
    training_set.rows[:] = 1 + 1e-3 * training_set.rows
    head = train_head(training_set, replace(RECIPE, steps=1, dimensions=1), LoopOptions())
    assert "collapsed" in head.warnings[0]


def test_a_loss_stuck_at_its_margin_gives_a_warning() -> None:
    training_set = create_training_set()
    training_set.rows[:] = np.random.default_rng(0).normal(size=8)
    head = train_head(training_set, replace(RECIPE, steps=60, loss="triplet", learning_rate=1e-9), LoopOptions())
    assert any("stuck at its margin" in warning for warning in head.warnings)


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(InvalidValue, match="no loss 'hope'") as raised:
        LossFunction("hope", 3, 4)
    assert "supcon" in raised.value.fix


def test_the_exported_network_equals_the_trained_one() -> None:
    samples = create_toy_samples([sample_photo(f"p{n}") for n in range(30)], augmented_views=3)
    whitening = fit_whitening(samples.rows, samples.owners, COLUMNS, shrinkage=1.0)
    rows = whitening.transform(samples.rows)
    head = train_head(
        TrainingSet(rows, samples.owners, np.ones(len(rows), bool)), replace(RECIPE, steps=30), LoopOptions()
    )
    network = export_look(whitening, head)
    assert measure_export_difference(network, whitening, head, samples.rows) < 1e-5
    wrong = TrainedWeights(head.weights[::-1].copy(), 0)
    assert measure_export_difference(network, whitening, wrong, samples.rows) > 0.1
