"""Whatever a feed says, a store is built from it, answers, and takes changes: hundreds of small odd catalogues."""

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
from tests.build.random_catalogue import RandomCatalogue, pictures
from tests.fakes import ColourEmbedder

FITTED, WHOLE = 120, 200
WIDTH = 6
SHOWN = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the photos are, and feeds beside them."""
    return tmp_path_factory.mktemp("shop")


@pytest.fixture(scope="module")
def photos(folder: Path) -> list[str]:
    return pictures(folder)


@pytest.fixture(scope="module")
def features(folder: Path) -> Iterator[FeatureFile]:
    """For the photos of all catalogues whose features are random."""
    file = FeatureFile(folder / NAME, "m")
    yield file
    file.close()


class Shop:
    """A store of one catalogue, and what works on it."""

    def __init__(self, folder: Path, rules: DimensionRules) -> None:
        settings = Settings(threads=1, preferences=Preferences(rules))
        self.store, source = Store(folder, create=True), PhotoSource(settings)
        self.builder = Builder(self.store, ColourEmbedder(), source, settings)
        self._eyes = QueryEncoder(ColourEmbedder(), source, settings)

    def index(self, feed: Path) -> None:
        with read_feed(feed) as read:
            assert self.builder.index(read).products >= 1

    def sync(self, feed: Path) -> None:
        with read_feed(feed) as read:
            self.builder.sync(read, "100%")

    def answer(self, photo: Path | None, *where: str, **steering: Any) -> Answer:
        asked = Query(None if photo is None else str(photo), SHOWN, where, steering=Steering(**steering))
        return search(self.store, asked, self._eyes)

    def ask_everything(self, photo: Path) -> None:
        """A search by a photo alone, with reasons and facets, on conditions, and by a product."""
        index = self.store.live.index
        products = [record.product for record in index.all_records()]
        assert len(self.answer(photo).results) == min(SHOWN, len(products))
        fields = [name for name, held in index.field_kinds().items() if "text" in held]
        explained = self.answer(photo, facets=tuple(fields), explain=True, predicted=0.5)
        assert [one.field for one in explained.facets] == fields
        assert all(np.isfinite([result.score, *result.parts.values()]).all() for result in explained.results)
        for condition in conditions_met(products[-1]):
            assert self.answer(photo, condition).results, condition
        self.answer(None, like=products[0].id)

    def check_dimensions(self) -> None:
        """Every dimension can be compared, and a sentence says why others are none."""
        for row in dimension_rows(self.store.live):
            assert row.note.endswith(".") if row.kind == "none" else row.scored, row


def conditions_met(product: Product) -> Iterator[str]:
    """A condition for every field of a product, which it meets."""
    for name, values in field_values(product).items():
        for text in values.texts[:1]:
            yield f"{quoted(name)} = {quoted(text)}"


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@pytest.mark.parametrize("number", range(WHOLE))
def test_a_store_is_built_answers_and_takes_a_change(
    number: int, folder: Path, photos: list[str], tmp_path: Path
) -> None:
    catalogue, asked = RandomCatalogue(number, photos), folder / photos[number % len(photos)]
    shop = Shop(tmp_path / "store", catalogue.rules)
    shop.index(catalogue.feed(folder / "feed.jsonl"))
    shop.check_dimensions()
    shop.ask_everything(asked)
    shop.sync(catalogue.changed(folder / "changed.jsonl"))
    if number % 2:
        try:
            train_filters(shop.builder)
        except InvalidValue as problem:  # the change took away the attribute that a rule is about
            assert problem.code == "unknown-dimension"
        shop.check_dimensions()
    shop.ask_everything(asked)
    shop.store.close()


def random_features(number: int, names: list[str]) -> dict[str, Features]:
    """What is read off the photos of one catalogue: anything, the same for all, nothing, or not known of some."""
    random = np.random.default_rng([number, 1])
    rows = random.random((len(names), WIDTH + MEASURED_SIZE)).astype(np.float32)
    kind = number % 6
    if kind == 1:
        rows[:] = rows[0]
    elif kind == 2:
        rows[:] = 0
    elif kind == 3:
        rows[:, :WIDTH] = 1
    elif kind == 4:
        rows *= 1_000
    kept = [n for n in range(len(names)) if kind != 5 or random.random() < 0.5]
    return {content_of(number, names[n]): rows[n] for n in kept}


def content_of(number: int, photo: str) -> str:
    """What stands for the hash of a photo of one catalogue."""
    return f"{number} {Path(photo).name}"


def entry_of(number: int, product: Product) -> IndexedProduct:
    """A product of one catalogue, with photos that are known by their names alone."""
    held = tuple(Photo(source, content_of(number, source), "", 8, 8) for source in product.photos)
    vectors = np.array([[len(one.content_hash), 1.0 + n] for n, one in enumerate(held)], np.float32)
    return IndexedProduct(product, held, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def check_scores(index: Index, scorer: ProductScorer) -> None:
    """Every photo is scored in every dimension, and what a query finds in it is finite and in [0, 1]."""
    filters = scorer.filters
    for entry in index.entries():
        assert entry.scores is not None
        assert np.isfinite(entry.scores.filter_vectors).all()
        for look, placed, marks in zip(
            entry.look_vectors, entry.scores.filter_vectors, entry.scores.class_vectors, strict=True
        ):
            norms = filters.score_normalizer(look, filters.space.dense_vectors(placed[None])[0], marks)
            assert set(norms.means) == set(norms.spreads) == {one.name for one in filters.dimensions}
            assert all(0 <= mean <= 1 for mean in norms.means.values())
            for name in filters.class_dimensions:
                assert 0 <= filters.best_match(marks, marks, name)[1] <= 1.0001


@pytest.mark.parametrize("number", range(1_000, 1_000 + FITTED))
def test_filters_fit_any_catalogue_with_any_features(
    number: int, folder: Path, photos: list[str], features: FeatureFile, tmp_path: Path
) -> None:
    catalogue, index = RandomCatalogue(number, photos), ExactIndex(2)
    with read_feed(catalogue.feed(folder / "feed.jsonl")) as feed:
        index.upsert([entry_of(number, item) for item in feed if isinstance(item, Product)])
    for name, row in random_features(number, photos).items():
        features.add(name, row)
    material = FilterTrainingData(index, 2, features, catalogue.rules, WIDTH, "m")
    scorer = fit_filters(material, tmp_path, lambda what, done, total: None, lambda rejection: None)
    rescore_products(index, scorer, features, lambda what, done, total: None)
    check_scores(index, scorer)
    again = load_filters(tmp_path)
    assert again is not None and again.dimensions == scorer.filters.dimensions
