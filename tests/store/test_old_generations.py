"""Stores of earlier formats: they open, answer without filters as they did before, and filters can be trained."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shoplens import Shop
from shoplens.build.product_encoder import EncodingCaches, ProductEncoder
from shoplens.errors import InvalidValue, StoreError
from shoplens.filters.model.scoring import filter_vector_size
from shoplens.filters.model.stored import DESCRIPTION_FILE
from shoplens.images import PhotoSource
from shoplens.settings import Settings
from shoplens.store.feature_cache import NAME as FEATURES
from shoplens.store.feature_cache import FeatureFile
from shoplens.store.generation import SHARD
from shoplens.store.manifest import FORMAT, NAME, Manifest
from shoplens.store.store import Store
from shoplens.types import FilterScores, SparseVector, Steering
from tests.fakes import ColourEmbedder, colored_rows, colour_vector, numbered_color, photo, product
from tests.older_points import as_of_format_4, rewrite

SETTINGS = Settings(threads=2)
COUNT = 12


def rewrite_as_format_2(shard: Path) -> None:
    """Rewrite the payload of every point as formats 1 and 2 had it: the record is an object, and only it has the id."""

    def to_format_2(payload: dict[str, Any]) -> dict[str, Any]:
        payload["record"] = json.loads(payload["record"])
        payload["predicted"] = payload["record"].pop("predicted")
        assert payload.pop("id") == payload["record"]["id"]
        return payload

    rewrite(shard, lambda payload: to_format_2(as_of_format_4(payload)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the parent folder of a store as Shoplens 0.1 wrote it, in ``store``, and of the photos of its products.

    The manifest has no ``placed``, and the store has no filters and no file of features.
    """
    colored_rows(tmp_path, range(COUNT))
    features = FeatureFile(tmp_path / "elsewhere.sqlite", "colour@1")
    encoder = ProductEncoder(ColourEmbedder(), PhotoSource(SETTINGS), SETTINGS, EncodingCaches(features))
    items = [product(f"p{number}", str(tmp_path / f"p{number}.png")) for number in range(COUNT)]
    store = Store(tmp_path / "store", create=True)
    with store.new_generation(Manifest("colour@1", 4, "/feed.jsonl", "jsonl", "20260101T000000000000Z")) as generation:
        generation.index.upsert([outcome.entry for outcome in encoder.outcomes(items) if outcome.entry is not None])
        store.switch(generation)
    manifest_path = store.live.folder / NAME
    store.close()
    features.close()
    rewrite_as_format_2(manifest_path.parent / SHARD)
    manifest = json.loads(manifest_path.read_text())
    assert manifest["format"] == FORMAT
    del manifest["placed"]
    manifest_path.write_text(json.dumps({**manifest, "format": 1}))
    assert not (tmp_path / "store" / FEATURES).exists()
    return tmp_path


