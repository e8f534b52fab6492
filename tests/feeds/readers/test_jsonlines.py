"""JSON Lines feeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.feeds.feeds import jsonl, outcome, product, written


def test_every_field(tmp_path: Path) -> None:
    found = outcome(
        jsonl(
            tmp_path / "f",
            product(
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
    (one,) = found.products
    assert (one.title, one.description, one.url) == ("Chaz Hoodie", "warm\nand dry", "https://shop.example/a")
    assert (one.price, one.currency, one.brand, one.category) == (12.5, "EUR", "Luma", ("Men", "Tops"))
    assert dict(one.attributes) == {
        "color": ("black",),
        "size": ("S", "M"),
        "pockets": (2,),
        "hood": (True,),
        "weight": (0.5,),
    }
    assert (one.group_id, one.in_stock) == ("G", False)
    assert one.photos == (str(tmp_path / "a" / "b.jpg"), "https://cdn.example/c.jpg")
    assert found.rejections == []


def test_a_category_may_be_text_and_null_is_absent(tmp_path: Path) -> None:
    found = outcome(jsonl(tmp_path / "f", product(category="Men > Tops", price=None, brand=None)))
    assert found.products[0].category == ("Men", "Tops") and found.rejections == []


@pytest.mark.parametrize("line", ["{", "[1]", "7", '{"id": "A", "price": NaN}', "[" * 100_000, '{"id" "A"}'])
def test_a_malformed_line_is_rejected_alone(tmp_path: Path, line: str) -> None:
    good = [json.dumps(product(name)) for name in "AB"]
    found = outcome(written(tmp_path / "f", f"{good[0]}\n\n{line}\n{good[1]}"))
    wrong = found.the("malformed-json")
    assert (wrong.level, wrong.row) == ("rejected", 3) and wrong.value[:50] == line[:50]
    assert [one.id for one in found.products] == ["A", "B"] and found.counts.rows == 3


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
    found = outcome(jsonl(tmp_path / "f", product("A"), product("B", **{field: value})))
    wrong = found.the("wrong-type")
    assert (wrong.level, wrong.row, wrong.field) == ("rejected", 2, where)
    assert wrong.value and wrong.fix.startswith("Give ")
    assert [one.id for one in found.products] == ["A"]


def test_a_number_that_json_cannot_hold(tmp_path: Path) -> None:
    line = json.dumps(product("A", attributes={"fit": 0})).replace("0}", "1e999}")
    assert outcome(written(tmp_path / "f", line)).the("wrong-type").value == "inf"


@pytest.mark.parametrize("price", [-1, "cheap", True, "1e9", [3], 10**30])
def test_a_bad_price_is_noted_and_the_product_kept(tmp_path: Path, price: Any) -> None:
    found = outcome(jsonl(tmp_path / "f", product(price=price)))
    note = found.the("bad-price")
    assert (note.level, note.row, note.field, note.value) == ("note", 1, "price", str(price))
    assert found.products[0].price is None


def test_a_price_may_be_text_with_a_currency(tmp_path: Path) -> None:
    (one,) = outcome(jsonl(tmp_path / "f", product(price="12.99 EUR"))).products
    assert (one.price, one.currency) == (12.99, "EUR")


def test_unknown_keys_are_noted_once_each(tmp_path: Path) -> None:
    rows = [product(name, colour="red", **({"stock": 1} if name == "C" else {})) for name in "ABC"]
    found = outcome(jsonl(tmp_path / "f", *rows))
    assert [(one.kind, one.level, one.row, one.field, one.value) for one in found.rejections] == [
        ("unknown-key", "note", 1, "colour", "red"),
        ("unknown-key", "note", 3, "stock", "1"),
    ]
    assert len(found.products) == 3


def test_whole_numbers_are_ids_and_half_characters_are_replaced(tmp_path: Path) -> None:
    found = outcome(jsonl(tmp_path / "f", product("A", id=7, title="a\ud800b")))
    assert (found.products[0].id, found.products[0].title) == ("7", "a?b")


@pytest.mark.data
def test_the_real_grocery_catalogue(data_folder: Path) -> None:
    found = outcome(data_folder / "grocery" / "catalogue.jsonl")
    assert (found.format, len(found.products), found.rejections) == ("jsonl", 81, [])
    assert all(Path(photo).is_file() for one in found.products for photo in one.photos)
    assert found.products[0].category == ("Fruit", "Apple")
