"""Tests of training a classifier, on toy samples whose answers are known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shoplens.embedders import ProductClassifier
from shoplens.embedders.classifier import ClassifierCard
from shoplens.errors import ModelError
from shoplens.training.optimization.feature_whitening import fit_whitening
from shoplens.training.optimization.head import TrainingSet
from shoplens.training.optimization.head_export import export_classifier
from shoplens.training.optimization.softmax_head import SoftmaxRecipe, SoftmaxWeights, train_softmax
from shoplens.training.optimization.training_loop import LoopOptions
from shoplens.training.retraining_cost import SIZES, measure_retraining_costs
from tests.training.toy_samples import COLUMNS, create_toy_samples, sample_photo

pytest.importorskip("torch", reason="the extra train is not installed")
RECIPE = SoftmaxRecipe(
    hidden_size=8, min_steps=120, epochs=1, learning_rate=3e-2, classes_per_batch=12, rows_per_class=3
)


def create_training_set(seed: int = 0) -> TrainingSet:
    samples = create_toy_samples([sample_photo(f"p{n:02}") for n in range(20)], augmented_views=5, seed=seed)
    return TrainingSet(samples.rows[:, :12].astype(np.float32), samples.owners, np.ones(len(samples.rows), bool))


def accuracy(softmax: SoftmaxWeights, queries: TrainingSet) -> float:
    return float((softmax.logits(queries.rows).argmax(axis=1) == queries.classes).mean())


def test_training_learns_the_features_that_distinguish_products() -> None:
    training_set = create_training_set()
    softmax = train_softmax(training_set, RECIPE, LoopOptions())
    assert (softmax.body.shape, softmax.outputs.shape, softmax.biases.shape) == ((12, 8), (8, 20), (20,))
    assert (
        accuracy(softmax, training_set)
        > 0.75
        > 0.5
        > accuracy(train_softmax(training_set, RECIPE, LoopOptions(last_step=1)), training_set)
    )


def test_the_step_with_the_best_validation_score_is_kept() -> None:
    scores = iter([0.2, 0.9, 0.5])
    best = train_softmax(create_training_set(), RECIPE, LoopOptions(), lambda softmax: np.array([next(scores)]))
    assert best.step == 100
    np.testing.assert_array_equal(
        best.outputs, train_softmax(create_training_set(), RECIPE, LoopOptions(last_step=100)).outputs
    )


def test_a_killed_training_continues_and_gives_the_same_result(tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(what: str, done: int, total: int) -> None:
        if done == 70:
            raise Killed

    file = tmp_path / "softmax.checkpoint"
    with pytest.raises(Killed):
        train_softmax(create_training_set(), RECIPE, LoopOptions(checkpoint=file, progress=kill))
    resumed = train_softmax(create_training_set(), RECIPE, LoopOptions(checkpoint=file))
    np.testing.assert_array_equal(resumed.outputs, train_softmax(create_training_set(), RECIPE, LoopOptions()).outputs)


def test_many_products_take_more_steps() -> None:
    recipe = SoftmaxRecipe(epochs=40, min_steps=600, classes_per_batch=96)
    assert [recipe.steps(products) for products in (10, 1_440, 1_441, 96_000)] == [600, 600, 601, 40_000]


def test_the_exported_network_equals_the_trained_one() -> None:
    samples = create_toy_samples([sample_photo(f"p{n}") for n in range(20)], augmented_views=3)
    whitening = fit_whitening(samples.rows, samples.owners, COLUMNS, shrinkage=1.0)
    rows = whitening.transform(samples.rows)
    softmax = train_softmax(
        TrainingSet(rows, samples.owners, np.ones(len(rows), bool)), RECIPE, LoopOptions(last_step=30)
    )
    card = ClassifierCard("features@1", COLUMNS.width, [f"p{n}" for n in range(20)], training_photos=["0123456789ab"])
    network = export_classifier(whitening, softmax, json.dumps({one: getattr(card, one) for one in card.__slots__}))
    classifier = ProductClassifier(network)
    features = samples.rows.astype(np.float32)
    logits = softmax.logits(rows)
    expected = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.probabilities(features), expected, atol=1e-5)
    np.testing.assert_allclose(classifier.vectors(features), softmax.vectors(rows), atol=1e-4)
    classified = classifier.classify(features[3])
    assert (classified.products, classifier.card) == (card.products, card)
    np.testing.assert_allclose(classified.probabilities, expected[3], atol=1e-5)
    assert classifier.has_learned("0123456789abcdef") and not classifier.has_learned("1123456789abcdef")
    with pytest.raises(ModelError, match="features"):
        classifier.vectors(features[:, 1:])


@pytest.mark.parametrize("network", [b"", b"not a network"])
def test_a_damaged_network_is_an_error(network: bytes) -> None:
    with pytest.raises(ModelError) as raised:
        ProductClassifier(network)
    assert raised.value.code == "damaged-classifier"


def test_a_training_costs_more_the_more_products_there_are() -> None:
    recipe = replace(RECIPE, hidden_size=2, classes_per_batch=2, rows_per_class=1)
    costs = measure_retraining_costs(
        width=5, whitened_width=4, rows=lambda products: 3 * products, recipe=recipe, threads=1
    )
    assert [one.products for one in costs] == list(SIZES)
    assert all(one.seconds > 0 for one in costs)
    first = costs[0]
    assert first.training_bytes == 3 * 1_000 * (5 * 2 + 4 * 4) + 4 * 4 * (4 * 2 + 2 * 1_000 + 1_000)
    assert first.network_bytes == 4 * 2 * (5 + 1_000)
