"""Attributes that are no classes by what their values are, and dimensions in which no two products differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from shoplens.filters.dimensions.derivation import ClassReader, Dimensions, derive_dimensions
from shoplens.filters.dimensions.dimension import Dimension
from shoplens.filters.dimensions.labels import Labels
from shoplens.filters.dimensions.skipped import Reason, SkippedDimension
from shoplens.filters.model.class_layout import ClassLayout
from shoplens.settings import DimensionRule, DimensionRules
from shoplens.types import Value
from tests.filters.dimensions.toy_products import (
    PHOTO_DIMENSIONS,
    dimension_names,
    product,
    products_with_values,
    rules_for,
    tree_products,
)

TAKE = "To use it nevertheless, set use = true."
Values = Sequence[Value | tuple[Value, ...]]


def skip_reasons(result: Dimensions, name: str = "x") -> SkippedDimension:
    return next(item for item in result.skipped if item.name == name)


@pytest.mark.parametrize(
    ("values", "kind", "reason"),
    [
        (["https://a.example/1", "https://a.example/2"] * 6, "links", "links, such as 'https://a.example/1'"),
        (["a/front.jpg", "a/back.jpg", "none"] * 6, "links", "links, such as 'a/front.jpg'"),
        ([("//a.example/1", "//a.example/2")] * 8 + ["//a.example/3"] * 8, "links", "links, such as '//a.example/1'"),
        (["4006381333931", 4006381333948] * 6, "codes", "codes, such as '4006381333931'"),
        (["d41d8cd98f00b204e9800998ecf8427e", "0cc175b9c0f1b6a831c399e269772661"] * 6, "codes", "codes, such as 'd41"),
        (["SKU-1001", "SKU-1002"] * 6 + [f"SKU-11{n:02}" for n in range(3)], "codes", "codes, such as 'SKU-1001'"),
        (["p1", "P2"] * 6, "related-products", "ids of products or groups of this feed, such as 'p1'"),
        ([("p1", "p2", "p3"), ("p2", "p3", "other")] * 6, "related-products", "such as 'p1'"),
        (["p1,p2", "p2|p3", "none"] * 6, "related-products", "such as 'p1,p2'"),
        (["https://a.example/" + "a" * 99, "https://b.example"] * 6, "links", "such as 'https://a.example/aaaaaaaaaaaaaaaaaaaaa…'"),
    ],
)  # fmt: skip
def test_values_that_name_no_class_are_no_dimension(values: Values, kind: Reason, reason: str) -> None:
    products = products_with_values("x", *values)
    result = derive_dimensions(products)
    assert dimension_names(result) == PHOTO_DIMENSIONS
    assert skip_reasons(result).kind == kind
    assert reason in skip_reasons(result).reason and skip_reasons(result).reason.startswith("Most of its values are ")
    assert skip_reasons(result).reason.endswith(TAKE)
    assert dimension_names(derive_dimensions(products, rules_for("x", DimensionRule(use=True)))) == [
        *PHOTO_DIMENSIONS,
        "x",
    ]


@pytest.mark.parametrize(
    "values",
    [
        ["XL", "3XL"] * 6,
        ["A4", "EU 42"] * 6,
        ["iPhone 12", "100% cotton"] * 6,
        ["RAL9010", "RAL9016"] * 6,
        ["W32/L34", "W34/L34"] * 6,
        ["https://a.example/1", "red", "green"] * 6,
        ["4006381333931", "red", "green"] * 6,
        ["p1", "red", "green"] * 6,
        ["AW2023", "SS2024"] * 6 + ["AW2024"],
    ],
    ids=str,
)
def test_values_that_repeat_are_classes_though_they_hold_digits(values: Values) -> None:
    assert dimension_names(derive_dimensions(products_with_values("x", *values))) == [*PHOTO_DIMENSIONS, "x"]


def test_groups_and_further_identifiers_are_what_products_are_related_by() -> None:
    values = ["MH01", "MH02"] * 6
    for change in ({"group_id": "MH01"}, {"identifiers": ("MH01", "MH02")}):
        products = products_with_values("x", *values)
        products[0] = replace(products[0], **change)
        products[1] = replace(products[1], group_id="mh02")
        assert skip_reasons(derive_dimensions(products)).kind == "related-products"
    assert dimension_names(derive_dimensions(products_with_values("x", *values))) == [*PHOTO_DIMENSIONS, "x"]


def test_a_brand_may_be_called_as_a_group_is() -> None:
    products = [product(n, brand=("Acme", "Blue")[n % 2], group=("Acme", "Blue")[n % 2]) for n in range(12)]
    assert dimension_names(derive_dimensions(products)) == [*PHOTO_DIMENSIONS, "brand"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("https://a.example/{}", "links"),
        ("40063813{:05}", "codes"),
        ("SKU-{:05}", "codes"),
        ("p{}", "related-products"),
        ("v{}", "too-many-values"),
    ],
)
def test_of_more_values_than_are_counted_the_first_tell(text: str, kind: Reason) -> None:
    result = derive_dimensions(
        products_with_values("x", *(text.format(n) for n in range(300))), DimensionRules(max_classes=20)
    )
    assert skip_reasons(result).kind == kind


def test_labelled_dimensions_are_never_skipped() -> None:
    labels = Labels({f"/{n}.jpg": {"x": (("p1", "p2")[n % 2],)} for n in range(12)}, {"x": 12})
    assert dimension_names(derive_dimensions([product(n) for n in range(12)], None, labels)) == [*PHOTO_DIMENSIONS, "x"]


@pytest.mark.parametrize(
    "paths",
    [
        [("A/B", 9), ("C/D", 1)],
        [("A/B/C", 9), ("A/B", 9), ("A", 9)],
        [("A/B", 9), ("A/C", 4), ("A/D", 4), ("E", 4)],
        [("a > b/c", 9), ("a/b", 9)],
    ],
    ids=str,
)
def test_a_tree_without_a_fork_is_no_dimension(paths: list[tuple[str, int]]) -> None:
    result = derive_dimensions(tree_products(*paths))
    assert dimension_names(result) == PHOTO_DIMENSIONS
    assert skip_reasons(result, "category").kind == "one-class"
    assert "lie on one path, 'A > B" in skip_reasons(result, "category").reason.replace("a > b", "A > B")
    assert skip_reasons(result, "category").reason.endswith("and distinguish no products.")


def test_the_smallest_fork_is_a_dimension() -> None:
    result = derive_dimensions(tree_products(("A/B", 5), ("A/C", 5)))
    assert result.find("category").classes == ("A", "A > B", "A > C")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([("a", "b")] * 12, "All products are the same in it."),
        ([("a", "b")] * 12 + ["c"] * 3, "Its classes always occur together, so they distinguish no products."),
        ([("a", "b", "c")] * 3 + [("a", "b")] * 12, "All products are the same in it."),
    ],
    ids=str,
)
def test_classes_that_always_occur_together_are_no_dimension(values: Values, reason: str) -> None:
    products = [*products_with_values("x", *values), *(product(n) for n in range(100, 200))]
    result = derive_dimensions(products)
    assert skip_reasons(result) == SkippedDimension("x", reason, "one-class")
    assert dimension_names(derive_dimensions([*products, *products_with_values("x", *["a"] * 2)])) == [
        *PHOTO_DIMENSIONS,
        "x",
    ]


def test_steps_of_a_path_that_hold_the_sign_between_steps_are_several() -> None:
    products = [product(n, category=("A > B", "C") if n % 2 else ("A", "B > D")) for n in range(12)]
    result = derive_dimensions(products).find("category")
    assert result == Dimension("category", "tree", "category", ("A", "A > B", "A > B > C", "A > B > D"), (12, 12, 6, 6))
    assert ClassReader([result]).read_classes(products[1])["category"] == ("A", "A > B", "A > B > C")


def test_labels_without_a_path_are_as_good_as_none() -> None:
    labels = Labels({f"/{n}.jpg": {"x": ((">", "A > B", "A > C")[n % 3],)} for n in range(18)}, {"x": 18})
    rules = rules_for("x", DimensionRule(kind="tree"))
    products = [product(n) for n in range(18)]
    result = derive_dimensions(products, rules, labels)
    assert result.find("x").products == (12, 6, 6)
    assert ClassReader(result.used, rules, labels).missing_dimensions(products[0]) == ("x",)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_used_can_be_compared(seed: int) -> None:
    """Every dimension of a random catalogue has unit vectors or entries, and two products that differ in it."""
    random = np.random.default_rng(seed)
    paths = ["A", "A/B", "A/B/C", "D", "A > B/C", ""]
    values = [("a",), ("b",), ("a", "b"), ("a", "b", "c"), ("c",)]
    products = []
    for n in range(int(random.integers(1, 30))):
        path = paths[int(random.integers(1 + seed % len(paths)))]
        value = values[int(random.integers(1 + seed % len(values)))]
        products.append(product(n, {"x": value}, [step for step in path.split("/") if step]))
    result = derive_dimensions(products, DimensionRules(2))
    reader = ClassReader(result.used)
    for dimension in result.used[3:]:
        assert dimension.name in ClassLayout.from_dimensions(result.used).dimension_names
        assert len({reader.read_classes(item).get(dimension.name) for item in products} - {None}) > 1
