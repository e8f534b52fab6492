"""Features of photos -> filters of a generation, and what they say of products, the feed's word first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shoplens.build.dimension_rows import dimension_rows
from shoplens.build.filter_scoring import (
    DIMENSIONS,
    ProductScorer,
    fit_filters,
    group_of,
    load_scorer,
    rescore_products,
    sample_products,
)
from shoplens.build.filter_scoring import FilterTrainingData as FilterMaterial
from shoplens.build.generations import train_filters
from shoplens.build.photo_features import feature_model
from shoplens.build.run import BATCH
from shoplens.errors import StoreError
from shoplens.feeds import read_feed
from shoplens.filters.model.scoring import DENSE_SIZE, FILTER_VECTOR_SIZE
from shoplens.filters.photo_features.measurements import MEASURED_SIZE
from shoplens.index.exact import ExactIndex
from shoplens.index.protocol import IndexedProduct
from shoplens.settings import DimensionRules
from shoplens.store.feature_cache import NAME, FeatureFile
from shoplens.store.files.atomic import copy_tree
from shoplens.store.generation import Generation
from shoplens.store.store import Store
from shoplens.types import FilterScores, Photo, Product, Rejection
from tests.fakes import ColourEmbedder, builder, colored_rows, contents, feed_of, product
from tests.patterned_shop import PRODUCTS, made_feed, product_name, tells_color

MODEL = feature_model(ColourEmbedder())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    store = Store(folder / "store", create=True)
    with read_feed(made_feed(folder)) as feed:
        assert builder(store).index(feed).products == PRODUCTS
    store.close()
    return folder / "store"


@pytest.fixture
def store(built: Path, tmp_path: Path) -> Iterator[Store]:
    copy_tree(built, tmp_path / "store")
    opened = Store(tmp_path / "store")
    yield opened
    opened.close()


@pytest.fixture
def features(store: Store) -> Iterator[FeatureFile]:
    file = FeatureFile(store.folder / NAME, MODEL)
    yield file
    file.close()


def scorer(generation: Generation) -> ProductScorer:
    found = load_scorer(generation)
    assert found is not None
    return found


def scores_of(generation: Generation, name: str) -> tuple[IndexedProduct, FilterScores]:
    (entry,) = generation.index.entries([name])
    assert entry.scores is not None
    return entry, entry.scores


def same(one: FilterScores, other: FilterScores) -> None:
    np.testing.assert_allclose(one.filter_vectors, other.filter_vectors, atol=1e-5)
    assert one.predicted == other.predicted
    for mine, theirs in zip(one.class_vectors, other.class_vectors, strict=True):
        np.testing.assert_array_equal(mine.indices, theirs.indices)
        np.testing.assert_allclose(mine.values, theirs.values, atol=1e-5)


def test_every_product_of_a_built_store_is_scored(store: Store, features: FeatureFile) -> None:
    live, kept = scorer(store.live), 0
    for entry in store.live.index.entries():
        assert entry.scores is not None
        assert entry.scores.filter_vectors.shape == (1, FILTER_VECTOR_SIZE)
        same(entry.scores, live.scores(entry.product, [photo.content_hash for photo in entry.photos], features))
        kept += 1
    assert kept == PRODUCTS
    assert store.live.manifest.placed == FILTER_VECTOR_SIZE


def test_what_the_feed_says_is_a_mark_and_what_it_does_not_is_predicted(store: Store) -> None:
    for number in (2, 3):
        entry, scores = scores_of(store.live, product_name("green", "striped", number))
        classes = {
            one.classes[entry_ - one.start]: float(value * value / one.share)
            for one in scorer(store.live).filters.layout.blocks_of("color")
            if one.kind == "single"
            for entry_, value in zip(
                scores.class_vectors[0].indices.tolist(), scores.class_vectors[0].values.tolist(), strict=True
            )
            if one.start <= entry_ < one.entries.stop
        }
        assert max(classes, key=lambda name: classes[name]) == "Green"
        assert sum(classes.values()) == pytest.approx(1, abs=1e-5)
        assert "pattern" not in scores.predicted
        if tells_color(number):
            assert classes == {"Green": pytest.approx(1)}
            assert "color" not in scores.predicted
        else:
            assert scores.predicted["color"]["Green"] >= 0.5
            assert "color" not in entry.product.attributes
        assert store.live.index.records([entry.product.id])[0].predicted == scores.predicted


def test_a_photo_that_nothing_is_known_of_shows_nothing(store: Store, features: FeatureFile) -> None:
    live = scorer(store.live)
    name = product_name("red", "plain", 1)
    entry, _ = scores_of(store.live, name)
    unknown = live.scores(entry.product, ["e" * 32], features)
    nothing = live.filters.predict(np.zeros((1, 4 + MEASURED_SIZE), np.float32))
    assert not nothing.dense.any()
    assert not unknown.filter_vectors[:, :DENSE_SIZE].any()


def test_reading_alike_is_about_dimensions_only(store: Store) -> None:
    live = scorer(store.live)
    (record,) = store.live.index.records([product_name("red", "plain", 2)])
    one = record.product
    assert live.reads_equally(one, replace(one, price=9.0, title="New", in_stock=False))
    assert live.reads_equally(one, replace(one, attributes={**one.attributes, "color": ("RED",)}))
    assert live.reads_equally(one, replace(one, attributes={**one.attributes, "season": ("winter",)}))  # no dimension
    assert not live.reads_equally(one, replace(one, attributes={**one.attributes, "color": ("blue",)}))
    assert not live.reads_equally(one, replace(one, attributes={"pattern": ("plain",)}))
    assert not live.reads_equally(one, replace(one, category=("Home", "Rugs")))


def test_fitting_again_gives_the_same(store: Store, features: FeatureFile, tmp_path: Path) -> None:
    material = FilterMaterial(store.live.index, 4, features, DimensionRules(), 4, "colour@1")
    told: list[Rejection] = []
    again = fit_filters(material, tmp_path, lambda what, done, total: None, told.append)
    assert told == []
    live = scorer(store.live)
    entry, scores = scores_of(store.live, product_name("blue", "striped", 5))
    same(again.scores(entry.product, [entry.photos[0].content_hash], features), scores)
    assert again.filters.dimensions == live.filters.dimensions
    assert again.filters.weights == pytest.approx(dict(live.filters.weights), abs=1e-3)


def test_an_index_without_features_gets_filters_that_know_nothing(tmp_path: Path) -> None:
    features = FeatureFile(tmp_path / NAME, MODEL)
    material = FilterMaterial(ExactIndex(4), 4, features, DimensionRules(), 4, "colour@1")
    found = fit_filters(material, tmp_path, lambda what, done, total: None, lambda rejection: None)
    scores = found.scores(product("p", "/p.png"), ["e" * 32], features)
    assert (len(scores.class_vectors), scores.predicted) == (1, {})
    features.close()


def test_rescoring_writes_every_product(store: Store, features: FeatureFile) -> None:
    index, live, told = ExactIndex(4), scorer(store.live), list[tuple[int, int]]()
    before = {entry.product.id: entry for entry in store.live.index.entries()}
    index.upsert([replace(entry, scores=None) for entry in before.values()])
    rescore_products(index, live, features, lambda what, done, total: told.append((done, total)))
    for entry in index.entries():
        expected = before[entry.product.id]
        assert entry.scores is not None and expected.scores is not None
        same(entry.scores, expected.scores)
        assert (entry.product, entry.photos) == (expected.product, expected.photos)
    assert told == [(BATCH, PRODUCTS), (PRODUCTS, PRODUCTS)]


def test_dimensions_are_stored_with_the_generation(store: Store) -> None:
    dimensions, labels = store.live.dimensions
    assert store.live.filters is not None
    assert dimensions.used == store.live.filters.dimensions
    assert [one.name for one in dimensions.used] == ["look", "shape", "color", "category", "pattern"]
    assert {one.name: one.kind for one in dimensions.skipped}["season"] == "one-class"
    assert labels is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"dimensions": {}}'])
def test_damaged_dimensions_say_what_to_do(store: Store, text: str) -> None:
    (store.live.folder / DIMENSIONS).write_text(text)
    with pytest.raises(StoreError, match="cannot be read") as told:
        load_scorer(store.live)
    assert (told.value.code, told.value.fix) == ("damaged-filters", "Run `shoplens train filters`.")


def test_without_filters_nothing_is_scored(store: Store) -> None:
    store.live.filters = None
    assert load_scorer(store.live) is None


def test_training_again_looks_at_no_photo_and_changes_no_vector(store: Store) -> None:
    before, embedder = contents(store.live.index), ColourEmbedder()
    summary = train_filters(builder(store, embedder))
    assert (embedder.photos, summary.photos_embedded, summary.photos_known) == (0, 0, PRODUCTS)
    assert store.live.name == "000002"
    assert contents(store.live.index) == before


def test_a_group_is_the_feeds_or_the_product_itself() -> None:
    assert group_of(Product("p", "P", ("/p.png",))) == "p"
    assert group_of(Product("p", "P", ("/p.png",), group_id="g")) == "g"


@pytest.mark.parametrize("groups", [1, 2, 400, 1_000])
def test_of_many_products_whole_groups_are_drawn_and_products_where_groups_are_few(groups: int) -> None:
    index = ExactIndex(2)
    for number in range(1_000):
        one = product(f"p{number}", f"/{number}.png", group_id=f"g{number % groups}")
        held = (Photo(one.photos[0], f"{number}", "", 8, 8),)
        index.upsert([IndexedProduct(one, held, np.array([[1, 0]], np.float32))])
    drawn = [entry.product for entry in sample_products(index, 100)]
    assert 50 <= len(drawn) <= 150
    assert drawn == [entry.product for entry in sample_products(index, 100)]
    if groups > 2:
        inside = {group_of(one) for one in drawn}
        assert len(drawn) == sum(number % groups in {int(name[1:]) for name in inside} for number in range(1_000))
    assert len([*sample_products(index, 1_000)]) == 1_000


@pytest.mark.parametrize("count", [1, 2, 6])
def test_what_all_photos_have_in_common_is_said_and_has_no_weight(tmp_path: Path, count: int) -> None:
    """Photos of one colour each have no outline; whatever the feed says, the store is built."""
    rows = colored_rows(tmp_path, range(count), category=["A", "B"], attributes={"x": ["a", "b"]})
    store = Store(tmp_path / "store", create=True)
    with read_feed(feed_of(tmp_path / "feed.jsonl", rows)) as feed:
        assert builder(store).index(feed).products == count
    found = {row.name: row for row in dimension_rows(store.live)}
    assert (found["shape"].weight, found["shape"].note) == (0, "all photos are the same in this dimension")
    assert (found["look"].weight, found["look"].note) == (1, "")
    assert {found[name].kind for name in ("design", "category", "x")} == {"none"}
    store.close()
