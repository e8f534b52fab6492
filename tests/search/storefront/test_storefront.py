"""What a search page shows before a search, on a small shop whose answer one can work out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.words.concepts import load_concepts
from shoplens.words.swatches import swatch_of
from tests.fakes import ColourEmbedder
from tests.service.conftest import SETTINGS, index_small_shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder: Path = index_small_shop(tmp_path_factory.mktemp("storefront"))
    with Shop(folder / "store", embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        yield shop


def test_samples_exist_and_prices_are_all_counted(shop: Shop) -> None:
    storefront = shop.products.describe_storefront()
    assert 1 <= len(storefront.samples) <= 6
    assert len({one.id for one in storefront.samples}) == len(storefront.samples)
    prices = [
        product.price
        for one in shop.products.ids()
        if (product := shop.products.get(one)) and product.price is not None
    ]
    if storefront.price is None:
        assert prices == []
    else:
        assert (storefront.price.min, storefront.price.max) == (min(prices), max(prices))
        assert sum(storefront.price.counts) == len(prices) and len(storefront.price.counts) == 16
    assert 2 / 3 <= storefront.photo_ratio <= 4 / 3


def test_fields_begin_with_category_and_colour_and_paths_follow_their_parents(shop: Shop) -> None:
    storefront = shop.products.describe_storefront()
    names = [one.name for one in storefront.fields]
    first = [name for name in ("category", "color", "brand") if name in names]
    assert names[: len(first)] == first
    assert "group_id" not in names and len(names) <= 8
    for field in storefront.fields:
        for place, path in enumerate(field.tree):
            parent = path.rpartition(" > ")[0]
            assert not parent or parent in field.tree[:place]


@pytest.mark.parametrize(
    ("name", "code"),
    [("Red", "#d0202a"), ("rot", "#d0202a"), ("navy", "#000080"), ("#12ab9f", "#12ab9f"), ("wool", ""), ("", "")],
)
def test_names_of_colours_have_a_swatch_in_every_language(name: str, code: str) -> None:
    assert swatch_of(name, load_concepts()) == code
