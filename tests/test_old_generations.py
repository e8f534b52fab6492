"""A store of format 1, from before there were filters: it opens, answers as it did, and can be given filters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.entries import EntryMaker, Known
from shoplens.errors import InvalidValue, StoreError
from shoplens.images import PhotoSource
from shoplens.index.features import NAME as FEATURES
from shoplens.index.features import FeatureFile
from shoplens.index.manifest import FORMAT, NAME, Manifest
from shoplens.index.store import Store
from shoplens.settings import Settings
from shoplens.types import Steering
from tests.fakes import ColourEmbedder, colored_rows, colour_vector, numbered_color, photo, product

SETTINGS = Settings(threads=2)
COUNT = 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store as Shoplens 0.1 left it: no `placed` in its manifest, no filters, no file of features."""
    colored_rows(tmp_path, range(COUNT))
    features = FeatureFile(tmp_path / "elsewhere.sqlite", "colour@1")
    maker = EntryMaker(ColourEmbedder(), PhotoSource(SETTINGS), SETTINGS, Known(features))
    items = [product(f"p{number}", str(tmp_path / f"p{number}.png")) for number in range(COUNT)]
    store = Store(tmp_path / "store", create=True)
    with store.filling(Manifest("colour@1", 4, "/feed.jsonl", "jsonl", "20260101T000000000000Z")) as generation:
        generation.index.upsert([one.entry for one in maker.outcomes(items) if one.entry is not None])
        store.switch(generation)
    place = store.live.folder / NAME
    store.close()
    features.close()
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
    summary = shop.train_filters()
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


def test_a_later_format_is_refused(folder: Path) -> None:
    (place,) = folder.glob(f"store/generations/*/{NAME}")
    place.write_text(json.dumps({**json.loads(place.read_text()), "format": FORMAT + 1}))
    with pytest.raises(StoreError, match="this Shoplens knows up to") as told:
        Shop(folder / "store", embedder=ColourEmbedder(), settings=SETTINGS)
    assert told.value.code == "newer-store"
