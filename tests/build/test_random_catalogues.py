"""Hundreds of small random catalogues: a store of each can be built, searched and changed, whatever is in the feed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shoplens.build.builder import Builder
from shoplens.build.dimension_rows import dimension_rows
from shoplens.build.filter_scoring import FilterTrainingData, ProductScorer, fit_filters, rescore_products
from shoplens.build.generations import train_filters
from shoplens.errors import InvalidValue
from shoplens.feeds import read_feed
from shoplens.filters.model.stored import load_filters
from shoplens.filters.photo_features.measurements import MEASURED_SIZE
from shoplens.images import PhotoSource
from shoplens.index.conditions import field_values
from shoplens.index.exact import ExactIndex
from shoplens.index.protocol import Index, IndexedProduct
from shoplens.search.pipeline import search
from shoplens.search.query_encoder import QueryEncoder
from shoplens.settings import DimensionRules, Preferences, Settings
from shoplens.store.feature_cache import NAME, FeatureFile
from shoplens.store.store import Store
from shoplens.types import Answer, Features, Photo, Product, Query, Steering
from shoplens.types.progress import ignore_progress
from tests.build.random_catalogue import RandomCatalogue, write_photos
from tests.fakes import ColourEmbedder

FITTED_CATALOGUES, SEARCHED_CATALOGUES = 120, 200
"""Numbers of catalogues for which filters are fitted to random features, and which are built and searched."""
EMBEDDING_FEATURES = 6
"""Number of random features of a photo that stand for its embedding."""
RESULT_LIMIT = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the photos of all catalogues. Tests write their feeds to it."""
    return tmp_path_factory.mktemp("shop")


@pytest.fixture(scope="module")
def photos(folder: Path) -> list[str]:
    """Write the photos of all catalogues, and return their file names."""
    return write_photos(folder)


@pytest.fixture(scope="module")
def features(folder: Path) -> Iterator[FeatureFile]:
    """Open a file for the random features of photos, which all catalogues share."""
    file = FeatureFile(folder / NAME, "m")
    yield file
    file.close()


class CatalogueShop:
    """The store of one catalogue, with its builder and the encoder of its queries."""

    def __init__(self, folder: Path, rules: DimensionRules) -> None:
        settings = Settings(threads=1, preferences=Preferences(rules))
        self.store, source = Store(folder, create=True), PhotoSource(settings)
        self.builder = Builder(self.store, ColourEmbedder(), source, settings)
        self._encoder = QueryEncoder(ColourEmbedder(), source, settings)

    def index(self, path: Path) -> None:
        """Build the store from the feed at ``path``, and check that it has products."""
        with read_feed(path) as feed:
            assert self.builder.index(feed).products >= 1

    def sync(self, path: Path) -> None:
        """Make the products of the store equal to those of the feed at ``path``."""
        with read_feed(path) as feed:
            self.builder.sync(feed, "100%")

    def search(self, photo: Path | None, *where: str, **steering: Any) -> Answer:
        """Search by a photo, if there is one, with these conditions and this steering."""
        query = Query(None if photo is None else str(photo), RESULT_LIMIT, where, steering=Steering(**steering))
        return search(self.store, query, self._encoder)

    def check_searches(self, photo: Path) -> None:
        """Check searches by a photo alone, with an explanation and facets, with conditions, and by a product."""
        index = self.store.live.index
        products = [record.product for record in index.all_records()]
        assert len(self.search(photo).results) == min(RESULT_LIMIT, len(products))
        fields = [name for name, kinds in index.field_kinds().items() if "text" in kinds]
        explained = self.search(photo, facets=tuple(fields), explain=True, predicted=0.5)
        assert [facet.field for facet in explained.facets] == fields
        assert all(np.isfinite([result.score, *result.parts.values()]).all() for result in explained.results)
        for condition in matching_conditions(products[-1]):
            assert self.search(photo, condition).results, condition
        self.search(None, like=products[0].id)

    def check_dimensions(self) -> None:
        """Check that products have scores in every dimension, and that a sentence says why others are no dimension."""
        for row in dimension_rows(self.store.live):
            assert row.note.endswith(".") if row.kind == "none" else row.scored, row


def matching_conditions(product: Product) -> Iterator[str]:
    """Yield a condition for every field of a product that has text, which the product meets."""
    for name, values in field_values(product).items():
        for text in values.texts[:1]:
            yield f"{quote(name)} = {quote(text)}"


