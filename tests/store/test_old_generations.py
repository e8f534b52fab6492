"""Stores of earlier formats: they open, answer as they did without filters, and can be given filters."""

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
from shoplens.filters.model.scoring import FILTER_VECTOR_SIZE
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


def as_before(shard: Path) -> None:
    """Every point's payload as formats 1 and 2 held it: the record as an object, and the id in there alone."""

    def older(payload: dict[str, Any]) -> dict[str, Any]:
        payload["record"] = json.loads(payload["record"])
        payload["predicted"] = payload["record"].pop("predicted")
        assert payload.pop("id") == payload["record"]["id"]
        return payload

    rewrite(shard, lambda payload: older(as_of_format_4(payload)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store as Shoplens 0.1 left it: no `placed` in its manifest, no filters, no file of features."""
    colored_rows(tmp_path, range(COUNT))
    features = FeatureFile(tmp_path / "elsewhere.sqlite", "colour@1")
    maker = ProductEncoder(ColourEmbedder(), PhotoSource(SETTINGS), SETTINGS, EncodingCaches(features))
    items = [product(f"p{number}", str(tmp_path / f"p{number}.png")) for number in range(COUNT)]
    store = Store(tmp_path / "store", create=True)
    with store.new_generation(Manifest("colour@1", 4, "/feed.jsonl", "jsonl", "20260101T000000000000Z")) as generation:
        generation.index.upsert([one.entry for one in maker.outcomes(items) if one.entry is not None])
        store.switch(generation)
    place = store.live.folder / NAME
    store.close()
    features.close()
    as_before(place.parent / SHARD)
    told = json.loads(place.read_text())
    assert told["format"] == FORMAT
    del told["placed"]
    place.write_text(json.dumps({**told, "format": 1}))
    assert not (tmp_path / "store" / FEATURES).exists()
    return tmp_path


@pytest.fixture
def shop(folder: Path) -> Iterator[Shop]:
    with Shop(folder / "store", embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        yield shop


def test_it_answers_as_it_did(shop: Shop, folder: Path) -> None:
    asked = photo(folder / "asked.png", (200, 90, 40), (30, 20))
    answer = shop.search(asked, COUNT)
    query = colour_vector((200, 90, 40))
    scores = {f"p{n}": (1 + float(query @ colour_vector(numbered_color(n)))) / 2 for n in range(COUNT)}
    assert (answer.strategy, len(answer.results)) == ("pretrained", COUNT)
    assert [one.product.id for one in answer.results] == sorted(scores, key=lambda name: -scores[name])
    assert [one.score for one in answer.results] == pytest.approx(sorted(scores.values(), reverse=True), abs=1e-5)


@pytest.mark.parametrize(
    ("strategy", "steering"),
    [("filters-static", Steering()), ("", Steering(weights={"color": 1})), ("", Steering(color="red"))],
)
def test_what_needs_filters_says_how_to_get_them(shop: Shop, folder: Path, strategy: str, steering: Steering) -> None:
    asked = None if steering.color else folder / "p1.png"
    with pytest.raises(InvalidValue, match="The store has no filters yet") as told:
        shop.search(asked, strategy=strategy, steering=steering)
    assert (told.value.code, "shoplens train filters" in told.value.fix) == ("no-filters", True)
    with pytest.raises(InvalidValue, match="no filters yet"):
        shop.dimensions()


def test_it_is_given_filters(shop: Shop, folder: Path) -> None:
    before = [one.product.id for one in shop.search(folder / "p3.png", COUNT).results]
    summary = shop.training.train_filters()
    assert (summary.products, summary.photos_embedded) == (COUNT, COUNT)
    assert shop.search(folder / "p3.png").strategy == "filters-static"
    after = shop.search(folder / "p3.png", COUNT, strategy="pretrained")
    assert [one.product.id for one in after.results] == before


def test_products_are_added_to_it_as_before(shop: Shop, folder: Path) -> None:
    (feed := folder / "more.jsonl").write_text(
        "".join(json.dumps(one) + "\n" for one in colored_rows(folder, range(COUNT, COUNT + 2)))
    )
    assert shop.add(feed).added == 2
    assert len(shop) == COUNT + 2
    assert shop.search(folder / f"p{COUNT}.png", 1).results[0].product.id == f"p{COUNT}"


def test_what_is_written_makes_it_of_this_format(shop: Shop, folder: Path) -> None:
    (place,) = folder.glob(f"store/generations/*/{NAME}")
    assert json.loads(place.read_text())["format"] == 1, "reading changes nothing"
    shop.products.update("p1", identifiers=("SKU-1",))
    assert json.loads(place.read_text())["format"] == FORMAT
    assert [one.product.id for one in shop.search(folder / "p3.png", where="id in (SKU-1, p2, P3)").results] == [
        "p2",
        "p1",
    ]
    found = shop.products.get("SKU-1")
    assert found is not None and found.id == "p1"


def test_a_later_format_is_refused(folder: Path) -> None:
    (place,) = folder.glob(f"store/generations/*/{NAME}")
    place.write_text(json.dumps({**json.loads(place.read_text()), "format": FORMAT + 1}))
    with pytest.raises(StoreError, match="this Shoplens reads up to") as told:
        Shop(folder / "store", embedder=ColourEmbedder(), settings=SETTINGS)
    assert told.value.code == "newer-store"


@pytest.fixture
def second(folder: Path) -> Path:
    """The same as of format 2: 256 numbers beside each vector, called ``dense``, and filters of version 1."""
    before = Store(folder / "store")
    entries = list(before.live.index.entries())
    marks = SparseVector(np.array([3], np.uint32), np.ones(1, np.float32))
    store = Store(folder / "second", create=True)
    manifest = Manifest("colour@1", 4, "/feed.jsonl", "jsonl", "20260101T000000000000Z", placed=256)
    with store.new_generation(manifest) as generation:
        scored = [
            replace(one, scores=FilterScores(np.ones((len(one.photos), 256), np.float32), (marks,) * len(one.photos)))
            for one in entries
        ]
        generation.index.upsert(scored)
        store.switch(generation)
    place = store.live.folder
    store.close()
    before.close()
    as_before(place / SHARD)
    told = json.loads((place / NAME).read_text())
    (place / NAME).write_text(json.dumps({**told, "format": 2, "dense": told.pop("placed")}))
    (place / DESCRIPTION_FILE).write_text(
        json.dumps({"version": 1, "measured": 1044, "arrays": "filters-0123456789abcdef.npz"})
    )
    return folder / "second"


def test_filters_of_before_are_not_used_and_can_be_fitted_anew(second: Path, folder: Path) -> None:
    with Shop(second, embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        before = shop.search(folder / "p3.png", COUNT)
        assert (before.strategy, before.results[0].product.id) == ("pretrained", "p3")
        with pytest.raises(StoreError, match="version 1") as told:
            shop.search(folder / "p3.png", strategy="filters-static")
        assert (told.value.code, "shoplens train filters" in told.value.fix) == ("damaged-filters", True)
        (feed := folder / "more.jsonl").write_text(
            "".join(json.dumps(one) + "\n" for one in colored_rows(folder, range(COUNT, COUNT + 2)))
        )
        assert shop.add(feed).added == 2
        shop.training.train_filters()
        assert shop.search(folder / "p3.png").strategy == "filters-static"
        assert len(shop) == COUNT + 2
    store = Store(second)
    assert store.live.manifest.placed == FILTER_VECTOR_SIZE
    assert all(
        one.scores.filter_vectors.shape[1] == FILTER_VECTOR_SIZE
        for one in store.live.index.entries()
        if one.scores is not None
    )
    store.close()
