"""Joining of groups: which rows that share a group id are one product."""

from __future__ import annotations

import doctest
from itertools import permutations
from pathlib import Path

import pytest

from shoplens.feeds import read_feed
from shoplens.feeds.assembly import row_merging
from tests.feeds.feeds import FeedResult, read_checked, write_file, write_jsonl


def read_rows(folder: Path, *rows: str, columns: str = "id,title,image_link,item_group_id,size,color") -> FeedResult:
    """Read a table; in ``rows`` the cells are separated by ``|``, in ``columns`` the names by commas."""
    return read_checked(write_file(folder / "f.csv", "\n".join([columns.replace(",", "|"), *rows])))


def row_ids(result: FeedResult) -> list[list[str]]:
    """Return the ids of each product's rows."""
    return [[product.id, *product.identifiers] for product in result.products]


@pytest.mark.parametrize(
    "rows",
    [
        ["Hoodie Größe M|a.jpg|M", "Hoodie Größe L|b.jpg|L"],
        ["M Hoodie|a.jpg|M", "L Hoodie|b.jpg|L"],
        ["Hoodie|a.jpg|M", "Hoodie|b.jpg|L"],
        ["M&S Hoodie M|a.jpg|M", "M&S Hoodie L|b.jpg|L"],
        ["Hoodie 36,5 EU|a.jpg|36,5 EU", "Hoodie 37 EU|b.jpg|37 EU"],
        ["Hoodie (m)|a.jpg|M", "Hoodie (XL)|b.jpg|XL"],
    ],
)
@pytest.mark.parametrize("column", ["size", "Größe", "taille", "Размер", "サイズ"])
def test_rows_that_differ_in_size_alone_are_one_product(tmp_path: Path, rows: list[str], column: str) -> None:
    cells = [f"{n}|{title}|{photo}|G|{size}" for n, (title, photo, size) in enumerate(r.split("|") for r in rows)]
    result = read_rows(tmp_path, *cells, columns=f"id,title,image_link,item_group_id,{column}")
    assert row_ids(result) == [["0", "1"]]
    assert len(result.products[0].photos) == 2 and len(result.products[0].attributes[column.lower()]) == 2
    assert result.counts.used == 2


def test_the_size_may_stand_in_the_description(tmp_path: Path) -> None:
    columns = "id,title,image_link,item_group_id,size,description,brand"
    rows = ["1|Hoodie|a.jpg|G|M|Fits M. Warm.|M&S", "2|Hoodie|b.jpg|G|L|Fits L. Warm.|M&S"]
    assert row_ids(read_rows(tmp_path, *rows, columns=columns)) == [["1", "2"]]
    other = [rows[0], rows[1].replace("Warm", "Cold")]
    assert row_ids(read_rows(tmp_path, *other, columns=columns)) == [["1"], ["2"]]


def test_prices_weights_and_links_may_go_with_the_size(tmp_path: Path) -> None:
    columns = "id,title,image_link,item_group_id,size,price,link,weight,sale_price,availability"
    rows = ["1|Hoodie|a.jpg|G|M|20 EUR|https://h.example/1|300 g||out of stock",
            "2|Hoodie|b.jpg|G|L|22 EUR|https://h.example/2|320 g|18 EUR|in stock"]  # fmt: skip
    result = read_rows(tmp_path, *rows, columns=columns)
    (product,) = result.products
    assert (product.id, product.price, product.in_stock, product.url) == ("1", 18, True, "https://h.example/1")
    assert product.attributes["weight"] == ("300 g", "320 g")


def test_the_same_size_twice_with_different_photos_stays_apart(tmp_path: Path) -> None:
    rows = ["1|Hoodie|a.jpg|G|M|", "2|Hoodie|b.jpg|G|M|", "3|Hoodie|c.jpg|G|L|"]
    assert row_ids(read_rows(tmp_path, *rows)) == [["1"], ["2"], ["3"]]


def test_rows_whose_photos_are_all_the_same_are_one_product(tmp_path: Path) -> None:
    rows = ["1|Red hoodie|a.jpg|G|M|red", "2|Blue hoodie|a.jpg|G|L|blue", "3|Green hoodie|b.jpg|G|L|green"]
    result = read_rows(tmp_path, *rows)
    assert row_ids(result) == [["1", "2"], ["3"]]
    assert result.products[0].attributes["color"] == ("red", "blue") and result.products[0].title == "hoodie"


def test_one_photo_in_common_is_not_enough(tmp_path: Path) -> None:
    columns = "id,title,image_link,additional_image_link,item_group_id,color"
    rows = ["1|Red|a.jpg|chart.jpg|G|red", "2|Blue|b.jpg|chart.jpg|G|blue", "3|Red too|chart.jpg|a.jpg|G|rosé"]
    assert row_ids(read_rows(tmp_path, *rows, columns=columns)) == [["1", "3"], ["2"]]


