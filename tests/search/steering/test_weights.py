"""Weights of people and of profiles, and what a merchandiser adds."""

from __future__ import annotations

from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.settings import Merchandising, Preferences
from shoplens.store.files.atomic import copy_tree
from shoplens.types import Steering
from tests.patterned_shop import COLORS, PER_KIND, PRODUCTS, asked, product_name
from tests.search.steering.steered_search import (
    NAMES,
    check_parts,
    colors,
    only,
    open_shop,
    patterns,
    product_ids,
    search,
)


def test_every_dimension_of_the_feed_is_weighed(shop: Shop, folder: Path) -> None:
    answer = search(shop, asked(folder, "red", "striped"))
    assert (answer.strategy, set(answer.weights), len(answer.results)) == ("filters-static", NAMES, PRODUCTS)
    check_parts(answer)
    assert all(set(result.parts) == NAMES for result in answer.results)


def test_weights_move_the_ranking_at_once(shop: Shop, folder: Path) -> None:
    for color in COLORS:
        photo = asked(folder, color, "striped")
        by_color, by_pattern = search(shop, photo, weights=only("color")), search(shop, photo, weights=only("pattern"))
        assert colors(by_color, 2 * PER_KIND) == {color}
        assert patterns(by_pattern, 4 * PER_KIND) == {"striped"}
        assert by_color.weights == pytest.approx(only("color"))
        for answer in (by_color, by_pattern):
            check_parts(answer)
        assert all(result.parts["look"] == 0 for result in by_color.results)


def test_a_profile_is_named_and_a_weight_goes_over_it(shop: Shop, folder: Path) -> None:
    photo = asked(folder, "blue", "striped")
    profile = search(shop, photo, profile="same-color")
    assert product_ids(profile) == product_ids(search(shop, photo, weights=only("color")))
    over = search(shop, photo, profile="same-color", weights={"color": 0.0, "pattern": 2.0})
    assert product_ids(over) == product_ids(search(shop, photo, weights=only("pattern")))


def test_a_profile_may_count_otherwise_in_a_category(shop: Shop, folder: Path) -> None:
    """Of the product that is started from the feed says the category."""
    top, rug = product_name("green", "striped", 4), product_name("green", "striped", 3)
    for name, counting in ((top, "pattern"), (rug, "color")):
        answer = shop.similar(name, PRODUCTS, steering=Steering(profile="by-category"))
        assert answer.weights == pytest.approx(only(counting))


def test_the_shops_own_weights_are_the_default(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    photo = asked(folder, "yellow", "plain")
    with open_shop(tmp_path / "store", Preferences(weights=only("color"))) as shop:
        assert shop.search(photo).weights == pytest.approx(only("color"))
        assert colors(shop.search(photo, 18), 18) == {"yellow"}
        assert search(shop, photo, weights={"color": 0, "look": 1}).weights == pytest.approx(only("look"))


def test_a_merchandisers_say_is_a_part_of_the_score(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    photo, blue = asked(folder, "red", "plain"), product_name("blue", "striped", 1)
    with open_shop(tmp_path / "store") as shop:
        first = product_ids(shop.search(photo))[0]
    say = Preferences(merchandising=Merchandising(pins=(blue,), buries={first: 1.0}))
    with open_shop(tmp_path / "store", say) as shop:
        answer = shop.search(photo, PRODUCTS)
        assert product_ids(answer)[0] == blue and product_ids(answer)[-1] == first
        assert (answer.results[0].parts["pin"], answer.results[-1].parts["bury"]) == (2.0, -1.0)
        check_parts(answer)


def test_what_is_pinned_may_be_called_by_a_row_or_an_old_id(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    photo, blue, green = (
        asked(folder, "red", "plain"),
        product_name("blue", "striped", 1),
        product_name("green", "plain", 2),
    )
    say = Preferences(merchandising=Merchandising(("SKU-1", "before"), {}, {"SKU-9": 1.0}))
    with open_shop(tmp_path / "store", say) as shop:
        shop.products.update(blue, identifiers=("SKU-1",))
        shop._parts.store.add_renames({"before": green})
        answer = shop.search(photo, PRODUCTS)
        assert product_ids(answer)[:2] == [blue, green]
        assert [one.parts.get("pin") for one in answer.results[:3]] == [3.0, 2.0, None]
        told = {one["entry"]: (one["by"], one["products"]) for one in shop.info()["merchandising"]}
        assert told == {"SKU-1": ("identifier", [blue]), "before": ("old-id", [green]), "SKU-9": ("nothing", [])}
        assert all("[merchandising]" in one["note"] for one in shop.info()["merchandising"])
