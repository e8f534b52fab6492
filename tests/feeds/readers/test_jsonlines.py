"""JSON Lines feeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.feeds.feeds import product_json, read_checked, write_file, write_jsonl


def test_every_field(tmp_path: Path) -> None:
    result = read_checked(
        write_jsonl(
            tmp_path / "f",
            product_json(
                "A",
                title=" Chaz \u0007 Hoodie ",
                description="warm\n\n and  dry ",
                url="https://shop.example/a",
                price=12.5,
                currency="EUR",
                brand="Luma",
                category=["Men", " Tops ", ""],
                attributes={
                    "color": "black",
                    "size": ["S", "M"],
                    "pockets": 2,
                    "hood": True,
                    "weight": 0.5,
                    "no": None,
                },
                group_id="G",
                photos=["a/b.jpg", "https://cdn.example/c.jpg"],
                in_stock=False,
            ),
        )
    )
    (product,) = result.products
    assert (product.title, product.description, product.url) == (
        "Chaz Hoodie",
        "warm\nand dry",
        "https://shop.example/a",
    )
    assert (product.price, product.currency, product.brand, product.category) == (12.5, "EUR", "Luma", ("Men", "Tops"))
    assert dict(product.attributes) == {
        "color": ("black",),
        "size": ("S", "M"),
        "pockets": (2,),
        "hood": (True,),
        "weight": (0.5,),
    }
    assert (product.group_id, product.in_stock) == ("G", False)
    assert product.photos == (str(tmp_path / "a" / "b.jpg"), "https://cdn.example/c.jpg")
    assert result.rejections == []


def test_a_category_may_be_text_and_null_is_absent(tmp_path: Path) -> None:
    result = read_checked(write_jsonl(tmp_path / "f", product_json(category="Men > Tops", price=None, brand=None)))
    assert result.products[0].category == ("Men", "Tops") and result.rejections == []


@pytest.mark.parametrize("line", ["{", "[1]", "7", '{"id": "A", "price": NaN}', "[" * 100_000, '{"id" "A"}'])
def test_a_malformed_line_is_rejected_alone(tmp_path: Path, line: str) -> None:
    good = [json.dumps(product_json(name)) for name in "AB"]
    result = read_checked(write_file(tmp_path / "f", f"{good[0]}\n\n{line}\n{good[1]}"))
    rejection = result.only("malformed-json")
    assert (rejection.level, rejection.row) == ("rejected", 3) and rejection.value[:50] == line[:50]
    assert [product.id for product in result.products] == ["A", "B"] and result.counts.rows == 3


@pytest.mark.parametrize(
    ("field", "value", "where"),
    [
        ("id", True, "id"),
        ("id", 1.5, "id"),
        ("title", ["T"], "title"),
        ("title", False, "title"),
        ("photos", 3, "photos"),
        ("photos", ["a", 3], "photos"),
        ("category", {"a": 1}, "category"),
        ("category", [1], "category"),
        ("attributes", [], "attributes"),
        ("attributes", {"fit": {"a": 1}}, "attributes.fit"),
        ("attributes", {"fit": ["a", ["b"]]}, "attributes.fit"),
        ("attributes", {"fit": 2**60}, "attributes.fit"),
        ("in_stock", "yes", "in_stock"),
    ],
)
def test_a_wrong_type_names_field_and_value(tmp_path: Path, field: str, value: Any, where: str) -> None:
    result = read_checked(write_jsonl(tmp_path / "f", product_json("A"), product_json("B", **{field: value})))
    rejection = result.only("wrong-type")
    assert (rejection.level, rejection.row, rejection.field) == ("rejected", 2, where)
    assert rejection.value and rejection.fix.startswith("Give ")
    assert [product.id for product in result.products] == ["A"]


def test_a_number_that_json_cannot_hold(tmp_path: Path) -> None:
    line = json.dumps(product_json("A", attributes={"fit": 0})).replace("0}", "1e999}")
    assert read_checked(write_file(tmp_path / "f", line)).only("wrong-type").value == "inf"


@pytest.mark.parametrize("price", [-1, "cheap", True, "1e9", [3], 10**30])
def test_a_bad_price_is_noted_and_the_product_kept(tmp_path: Path, price: Any) -> None:
    result = read_checked(write_jsonl(tmp_path / "f", product_json(price=price)))
    note = result.only("bad-price")
    assert (note.level, note.row, note.field, note.value) == ("note", 1, "price", str(price))
    assert result.products[0].price is None


def test_a_price_may_be_text_with_a_currency(tmp_path: Path) -> None:
    (product,) = read_checked(write_jsonl(tmp_path / "f", product_json(price="12.99 EUR"))).products
    assert (product.price, product.currency) == (12.99, "EUR")


def test_unknown_keys_are_noted_once_each(tmp_path: Path) -> None:
    rows = [product_json(name, colour="red", **({"stock": 1} if name == "C" else {})) for name in "ABC"]
    result = read_checked(write_jsonl(tmp_path / "f", *rows))
    assert [
        (rejection.kind, rejection.level, rejection.row, rejection.field, rejection.value)
        for rejection in result.rejections
    ] == [
        ("unknown-key", "note", 1, "colour", "red"),
        ("unknown-key", "note", 3, "stock", "1"),
    ]
    assert len(result.products) == 3


def test_whole_numbers_are_ids_and_half_characters_are_replaced(tmp_path: Path) -> None:
    result = read_checked(write_jsonl(tmp_path / "f", product_json("A", id=7, title="a\ud800b")))
    assert (result.products[0].id, result.products[0].title) == ("7", "a?b")


@pytest.mark.data
def test_the_real_grocery_catalogue(data_folder: Path) -> None:
    result = read_checked(data_folder / "grocery" / "catalogue.jsonl")
    assert (result.format, len(result.products), result.rejections) == ("jsonl", 81, [])
    assert all(Path(photo).is_file() for product in result.products for photo in product.photos)
    assert result.products[0].category == ("Fruit", "Apple")
