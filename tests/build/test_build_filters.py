"""A build fits filters, and changes keep them right."""

# ruff: noqa: F811  (fixtures are asked for by the names they are imported by)

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from shoplens.build.generations import train_filters
from shoplens.build.photo_features import feature_model
from shoplens.build.run import BATCH
from shoplens.errors import StoreError
from shoplens.feeds import read_feed
from shoplens.filters.model.scoring import FILTER_VECTOR_SIZE
from shoplens.store.feature_cache import NAME as FEATURES
from shoplens.store.feature_cache import FeatureFile
from shoplens.store.store import Store
from tests.build.test_builder import Feeds, add, built, counts, feed, folder, index, products, sync, ten  # noqa: F401
from tests.fakes import ColourEmbedder, Stopped, builder, colored_rows, contents


def scored(store: Store) -> dict[str, tuple[bytes, list[bytes]]]:
    """Filter scores of every product, comparable bit for bit."""
    found = {}
    for entry in store.live.index.entries():
        assert entry.scores is not None
        marks = [one.indices.tobytes() + one.values.tobytes() for one in entry.scores.class_vectors]
        found[entry.product.id] = (entry.scores.filter_vectors.tobytes(), marks)
    return found


def test_a_build_fits_filters_and_keeps_features(ten: Store) -> None:
    assert ten.live.filters is not None
    assert (ten.live.manifest.placed, set(scored(ten))) == (FILTER_VECTOR_SIZE, {f"p{number}" for number in range(10)})
    features = FeatureFile(ten.folder / FEATURES, feature_model(ColourEmbedder()))
    for entry in ten.live.index.entries():
        assert all(features.has(one.content_hash) for one in entry.photos)
    features.close()


def test_features_measured_at_another_size_are_of_another_model(monkeypatch: pytest.MonkeyPatch) -> None:
    name = feature_model(ColourEmbedder())
    monkeypatch.setattr("shoplens.build.photo_features.SIDE", 96)
    assert feature_model(ColourEmbedder()) != name


def test_a_new_price_touches_neither_vectors_nor_filter_scores(ten: Store, folder: Path, feed: Feeds) -> None:
    before, vectors, embedder = scored(ten), contents(ten.live.index), ColourEmbedder()
    rows = [{**one, "price": 99.0} for one in colored_rows(folder, range(10))]
    assert counts(sync(ten, feed(*rows), embedder=embedder))["changed"] == 10
    assert embedder.photos == 0
    assert scored(ten) == before
    assert {name: vector for name, (_, vector) in contents(ten.live.index).items()} == {
        name: vector for name, (_, vector) in vectors.items()
    }
    assert {one.price for one in products(ten).values()} == {99.0}


def test_what_the_feed_says_of_a_dimension_is_scored_anew(tmp_path: Path, folder: Path, feed: Feeds) -> None:
    store, embedder = Store(tmp_path / "store", create=True), ColourEmbedder()
    kinds = [
        {**one, "attributes": {"kind": ("A", "B")[n % 2]}} for n, one in enumerate(colored_rows(folder, range(24)))
    ]
    index(store, feed(*kinds), embedder)
    before = scored(store)
    kinds[3]["attributes"] = {"kind": "A"}
    kinds[4]["attributes"] = {}
    assert counts(sync(store, feed(*kinds), embedder=embedder))["changed"] == 2
    after = scored(store)
    assert {name for name in after if after[name] != before[name]} == {"p3", "p4"}
    assert embedder.photos == 24
    store.close()


def test_an_added_product_is_scored_by_the_filters_that_are_there(ten: Store, folder: Path, feed: Feeds) -> None:
    before, filters = scored(ten), ten.live.filters
    add(ten, feed(*colored_rows(folder, range(10, 13))))
    after = scored(ten)
    assert after.keys() - before.keys() == {"p10", "p11", "p12"}
    assert {name: after[name] for name in before} == before
    assert ten.live.filters is filters


def test_features_are_on_disk_before_the_products_are_acknowledged(tmp_path: Path, folder: Path, feed: Feeds) -> None:
    """So that a build that is killed need not look at any photo of an acknowledged product again."""
    store, count, written = Store(tmp_path / "store", create=True), BATCH + 6, dict[int, int]()

    def told(what: str, done: int, total: int) -> None:
        if what == "Indexing":
            other = sqlite3.connect(store.folder / FEATURES)
            written[done] = int(other.execute("SELECT count(*) FROM features").fetchone()[0])
            other.close()

    with read_feed(feed(*colored_rows(folder, range(count)))) as read:
        builder(store, progress=told).index(read)
    assert list(written) == [BATCH, count]
    assert all(rows >= done for done, rows in written.items())
    store.close()


def test_lost_features_are_read_again_and_nothing_else_changes(ten: Store, folder: Path, feed: Feeds) -> None:
    before, embedder = scored(ten), ColourEmbedder()
    (ten.folder / FEATURES).unlink()
    summary = train_filters(builder(ten, embedder))
    assert (embedder.photos, summary.photos_embedded) == (10, 10)
    assert scored(ten) == before
    assert (ten.live.name, summary.dimensions) == (
        "000002",
        len(ten.live.filters.dimensions) if ten.live.filters else 0,
    )


def test_training_keeps_products_whose_photos_are_gone(ten: Store, folder: Path) -> None:
    held, before = contents(ten.live.index), scored(ten)
    (folder / "p3.png").rename(folder / "away.png")
    try:
        summary = train_filters(builder(ten))
    finally:
        (folder / "away.png").rename(folder / "p3.png")
    assert (summary.notes, summary.rejected, contents(ten.live.index) == held) == (1, 0, True)
    assert scored(ten) == before


def test_training_that_is_cut_off_changes_nothing_and_can_be_continued(ten: Store) -> None:
    held = contents(ten.live.index)
    (ten.folder / FEATURES).unlink()
    with pytest.raises(Stopped):
        train_filters(builder(ten, ColourEmbedder(stop_after=5)))
    assert (ten.live.name, contents(ten.live.index) == held) == ("000001", True)
    train_filters(builder(ten))
    assert contents(ten.live.index) == held


def test_training_by_another_model_is_refused(ten: Store) -> None:
    with pytest.raises(StoreError) as told:
        train_filters(builder(ten, ColourEmbedder("other@2")))
    assert (told.value.code, ten.live.name) == ("other-model", "000001")
