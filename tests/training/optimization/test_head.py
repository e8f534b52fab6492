"""Training a head: it learns, it can be killed, and it says when something is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.training.optimization.feature_whitening import basis_of
from shoplens.training.optimization.head import Lesson, Recipe, Trained, train_head, unit
from shoplens.training.optimization.head_export import largest_difference, look_network
from shoplens.training.optimization.losses import LOSSES, LossOf
from shoplens.training.optimization.training_loop import WATCH_EVERY, Course
from tests.training.made_samples import COLUMNS, made_samples, sample_photo

pytest.importorskip("pytorch_metric_learning", reason="the extra train is not installed")
SHORT = Recipe(dimensions=8, steps=150, per_batch=20, per_class=3)
RECIPE = Recipe(dimensions=8, steps=300, per_batch=20, per_class=3, rate=0.01)


def lesson(products: int = 40, seed: int = 0) -> Lesson:
    """Four numbers tell products apart; four louder ones say nothing."""
    rng = np.random.default_rng(seed)
    classes = np.repeat(np.arange(products), 6)
    told = np.random.default_rng(1).normal(size=(products, 4))[classes] + 0.1 * rng.normal(size=(len(classes), 4))
    rows = np.concatenate([told, 2 * rng.normal(size=(len(classes), 4))], axis=1).astype(np.float32)
    return Lesson(rows, classes, np.ones(len(classes), bool))


def right(head: Trained, asked: Lesson) -> float:
    """Share of rows whose nearest other row is of their class."""
    vectors = head.of(asked.rows)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    return float((asked.classes[cosines.argmax(axis=1)] == asked.classes).mean())


@pytest.mark.parametrize("loss", [name for name in LOSSES if name != "proxy-anchor"])
def test_losses_learn_what_tells_products_apart(loss: str) -> None:
    start = Trained(np.eye(8, dtype=np.float32), 0)
    head = train_head(lesson(), replace(RECIPE, loss=loss), Course())
    assert right(start, lesson(seed=3)) < 0.4
    assert right(head, lesson(seed=3)) > 0.75
    assert not head.warnings


def test_proxies_are_learned_too() -> None:
    """Whose gradient is the proxies' first: with noise this loud the head itself learns too late to be asked for it."""
    head = train_head(lesson(), replace(RECIPE, loss="proxy-anchor"), Course(), lambda of: 0.5)
    losses = [loss for _, loss, _ in head.history]
    assert losses == sorted(losses, reverse=True) and losses[-1] < 0.8 * losses[0]


def test_the_best_of_what_it_has_been_is_kept() -> None:
    scores = iter([0.2, 0.9, 0.5])
    head = train_head(lesson(), SHORT, Course(), lambda of: next(scores))
    assert head.step == 2 * WATCH_EVERY
    assert [(step, score) for step, _, score in head.history] == [(50, 0.2), (100, 0.9), (150, 0.5)]
    again = train_head(lesson(), SHORT, Course(last=head.step))
    np.testing.assert_array_equal(again.weights, head.weights)


def test_a_training_that_was_killed_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(what: str, done: int, total: int) -> None:
        if done == 120:
            raise Killed

    file = tmp_path / "head.checkpoint"
    recipe = replace(SHORT, loss="proxy-anchor")  # has parameters of its own
    whole = train_head(lesson(), recipe, Course())
    with pytest.raises(Killed):
        train_head(lesson(), recipe, Course(checkpoint=file, progress=kill))
    steps: list[int] = []
    resumed = train_head(
        lesson(), recipe, Course(checkpoint=file, progress=lambda what, done, total: steps.append(done))
    )
    assert steps[0] == 101
    np.testing.assert_array_equal(resumed.weights, whole.weights)


def test_half_a_checkpoint_is_begun_anew(tmp_path: Path) -> None:
    file = tmp_path / "head.checkpoint"
    file.write_bytes(b"PK\x03\x04 half of it")
    head = train_head(lesson(), RECIPE, Course(checkpoint=file))
    np.testing.assert_array_equal(head.weights, train_head(lesson(), RECIPE, Course()).weights)


def test_time_that_is_up_ends_it_with_what_there_is() -> None:
    head = train_head(lesson(), RECIPE, Course(deadline=0.0))
    assert head.step == 0
    assert head.weights.shape == (8, 8)


def test_a_collapse_is_told() -> None:
    flat = lesson()
    flat.rows[:] = 1 + 1e-3 * flat.rows
    head = train_head(flat, replace(RECIPE, steps=1, dimensions=1), Course())
    assert "collapsed" in head.warnings[0]


def test_a_loss_stuck_at_its_margin_is_told() -> None:
    same = lesson()
    same.rows[:] = np.random.default_rng(0).normal(size=8)
    head = train_head(same, replace(RECIPE, steps=60, loss="triplet", rate=1e-9), Course())
    assert any("stuck at its margin" in warning for warning in head.warnings)


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(InvalidValue, match="no loss 'hope'") as told:
        LossOf("hope", 3, 4)
    assert "supcon" in told.value.fix


def test_the_network_that_serves_gives_what_was_trained() -> None:
    samples = made_samples([sample_photo(f"p{n}") for n in range(30)], times=3)
    basis = basis_of(samples.rows, samples.owners, COLUMNS, shrinkage=1.0)
    rows = basis.applied(samples.rows)
    head = train_head(Lesson(rows, samples.owners, np.ones(len(rows), bool)), replace(RECIPE, steps=30), Course())
    network = look_network(basis, head)
    assert largest_difference(network, basis, head, samples.rows) < 1e-5
    wrong = Trained(head.weights[::-1].copy(), 0)
    assert largest_difference(network, basis, wrong, samples.rows) > 0.1


def test_rows_of_zeros_have_no_direction_and_stay() -> None:
    assert unit(np.array([[3, 4], [0, 0]], np.float32)).ravel().tolist() == pytest.approx([0.6, 0.8, 0, 0])