def test_a_photo_that_several_groups_show_merges_nothing(tmp_path: Path) -> None:
    rows = ["1|Red hoodie|none.jpg|G||red", "2|Blue hoodie|none.jpg|G||blue", "3|Red cap|none.jpg|K||red"]
    assert row_ids(read_rows(tmp_path, *rows)) == [["1"], ["2"], ["3"]]
    alone = ["1|Red hoodie|a.jpg|G||red", "2|Blue hoodie|a.jpg|G||blue", "3|Red cap|a.jpg|||red"]
    assert row_ids(read_rows(tmp_path, *alone)) == [["1", "2"], ["3"]]


def test_rows_of_different_groups_and_of_none_are_never_merged(tmp_path: Path) -> None:
    rows = ["1|Hoodie|a.jpg|G|M|", "2|Hoodie|a.jpg|H|L|", "3|Hoodie|b.jpg||M|", "4|Hoodie|b.jpg||L|"]
    assert row_ids(read_rows(tmp_path, *rows)) == [["1"], ["2"], ["3"], ["4"]]


def test_size_and_photos_together_join_more_than_two(tmp_path: Path) -> None:
    rows = ["1|Hoodie|a.jpg|G|M|red", "2|Hoodie|b.jpg|G|L|red", "3|Hoodie|b.jpg|G|L|wine"]
    assert row_ids(read_rows(tmp_path, *rows)) == [["1", "2", "3"]]


def test_products_are_the_same_however_rows_are_sorted(tmp_path: Path) -> None:
    rows = ["1|Hoodie M|a.jpg|G|M|red", "2|Hoodie L|b.jpg|G|L|red", "3|Hoodie M|c.jpg|G|M|blue", "4|Cap|d.jpg|||"]
    sets = {
        frozenset(frozenset(names) for names in row_ids(read_rows(tmp_path, *permutation)))
        for permutation in permutations(rows)
    }
    assert sets == {frozenset({frozenset("12"), frozenset("3"), frozenset("4")})}


def test_a_product_keeps_the_id_that_a_store_knows(tmp_path: Path) -> None:
    rows = ["id|title|image_link|item_group_id|size", "1|Hoodie|a.jpg|G|M", "2|Hoodie|b.jpg|G|L", "3|Cap|c.jpg||"]
    path = write_file(tmp_path / "f", "\n".join(rows))
    for known, expected in [((), ["1", "3"]), (("2",), ["2", "3"]), (("1", "2"), ["1", "3"]), (("G", "9"), ["1", "3"])]:
        with read_feed(path) as feed:
            feed.keep_ids(known)
            assert list(feed.product_ids()) == expected
            for name in ("1", "2"):
                assert [product.id for product in feed.successors_of(name)] == [expected[0]]
            assert feed.successors_of("9") == []


def test_every_identifier_finds_its_product(tmp_path: Path) -> None:
    columns = "id,title,image_link,item_group_id,size,gtin,mpn"
    rows = ["1|Hoodie|a.jpg|G|M|400|X", "2|Hoodie|b.jpg|G|L|401|X"]
    (product,) = read_rows(tmp_path, *rows, columns=columns).products
    assert (product.id, product.identifiers) == ("1", ("2", "400", "X", "401"))


def test_rows_that_are_not_sold_do_not_join_a_group(tmp_path: Path) -> None:
    text = '[{"sku": "1", "pic": "a.jpg", "g": "G", "size": "M"}, {"sku": "2", "pic": "a.jpg", "g": "G", "on": false}]'
    columns = {"id": "sku", "photos": "pic", "group_id": "g", "sold": "on", "attributes.size": "size"}
    result = read_checked(write_file(tmp_path / "f", text), mapping=columns)
    assert row_ids(result) == [["1"]] and "not-sold" in result.kinds
    assert (result.counts.used, result.counts.skipped) == (1, 1)


def test_texts_come_from_the_first_row_and_gaps_from_later_rows(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "title": "Tee", "photos": ["a.jpg"], "group_id": "G", "price": 9, "currency": "EUR"},
        {"id": "2", "title": "Tee 2", "photos": ["a.jpg"], "group_id": "G", "brand": "Luma", "category": ["Tops"],
         "description": "Warm", "price": 7, "currency": "USD", "in_stock": False},
    ]  # fmt: skip
    (product,) = read_checked(write_jsonl(tmp_path / "f", *rows)).products
    assert (product.title, product.brand, product.category, product.description) == ("Tee", "Luma", ("Tops",), "Warm")
    assert (product.price, product.currency, product.in_stock) == (7, "USD", False)


def test_examples_in_the_code_hold() -> None:
    results = doctest.testmod(row_merging)
    assert results.attempted and not results.failed
