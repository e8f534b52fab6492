"""The queries that a ranker learns from: words are a dimension of those that show some, as in a search."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shoplens.ranking.text_retrieval import TEXT_SPREAD
from shoplens.store.generation import Generation
from shoplens.training.ranker_training.ranking_dataset import RankingDataset, build_dataset_from_queries, is_right
from shoplens.training.ranker_training.ranking_queries import select_query_photos
from tests.training.shops import create_learnable_shop


def build_dataset(folder: Path, *, words: bool) -> RankingDataset:
    """Build the dataset of a shop whose products are named by their ids; every second query shows that name."""
    with create_learnable_shop(folder, 32, 3) as shop:
        context = shop._parts.evaluation_context(None)
        with context.reading() as generation:
            queries = select_query_photos(context, generation, None, lambda rejection: None)
            photos = [queries.samples.photos[n] for n in queries.samples.owners[queries.rows].tolist()]
            names = {record.product.id: record.product.title for record in generation.index.all_records()}
            shown = tuple(names[photo.product] if n % 2 and words else "" for n, photo in enumerate(photos))
            check_titles(generation)
            return build_dataset_from_queries(context, generation, replace(queries, words=shown))


def check_titles(generation: Generation) -> None:
    titles = [record.product.title for record in generation.index.all_records()]
    assert len(set(titles)) == len(titles), "every product has a name of its own"


@pytest.mark.slow
def test_words_are_a_dimension_of_the_queries_that_show_some(tmp_path: Path) -> None:
    dataset = build_dataset(tmp_path, words=True)
    assert dataset.names[-1] == "text" and dataset.fitted_weights[-1] == 1
    places, right = dataset.similarities[:, :, -1], is_right(dataset)
    assert not places[::2].any() and not dataset.signals[::2, -1].any()
    assert np.allclose(places[1::2][right[1::2]], places[1::2].max(axis=1))
    assert places.min() >= 0 and places.max() <= 1 / TEXT_SPREAD + 1e-4
    assert dataset.signals[1::2, -1].any()


@pytest.mark.slow
def test_without_words_nothing_else_changes(tmp_path: Path) -> None:
    with_words, without = build_dataset(tmp_path / "one", words=True), build_dataset(tmp_path / "two", words=False)
    assert without.names == with_words.names[:-1]
    assert np.array_equal(without.similarities[::2], with_words.similarities[::2, :, :-1])
