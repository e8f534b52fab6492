"""Colours and products in place of a photo, photos that are not wanted, and what a product is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.errors import InvalidValue
from shoplens.store.files.atomic import copy_tree
from shoplens.types import Steering
from tests.patterned_shop import PER_KIND, PRODUCTS, asked, product_name
from tests.search.steering.steered_search import (
    check_parts,
    colors,
    only,
    open_shop,
    patterns,
    product_ids,
    search,
)


def test_a_color_alone_is_enough(shop: Shop) -> None:
    for name, text in (("blue", "#1e3cc8"), ("red", "red"), ("yellow", "gold")):
        answer = search(shop, None, color=text)
        assert colors(answer, 2 * PER_KIND) == {name}
        assert answer.weights == pytest.approx(only("color"))
        assert answer.source == text
        check_parts(answer)


def test_a_color_takes_the_place_of_the_photos(shop: Shop, folder: Path) -> None:
    answer = search(shop, asked(folder, "red", "striped"), color="blue", weights={**only("color"), "pattern": 1.0})
    assert colors(answer, PER_KIND) == {"blue"} and patterns(answer, PER_KIND) == {"striped"}
    check_parts(answer)


def test_the_photo_of_a_product_in_another_color_does_not_find_that_product(shop: Shop, folder: Path) -> None:
    name = product_name("red", "plain", 2)
    answer = search(shop, folder / f"{name}.png", color="blue", weights=only("color"))
    assert product_ids(search(shop, folder / f"{name}.png"))[0] == name
    assert colors(answer, 2 * PER_KIND) == {"blue"}
    assert not any(result.same_photo for result in answer.results)


def test_a_product_finds_those_like_it_and_not_itself(shop: Shop) -> None:
    name = product_name("green", "striped", 4)
    answer = shop.similar(name, PRODUCTS)
    assert name not in product_ids(answer) and len(product_ids(answer)) == PRODUCTS - 1
    assert colors(answer, 5) == {"green"} and patterns(answer, 5) == {"striped"}
    assert answer.source == name
    check_parts(answer)
    other = shop.similar(name, PRODUCTS, steering=Steering(weights=only("pattern")))
    assert patterns(other, 4 * PER_KIND - 1) == {"striped"}


def test_a_product_in_another_color(shop: Shop) -> None:
    steering = Steering(color="red", weights={**only("color"), "pattern": 1.0})
    answer = shop.similar(product_name("green", "striped", 4), PRODUCTS, steering=steering)
    assert colors(answer, PER_KIND) == {"red"} and patterns(answer, PER_KIND) == {"striped"}


def test_what_is_not_wanted_takes_its_part_off(shop: Shop, folder: Path) -> None:
    photo, unwanted = asked(folder, "red", "striped"), asked(folder, "red", "plain")
    weights = {**only("color"), "pattern": 1.0}
    plain = search(shop, photo, weights=weights)
    answer = search(shop, photo, weights=weights, unlike=unwanted.read_bytes())
    check_parts(answer)
    scores = {result.product.id: result.score for result in plain.results}
    for result in answer.results:
        assert result.parts["not"] <= 0
        assert result.score == pytest.approx(scores[result.product.id] + result.parts["not"], abs=1e-5)
    taken = {result.product.id: -result.parts["not"] for result in answer.results}
    assert max(taken, key=lambda name: taken[name]).startswith("red-plain")
    assert min(taken.values()) >= 0 and max(taken.values()) <= 0.5 + 1e-6
    assert product_ids(answer) != product_ids(plain)


def test_a_product_is_started_from_by_any_name_of_it(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    name, other = product_name("red", "striped", 1), product_name("blue", "plain", 3)
    with open_shop(tmp_path / "store") as shop:
        expected = shop.similar(name, PRODUCTS)
        shop.products.update(name, identifiers=("SKU-1", "shared"))
        shop.products.update(other, identifiers=("shared", name))
        shop._parts.store.add_renames({"before": name})
        for called in (name, "SKU-1", "before"):
            answer = shop.similar(called, PRODUCTS)
            assert (
                product_ids(answer) == product_ids(expected)
                and name not in product_ids(answer)
                and other in product_ids(answer)
            )
            assert answer.source == name
            found = shop.products.get(called)
            assert found is not None and found.id == name
        for call in (shop.similar, shop.products.get):
            with pytest.raises(InvalidValue, match="'shared' stands for 2 products") as told:
                call("shared")
            assert told.value.code == "ambiguous-product"
        assert shop.products.get("sku-1") is None
        where = {
            "id = SKU-1": {name},
            "id = 'shared'": {name, other},
            "id = before": set(),
            f"id = '{name}'": {name, other},
        }
        for text, products in where.items():
            assert set(product_ids(search(shop, None, color="red", where=text))) == products


def test_only_its_own_id_changes_or_removes_a_product(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    name = product_name("red", "striped", 1)
    with open_shop(tmp_path / "store") as shop:
        shop.products.update(name, identifiers=("SKU-1",))
        shop._parts.store.add_renames({"before": name})
        for called in ("SKU-1", "before"):
            assert shop.products.remove(called) == 0 and called not in shop.products
            with pytest.raises(
                InvalidValue, match=f"'{called}' is not the id of a product, but another name of {name}"
            ) as told:
                shop.products.update(called, price=1.0)
            assert told.value.code == "unknown-product"
        assert name in shop.products and shop.products.remove(name) == 1 and name not in shop.products
        with pytest.raises(InvalidValue, match="There is no product 'SKU-1'"):
            shop.products.update("SKU-1", price=1.0)
