"""WooCommerce's product export."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.feeds.feeds import Outcome, outcome

COLUMNS = [
    *["ID", "Type", "SKU", "GTIN, UPC, EAN, or ISBN", "Name", "Published", "Visibility in catalog"],
    *["Short description", "Description", "Date sale price starts", "Date sale price ends", "In stock?", "Sale price"],
    *["Regular price", "Categories", "Tags", "Images", "Parent", "External URL", "Brands", "Meta: _x"],
    *[f"Attribute {n} {what}" for n in (1, 2) for what in ("name", "value(s)", "visible", "global")],
]


def feed(folder: Path, *rows: dict[str, str]) -> Outcome:
    path = folder / "wc.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        out = csv.DictWriter(file, COLUMNS, restval="")
        out.writeheader()
        out.writerows({"Published": "1", "Visibility in catalog": "visible", "In stock?": "1", **row} for row in rows)
    return outcome(path)


def url(name: str) -> str:
    return f"https://shop.example/{name}.jpg"


def options(**values: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for n, (name, value) in enumerate(values.items(), 1):
        found |= {f"Attribute {n} name": name, f"Attribute {n} value(s)": value}
    return found


def simple(number: int, **more: str) -> dict[str, str]:
    return {"ID": str(number), "Type": "simple", "Name": f"Thing {number}", "Images": url(str(number)), **more}


def variable(number: int, sku: str = "", **more: str) -> dict[str, str]:
    return {"ID": str(number), "Type": "variable", "SKU": sku, "Name": "Tee", "Images": url("tee"), **more}


def variation(number: int, parent: str, colour: str, size: str, **more: str) -> dict[str, str]:
    name = {"ID": str(number), "Type": "variation", "Name": f"Tee - {colour}, {size}", "Parent": parent}
    return {**name, **options(Color=colour, Größe=size), "Regular price": "20", **more}


def test_every_field_of_a_simple_product(tmp_path: Path) -> None:
    found = feed(
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
    (one,) = found.products
    assert (one.id, one.title, one.description, one.url) == ("A-7", "Salt & Pepper", "Long", "https://other.example/7")
    assert (one.photos, one.price, one.brand, one.in_stock) == ((url("a"), url("b")), 12.5, "Luma", True)
    assert (one.category, one.identifiers) == (("Home", "Kitchen, Bath", "Mills"), ("7", "4000"))
    assert dict(one.attributes) == {"material": ("Cotton, organic", "Wool"), "tags": ("a, b", "c")}
    assert found.rejections == []


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("sku", "parent"), [("TEE", "TEE"), ("TEE", "id:44"), ("", "id:44")])
def test_variations_with_images_are_products_and_sizes_are_not(
    tmp_path: Path, turned: bool, sku: str, parent: str
) -> None:
    rows = [
        variable(44, sku, **{"Categories": "Clothing > Tees", "Images": url("red"), **options(Color="Red, Blue")}),
        variation(45, parent, "Red", "S", SKU="R-S", Images=url("red")),
        variation(46, parent, "Red", "M", Images=url("red"), **{"Sale price": "15"}),
        variation(47, parent, "Blue", "S", SKU="B-S", Images=url("blue"), **{"In stock?": "0"}),
    ]
    found = feed(tmp_path, *(reversed(rows) if turned else rows))
    name = sku or "44"
    red, blue = sorted(found.products, key=lambda one: one.id, reverse=True)
    assert (red.id, blue.id, red.group_id, blue.group_id) == (f"{name}-Red", f"{name}-Blue", name, name)
    assert (red.title, red.photos, blue.photos) == ("Tee - Red", (url("red"),), (url("blue"),))
    assert (red.price, blue.price, red.in_stock, blue.in_stock) == (15, 20, True, False)
    assert set(red.attributes["größe"]) == {"S", "M"} and red.category == ("Clothing", "Tees")
    assert set(red.identifiers) == {"R-S", "45", "46"} and set(blue.identifiers) == {"B-S", "47"}
    assert (found.counts.used, found.rejections) == (4, [])


def test_variations_without_images_of_their_own_are_one_product(tmp_path: Path) -> None:
    rows = [variable(44, "TEE"), variation(45, "TEE", "Red", "S"), variation(46, "TEE", "Blue", "S", SKU="B")]
    (one,) = feed(tmp_path, *rows).products
    assert (one.id, one.photos, one.group_id) == ("TEE", (url("tee"),), "")
    assert one.attributes["color"] == ("Red", "Blue")
    assert set(one.identifiers) == {"44", "45", "B", "46", "TEE-Red", "TEE-Blue"}


def test_a_parents_sku_counts_more_than_another_products_number(tmp_path: Path) -> None:
    found = feed(
        tmp_path,
        variable(44, "X"),
        variable(50, "44", Images=url("y")),
        variation(51, "44", "Red", "S", Images=url("y1")),
        variation(52, "44", "Blue", "S", Images=url("y2")),
    )
    assert [(one.id, one.photos) for one in found.products] == [
        ("X", (url("tee"),)),
        ("44-Red", (url("y1"),)),
        ("44-Blue", (url("y2"),)),
    ]


def test_orphans_keep_their_own_titles(tmp_path: Path) -> None:
    found = feed(
        tmp_path,
        variation(45, "TEE", "Red", "S", SKU="R", Images=url("red")),
        variation(46, "TEE", "Blue", "S", SKU="B", Images=url("blue")),
        variation(99, "CAP", "Red", "S", SKU="C", Images=url("cap")),
    )
    assert [(one.id, one.title, one.group_id, one.photos) for one in found.products] == [
        ("TEE-Red", "Tee - Red, S", "TEE", (url("red"),)),
        ("TEE-Blue", "Tee - Blue, S", "TEE", (url("blue"),)),
        ("CAP", "Tee - Red, S", "", (url("cap"),)),
    ]
    assert "C" in found.products[2].identifiers


@pytest.mark.parametrize(
    "change", [{"Published": "0"}, {"Published": "-1"}, {"Visibility in catalog": "hidden"}], ids=lambda one: str(one)
)
def test_what_shoppers_do_not_see_is_not_sold(tmp_path: Path, change: dict[str, str]) -> None:
    found = feed(tmp_path, simple(1, **change), simple(2))
    assert [one.id for one in found.products] == ["2"]
    assert [(one.kind, one.level, one.product_id) for one in found.rejections] == [("not-sold", "note", "1")]


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
    assert feed(tmp_path, simple(1, **fields)).products[0].price == price


def test_bad_values_are_notes(tmp_path: Path) -> None:
    found = feed(
        tmp_path,
        simple(1, **{"Regular price": "soon", "In stock?": "perhaps"}),
        simple(2, **{"In stock?": "backorder"}),
    )
    assert [(one.kind, one.level, one.row, one.field) for one in found.rejections] == [
        ("bad-price", "note", 1, "regular_price"),
        ("bad-availability", "note", 1, "in_stock?"),
    ]
    assert [one.in_stock for one in found.products] == [None, False]
