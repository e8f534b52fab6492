"""Searches by a colour or a product in place of a photo, negative examples, and identifiers of products."""

from __future__ import annotations

from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.errors import InvalidValue
from shoplens.store.files.atomic import copy_tree
from shoplens.types import Steering
from tests.patterned_shop import PER_KIND, PRODUCTS, product_name, query_photo
from tests.search.steering.steered_search import (
    check_parts,
    colors,
    open_shop,
    patterns,
    product_ids,
    search,
    single_weight,
)


def test_a_search_by_color_alone_ranks_products_of_that_color_first(shop: Shop) -> None:
    for name, text in (("blue", "#1e3cc8"), ("red", "red"), ("yellow", "gold")):
        answer = search(shop, None, color=text)
        assert colors(answer, 2 * PER_KIND) == {name}
        assert answer.weights == pytest.approx(single_weight("color"))
        assert answer.source == text
        check_parts(answer)


def test_a_given_color_replaces_the_color_of_the_photo(shop: Shop, folder: Path) -> None:
    answer = search(
        shop, query_photo(folder, "red", "striped"), color="blue", weights={**single_weight("color"), "pattern": 1.0}
    )
    assert colors(answer, PER_KIND) == {"blue"} and patterns(answer, PER_KIND) == {"striped"}
    check_parts(answer)


def test_a_catalogue_photo_with_another_color_ranks_products_of_that_color_first(shop: Shop, folder: Path) -> None:
    name = product_name("red", "plain", 2)
    answer = search(shop, folder / f"{name}.png", color="blue", weights=single_weight("color"))
    assert product_ids(search(shop, folder / f"{name}.png"))[0] == name
    assert colors(answer, 2 * PER_KIND) == {"blue"}
    assert not any(result.same_photo for result in answer.results)


def test_similar_products_exclude_the_product_itself(shop: Shop) -> None:
    name = product_name("green", "striped", 4)
    answer = shop.similar(name, PRODUCTS)
    assert name not in product_ids(answer) and len(product_ids(answer)) == PRODUCTS - 1
    assert colors(answer, 5) == {"green"} and patterns(answer, 5) == {"striped"}
    assert answer.source == name
    check_parts(answer)
    by_pattern = shop.similar(name, PRODUCTS, steering=Steering(weights=single_weight("pattern")))
    assert patterns(by_pattern, 4 * PER_KIND - 1) == {"striped"}


def test_similar_products_in_another_color(shop: Shop) -> None:
    steering = Steering(color="red", weights={**single_weight("color"), "pattern": 1.0})
    answer = shop.similar(product_name("green", "striped", 4), PRODUCTS, steering=steering)
    assert colors(answer, PER_KIND) == {"red"} and patterns(answer, PER_KIND) == {"striped"}


def test_a_negative_example_subtracts_a_part_from_the_scores(shop: Shop, folder: Path) -> None:
    photo, unwanted = query_photo(folder, "red", "striped"), query_photo(folder, "red", "plain")
    weights = {**single_weight("color"), "pattern": 1.0}
    plain = search(shop, photo, weights=weights)
    answer = search(shop, photo, weights=weights, unlike=unwanted.read_bytes())
    check_parts(answer)
    scores = {result.product.id: result.score for result in plain.results}
    for result in answer.results:
        assert result.parts["not"] <= 0
        assert result.score == pytest.approx(scores[result.product.id] + result.parts["not"], abs=1e-5)
    penalties = {result.product.id: -result.parts["not"] for result in answer.results}
    assert max(penalties, key=lambda name: penalties[name]).startswith("red-plain")
    assert min(penalties.values()) >= 0 and max(penalties.values()) <= 0.5 + 1e-6
    assert product_ids(answer) != product_ids(plain)


def test_a_product_can_be_referred_to_by_id_identifier_or_old_id(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    name, other = product_name("red", "striped", 1), product_name("blue", "plain", 3)
    with open_shop(tmp_path / "store") as shop:
        expected = shop.similar(name, PRODUCTS)
        shop.products.update(name, identifiers=("SKU-1", "shared"))
        shop.products.update(other, identifiers=("shared", name))
        shop._parts.store.add_renames({"before": name})
        for reference in (name, "SKU-1", "before"):
            answer = shop.similar(reference, PRODUCTS)
            assert (
                product_ids(answer) == product_ids(expected)
                and name not in product_ids(answer)
                and other in product_ids(answer)
            )
            assert answer.source == name
            product = shop.products.get(reference)
            assert product is not None and product.id == name
        for call in (shop.similar, shop.products.get):
            with pytest.raises(InvalidValue, match="'shared' stands for 2 products") as error:
                call("shared")
            assert error.value.code == "ambiguous-product"
        assert shop.products.get("sku-1") is None
        expected_ids = {
            "id = SKU-1": {name},
            "id = 'shared'": {name, other},
            "id = before": set(),
            f"id = '{name}'": {name, other},
        }
        for condition, product_set in expected_ids.items():
            assert set(product_ids(search(shop, None, color="red", where=condition))) == product_set


def test_only_the_id_of_a_product_updates_or_removes_it(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    name = product_name("red", "striped", 1)
    with open_shop(tmp_path / "store") as shop:
        shop.products.update(name, identifiers=("SKU-1",))
        shop._parts.store.add_renames({"before": name})
        for reference in ("SKU-1", "before"):
            assert shop.products.remove(reference) == 0 and reference not in shop.products
            with pytest.raises(
                InvalidValue, match=f"'{reference}' is not the id of a product, but another name of {name}"
            ) as error:
                shop.products.update(reference, price=1.0)
            assert error.value.code == "unknown-product"
        assert name in shop.products and shop.products.remove(name) == 1 and name not in shop.products
        with pytest.raises(InvalidValue, match="There is no product 'SKU-1'"):
            shop.products.update("SKU-1", price=1.0)
