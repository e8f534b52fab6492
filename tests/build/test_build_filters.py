"""A build fits filters, and later changes of the store keep the filter scores up to date."""

# ruff: noqa: F401, F811  (Tests request fixtures by the names that this file imports.)

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from shoplens.build.generations import train_filters
from shoplens.build.photo_features import feature_model
from shoplens.build.run import BATCH
from shoplens.errors import StoreError
from shoplens.feeds import read_feed
from shoplens.filters.model.scoring import filter_vector_size
from shoplens.store.feature_cache import NAME as FEATURES
from shoplens.store.feature_cache import FeatureFile
from shoplens.store.store import Store
from tests.build.test_builder import (
    WriteFeed,
    add,
    counts,
    folder,
    index,
    original_folder,
    products,
    store,
    sync,
    write_feed,
)
from tests.fakes import ColourEmbedder, Stopped, builder, colored_rows, contents


def stored_scores(store: Store) -> dict[str, tuple[bytes, list[bytes]]]:
    """Return the bytes of the filter vectors and of the class vectors of every product, by its id."""
    scores = {}
    for entry in store.live.index.entries():
        assert entry.scores is not None
        class_vectors = [vector.indices.tobytes() + vector.values.tobytes() for vector in entry.scores.class_vectors]
        scores[entry.product.id] = (entry.scores.filter_vectors.tobytes(), class_vectors)
    return scores


def test_a_build_fits_filters_and_keeps_features(store: Store) -> None:
    assert store.live.filters is not None
    assert (store.live.manifest.placed, set(stored_scores(store))) == (
        filter_vector_size(has_object=False),
        {f"p{number}" for number in range(10)},
    )
    features = FeatureFile(store.folder / FEATURES, feature_model(ColourEmbedder()))
    for entry in store.live.index.entries():
        assert all(features.has(photo.content_hash) for photo in entry.photos)
    features.close()


def test_photos_measured_at_another_size_have_another_feature_model(monkeypatch: pytest.MonkeyPatch) -> None:
    name = feature_model(ColourEmbedder())
    monkeypatch.setattr("shoplens.build.photo_features.SIDE", 96)
    assert feature_model(ColourEmbedder()) != name


def test_a_new_price_changes_neither_vectors_nor_filter_scores(
    store: Store, folder: Path, write_feed: WriteFeed
) -> None:
    before, vectors, embedder = stored_scores(store), contents(store.live.index), ColourEmbedder()
    rows = [{**row, "price": 99.0} for row in colored_rows(folder, range(10))]
    assert counts(sync(store, write_feed(*rows), embedder=embedder))["changed"] == 10
    assert embedder.photos == 0
    assert stored_scores(store) == before
    assert {name: vector for name, (_, vector) in contents(store.live.index).items()} == {
        name: vector for name, (_, vector) in vectors.items()
    }
    assert {product.price for product in products(store).values()} == {99.0}


def test_products_whose_attribute_changes_are_scored_anew(tmp_path: Path, folder: Path, write_feed: WriteFeed) -> None:
    store, embedder = Store(tmp_path / "store", create=True), ColourEmbedder()
    rows = [
        {**row, "attributes": {"kind": ("A", "B")[number % 2]}}
        for number, row in enumerate(colored_rows(folder, range(24)))
    ]
    index(store, write_feed(*rows), embedder)
    before = stored_scores(store)
    rows[3]["attributes"] = {"kind": "A"}
    rows[4]["attributes"] = {}
    assert counts(sync(store, write_feed(*rows), embedder=embedder))["changed"] == 2
    after = stored_scores(store)
    assert {name for name in after if after[name] != before[name]} == {"p3", "p4"}
    assert embedder.photos == 24
    store.close()


def test_an_added_product_is_scored_by_the_existing_filters(store: Store, folder: Path, write_feed: WriteFeed) -> None:
    before, filters = stored_scores(store), store.live.filters
    add(store, write_feed(*colored_rows(folder, range(10, 13))))
    after = stored_scores(store)
    assert after.keys() - before.keys() == {"p10", "p11", "p12"}
    assert {name: after[name] for name in before} == before
    assert store.live.filters is filters


def test_features_are_on_disk_before_their_products_are_acknowledged(
    tmp_path: Path, folder: Path, write_feed: WriteFeed
) -> None:
    """A build that is killed then does not have to read the photos of acknowledged products again."""
    store, count, rows_on_disk = Store(tmp_path / "store", create=True), BATCH + 6, dict[int, int]()

    def count_rows(stage: str, done: int, _total: int) -> None:
        if stage == "Indexing":
            connection = sqlite3.connect(store.folder / FEATURES)
            rows_on_disk[done] = int(connection.execute("SELECT count(*) FROM features").fetchone()[0])
            connection.close()

    with read_feed(write_feed(*colored_rows(folder, range(count)))) as feed:
        builder(store, progress=count_rows).index(feed)
    assert list(rows_on_disk) == [BATCH, count]
    assert all(rows >= done for done, rows in rows_on_disk.items())
    store.close()


def test_lost_features_are_computed_again_and_nothing_else_changes(
    store: Store, folder: Path, write_feed: WriteFeed
) -> None:
    before, embedder = stored_scores(store), ColourEmbedder()
    (store.folder / FEATURES).unlink()
    summary = train_filters(builder(store, embedder))
    assert (embedder.photos, summary.photos_embedded) == (10, 10)
    assert stored_scores(store) == before
    assert (store.live.name, summary.dimensions) == (
        "000002",
        len(store.live.filters.dimensions) if store.live.filters else 0,
    )


def test_training_keeps_products_whose_photos_are_missing(store: Store, folder: Path) -> None:
    contents_before, before = contents(store.live.index), stored_scores(store)
    (folder / "p3.png").rename(folder / "moved.png")
    try:
        summary = train_filters(builder(store))
    finally:
        (folder / "moved.png").rename(folder / "p3.png")
    assert (summary.notes, summary.rejected, contents(store.live.index) == contents_before) == (1, 0, True)
    assert stored_scores(store) == before


def test_interrupted_training_changes_nothing_and_can_be_continued(store: Store) -> None:
    contents_before = contents(store.live.index)
    (store.folder / FEATURES).unlink()
    with pytest.raises(Stopped):
        train_filters(builder(store, ColourEmbedder(stop_after=5)))
    assert (store.live.name, contents(store.live.index) == contents_before) == ("000001", True)
    train_filters(builder(store))
    assert contents(store.live.index) == contents_before


def test_training_by_another_model_is_refused(store: Store) -> None:
    with pytest.raises(StoreError) as error:
        train_filters(builder(store, ColourEmbedder("other@2")))
    assert (error.value.code, store.live.name) == ("other-model", "000001")
