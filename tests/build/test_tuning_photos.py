"""Phone photos that are made of a catalogue: of which products, and what becomes of those that cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shoplens import Shop
from shoplens.build.tuning import tuning_photos
from shoplens.build.tuning.tuning_photos import KIND, PhotoMaker
from shoplens.images import PhotoSource
from shoplens.settings import Settings
from tests.fakes import ColourEmbedder, feed_of, photo, row

PRODUCTS = 12


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    rows = []
    for number in range(PRODUCTS):
        photo(tmp_path / f"{number}.png", (20 * number, 255 - 20 * number, 90), (48, 64))
        rows.append(row(f"p{number}", f"{number}.png"))
    feed_of(tmp_path / "feed.jsonl", rows)
    return Shop.index(tmp_path / "feed.jsonl", tmp_path / "store", embedder=ColourEmbedder())[0]


def maker() -> PhotoMaker:
    return PhotoMaker(ColourEmbedder(), PhotoSource(Settings()), Settings(threads=1))


def test_a_small_catalogue_gets_none(shop: Shop) -> None:
    with shop, shop._parts.store.reading() as generation:
        made = maker().make_photos(generation.index)
        assert (len(made.products), made.vectors.shape, made.is_enough) == (0, (0, 4), False)
        assert made.features.shape[0] == 0 and made.features.shape[1] > 4


def test_one_is_made_for_so_many_photos_and_the_same_in_every_run(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning_photos, "MIN_QUERIES", 3)
    monkeypatch.setattr(tuning_photos, "SHARE", 2)
    with shop, shop._parts.store.reading() as generation:
        made, again = maker().make_photos(generation.index), maker().make_photos(generation.index)
        assert made.kind == KIND
        assert len(set(made.products)) == len(made.groups) == PRODUCTS // 2
        assert made.products == again.products and np.array_equal(made.features, again.features)
        assert np.linalg.norm(made.vectors, axis=1) == pytest.approx(1.0)
        own = {entry.product.id: entry.vectors[0] for entry in generation.index.entries(made.products)}
        originals = np.stack([own[name] for name in made.products])
        assert (np.abs(originals - made.vectors).max(axis=1) > 1e-3).all()


def test_a_photo_that_is_gone_is_left_out(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning_photos, "MIN_QUERIES", 3)
    monkeypatch.setattr(tuning_photos, "SHARE", 2)
    with shop, shop._parts.store.reading() as generation:
        first, *others = maker().make_photos(generation.index).products
        (tmp_path / f"{first.removeprefix('p')}.png").unlink()
        assert maker().make_photos(generation.index).products == tuple(others)


def test_info_tells_what_was_chosen_and_no_tune_leaves_it_out(shop: Shop, tmp_path: Path) -> None:
    with shop:
        tuning = shop.info()["tuning"]
        assert tuning["weights"] == tuning["default_weights"]
        assert "too few photos" in tuning["reason"] and tuning["photos"][KIND] == 0
    settings = Settings(tune=False)
    feed = tmp_path / "feed.jsonl"
    with Shop.index(feed, tmp_path / "other", embedder=ColourEmbedder(), settings=settings)[0] as untuned:
        assert untuned.info()["tuning"] == {}
