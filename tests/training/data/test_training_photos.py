"""Tests of which photos are learned from, and how the others are reported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.errors import InvalidValue
from shoplens.evaluation.query_runs import ABSENT
from shoplens.images import PhotoSource
from shoplens.training.data.training_photos import SHARED_PHOTO, PairsFile, load_catalogue_photos, load_shopper_photos
from shoplens.types import Rejection
from tests.fakes import ColourEmbedder, feed_of, photo, row
from tests.training.shops import SETTINGS, draw_pattern


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    for number in range(3):
        photo(tmp_path / f"p{number}.png", (40 * number, 9, 9))
    photo(tmp_path / "same.png", (1, 2, 3))
    rows = [row("p0"), row("p1", "p1.png", "same.png", group_id="g"), row("p2", "p2.png", "same.png", group_id="g")]
    shop, _ = Shop.index(feed_of(tmp_path / "f.jsonl", rows), tmp_path / "s", embedder=ColourEmbedder())
    yield shop
    shop.close()


def test_photos_of_several_products_are_rejected(shop: Shop) -> None:
    rejections: list[Rejection] = []
    with shop._parts.store.reading() as generation:
        samples = load_catalogue_photos(generation.index, rejections.append)
    assert [(one.product, one.group, one.is_first) for one in samples] == [
        ("p0", "p0", True),
        ("p1", "g", True),
        ("p2", "g", True),
    ]
    assert {(one.kind, one.level, one.product_id) for one in rejections} == {
        (SHARED_PHOTO, "note", "p1"),
        (SHARED_PHOTO, "note", "p2"),
    }


def pairs(tmp_path: Path, text: str) -> PairsFile:
    file = tmp_path / "pairs.csv"
    file.write_text(text, "utf-8")
    return PairsFile(file, PhotoSource(SETTINGS))


def test_rows_with_unknown_products_or_missing_photos_are_rejected(shop: Shop, tmp_path: Path) -> None:
    draw_pattern(tmp_path / "hall.png", 1, 1)
    rejections: list[Rejection] = []
    given = pairs(tmp_path, "photo,product_id\nhall.png,p1\nhall.png,p9\nnowhere.png,p0\nhall.png,p9|p2\n,p1\n")
    with shop._parts.store.reading() as generation:
        samples = load_shopper_photos(generation.index, given, rejections.append)
    assert [(one.product, one.group, one.is_shopper, one.is_first) for one, _ in samples] == [("p1", "g", True, False)]
    assert [(one.kind, one.row) for one in rejections] == [(ABSENT, 2), ("photo-missing", 3), ("query-incomplete", 5)]


def test_a_row_may_name_its_product_by_an_identifier_or_an_old_id(shop: Shop, tmp_path: Path) -> None:
    shop.products.update("p1", identifiers=("p1-S", "both"))
    shop.products.update("p2", identifiers=("both",))
    shop._parts.store.add_renames({"old": "p0"})
    for number in range(3):
        draw_pattern(tmp_path / f"hall{number}.png", number, 1)
    rejections: list[Rejection] = []
    rows = "photo,product_id\nhall0.png,p1-S\nhall1.png,old\nhall2.png,both\n"
    with shop._parts.store.reading() as generation:
        samples = load_shopper_photos(generation.index, pairs(tmp_path, rows), rejections.append)
    assert [(one.product, one.group) for one, _ in samples] == [("p1", "g"), ("p0", "p0")]
    assert [(one.kind, one.row) for one in rejections] == [(ABSENT, 3)], "nobody knows which of two it shows"


def test_a_region_is_a_training_photo_of_its_own(shop: Shop, tmp_path: Path) -> None:
    draw_pattern(tmp_path / "hall.png", 1, 1)
    given = pairs(tmp_path, 'photo,product_id,region\nhall.png,p1,\nhall.png,p2,"0,0,8,8"\n')
    with shop._parts.store.reading() as generation:
        (whole, none), (part, region) = load_shopper_photos(generation.index, given, lambda rejection: None)
    assert none is None and region is not None
    assert part.name.startswith(whole.name) and part.name != whole.name
    assert (whole.product, part.product) == ("p1", "p2")


def test_an_invalid_file_is_refused(shop: Shop, tmp_path: Path) -> None:
    with shop._parts.store.reading() as generation, pytest.raises(InvalidValue, match="product_id"):
        load_shopper_photos(generation.index, pairs(tmp_path, "photo,what\na,b\n"), lambda rejection: None)
