"""Filters that are fitted to the features of photos, and the scores of products; values of the feed come first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shoplens.build.dimension_rows import dimension_rows
from shoplens.build.filter_scoring import (
    DIMENSIONS,
    FilterTrainingData,
    ProductScorer,
    fit_filters,
    load_scorer,
    rescore_products,
    sample_products,
)
from shoplens.build.generations import train_filters
from shoplens.build.photo_features import feature_model
from shoplens.build.run import BATCH
from shoplens.errors import StoreError
from shoplens.feeds import read_feed
from shoplens.filters.model.scoring import DENSE_SIZE, filter_vector_size
from shoplens.filters.photo_features.measurements import MEASURED_SIZE
from shoplens.index.exact import ExactIndex
from shoplens.index.protocol import IndexedProduct
from shoplens.settings import DimensionRules
from shoplens.store.feature_cache import NAME, FeatureFile
from shoplens.store.files.atomic import copy_tree
from shoplens.store.generation import Generation
from shoplens.store.store import Store
from shoplens.types import FilterScores, Photo, Product, Rejection, group_of
from shoplens.types.progress import ignore_progress
from tests.fakes import ColourEmbedder, builder, colored_rows, contents, feed_of, product
from tests.patterned_shop import PRODUCTS, feed_has_color, product_name, write_feed

MODEL = feature_model(ColourEmbedder())


@pytest.fixture(scope="module")
def original_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a closed store of the patterned shop. Tests copy it and never change it."""
    folder = tmp_path_factory.mktemp("shop")
    store = Store(folder / "store", create=True)
    with read_feed(write_feed(folder)) as feed:
        assert builder(store).index(feed).products == PRODUCTS
    store.close()
    return folder / "store"


@pytest.fixture
def store(original_folder: Path, tmp_path: Path) -> Iterator[Store]:
    """Open a copy of the store for one test."""
    copy_tree(original_folder, tmp_path / "store")
    store = Store(tmp_path / "store")
    yield store
    store.close()


@pytest.fixture
def features(store: Store) -> Iterator[FeatureFile]:
    """Open the photo features of the store."""
    file = FeatureFile(store.folder / NAME, MODEL)
    yield file
    file.close()


def stored_scorer(generation: Generation) -> ProductScorer:
    """Return the scorer of a generation that has filters."""
    scorer = load_scorer(generation)
    assert scorer is not None
    return scorer


def scores_of(generation: Generation, name: str) -> tuple[IndexedProduct, FilterScores]:
    """Return the index entry of a product, and its filter scores."""
    (entry,) = generation.index.entries([name])
    assert entry.scores is not None
    return entry, entry.scores


def assert_scores_equal(actual: FilterScores, expected: FilterScores) -> None:
    """Check that scores are equal; filter vectors are stored in 16 bits, and other numbers are within 1e-5."""
    np.testing.assert_allclose(actual.filter_vectors, expected.filter_vectors, rtol=1e-3, atol=1e-5)
    assert actual.predicted == expected.predicted
    for actual_vector, expected_vector in zip(actual.class_vectors, expected.class_vectors, strict=True):
        np.testing.assert_array_equal(actual_vector.indices, expected_vector.indices)
        np.testing.assert_allclose(actual_vector.values, expected_vector.values, atol=1e-5)


def test_every_product_of_a_built_store_is_scored(store: Store, features: FeatureFile) -> None:
    scorer, count = stored_scorer(store.live), 0
    for entry in store.live.index.entries():
        assert entry.scores is not None
        assert entry.scores.filter_vectors.shape == (1, filter_vector_size(has_object=False))
        content_hashes = [photo.content_hash for photo in entry.photos]
        assert_scores_equal(entry.scores, scorer.scores(entry.product, content_hashes, features))
        count += 1
    assert count == PRODUCTS
    assert store.live.manifest.placed == filter_vector_size(has_object=False)


