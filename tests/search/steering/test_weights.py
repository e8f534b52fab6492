"""Weights of queries, profiles and shops, and merchandising, in searches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.settings import Merchandising, Preferences
from shoplens.store.calibration_file import write_calibration
from shoplens.store.files.atomic import copy_tree
from shoplens.types import Steering
from tests.patterned_shop import COLORS, PER_KIND, PRODUCTS, product_name, query_photo
from tests.search.steering.steered_search import (
    NAMES,
    check_parts,
    colors,
    open_shop,
    patterns,
    product_ids,
    search,
    single_weight,
)
from tests.search.test_search_verdicts import toy_calibration


def test_every_dimension_of_the_feed_has_a_weight_and_a_part(shop: Shop, folder: Path) -> None:
    answer = search(shop, query_photo(folder, "red", "striped"))
    assert (answer.strategy, set(answer.weights), len(answer.results)) == ("filters-static", NAMES, PRODUCTS)
    check_parts(answer)
    assert all(set(result.parts) == NAMES for result in answer.results)


def test_weights_of_a_query_change_its_ranking(shop: Shop, folder: Path) -> None:
    for color in COLORS:
        photo = query_photo(folder, color, "striped")
        by_color, by_pattern = (
            search(shop, photo, weights=single_weight("color")),
            search(shop, photo, weights=single_weight("pattern")),
        )
        assert colors(by_color, 2 * PER_KIND) == {color}
        assert patterns(by_pattern, 4 * PER_KIND) == {"striped"}
        assert by_color.weights == pytest.approx(single_weight("color"))
        for answer in (by_color, by_pattern):
            check_parts(answer)
        assert all(result.parts["look"] == 0 for result in by_color.results)


def test_weights_of_a_query_override_its_profile(shop: Shop, folder: Path) -> None:
    photo = query_photo(folder, "blue", "striped")
    profile = search(shop, photo, profile="same-color")
    assert product_ids(profile) == product_ids(search(shop, photo, weights=single_weight("color")))
    overridden = search(shop, photo, profile="same-color", weights={"color": 0.0, "pattern": 2.0})
    assert product_ids(overridden) == product_ids(search(shop, photo, weights=single_weight("pattern")))


def test_a_profile_can_have_other_weights_in_a_category(shop: Shop, folder: Path) -> None:
    """The category is that of the query product in the feed."""
    top, rug = product_name("green", "striped", 4), product_name("green", "striped", 3)
    for name, dimension in ((top, "pattern"), (rug, "color")):
        answer = shop.similar(name, PRODUCTS, steering=Steering(profile="by-category"))
        assert answer.weights == pytest.approx(single_weight(dimension))


def test_the_weights_of_the_shop_are_the_default(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    photo = query_photo(folder, "yellow", "plain")
    with open_shop(tmp_path / "store", Preferences(weights=single_weight("color"))) as shop:
        assert shop.search(photo).weights == pytest.approx(single_weight("color"))
        assert colors(shop.search(photo, 18), 18) == {"yellow"}
        assert search(shop, photo, weights={"color": 0, "look": 1}).weights == pytest.approx(single_weight("look"))


def test_pins_and_buries_are_parts_of_the_score(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    photo, blue = query_photo(folder, "red", "plain"), product_name("blue", "striped", 1)
    with open_shop(tmp_path / "store") as shop:
        first = product_ids(shop.search(photo))[0]
    preferences = Preferences(merchandising=Merchandising(pins=(blue,), buries={first: 1.0}))
    with open_shop(tmp_path / "store", preferences) as shop:
        answer = shop.search(photo, PRODUCTS)
        assert product_ids(answer)[0] == blue and product_ids(answer)[-1] == first
        assert (answer.results[0].parts["pin"], answer.results[-1].parts["bury"]) == (2.0, -1.0)
        check_parts(answer)


def test_a_pin_may_be_an_identifier_or_an_old_id(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    photo = query_photo(folder, "red", "plain")
    blue, green = product_name("blue", "striped", 1), product_name("green", "plain", 2)
    preferences = Preferences(merchandising=Merchandising(("SKU-1", "before"), {}, {"SKU-9": 1.0}))
    with open_shop(tmp_path / "store", preferences) as shop:
        shop.products.update(blue, identifiers=("SKU-1",))
        shop._parts.store.add_renames({"before": green})
        answer = shop.search(photo, PRODUCTS)
        assert product_ids(answer)[:2] == [blue, green]
        assert [result.parts.get("pin") for result in answer.results[:3]] == [3.0, 2.0, None]
        notes = shop.info()["merchandising"]
        entries = {note["entry"]: (note["by"], note["products"]) for note in notes}
        assert entries == {"SKU-1": ("identifier", [blue]), "before": ("old-id", [green]), "SKU-9": ("nothing", [])}
        assert all("The merchandising names" in note["note"] for note in notes)


def test_merchandising_moves_products_and_changes_no_probability(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    photo, blue = query_photo(folder, "red", "plain"), product_name("blue", "striped", 1)
    calibration = toy_calibration(strategy="filters-static")
    with open_shop(tmp_path / "store") as shop:
        model = shop._parts.store.live.manifest.model
        write_calibration(shop._parts.store.live, replace(calibration, model=model))
        plain = shop.search(photo, PRODUCTS)
    first = product_ids(plain)[0]
    preferences = Preferences(merchandising=Merchandising(pins=(blue,), buries={first: 1.0}))
    with open_shop(tmp_path / "store", preferences) as shop:
        moved = shop.search(photo, PRODUCTS)
    assert product_ids(moved)[0] == blue != first
    before = {result.product.id: result.match_probability for result in plain.results}
    after = {result.product.id: result.match_probability for result in moved.results}
    assert after == pytest.approx(before, abs=1e-6)
    assert moved.absent_probability == pytest.approx(plain.absent_probability, abs=1e-6)
