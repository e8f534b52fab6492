"""Queries for the filters: of a photo, of a product of the shop, of a colour, and of a photo in another colour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shoplens.build.photo_features import extract_features
from shoplens.errors import InvalidValue
from shoplens.feeds import read_feed
from shoplens.filters.dimensions.dimension import COLOR, LOOK
from shoplens.filters.fitting.crossfit import FOLDS
from shoplens.filters.model.scoring import DENSE_PARTS
from shoplens.filters.model.view_metric import ViewMetric
from shoplens.filters.photo_features.color_histogram import parse_palette
from shoplens.index.protocol import PhotoConstraint
from shoplens.ranking.filter_query import FilterQuery
from shoplens.ranking.filter_retrieval import build_candidates, retrieve_pool
from shoplens.ranking.strategies import EncodedQuery, strategy_named
from shoplens.search.filter_query import FilterQueryBuilder
from shoplens.search.prepared_strategy import PreparedStrategy
from shoplens.settings import Preferences, Profile
from shoplens.store.store import Store
from shoplens.types import SparseVector, Steering
from tests.fakes import ColourEmbedder, builder
from tests.patterned_shop import COLORS, PRODUCTS, product_name, query_photo, write_feed

NAMES = {"look", "shape", "color", "pattern", "category"}
COLOR_ALONE = {**dict.fromkeys(NAMES, 0.0), "color": 1.0}
FILTERS, PRETRAINED = strategy_named("filters-static"), strategy_named("pretrained")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    write_feed(folder)
    return folder


@pytest.fixture(scope="module")
def store(folder: Path) -> Iterator[Store]:
    store = Store(folder / "store", create=True)
    with read_feed(folder / "feed.jsonl") as feed:
        builder(store).index(feed)
    yield store
    store.close()


@pytest.fixture(scope="module")
def queries(store: Store) -> FilterQueryBuilder:
    return FilterQueryBuilder(store.live, Preferences())


def encode_photo(path: Path) -> EncodedQuery:
    """Encode the photo of this file as a query, with its features."""
    with Image.open(path) as image:
        photo = extract_features(ColourEmbedder(), "query", np.asarray(image.convert("RGB")))
    return EncodedQuery(photo.vector, features=photo.features)


def class_probabilities(queries: FilterQueryBuilder, marks: SparseVector, name: str) -> dict[str, float]:
    """Return class -> probability by the marks, for the classes of one dimension; its colour palette is left out."""
    entries = dict(zip(marks.indices.tolist(), marks.values.tolist(), strict=True))
    return {
        label: entries[position] ** 2 / block.share
        for block in queries.filters.layout.blocks_of(name)
        if block.kind != "palette"
        for position, label in enumerate(block.classes, start=block.start)
        if position in entries
    }


def similarities_by_product(store: Store, query: FilterQuery, name: str = COLOR) -> dict[str, float]:
    """Return product -> similarity in one dimension, for all products."""
    pool = retrieve_pool(store.live.index, query, PRODUCTS, PhotoConstraint())
    candidates = build_candidates(store.live.index, query, pool, PRODUCTS)
    assert len(candidates) == PRODUCTS
    return {candidate.product.id: candidate.scores[name] for candidate in candidates}


def test_the_query_of_a_photo_holds_the_predictions_of_the_filters(queries: FilterQueryBuilder, folder: Path) -> None:
    photo = encode_photo(query_photo(folder, "blue", "striped"))
    query = queries.build(photo)
    assert photo.features is not None
    predictions = queries.filters.predict(photo.features[None])
    np.testing.assert_array_equal(query.like.look, photo.vector)
    np.testing.assert_array_equal(query.like.dense, predictions.dense[0])
    assert (
        max(class_probabilities(queries, query.like.marks, "pattern").items(), key=lambda item: item[1])[0] == "striped"
    )
    assert (query.unlike, query.explain) == (None, False)
    assert set(query.weights) == NAMES and sum(query.weights.values()) == pytest.approx(1)


def test_a_catalogue_photo_is_predicted_by_heads_fitted_without_its_group(
    queries: FilterQueryBuilder, folder: Path
) -> None:
    name = product_name("blue", "striped", 2)
    photo = encode_photo(folder / f"{name}.png")
    assert photo.features is not None
    query = queries.build(photo, group=name)
    predictions = queries.filters.predict(photo.features[None], [name])
    expected = queries.filters.class_vector(predictions.probabilities[0], {})
    np.testing.assert_array_equal(query.like.marks.values, expected.values)
    marks_by_all_heads = queries.build(photo).like.marks
    assert class_probabilities(queries, marks_by_all_heads, "category") != class_probabilities(
        queries, query.like.marks, "category"
    )


def test_a_query_is_compared_by_the_metric_that_was_not_fitted_to_its_group(store: Store, folder: Path) -> None:
    queries = FilterQueryBuilder(store.live, Preferences())
    size = store.live.index.dimensions
    matrices = np.stack([np.diag(np.arange(1, size + 1) ** (fold + 1.0)) for fold in range(FOLDS + 1)])
    views = ViewMetric({LOOK: matrices.astype(np.float32)}, photos=9)
    queries.filters = replace(queries.filters, models=replace(queries.filters.models, views=views))
    name = product_name("blue", "striped", 2)
    photo = encode_photo(folder / f"{name}.png")
    for query, group in (
        (queries.build(photo), None),
        (queries.build(photo, group=name), name),
        (queries.build(None, Steering(like=name)), name),
    ):
        np.testing.assert_allclose(query.like.look, views.transform(LOOK, photo.vector, group), atol=1e-6)
        np.testing.assert_allclose(query.like.photo_embedding, photo.vector, atol=1e-6)
        assert not np.allclose(query.like.look, photo.vector, atol=1e-3)


def test_the_query_of_a_product_holds_its_vectors_and_the_values_of_the_feed(
    store: Store, queries: FilterQueryBuilder
) -> None:
    name = product_name("green", "plain", 4)
    (entry,) = store.live.index.entries([name])
    query = queries.build(None, Steering(like=name))
    assert entry.scores is not None
    np.testing.assert_array_equal(query.like.look, entry.vectors[0])
    np.testing.assert_array_equal(query.like.dense, queries.filters.space.dense_vectors(entry.scores.filter_vectors)[0])
    assert class_probabilities(queries, query.like.marks, "color") == {"Green": pytest.approx(1)}
    assert class_probabilities(queries, query.like.marks, "pattern") == {"plain": pytest.approx(1)}


def test_a_steered_color_changes_only_the_color_of_a_query(queries: FilterQueryBuilder) -> None:
    name = product_name("green", "plain", 4)
    plain, recolored = queries.build(None, Steering(like=name)), queries.build(None, Steering(like=name, color="blue"))
    np.testing.assert_array_equal(plain.like.look, recolored.like.look)
    tint = DENSE_PARTS[COLOR]
    assert not recolored.like.dense[tint].any()
    np.testing.assert_array_equal(np.delete(plain.like.dense, tint), np.delete(recolored.like.dense, tint))
    assert class_probabilities(queries, recolored.like.marks, "color") == {}
    for dimension in ("pattern", "category"):
        assert class_probabilities(queries, recolored.like.marks, dimension) == class_probabilities(
            queries, plain.like.marks, dimension
        )
    assert (np.diff(recolored.like.marks.indices.astype(int)) > 0).all()


def test_a_color_query_ranks_by_the_similarity_of_palettes(store: Store, queries: FilterQueryBuilder) -> None:
    """The similarity is the Bhattacharyya coefficient of the two palettes; no product is left out."""
    for color in ("blue", "#1e3cc8", "#c81e1e", "#1ea032"):
        similarities = similarities_by_product(store, queries.build(None, Steering(color=color)))
        block = next(block for block in queries.filters.layout.blocks_of(COLOR) if block.kind == "palette")
        expected = {}
        for entry in store.live.index.entries():
            assert entry.scores is not None
            marks = np.zeros(queries.filters.layout.size)
            marks[entry.scores.class_vectors[0].indices] = entry.scores.class_vectors[0].values
            shares = np.sqrt(parse_palette(color)) * marks[block.entries] / np.sqrt(block.share)
            expected[entry.product.id] = float(shares.sum())
        assert similarities == pytest.approx(expected, abs=1e-5)
        assert len({round(similarity, 3) for similarity in expected.values()}) > 10


def test_a_color_query_weighs_only_the_color(queries: FilterQueryBuilder) -> None:
    query = queries.build(None, Steering(color="red"))
    assert query.weights == pytest.approx(COLOR_ALONE)
    assert not query.like.look.any() and not query.like.dense.any()


def test_the_negative_example_is_encoded_like_a_photo(queries: FilterQueryBuilder, folder: Path) -> None:
    positive, negative = (
        encode_photo(query_photo(folder, "red", "plain")),
        encode_photo(query_photo(folder, "blue", "striped")),
    )
    query = queries.build(positive, unlike=negative)
    assert query.unlike is not None
    np.testing.assert_array_equal(query.unlike.marks.values, queries.build(negative).like.marks.values)
    np.testing.assert_array_equal(query.unlike.look, negative.vector)


def test_a_profile_uses_the_weights_of_the_category_of_the_query(store: Store) -> None:
    profile = Profile(COLOR_ALONE, {"Home > Rugs": {"color": 0.0, "look": 1.0}})
    queries = FilterQueryBuilder(store.live, Preferences(profiles={"rugs": profile}))
    rug, top = product_name("red", "plain", 3), product_name("red", "plain", 4)
    assert queries.build(None, Steering(like=rug, profile="rugs")).weights["look"] == pytest.approx(1)
    assert queries.build(None, Steering(like=top, profile="rugs")).weights["color"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("steering", "code"),
    [(Steering(like="nothing"), "unknown-product"), (Steering(color="greenish"), "unknown-color")],
)
def test_an_unknown_product_or_color_is_refused(queries: FilterQueryBuilder, steering: Steering, code: str) -> None:
    with pytest.raises(InvalidValue) as error:
        queries.build(None, steering)
    assert error.value.code == code


def test_a_photo_without_features_is_refused(queries: FilterQueryBuilder) -> None:
    with pytest.raises(InvalidValue, match="The photo has no features"):
        queries.build(EncodedQuery(np.array([0.5, 0.5, 0.5, 0.5], np.float32)))


def test_encode_adds_a_filter_query_only_for_strategies_with_filters(queries: FilterQueryBuilder, folder: Path) -> None:
    photo = encode_photo(query_photo(folder, next(iter(COLORS)), "plain"))
    assert PreparedStrategy(PRETRAINED).encode(photo) is photo
    assert PreparedStrategy(FILTERS, queries).encode(photo).filtered is not None


def test_a_generation_without_filters_is_refused(store: Store) -> None:
    filters, store.live.filters = store.live.filters, None
    try:
        with pytest.raises(InvalidValue) as error:
            FilterQueryBuilder(store.live, Preferences())
    finally:
        store.live.filters = filters
    assert error.value.code == "no-filters"


def test_text_counts_only_for_a_query_with_words(queries: FilterQueryBuilder, folder: Path) -> None:
    photo = encode_photo(query_photo(folder, "red", "plain"))
    words = queries.text_query("red 0012")
    assert "text" not in queries.build(photo).weights
    with_words = queries.build(photo, text=words)
    assert with_words.weights["text"] > 0
    assert sum(with_words.weights.values()) == pytest.approx(1)
    without = queries.build(photo).weights
    rest = 1 - with_words.weights["text"]
    assert {name: with_words.weights[name] / rest for name in without} == pytest.approx(without)
    assert queries.build(None, text=words).weights == pytest.approx({**dict.fromkeys(NAMES, 0.0), "text": 1.0})


def test_only_text_counts_for_a_query_without_words(queries: FilterQueryBuilder, folder: Path) -> None:
    photo = encode_photo(query_photo(folder, "red", "plain"))
    steering = Steering(weights={**dict.fromkeys(NAMES, 0.0), "text": 1.0})
    with pytest.raises(InvalidValue, match="the query has no words") as error:
        queries.build(photo, steering)
    assert error.value.code == "no-weight"


def test_words_find_a_product_by_its_title(store: Store, queries: FilterQueryBuilder) -> None:
    for entry in store.live.index.entries():
        query = queries.build(None, text=queries.text_query(entry.product.title))
        pool = retrieve_pool(store.live.index, query, 3, PhotoConstraint())
        best = build_candidates(store.live.index, query, pool, 3)[0]
        assert best.product.title == entry.product.title
        assert best.scores["text"] > 0.5
        break
