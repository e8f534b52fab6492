"""Tests of which rows are compared in one step."""

from __future__ import annotations

import numpy as np

from shoplens.training.optimization.batch_sampling import BatchSampler

CLASSES = np.repeat(np.arange(40), 5)
CATALOGUE = np.tile([True, False, False, False, False], 40)
ROWS = np.eye(40, dtype=np.float32)[CLASSES] + np.eye(40, dtype=np.float32)[CLASSES // 8 * 8]


def create_sampler(
    hard_negative_share: float = 0.5, classes_per_batch: int = 16, rows_per_class: int = 4, seed: int = 0
) -> BatchSampler:
    return BatchSampler(
        ROWS,
        CLASSES,
        CATALOGUE,
        classes_per_batch=classes_per_batch,
        rows_per_class=rows_per_class,
        hard_negative_share=hard_negative_share,
        seed=seed,
    )


def test_the_rows_of_a_step_do_not_depend_on_earlier_steps() -> None:
    sampler, other = create_sampler(), create_sampler()
    _ = [sampler.sample(step) for step in range(9)]
    assert sampler.sample(9).tolist() == other.sample(9).tolist()
    assert sampler.sample(9).tolist() != sampler.sample(10).tolist()
    assert sampler.sample(9).tolist() != create_sampler(seed=1).sample(9).tolist()


def test_every_class_of_a_batch_has_a_catalogue_photo_and_others() -> None:
    for step in range(20):
        rows = create_sampler().sample(step)
        assert len(rows) == 64
        for class_id in np.unique(CLASSES[rows]):
            rows_of_class = rows[CLASSES[rows] == class_id]
            assert len(rows_of_class) == len(set(rows_of_class.tolist())) == 4
            assert CATALOGUE[rows_of_class].sum() == 1


def test_hard_negatives_are_in_the_same_batch() -> None:
    """Every eight classes are alike; with look-alikes, more of a batch comes from few eights than without."""

    def largest(hard_negative_share: float) -> float:
        eights = [CLASSES[create_sampler(hard_negative_share).sample(step)] // 8 for step in range(30)]
        return float(np.mean([np.bincount(eight).max() for eight in eights]))

    assert largest(1.0) > largest(0.0) + 8


def test_few_classes_and_few_rows_are_drawn_repeatedly() -> None:
    rows = create_sampler(classes_per_batch=100, rows_per_class=9).sample(0)
    assert len(rows) == 40 * 9
    assert set(CLASSES[rows].tolist()) == set(range(40))
    single_row = BatchSampler(
        ROWS[:1],
        np.array([0]),
        np.array([True]),
        classes_per_batch=4,
        rows_per_class=3,
        hard_negative_share=0.5,
        seed=0,
    )
    assert single_row.sample(0).tolist() == [0, 0, 0]
