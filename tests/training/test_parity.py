"""Tests that evaluation ranks what a search answers, to the last digit: for random queries of every strategy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shoplens import Shop
from shoplens.evaluation.queries import JudgedQuery
from shoplens.evaluation.query_photos import QueryPhotos
from shoplens.evaluation.query_runs import evaluate_query
from shoplens.images import PhotoSource
from shoplens.ranking.strategies import STRATEGIES
from shoplens.search.prepared_strategy import prepare_strategy
from shoplens.training.classifier import ClassifierOptions
from shoplens.training.look import LookOptions
from shoplens.training.optimization.head import HeadRecipe
from shoplens.training.optimization.softmax_head import SoftmaxRecipe
from shoplens.training.ranker import RankerOptions
from tests.fakes import ColourEmbedder
from tests.training.ranker_training.toy_datasets import QUICK
from tests.training.shops import SETTINGS, create_learnable_shop, draw_pattern

pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("onnx", reason="the extra train is not installed")

QUERIES = 6
LOOK = HeadRecipe(steps=40, classes_per_batch=12, rows_per_class=2, dimensions=8)
CLASSIFIER = SoftmaxRecipe(hidden_size=16, min_steps=30, classes_per_batch=24, rows_per_class=4)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Return a shop that is ready for every strategy."""
    with create_learnable_shop(tmp_path_factory.mktemp("trained"), 40, 3) as shop:
        shop.training.train_look(
            LookOptions(
                recipe=HeadRecipe(steps=40, classes_per_batch=12, rows_per_class=2, dimensions=8),
                augmentations=1,
                force=True,
            )
        )
        shop.training.train_ranker(RankerOptions(kind="listwise", force=True, recipes=QUICK))
        shop.training.train_classifier(
            ClassifierOptions(
                recipe=SoftmaxRecipe(hidden_size=16, min_steps=30, classes_per_batch=24, rows_per_class=4),
                augmentations=1,
            )
        )
        yield shop


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return photos of some of the shop's products that the shop does not have."""
    folder = tmp_path_factory.mktemp("asked")
    numbers = np.random.default_rng(4).choice(40, QUERIES, replace=False)
    return [draw_pattern(folder / f"{number}.png", int(number), 99) for number in numbers]


@pytest.mark.parametrize("name", STRATEGIES)
def test_evaluation_ranks_as_a_search_answers(shop: Shop, photos: list[Path], name: str) -> None:
    with shop._parts.store.reading() as generation:
        prepared = prepare_strategy(STRATEGIES[name], generation, SETTINGS.preferences)
        embedder = prepared.embedder_for(generation.embedder_for(ColourEmbedder()))
        encoder = QueryPhotos(generation.index, embedder, PhotoSource(SETTINGS), SETTINGS)
        right = next(iter(generation.index.ids()))
        for photo in photos:
            answer = shop.search(photo, 30, strategy=name)
            encoded = encoder.encode(photo.read_bytes(), features=bool(prepared.strategy.needs))
            run = evaluate_query(generation.index, prepared, JudgedQuery(str(photo), {right: 1.0}), encoded)
            assert run is not None and len(answer.results) == 30
            evaluated = [(one.product.id, one.score, dict(one.parts), one.photo) for one in run.results[:30]]
            assert evaluated == [(one.product.id, one.score, dict(one.parts), one.photo) for one in answer.results]
