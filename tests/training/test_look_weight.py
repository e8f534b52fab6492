"""The weight of a trained look: as much as finds most, and no more where more finds no more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from shoplens.filters.fitting.crossfit import fold_index
from shoplens.training.data.samples import BUCKETS, NEW_GROUPS
from shoplens.training.look_weight import MULTIPLES, LookWeights, choose_look_weights
from shoplens.training.ranker_training.ranking_dataset import RankingDataset, is_right
from tests.training.ranker_training.toy_datasets import create_toy_dataset

LOOK_COLUMN = 0


def dataset_where_the_look_gains(gain: float) -> RankingDataset:
    """Return queries whose right candidate is this much more similar by the look; all else is noise."""
    dataset = create_toy_dataset(600)
    similarities = np.random.default_rng(1).normal(size=dataset.similarities.shape).astype(np.float32)
    similarities[..., LOOK_COLUMN] += gain * is_right(dataset)
    return replace(dataset, similarities=similarities)


def test_a_look_that_alone_finds_the_product_gets_most_of_the_weight() -> None:
    weights = choose_look_weights(dataset_where_the_look_gains(2.5))
    assert weights.look >= 4 and weights.text == 1


def test_a_look_that_finds_nothing_keeps_its_weight() -> None:
    dataset = create_toy_dataset(600)
    similarities = dataset.similarities.copy()
    similarities[..., LOOK_COLUMN] = np.random.default_rng(2).normal(size=similarities.shape[:2])
    assert choose_look_weights(replace(dataset, similarities=similarities)) == LookWeights()


def test_products_that_the_look_knows_decide() -> None:
    dataset = dataset_where_the_look_gains(2.5)
    groups = np.array([f"group {n}" for n in range(600)])
    is_known = np.array([fold_index(group, BUCKETS) >= NEW_GROUPS for group in groups])
    similarities = dataset.similarities.copy()
    similarities[is_known, :, LOOK_COLUMN] = 0
    assert choose_look_weights(replace(dataset, similarities=similarities, groups=tuple(groups))).look == 1


def test_of_equal_weights_the_smallest_is_taken() -> None:
    dataset = create_toy_dataset(60)
    similarities = dataset.similarities.copy()
    similarities[..., LOOK_COLUMN] = 0
    assert choose_look_weights(replace(dataset, similarities=similarities)).look == 1 == MULTIPLES[0]


def test_words_keep_up_with_the_look() -> None:
    dataset = dataset_where_the_look_gains(2.5)
    similarities = dataset.similarities.copy()
    similarities[..., 2] = 0
    similarities[::3, :, 2] = 3 * is_right(dataset)[::3]  # a third of the photos shows the product's name
    with_words = replace(dataset, names=("look", "color", "text"), similarities=similarities)
    weights = choose_look_weights(with_words)
    assert weights.look >= 4 and weights.text >= 4


def test_words_that_mislead_do_not() -> None:
    dataset = dataset_where_the_look_gains(2.5)
    weights = choose_look_weights(replace(dataset, names=("look", "color", "text")))
    assert weights.text <= weights.look / 4
