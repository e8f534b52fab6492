"""A catalogue without a query: products are counted by value, by path of the category tree, and by price."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.errors import ConditionError
from tests.fakes import ColourEmbedder
from tests.service.conftest import COLORS, SETTINGS, feed_of, photo, row

PATHS = (["Men", "Tops"], ["Men", "Trousers"], ["Women", "Tops"], ["Women"])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder: Path = tmp_path_factory.mktemp("tree")
    rows = []
    for number in range(24):
        color = list(COLORS.values())[number % len(COLORS)]
        picture = photo(folder / f"{number}.png", tuple(min(255, channel + number) for channel in color))
        rows.append(
            row(f"p{number}", picture.name, price=10 + number, category=PATHS[number % 4], group_id=f"g{number}")
        )
    feed = feed_of(folder / "feed.jsonl", rows)
    with Shop.index(feed, folder / "store", embedder=ColourEmbedder(), settings=SETTINGS)[0] as shop:
        yield shop


def test_each_path_counts_the_products_below_it_and_comes_after_its_parent(shop: Shop) -> None:
    tree = shop.products.count_values().trees["category"]
    assert tree == {"Men": 12, "Men > Tops": 6, "Men > Trousers": 6, "Women": 12, "Women > Tops": 6}
    paths = list(tree)
    assert all(" > " not in path or paths.index(path.rpartition(" > ")[0]) < paths.index(path) for path in paths)


def test_conditions_hold_for_values_trees_and_prices(shop: Shop) -> None:
    counted = shop.products.count_values(["category"], ["price < 18"])
    assert counted.trees["category"]["Men"] == 4 and counted.trees["category"]["Women > Tops"] == 2
    counts = {name.lower(): count for name, count in counted.facets["category"].items()}
    assert counts == {"men": 4, "tops": 4, "women": 4, "trousers": 2}
    assert counted.price is not None
    assert (counted.price.min, counted.price.max, sum(counted.price.counts)) == (10, 17, 8)


def test_without_a_tree_or_a_price_there_is_none(shop: Shop) -> None:
    assert shop.products.count_values(["group_id"]).trees == {}
    assert shop.products.count_values(["category"], "price > 1000").price is None
    with pytest.raises(ConditionError, match="taste"):
        shop.products.count_values(["taste"])
