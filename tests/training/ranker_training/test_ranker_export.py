"""Tests that the exported ranker computes what the trained one computes."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.errors import ModelError
from shoplens.ranking.ranker import Ranker, RankerCard
from shoplens.ranking.ranker_features import RankerFeatures
from shoplens.training.ranker_training.ranker_export import export_ranker, measure_ranker_difference
from shoplens.training.ranker_training.ranking_networks import CONTEXT_BOUND, RankerRecipe, train_network
from tests.training.ranker_training.toy_datasets import NAMES, create_toy_dataset

pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("onnx", reason="the extra train is not installed")
STATIC = {"look": 1.0, "color": 0.5, "pattern": 0.5}
TASKS = create_toy_dataset(60)


@pytest.fixture(scope="module")
def ranker() -> Ranker:
    gate = train_network(TASKS, RankerRecipe("gate", shrinkage=1e-2, embedding_shrinkage=1e-2, steps=40))
    network = train_network(TASKS, RankerRecipe("listwise", steps=20), gate)
    card = RankerCard(NAMES, "listwise", TASKS.embeddings.shape[1], training_photos=[TASKS.photos[0][:12]])
    ranker = Ranker(export_ranker(network, card))
    assert measure_ranker_difference(ranker, network, TASKS) < 1e-5
    return ranker


def create_features(names: tuple[str, ...] = NAMES, candidates: int = 20, n: int = 0) -> RankerFeatures:
    columns = [NAMES.index(name) if name in NAMES else 0 for name in names]
    similarities = TASKS.similarities[n][:candidates, columns]
    return RankerFeatures(names, TASKS.embeddings[n], TASKS.signals[n][columns], similarities)


def test_the_network_file_contains_the_card_of_the_ranker(ranker: Ranker) -> None:
    assert ranker.card.kind == "listwise" and list(ranker.card.dimensions) == list(NAMES)
    assert ranker.has_learned(TASKS.photos[0]) and not ranker.has_learned(TASKS.photos[1])
    assert Ranker(ranker.network).model == ranker.model


def test_an_unknown_dimension_keeps_its_static_share(ranker: Ranker) -> None:
    names = (*NAMES, "cut")
    weights = ranker.weights(create_features(names), {**STATIC, "cut": 2.0})
    assert weights["cut"] == pytest.approx(0.5) and sum(weights.values()) == pytest.approx(1)
    known = ranker.weights(create_features(), STATIC)
    assert all(weights[name] == pytest.approx(known[name] / 2) for name in NAMES)


def test_the_share_of_a_missing_dimension_goes_to_the_others(ranker: Ranker) -> None:
    whole = ranker.weights(create_features(), STATIC)
    values = ranker.weights(create_features(("pattern", "look")), STATIC)
    assert list(values) == ["pattern", "look"] and sum(values.values()) == pytest.approx(1)
    assert values["look"] / values["pattern"] == pytest.approx(whole["look"] / whole["pattern"], rel=1e-5)


def test_the_ranker_accepts_unknown_dimensions_only(ranker: Ranker) -> None:
    assert ranker.weights(create_features(("cut",)), {"cut": 1.0}) == {"cut": 1.0}
    assert ranker.context(("cut",), np.zeros((3, 1), np.float32), {"cut": 1.0}).tolist() == [0, 0, 0]


@pytest.mark.parametrize("count", [0, 1, 2, 500])
def test_the_ranker_accepts_any_number_of_candidates(ranker: Ranker, count: int) -> None:
    similarities = np.resize(TASKS.similarities[0], (count, 3)).astype(np.float32)
    values = ranker.context(NAMES, similarities, dict.fromkeys(NAMES, 1 / 3))
    assert values.shape == (count,) and np.isfinite(values).all() and np.abs(values).max(initial=0) <= CONTEXT_BOUND


def test_tied_candidates_stay_tied(ranker: Ranker) -> None:
    similarities = np.repeat(TASKS.similarities[0][:1], 5, axis=0)
    values = ranker.context(NAMES, similarities, dict.fromkeys(NAMES, 1 / 3))
    assert np.ptp(values) < 1e-6


def test_a_dimension_with_weight_zero_does_not_affect_the_context(ranker: Ranker) -> None:
    similarities, weights = TASKS.similarities[0].copy(), {"look": 0.5, "color": 0.5, "pattern": 0.0}
    before = ranker.context(NAMES, similarities, weights)
    similarities[:, 2] = np.random.default_rng(0).normal(size=len(similarities))
    assert np.array_equal(ranker.context(NAMES, similarities, weights), before)


def test_a_file_that_is_no_ranker_is_an_error() -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        Ranker(b"not a network")