def test_a_color_of_the_feed_is_certain_and_a_missing_color_is_predicted(store: Store) -> None:
    for number in (2, 3):
        entry, scores = scores_of(store.live, product_name("green", "striped", number))
        classes = {
            block.classes[position - block.start]: float(value * value / block.share)
            for block in stored_scorer(store.live).filters.layout.blocks_of("color")
            if block.kind == "single"
            for position, value in zip(
                scores.class_vectors[0].indices.tolist(), scores.class_vectors[0].values.tolist(), strict=True
            )
            if block.start <= position < block.entries.stop
        }
        assert max(classes, key=lambda name: classes[name]) == "Green"
        assert sum(classes.values()) == pytest.approx(1, abs=1e-5)
        assert "pattern" not in scores.predicted
        if feed_has_color(number):
            assert classes == {"Green": pytest.approx(1)}
            assert "color" not in scores.predicted
        else:
            assert scores.predicted["color"]["Green"] >= 0.5
            assert "color" not in entry.product.attributes
        assert store.live.index.records([entry.product.id])[0].predicted == scores.predicted


def test_a_photo_without_features_has_a_dense_vector_of_zeros(store: Store, features: FeatureFile) -> None:
    scorer = stored_scorer(store.live)
    name = product_name("red", "plain", 1)
    entry, _ = scores_of(store.live, name)
    scores = scorer.scores(entry.product, ["e" * 32], features)
    zeros_prediction = scorer.filters.predict(np.zeros((1, 4 + MEASURED_SIZE), np.float32))
    assert not zeros_prediction.dense.any()
    assert not scores.filter_vectors[:, :DENSE_SIZE].any()


def test_products_read_equally_if_their_dimensions_and_words_are_equal(store: Store) -> None:
    with_words = stored_scorer(store.live)
    scorer = replace(with_words, text=None)
    (record,) = store.live.index.records([product_name("red", "plain", 2)])
    original = record.product
    assert scorer.reads_equally(original, replace(original, price=9.0, title="New", in_stock=False))
    assert with_words.reads_equally(original, replace(original, price=9.0, title="The RED plain 2", in_stock=False))
    assert not with_words.reads_equally(original, replace(original, title="New"))
    assert scorer.reads_equally(original, replace(original, attributes={**original.attributes, "color": ("RED",)}))
    # The season is no dimension.
    assert scorer.reads_equally(original, replace(original, attributes={**original.attributes, "season": ("winter",)}))
    assert not scorer.reads_equally(original, replace(original, attributes={**original.attributes, "color": ("blue",)}))
    assert not scorer.reads_equally(original, replace(original, attributes={"pattern": ("plain",)}))
    assert not scorer.reads_equally(original, replace(original, category=("Home", "Rugs")))


def test_fitting_again_gives_the_same_filters(store: Store, features: FeatureFile, tmp_path: Path) -> None:
    training_data = FilterTrainingData(store.live.index, 4, features, DimensionRules(), 4, "colour@1")
    rejections: list[Rejection] = []
    refitted = fit_filters(training_data, tmp_path, ignore_progress, rejections.append)
    assert rejections == []
    scorer = stored_scorer(store.live)
    entry, scores = scores_of(store.live, product_name("blue", "striped", 5))
    assert_scores_equal(refitted.scores(entry.product, [entry.photos[0].content_hash], features), scores)
    assert refitted.filters.dimensions == scorer.filters.dimensions
    assert refitted.filters.weights == pytest.approx(dict(scorer.filters.weights), abs=1e-3)


def test_filters_can_be_fitted_for_an_empty_index(tmp_path: Path) -> None:
    features = FeatureFile(tmp_path / NAME, MODEL)
    training_data = FilterTrainingData(ExactIndex(4), 4, features, DimensionRules(), 4, "colour@1")
    scorer = fit_filters(training_data, tmp_path, ignore_progress, lambda rejection: None)
    scores = scorer.scores(product("p", "/p.png"), ["e" * 32], features)
    assert (len(scores.class_vectors), scores.predicted) == (1, {})
    features.close()


