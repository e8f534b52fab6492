"""A product's own photo finds it, whatever happened to the file's metadata, also where photos are decoded reduced."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.images import decode_photo
from shoplens.images.hashes import content_hash
from shoplens.settings import Settings
from tests.fakes import ColourEmbedder, colored_rows, feed_of
from tests.images.made_photos import scene

SETTINGS = Settings(threads=1)
COMMENT = b"\xff\xfe\x00\x0bedited..."


def with_other_metadata(data: bytes) -> bytes:
    """Return a JPEG with a comment, its pixels as before."""
    return data[:2] + COMMENT + data[2:]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    rows = colored_rows(tmp_path, range(3))
    scene(1200, 900, 5).save(tmp_path / "large.jpg", quality=90)
    rows[1]["photos"] = ["large.jpg"]
    embedder = ColourEmbedder()
    feed = feed_of(tmp_path / "feed.jsonl", rows)
    return Shop.index(feed, tmp_path / "store", embedder=embedder, settings=SETTINGS)[0]


def test_a_large_jpeg_with_other_metadata_is_the_same_photo(shop: Shop, tmp_path: Path) -> None:
    data = (tmp_path / "large.jpg").read_bytes()
    with shop:
        for photo in (data, with_other_metadata(data)):
            first = shop.search(photo).results[0]
            assert (first.product.id, first.same_photo) == ("p1", True)
        scene(1200, 900, 6).save(tmp_path / "other.jpg")
        assert not shop.search(tmp_path / "other.jpg").results[0].same_photo


def test_a_store_that_decoded_photos_in_full_recognises_them_still(shop: Shop, tmp_path: Path) -> None:
    data = (tmp_path / "large.jpg").read_bytes()
    with shop, shop._parts.store.reading() as generation:
        (entry,) = generation.index.entries(["p1"])
        full = replace(entry.photos[0], pixel_hash=decode_photo(data, SETTINGS).pixel_hash)
        assert full != entry.photos[0]
        generation.index.upsert([replace(entry, photos=(full,))])
        first = shop.search(with_other_metadata(data)).results[0]
        assert (first.product.id, first.same_photo) == ("p1", True)


def test_an_equal_photo_is_sought_only_where_a_photo_has_its_size(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shop:
        index, sought = shop._parts.store.live.index, list[str]()
        monkeypatch.setattr(index, "products_with_photo", lambda name, constraint: sought.append(name) or [])
        scene(1201, 900, 5).save(tmp_path / "wider.jpg")
        assert shop.search(tmp_path / "wider.jpg").results and sought == []
        data = (tmp_path / "large.jpg").read_bytes()
        assert shop.search(data).results and content_hash(data) in sought
