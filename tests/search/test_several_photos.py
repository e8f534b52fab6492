"""Several photos of one thing are one query: products that are similar to all of them come first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shoplens import Shop
from shoplens.errors import InvalidValue
from shoplens.ranking.strategies import EncodedQuery
from shoplens.search.query_encoder import merge_photos
from shoplens.settings import Settings
from shoplens.types import Region
from tests.fakes import BLUE, GREEN, RED, ColourEmbedder, feed_of, photo, row

SETTINGS = Settings(threads=1)
PURPLE = (140, 10, 140)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    for name, color in {"red": RED, "green": GREEN, "blue": BLUE, "purple": PURPLE}.items():
        photo(tmp_path / f"{name}.png", color, (12, 8))
        photo(tmp_path / "queries" / f"{name}.png", color, (14, 10))
    feed = feed_of(tmp_path / "feed.jsonl", [row(name) for name in ("red", "green", "blue", "purple")])
    shop, _ = Shop.index(feed, tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS)
    with shop:
        yield shop


def test_a_product_that_is_similar_to_both_photos_comes_first(shop: Shop, tmp_path: Path) -> None:
    red, blue = tmp_path / "queries" / "red.png", tmp_path / "queries" / "blue.png"
    assert shop.search(red, strategy="pretrained").results[0].product.id == "red"
    answer = shop.search([red, blue], strategy="pretrained")
    assert (answer.results[0].product.id, answer.source) == ("purple", f"{red} {blue}")


def test_the_order_of_the_photos_does_not_matter(shop: Shop, tmp_path: Path) -> None:
    red, blue = tmp_path / "queries" / "red.png", tmp_path / "queries" / "blue.png"
    one, other = shop.search([red, blue]), shop.search([blue, red])
    assert one.strategy == "filters-static"
    scores = [{result.product.id: result.score for result in answer.results} for answer in (one, other)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)


def test_the_photo_itself_among_them_is_recognised(shop: Shop, tmp_path: Path) -> None:
    answer = shop.search([tmp_path / "queries" / "red.png", (tmp_path / "green.png").read_bytes()])
    assert (answer.results[0].product.id, answer.results[0].same_photo) == ("green", True)
    assert answer.source.endswith("upload")


def test_the_same_photo_twice_is_that_photo(shop: Shop, tmp_path: Path) -> None:
    red = tmp_path / "queries" / "red.png"
    once, twice = shop.search(red), shop.search([red, red])
    assert [result.product.id for result in twice.results] == [result.product.id for result in once.results]
    assert [result.score for result in twice.results] == pytest.approx([result.score for result in once.results])


def test_blank_photos_do_not_count_beside_others() -> None:
    thing = EncodedQuery(np.array([1, 0], np.float32), ("p",), "c", np.array([1, 2], np.float32))
    blank = EncodedQuery(np.array([0, 1], np.float32), (), "d", np.array([9, 9], np.float32), is_blank=True)
    merged = merge_photos([blank, thing])
    assert (merged.vector.tolist(), merged.features.tolist(), merged.is_blank) == ([1, 0], [1, 2], False)  # type: ignore[union-attr]
    assert (merged.content_hash, merged.pixel_hashes) == ("d", ("p", "c"))
    assert merge_photos([blank, blank]).is_blank


def test_too_many_photos_and_a_region_of_several_are_refused(shop: Shop, tmp_path: Path) -> None:
    red = tmp_path / "queries" / "red.png"
    with pytest.raises(InvalidValue, match="6 photos were given") as error:
        shop.search([red] * 6)
    assert error.value.code == "too-many-photos"
    with pytest.raises(InvalidValue, match="several were given") as error:
        shop.search([red, red], region=Region(0, 0, 5, 5))
    assert error.value.code == "conflicting-query"