def test_rescoring_writes_every_product(store: Store, features: FeatureFile) -> None:
    index, scorer, progress = ExactIndex(4), stored_scorer(store.live), list[tuple[int, int]]()
    before = {entry.product.id: entry for entry in store.live.index.entries()}
    index.upsert([replace(entry, scores=None) for entry in before.values()])
    rescore_products(index, scorer, features, lambda _stage, done, total: progress.append((done, total)))
    for entry in index.entries():
        expected = before[entry.product.id]
        assert entry.scores is not None and expected.scores is not None
        assert_scores_equal(entry.scores, expected.scores)
        assert (entry.product, entry.photos) == (expected.product, expected.photos)
    assert progress == [(BATCH, PRODUCTS), (PRODUCTS, PRODUCTS)]


def test_dimensions_are_stored_with_the_generation(store: Store) -> None:
    dimensions, labels = store.live.dimensions
    assert store.live.filters is not None
    assert dimensions.used == store.live.filters.dimensions
    assert [dimension.name for dimension in dimensions.used] == ["look", "shape", "color", "category", "pattern"]
    assert {dimension.name: dimension.kind for dimension in dimensions.skipped}["season"] == "one-class"
    assert labels is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"dimensions": {}}'])
def test_the_error_of_damaged_dimensions_says_what_to_do(store: Store, text: str) -> None:
    (store.live.folder / DIMENSIONS).write_text(text)
    with pytest.raises(StoreError, match="cannot be read") as error:
        load_scorer(store.live)
    assert (error.value.code, error.value.fix) == ("damaged-filters", "Run `shoplens train filters`.")


def test_a_generation_without_filters_has_no_scorer(store: Store) -> None:
    store.live.filters = None
    assert load_scorer(store.live) is None


def test_training_again_embeds_no_photo_and_changes_no_vector(store: Store) -> None:
    before, embedder = contents(store.live.index), ColourEmbedder()
    summary = train_filters(builder(store, embedder))
    assert (embedder.photos, summary.photos_embedded, summary.photos_known) == (0, 0, PRODUCTS)
    assert store.live.name == "000002"
    assert contents(store.live.index) == before


def test_the_group_of_a_product_is_its_group_id_or_else_its_id() -> None:
    assert group_of(Product("p", "P", ("/p.png",))) == "p"
    assert group_of(Product("p", "P", ("/p.png",), group_id="g")) == "g"


@pytest.mark.parametrize("groups", [1, 2, 400, 1_000])
def test_a_sample_has_whole_groups_or_single_products_if_there_are_few_groups(groups: int) -> None:
    index = ExactIndex(2)
    for number in range(1_000):
        grouped_product = product(f"p{number}", f"/{number}.png", group_id=f"g{number % groups}")
        photos = (Photo(grouped_product.photos[0], f"{number}", "", 8, 8),)
        index.upsert([IndexedProduct(grouped_product, photos, np.array([[1, 0]], np.float32))])
    sample = [entry.product for entry in sample_products(index, 100)]
    assert 50 <= len(sample) <= 150
    assert sample == [entry.product for entry in sample_products(index, 100)]
    if groups > 2:
        sampled_groups = {int(group_of(item)[1:]) for item in sample}
        assert len(sample) == sum(number % groups in sampled_groups for number in range(1_000))
    assert len([*sample_products(index, 1_000)]) == 1_000


@pytest.mark.parametrize("count", [1, 2, 6])
def test_a_dimension_in_which_all_photos_are_equal_has_a_note_and_no_weight(tmp_path: Path, count: int) -> None:
    """Photos of one colour each have no outline, so all have the same shape. The store is built all the same."""
    rows = colored_rows(tmp_path, range(count), category=["A", "B"], attributes={"x": ["a", "b"]})
    store = Store(tmp_path / "store", create=True)
    with read_feed(feed_of(tmp_path / "feed.jsonl", rows)) as feed:
        assert builder(store).index(feed).products == count
    dimensions = {row.name: row for row in dimension_rows(store.live)}
    assert (dimensions["shape"].weight, dimensions["shape"].note) == (0, "all photos are the same in this dimension")
    assert (dimensions["look"].weight, dimensions["look"].note) == (1, "")
    assert {dimensions[name].kind for name in ("design", "category", "x")} == {"none"}
    store.close()
