"""Which values are names of products, restated with the names themselves."""

from __future__ import annotations

import numpy as np

from shoplens.filters.dimensions.identifiers import ProductNames
from shoplens.types import Product


def collect_names(*products: Product) -> ProductNames:
    result = ProductNames()
    for item in products:
        result.add(item)
    return result


def product_with_names(name: str, group: str = "", *others: str) -> Product:
    return Product(name, name, ("/p.jpg",), group_id=group, identifiers=others)


def test_ids_groups_and_further_identifiers_are_names() -> None:
    known = collect_names(product_with_names("p1", "MH01", "4006381333931"), product_with_names("p2", "MH01"))
    values = {"P1": 3, "p2": 1, "mh01": 2, "4006381333931": 1, "p3": 5, "": 4}
    assert known.select_names(values) == {"P1": 3, "p2": 1, "mh01": 2, "4006381333931": 1}


def test_several_names_in_one_text_are_names_if_all_are() -> None:
    known = collect_names(product_with_names("p1"), product_with_names("p2"), product_with_names("a,b"))
    values = {"p1, p2": 1, "p1;p2|p1": 1, "p1,": 1, "p1,p3": 1, "a,b": 1, ",": 1}
    assert list(known.select_names(values)) == ["p1, p2", "p1;p2|p1", "p1,", "a,b"]


def test_without_products_there_are_no_names() -> None:
    assert collect_names().select_names({"p1": 1}) == {}
    assert collect_names(product_with_names("p1")).select_names({}) == {}


def test_of_many_products_exactly_their_names_are_found() -> None:
    numbers = np.random.default_rng(0).choice(100_000, 4_000, replace=False).tolist()
    known = collect_names(*(product_with_names(f"p{number}") for number in numbers))
    values = {f"P{number}": 1 for number in range(0, 100_000, 7)}
    assert known.select_names(values).keys() == values.keys() & {f"P{number}" for number in numbers}


def test_products_may_be_added_after_a_question() -> None:
    known = collect_names(product_with_names("p1"))
    assert list(known.select_names({"p1": 1, "p2": 1})) == ["p1"]
    known.add(product_with_names("p2"))
    assert list(known.select_names({"p1": 1, "p2": 1})) == ["p1", "p2"]