def quote(text: str) -> str:
    """Return a text as a quoted value of a condition."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@pytest.mark.parametrize("number", range(SEARCHED_CATALOGUES))
def test_a_store_can_be_built_searched_and_changed(
    number: int, folder: Path, photos: list[str], tmp_path: Path
) -> None:
    catalogue, query_photo = RandomCatalogue(number, photos), folder / photos[number % len(photos)]
    shop = CatalogueShop(tmp_path / "store", catalogue.rules)
    shop.index(catalogue.write_feed(folder / "feed.jsonl"))
    shop.check_dimensions()
    shop.check_searches(query_photo)
    shop.sync(catalogue.write_changed_feed(folder / "changed.jsonl"))
    if number % 2:
        try:
            train_filters(shop.builder)
        except InvalidValue as problem:  # The change has removed the attribute that a rule is about.
            assert problem.code == "unknown-dimension"
        shop.check_dimensions()
    shop.check_searches(query_photo)
    shop.store.close()


def random_features(number: int, names: list[str]) -> dict[str, Features]:
    """Return random features of photos by content hash: see :func:`content_hash`.

    Depending on the number of the catalogue, they are all different, equal for all photos, all zero, different with
    equal embeddings, large, or missing for about half of the photos.
    """
    random = np.random.default_rng([number, 1])
    rows = random.random((len(names), EMBEDDING_FEATURES + MEASURED_SIZE)).astype(np.float32)
    kind = number % 6
    if kind == 1:
        rows[:] = rows[0]
    elif kind == 2:
        rows[:] = 0
    elif kind == 3:
        rows[:, :EMBEDDING_FEATURES] = 1
    elif kind == 4:
        rows *= 1_000
    return {
        content_hash(number, name): row
        for name, row in zip(names, rows, strict=True)
        if kind != 5 or random.random() < 0.5
    }


def content_hash(number: int, photo: str) -> str:
    """Return a string in place of the hash of a photo, which is different in every catalogue."""
    return f"{number} {Path(photo).name}"


def entry_of(number: int, product: Product) -> IndexedProduct:
    """Return an index entry of a product, whose vectors depend only on the names and the order of its photos."""
    photos = tuple(Photo(source, content_hash(number, source), "", 8, 8) for source in product.photos)
    vectors = np.array([[len(photo.content_hash), 1.0 + position] for position, photo in enumerate(photos)], np.float32)
    return IndexedProduct(product, photos, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def check_scores(index: Index, scorer: ProductScorer) -> None:
    """Check that every photo has finite scores, and that means and best matches of every dimension are in [0, 1]."""
    filters = scorer.filters
    for entry in index.entries():
        assert entry.scores is not None
        assert np.isfinite(entry.scores.filter_vectors).all()
        for look, filter_vector, class_vector in zip(
            entry.look_vectors, entry.scores.filter_vectors, entry.scores.class_vectors, strict=True
        ):
            normalizer = filters.score_normalizer(
                look, filters.space.dense_vectors(filter_vector[None])[0], class_vector
            )
            assert (
                set(normalizer.means) == set(normalizer.spreads) == {dimension.name for dimension in filters.dimensions}
            )
            assert all(0 <= mean <= 1 for mean in normalizer.means.values())
            for name in filters.class_dimensions:
                assert 0 <= filters.best_match(class_vector, class_vector, name)[1] <= 1.0001


@pytest.mark.parametrize("number", range(1_000, 1_000 + FITTED_CATALOGUES))
def test_filters_fit_any_catalogue_with_any_features(
    number: int, folder: Path, photos: list[str], features: FeatureFile, tmp_path: Path
) -> None:
    catalogue, index = RandomCatalogue(number, photos), ExactIndex(2)
    with read_feed(catalogue.write_feed(folder / "feed.jsonl")) as feed:
        index.upsert([entry_of(number, item) for item in feed if isinstance(item, Product)])
    for content, row in random_features(number, photos).items():
        features.add(content, row)
    training_data = FilterTrainingData(index, 2, features, catalogue.rules, EMBEDDING_FEATURES, "m")
    scorer = fit_filters(training_data, tmp_path, ignore_progress, lambda rejection: None)
    rescore_products(index, scorer, features, ignore_progress)
    check_scores(index, scorer)
    loaded = load_filters(tmp_path)
    assert loaded is not None and loaded.dimensions == scorer.filters.dimensions
