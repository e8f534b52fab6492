"""What is asked of the filters: a photo, a product of the shop, a colour, or one with the colour of another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shoplens.build.photo_features import extract_features
from shoplens.errors import InvalidValue
from shoplens.feeds import read_feed
from shoplens.filters.dimensions.dimension import COLOR
from shoplens.filters.model.scoring import DENSE_PARTS
from shoplens.filters.photo_features.color_histogram import parse_palette
from shoplens.index.protocol import PhotoConstraint
from shoplens.ranking.filter_retrieval import FilterQuery, build_candidates, retrieve_pool
from shoplens.ranking.strategies import EncodedQuery, strategy_named
from shoplens.search.filter_query import FilterQueryBuilder
from shoplens.search.prepared_strategy import PreparedStrategy
from shoplens.settings import Preferences, Profile
from shoplens.store.store import Store
from shoplens.types import SparseVector, Steering
from tests.fakes import ColourEmbedder, builder
from tests.patterned_shop import COLORS, PRODUCTS, asked, made_feed, product_name

NAMES = {"look", "shape", "color", "pattern", "category"}
ONLY_COLOR = {**dict.fromkeys(NAMES, 0.0), "color": 1.0}
STATIC, PRETRAINED = strategy_named("filters-static"), strategy_named("pretrained")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    made_feed(folder)
    return folder


@pytest.fixture(scope="module")
def store(folder: Path) -> Iterator[Store]:
    opened = Store(folder / "store", create=True)
    with read_feed(folder / "feed.jsonl") as feed:
        builder(opened).index(feed)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def queries(store: Store) -> FilterQueryBuilder:
    return FilterQueryBuilder(store.live, Preferences())


def seen(path: Path) -> EncodedQuery:
    with Image.open(path) as image:
        found = extract_features(ColourEmbedder(), "query", np.asarray(image.convert("RGB")))
    return EncodedQuery(found.vector, features=found.features)


def held(queries: FilterQueryBuilder, marks: SparseVector, name: str) -> dict[str, float]:
    """Class -> probability by the marks, of the blocks of classes."""
    entries = dict(zip(marks.indices.tolist(), marks.values.tolist(), strict=True))
    return {
        label: entries[place] ** 2 / block.share
        for block in queries.filters.layout.blocks_of(name)
        if block.kind != "palette"
        for place, label in enumerate(block.classes, start=block.start)
        if place in entries
    }


def scores(store: Store, query: FilterQuery, name: str = COLOR) -> dict[str, float]:
    """Product -> similarity in one dimension, of all products."""
    pool = retrieve_pool(store.live.index, query, PRODUCTS, PhotoConstraint())
    found = build_candidates(store.live.index, query, pool, PRODUCTS)
    assert len(found) == PRODUCTS
    return {one.product.id: one.scores[name] for one in found}


def test_a_photo_is_what_the_filters_read_in_it(queries: FilterQueryBuilder, folder: Path) -> None:
    photo = seen(asked(folder, "blue", "striped"))
    query = queries.build(photo)
    assert photo.features is not None
    described = queries.filters.predict(photo.features[None])
    np.testing.assert_array_equal(query.like.look, photo.vector)
    np.testing.assert_array_equal(query.like.dense, described.dense[0])
    assert max(held(queries, query.like.marks, "pattern").items(), key=lambda one: one[1])[0] == "striped"
    assert (query.unlike, query.explain) == (None, False)
    assert set(query.weights) == NAMES and sum(query.weights.values()) == pytest.approx(1)


def test_a_photo_of_the_catalogue_is_read_by_heads_that_never_saw_it(queries: FilterQueryBuilder, folder: Path) -> None:
    name = product_name("blue", "striped", 2)
    photo = seen(folder / f"{name}.png")
    assert photo.features is not None
    query = queries.build(photo, group=name)
    described = queries.filters.predict(photo.features[None], [name])
    expected = queries.filters.class_vector(described.probabilities[0], {})
    np.testing.assert_array_equal(query.like.marks.values, expected.values)
    everybody = queries.build(photo).like.marks
    assert held(queries, everybody, "category") != held(queries, query.like.marks, "category")


def test_a_product_is_what_the_feed_says_of_it(store: Store, queries: FilterQueryBuilder) -> None:
    name = product_name("green", "plain", 4)
    (entry,) = store.live.index.entries([name])
    query = queries.build(None, Steering(like=name))
    assert entry.scores is not None
    np.testing.assert_array_equal(query.like.look, entry.vectors[0])
    np.testing.assert_array_equal(query.like.dense, queries.filters.space.dense_vectors(entry.scores.filter_vectors)[0])
    assert held(queries, query.like.marks, "color") == {"Green": pytest.approx(1)}
    assert held(queries, query.like.marks, "pattern") == {"plain": pytest.approx(1)}


def test_another_color_changes_the_color_and_nothing_else(queries: FilterQueryBuilder) -> None:
    name = product_name("green", "plain", 4)
    plain, other = queries.build(None, Steering(like=name)), queries.build(None, Steering(like=name, color="blue"))
    np.testing.assert_array_equal(plain.like.look, other.like.look)
    tint = DENSE_PARTS[COLOR]
    assert not other.like.dense[tint].any()
    np.testing.assert_array_equal(np.delete(plain.like.dense, tint), np.delete(other.like.dense, tint))
    assert held(queries, other.like.marks, "color") == {}
    for kept in ("pattern", "category"):
        assert held(queries, other.like.marks, kept) == held(queries, plain.like.marks, kept)
    assert (np.diff(other.like.marks.indices.astype(int)) > 0).all()


def test_a_color_alone_orders_by_how_alike_the_palettes_are(store: Store, queries: FilterQueryBuilder) -> None:
    """By the Bhattacharyya coefficient of the two; nothing is cut off."""
    for color in ("blue", "#1e3cc8", "#c81e1e", "#1ea032"):
        found = scores(store, queries.build(None, Steering(color=color)))
        block = next(one for one in queries.filters.layout.blocks_of(COLOR) if one.kind == "palette")
        expected = {}
        for entry in store.live.index.entries():
            assert entry.scores is not None
            marks = np.zeros(queries.filters.layout.size)
            marks[entry.scores.class_vectors[0].indices] = entry.scores.class_vectors[0].values
            shares = np.sqrt(parse_palette(color)) * marks[block.entries] / np.sqrt(block.share)
            expected[entry.product.id] = float(shares.sum())
        assert found == pytest.approx(expected, abs=1e-5)
        assert len({round(one, 3) for one in expected.values()}) > 10


def test_only_color_counts_where_only_a_color_is_given(queries: FilterQueryBuilder) -> None:
    query = queries.build(None, Steering(color="red"))
    assert query.weights == pytest.approx(ONLY_COLOR)
    assert not query.like.look.any() and not query.like.dense.any()


def test_what_is_not_wanted_is_read_like_a_photo(queries: FilterQueryBuilder, folder: Path) -> None:
    one, other = seen(asked(folder, "red", "plain")), seen(asked(folder, "blue", "striped"))
    query = queries.build(one, unlike=other)
    assert query.unlike is not None
    np.testing.assert_array_equal(query.unlike.marks.values, queries.build(other).like.marks.values)
    np.testing.assert_array_equal(query.unlike.look, other.vector)


def test_a_profile_counts_in_the_category_that_the_query_seems_to_be_in(store: Store) -> None:
    profile = Profile(ONLY_COLOR, {"Home > Rugs": {"color": 0.0, "look": 1.0}})
    queries = FilterQueryBuilder(store.live, Preferences(profiles={"rugs": profile}))
    rug, top = product_name("red", "plain", 3), product_name("red", "plain", 4)
    assert queries.build(None, Steering(like=rug, profile="rugs")).weights["look"] == pytest.approx(1)
    assert queries.build(None, Steering(like=top, profile="rugs")).weights["color"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("steering", "code"),
    [(Steering(like="nothing"), "unknown-product"), (Steering(color="greenish"), "unknown-color")],
)
def test_what_is_not_there_is_said(queries: FilterQueryBuilder, steering: Steering, code: str) -> None:
    with pytest.raises(InvalidValue) as told:
        queries.build(None, steering)
    assert told.value.code == code


def test_a_photo_without_features_is_refused(queries: FilterQueryBuilder) -> None:
    with pytest.raises(InvalidValue, match="The photo has no features"):
        queries.build(EncodedQuery(np.array([0.5, 0.5, 0.5, 0.5], np.float32)))


def test_a_photo_gets_what_the_strategy_needs(queries: FilterQueryBuilder, folder: Path) -> None:
    photo = seen(asked(folder, next(iter(COLORS)), "plain"))
    assert PreparedStrategy(PRETRAINED).encode(photo) is photo
    assert PreparedStrategy(STATIC, queries).encode(photo).filtered is not None


def test_a_generation_without_filters_has_no_queries(store: Store) -> None:
    kept, store.live.filters = store.live.filters, None
    try:
        with pytest.raises(InvalidValue) as told:
            FilterQueryBuilder(store.live, Preferences())
    finally:
        store.live.filters = kept
    assert told.value.code == "no-filters"
