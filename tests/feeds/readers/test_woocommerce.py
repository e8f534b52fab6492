"""WooCommerce's product export."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.feeds.feeds import FeedResult, read_checked

COLUMNS = [
    *["ID", "Type", "SKU", "GTIN, UPC, EAN, or ISBN", "Name", "Published", "Visibility in catalog"],
    *["Short description", "Description", "Date sale price starts", "Date sale price ends", "In stock?", "Sale price"],
    *["Regular price", "Categories", "Tags", "Images", "Parent", "External URL", "Brands", "Meta: _x"],
    *[f"Attribute {n} {what}" for n in (1, 2) for what in ("name", "value(s)", "visible", "global")],
]


def read_rows(folder: Path, *rows: dict[str, str]) -> FeedResult:
    path = folder / "wc.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        out = csv.DictWriter(file, COLUMNS, restval="")
        out.writeheader()
        out.writerows({"Published": "1", "Visibility in catalog": "visible", "In stock?": "1", **row} for row in rows)
    return read_checked(path)


def url(name: str) -> str:
    return f"https://shop.example/{name}.jpg"


def options(**values: str) -> dict[str, str]:
    result: dict[str, str] = {}
    for n, (name, value) in enumerate(values.items(), 1):
        result |= {f"Attribute {n} name": name, f"Attribute {n} value(s)": value}
    return result


def simple(number: int, **more: str) -> dict[str, str]:
    return {"ID": str(number), "Type": "simple", "Name": f"Thing {number}", "Images": url(str(number)), **more}


def variable(number: int, sku: str = "", **more: str) -> dict[str, str]:
    return {"ID": str(number), "Type": "variable", "SKU": sku, "Name": "Tee", "Images": url("tee"), **more}


def variation(number: int, parent: str, colour: str, size: str, **more: str) -> dict[str, str]:
    name = {"ID": str(number), "Type": "variation", "Name": f"Tee - {colour}, {size}", "Parent": parent}
    return {**name, **options(Color=colour, Größe=size), "Regular price": "20", **more}


def test_every_field_of_a_simple_product(tmp_path: Path) -> None:
    result = read_rows(
        tmp_path,
        simple(
            7,
            **{"Type": "simple, virtual", "SKU": "A-7", "GTIN, UPC, EAN, or ISBN": "4000", "Name": "Salt &amp; Pepper"},
            **{"Short description": "short", "Description": "<p>Long</p>", "Regular price": "12,50", "Brands": "Luma"},
            **{"Categories": "New, Home > Kitchen\\, Bath > Mills, Home", "Tags": "a\\, b, c", "Meta: _x": "y"},
            **{"External URL": "https://other.example/7", "Images": f"{url('a')}, {url('b')}"},
            **options(Material="Cotton\\, organic, Wool"),
        ),
    )
    (product,) = result.products
    assert (product.id, product.title, product.description, product.url) == (
        "A-7",
        "Salt & Pepper",
        "Long",
        "https://other.example/7",
    )
    assert (product.photos, product.price, product.brand, product.in_stock) == (
        (url("a"), url("b")),
        12.5,
        "Luma",
        True,
    )
    assert (product.category, product.identifiers) == (("Home", "Kitchen, Bath", "Mills"), ("7", "4000"))
    assert dict(product.attributes) == {"material": ("Cotton, organic", "Wool"), "tags": ("a, b", "c")}
    assert result.rejections == []


@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize(("sku", "parent"), [("TEE", "TEE"), ("TEE", "id:44"), ("", "id:44")])
def test_variations_with_images_are_products_and_sizes_are_not(
    tmp_path: Path, is_reversed: bool, sku: str, parent: str
) -> None:
    rows = [
        variable(44, sku, **{"Categories": "Clothing > Tees", "Images": url("red"), **options(Color="Red, Blue")}),
        variation(45, parent, "Red", "S", SKU="R-S", Images=url("red")),
        variation(46, parent, "Red", "M", Images=url("red"), **{"Sale price": "15"}),
        variation(47, parent, "Blue", "S", SKU="B-S", Images=url("blue"), **{"In stock?": "0"}),
    ]
    result = read_rows(tmp_path, *(reversed(rows) if is_reversed else rows))
    name = sku or "44"
    red, blue = sorted(result.products, key=lambda product: product.id, reverse=True)
    assert (red.id, blue.id, red.group_id, blue.group_id) == (f"{name}-Red", f"{name}-Blue", name, name)
    assert (red.title, red.photos, blue.photos) == ("Tee - Red", (url("red"),), (url("blue"),))
    assert (red.price, blue.price, red.in_stock, blue.in_stock) == (15, 20, True, False)
    assert set(red.attributes["größe"]) == {"S", "M"} and red.category == ("Clothing", "Tees")
    assert set(red.identifiers) == {"R-S", "45", "46"} and set(blue.identifiers) == {"B-S", "47"}
    assert (result.counts.used, result.rejections) == (4, [])


def test_variations_without_images_of_their_own_are_one_product(tmp_path: Path) -> None:
    rows = [variable(44, "TEE"), variation(45, "TEE", "Red", "S"), variation(46, "TEE", "Blue", "S", SKU="B")]
    (product,) = read_rows(tmp_path, *rows).products
    assert (product.id, product.photos, product.group_id) == ("TEE", (url("tee"),), "")
    assert product.attributes["color"] == ("Red", "Blue")
    assert set(product.identifiers) == {"44", "45", "B", "46", "TEE-Red", "TEE-Blue"}


def test_a_parents_sku_counts_more_than_another_products_number(tmp_path: Path) -> None:
    result = read_rows(
        tmp_path,
        variable(44, "X"),
        variable(50, "44", Images=url("y")),
        variation(51, "44", "Red", "S", Images=url("y1")),
        variation(52, "44", "Blue", "S", Images=url("y2")),
    )
    assert [(product.id, product.photos) for product in result.products] == [
        ("X", (url("tee"),)),
        ("44-Red", (url("y1"),)),
        ("44-Blue", (url("y2"),)),
    ]


def test_variations_without_a_parent_keep_their_own_titles(tmp_path: Path) -> None:
    result = read_rows(
        tmp_path,
        variation(45, "TEE", "Red", "S", SKU="R", Images=url("red")),
        variation(46, "TEE", "Blue", "S", SKU="B", Images=url("blue")),
        variation(99, "CAP", "Red", "S", SKU="C", Images=url("cap")),
    )
    assert [(product.id, product.title, product.group_id, product.photos) for product in result.products] == [
        ("TEE-Red", "Tee - Red, S", "TEE", (url("red"),)),
        ("TEE-Blue", "Tee - Blue, S", "TEE", (url("blue"),)),
        ("CAP", "Tee - Red, S", "", (url("cap"),)),
    ]
    assert "C" in result.products[2].identifiers


@pytest.mark.parametrize(
    "change", [{"Published": "0"}, {"Published": "-1"}, {"Visibility in catalog": "hidden"}], ids=lambda one: str(one)
)
def test_what_shoppers_do_not_see_is_not_sold(tmp_path: Path, change: dict[str, str]) -> None:
    result = read_rows(tmp_path, simple(1, **change), simple(2))
    assert [product.id for product in result.products] == ["2"]
    assert [(rejection.kind, rejection.level, rejection.product_id) for rejection in result.rejections] == [
        ("not-sold", "note", "1")
    ]


@pytest.mark.parametrize(
    ("fields", "price"),
    [
        ({"Regular price": "20", "Sale price": "15"}, 15),
        ({"Regular price": "20", "Sale price": "15", "Date sale price ends": "2030-01-01"}, 20),
        ({"Sale price": "15", "Date sale price ends": "2030-01-01"}, 15),
        ({}, None),
    ],
)
def test_sale_prices(tmp_path: Path, fields: dict[str, str], price: float | None) -> None:
    assert read_rows(tmp_path, simple(1, **fields)).products[0].price == price


def test_bad_values_are_notes(tmp_path: Path) -> None:
    result = read_rows(
        tmp_path,
        simple(1, **{"Regular price": "soon", "In stock?": "perhaps"}),
        simple(2, **{"In stock?": "backorder"}),
    )
    assert [(rejection.kind, rejection.level, rejection.row, rejection.field) for rejection in result.rejections] == [
        ("bad-price", "note", 1, "regular_price"),
        ("bad-availability", "note", 1, "in_stock?"),
    ]
    assert [product.in_stock for product in result.products] == [None, False]