@pytest.fixture
def shop(folder: Path) -> Iterator[Shop]:
    """Open the store of format 1."""
    with Shop(folder / "store", embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        yield shop


def test_a_store_of_format_1_answers_by_the_pretrained_strategy(shop: Shop, folder: Path) -> None:
    photo_path = photo(folder / "query.png", (200, 90, 40), (30, 20))
    answer = shop.search(photo_path, COUNT)
    query = colour_vector((200, 90, 40))
    scores = {f"p{number}": (1 + float(query @ colour_vector(numbered_color(number)))) / 2 for number in range(COUNT)}
    assert (answer.strategy, len(answer.results)) == ("pretrained", COUNT)
    assert [result.product.id for result in answer.results] == sorted(
        scores, key=lambda product_id: -scores[product_id]
    )
    assert [result.score for result in answer.results] == pytest.approx(sorted(scores.values(), reverse=True), abs=1e-5)


@pytest.mark.parametrize(
    ("strategy", "steering"),
    [("filters-static", Steering()), ("", Steering(weights={"color": 1})), ("", Steering(color="red"))],
)
def test_a_query_that_needs_filters_is_an_error_that_says_how_to_train_them(
    shop: Shop, folder: Path, strategy: str, steering: Steering
) -> None:
    photo_path = None if steering.color else folder / "p1.png"
    with pytest.raises(InvalidValue, match="The store has no filters yet") as error:
        shop.search(photo_path, strategy=strategy, steering=steering)
    assert (error.value.code, "shoplens train filters" in error.value.fix) == ("no-filters", True)
    with pytest.raises(InvalidValue, match="no filters yet"):
        shop.dimensions()


def test_filters_can_be_trained_for_a_store_of_format_1(shop: Shop, folder: Path) -> None:
    ids_before = [result.product.id for result in shop.search(folder / "p3.png", COUNT).results]
    summary = shop.training.train_filters()
    assert (summary.products, summary.photos_embedded) == (COUNT, COUNT)
    assert shop.search(folder / "p3.png").strategy == "filters-static"
    answer_after = shop.search(folder / "p3.png", COUNT, strategy="pretrained")
    assert [result.product.id for result in answer_after.results] == ids_before


def test_products_can_be_added_to_a_store_of_format_1(shop: Shop, folder: Path) -> None:
    (feed := folder / "more.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in colored_rows(folder, range(COUNT, COUNT + 2)))
    )
    assert shop.add(feed).added == 2
    assert len(shop) == COUNT + 2
    assert shop.search(folder / f"p{COUNT}.png", 1).results[0].product.id == f"p{COUNT}"


def test_a_write_converts_the_store_to_the_present_format(shop: Shop, folder: Path) -> None:
    (manifest_path,) = folder.glob(f"store/generations/*/{NAME}")
    assert json.loads(manifest_path.read_text())["format"] == 1, "reading does not change the store"
    shop.products.update("p1", identifiers=("SKU-1",))
    assert json.loads(manifest_path.read_text())["format"] == FORMAT
    assert [result.product.id for result in shop.search(folder / "p3.png", where="id in (SKU-1, p2, P3)").results] == [
        "p2",
        "p1",
    ]
    updated_product = shop.products.get("SKU-1")
    assert updated_product is not None and updated_product.id == "p1"


def test_a_later_format_is_refused(folder: Path) -> None:
    (manifest_path,) = folder.glob(f"store/generations/*/{NAME}")
    manifest_path.write_text(json.dumps({**json.loads(manifest_path.read_text()), "format": FORMAT + 1}))
    with pytest.raises(StoreError, match="this Shoplens reads up to") as error:
        Shop(folder / "store", embedder=ColourEmbedder(), settings=SETTINGS)
    assert error.value.code == "newer-store"


@pytest.fixture
def format_2_folder(folder: Path) -> Path:
    """Return the folder of the same store in format 2, with filters of version 1.

    There are 256 numbers beside each vector, which its manifest calls ``dense``.
    """
    format_1_store = Store(folder / "store")
    entries = list(format_1_store.live.index.entries())
    class_vector = SparseVector(np.array([3], np.uint32), np.ones(1, np.float32))
    store = Store(folder / "second", create=True)
    manifest = Manifest("colour@1", 4, "/feed.jsonl", "jsonl", "20260101T000000000000Z", placed=256)
    with store.new_generation(manifest) as generation:
        scored_entries = [
            replace(
                entry,
                scores=FilterScores(np.ones((len(entry.photos), 256), np.float32), (class_vector,) * len(entry.photos)),
            )
            for entry in entries
        ]
        generation.index.upsert(scored_entries)
        store.switch(generation)
    generation_folder = store.live.folder
    store.close()
    format_1_store.close()
    rewrite_as_format_2(generation_folder / SHARD)
    fields = json.loads((generation_folder / NAME).read_text())
    (generation_folder / NAME).write_text(json.dumps({**fields, "format": 2, "dense": fields.pop("placed")}))
    (generation_folder / DESCRIPTION_FILE).write_text(
        json.dumps({"version": 1, "measured": 1044, "arrays": "filters-0123456789abcdef.npz"})
    )
    return folder / "second"


def test_filters_of_version_1_are_not_used_and_can_be_trained_anew(format_2_folder: Path, folder: Path) -> None:
    with Shop(format_2_folder, embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        answer = shop.search(folder / "p3.png", COUNT)
        assert (answer.strategy, answer.results[0].product.id) == ("pretrained", "p3")
        with pytest.raises(StoreError, match="version 1") as error:
            shop.search(folder / "p3.png", strategy="filters-static")
        assert (error.value.code, "shoplens train filters" in error.value.fix) == ("damaged-filters", True)
        (feed := folder / "more.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in colored_rows(folder, range(COUNT, COUNT + 2)))
        )
        assert shop.add(feed).added == 2
        shop.training.train_filters()
        assert shop.search(folder / "p3.png").strategy == "filters-static"
        assert len(shop) == COUNT + 2
    store = Store(format_2_folder)
    assert store.live.manifest.placed == filter_vector_size(has_object=False)
    assert all(
        entry.scores.filter_vectors.shape[1] == filter_vector_size(has_object=False)
        for entry in store.live.index.entries()
        if entry.scores is not None
    )
    store.close()
