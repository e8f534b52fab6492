"""Tests of which ranker wins, where what matters depends on the photo, and where it does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shoplens.filters.fitting.crossfit import fold_index
from shoplens.training.ranker_training import cross_validation as cross_validation_module
from shoplens.training.ranker_training.cross_validation import (
    FOLDS,
    binary_ndcg,
    compute_ranks,
    cross_validate,
    graded_ndcg,
)
from shoplens.training.ranker_training.ranking_dataset import RankingDataset
from shoplens.training.ranker_training.ranking_networks import (
    CONTEXT_BOUND,
    RankerRecipe,
    RankingNetwork,
    listwise_context,
    train_network,
)
from shoplens.training.ranker_training.relevance import SAME, VARIANT
from shoplens.types.progress import ignore_progress
from tests.training.ranker_training.toy_datasets import QUICK, create_toy_dataset

pytest.importorskip("torch", reason="the extra train is not installed")


def test_a_gate_learns_the_dimension_that_decides() -> None:
    dataset = create_toy_dataset()
    validation = cross_validate(dataset, 0, ignore_progress, QUICK)
    figures = {name: binary_ndcg(dataset, scores).mean() for name, scores in validation.scores.items()}
    assert figures["gate"] > figures["static"] + 0.1
    heaviest = validation.gate_weights.argmax(axis=1)
    assert np.mean(heaviest == dataset.signals[:, :, 1].argmin(axis=1)) > 0.95
    assert np.allclose(validation.gate_weights.sum(axis=1), 1, atol=1e-5)


def test_without_informative_features_a_gate_is_not_better() -> None:
    dataset = create_toy_dataset(signal=False)
    validation = cross_validate(dataset, 0, ignore_progress, QUICK)
    figures = {name: binary_ndcg(dataset, scores).mean() for name, scores in validation.scores.items()}
    assert figures["gate"] < figures["static"] + 0.02


def test_no_query_is_ranked_by_a_network_trained_on_its_group(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[str]] = []
    original = cross_validation_module.train_network

    def spy(
        dataset: RankingDataset, recipe: RankerRecipe, gate_network: RankingNetwork | None = None
    ) -> RankingNetwork:
        seen.append(set(dataset.groups))
        return original(dataset, recipe, gate_network)

    monkeypatch.setattr(cross_validation_module, "train_network", spy)
    dataset = create_toy_dataset(60)
    cross_validate(dataset, 0, ignore_progress, QUICK)
    each = len(seen) // FOLDS
    assert each == 2 * len(QUICK)  # once to choose, once to answer
    for fold in range(FOLDS):
        groups_of_fold = {group for group in dataset.groups if fold_index(group, FOLDS) == fold}
        assert groups_of_fold and all(
            groups_of_fold.isdisjoint(groups) for groups in seen[fold * each : (fold + 1) * each]
        )


def test_static_weights_drop_an_uninformative_dimension() -> None:
    dataset = create_toy_dataset(200)
    similarities = dataset.similarities.copy()
    similarities[:, :, 0] = np.random.default_rng(5).normal(size=similarities.shape[:2])
    network = train_network(replace(dataset, similarities=similarities), RankerRecipe("static", prior=1e-3))
    weights = network.weights(dataset)[0]
    assert weights[0] < 0.15 and weights[1:].min() > 0.3


def test_the_listwise_part_is_bounded_and_independent_of_the_order() -> None:
    dataset = create_toy_dataset(80)
    gate = train_network(dataset, QUICK[1])
    network = train_network(dataset, RankerRecipe("listwise", steps=60, listwise_shrinkage=0.0), gate)
    weights = network.weights(dataset)[0]
    given = listwise_context(network, dataset.similarities[0], weights)
    order = np.random.default_rng(1).permutation(len(given))
    assert np.abs(given).max() <= CONTEXT_BOUND and np.abs(given).max() > 0
    assert listwise_context(network, dataset.similarities[0][order], weights) == pytest.approx(given[order], abs=1e-5)
    assert np.array_equal(network.weights(dataset), gate.weights(dataset))


def test_ties_get_the_worst_rank_and_a_missing_product_ranks_last() -> None:
    dataset = create_toy_dataset(3)
    scores = np.zeros_like(dataset.gains)
    assert compute_ranks(dataset, scores).tolist() == [20, 20, 20]
    scores = dataset.gains.copy()
    assert compute_ranks(dataset, scores).tolist() == [1, 1, 1]
    lost = replace(dataset, gains=np.zeros_like(dataset.gains))
    assert compute_ranks(lost, scores).tolist() == [21, 21, 21]
    assert binary_ndcg(lost, scores).tolist() == [0, 0, 0]


def test_graded_gains_count_in_ndcg() -> None:
    dataset = create_toy_dataset(1, candidates=4)
    gains = np.array([[SAME, VARIANT, 0, 0]], np.float32)
    dataset = replace(dataset, gains=gains)
    best = graded_ndcg(dataset, np.array([[4, 3, 2, 1]], np.float32))[0]
    worse = graded_ndcg(dataset, np.array([[4, 1, 3, 2]], np.float32))[0]
    assert best == pytest.approx(1)
    expected = (SAME + VARIANT / np.log2(5)) / (SAME + VARIANT / np.log2(3))
    assert worse == pytest.approx(expected)


def test_the_same_seed_gives_the_same_network() -> None:
    dataset = create_toy_dataset(60)
    one, other = (train_network(dataset, replace(QUICK[1], seed=3)) for _ in range(2))
    assert np.array_equal(one.gate, other.gate)
