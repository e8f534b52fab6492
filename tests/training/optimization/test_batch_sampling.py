"""Which rows are compared in one step."""

from __future__ import annotations

import numpy as np

from shoplens.training.optimization.batch_sampling import Batches

CLASSES = np.repeat(np.arange(40), 5)
CATALOGUE = np.tile([True, False, False, False, False], 40)
ROWS = np.eye(40, dtype=np.float32)[CLASSES] + np.eye(40, dtype=np.float32)[CLASSES // 8 * 8]


def batches(alike: float = 0.5, per_batch: int = 16, per_class: int = 4, seed: int = 0) -> Batches:
    return Batches(ROWS, CLASSES, CATALOGUE, per_batch=per_batch, per_class=per_class, alike=alike, seed=seed)


def test_a_step_has_the_same_rows_whatever_was_drawn_before() -> None:
    one, other = batches(), batches()
    _ = [one.of(step) for step in range(9)]
    assert one.of(9).tolist() == other.of(9).tolist()
    assert one.of(9).tolist() != one.of(10).tolist()
    assert one.of(9).tolist() != batches(seed=1).of(9).tolist()


def test_every_class_comes_with_a_photo_of_the_catalogue_and_others() -> None:
    for step in range(20):
        rows = batches().of(step)
        assert len(rows) == 64
        for one in np.unique(CLASSES[rows]):
            mine = rows[CLASSES[rows] == one]
            assert len(mine) == len(set(mine.tolist())) == 4
            assert CATALOGUE[mine].sum() == 1


def test_look_alikes_come_together() -> None:
    """Eights of classes are alike: with look-alikes, more of a batch is of few eights than without."""

    def largest(alike: float) -> float:
        shelves = [CLASSES[batches(alike).of(step)] // 8 for step in range(30)]
        return float(np.mean([np.bincount(one).max() for one in shelves]))

    assert largest(1.0) > largest(0.0) + 8


def test_few_classes_and_few_rows_are_drawn_again() -> None:
    rows = batches(per_batch=100, per_class=9).of(0)
    assert len(rows) == 40 * 9
    assert set(CLASSES[rows].tolist()) == set(range(40))
    lonely = Batches(ROWS[:1], np.array([0]), np.array([True]), per_batch=4, per_class=3, alike=0.5, seed=0)
    assert lonely.of(0).tolist() == [0, 0, 0]
