"""What holds for feeds of every format."""

from __future__ import annotations

import csv
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shoplens.errors import FeedError
from shoplens.feeds import FORMATS, read_feed
from shoplens.feeds.assembly.attribute_names import MAX_NAMES
from shoplens.feeds.assembly.validation import MAX_PHOTOS, validate
from shoplens.feeds.photo_paths import PhotoPaths
from shoplens.feeds.rows import RawProduct
from shoplens.types import Product, Rejection, normalize_nfc
from tests.feeds.feeds import product_json, read_checked, write_file, write_jsonl


def test_every_format_is_recognised_by_its_header_alone(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    write_file(tmp_path / "photos" / "a.jpg", b"x")
    feeds = {
        "magento": write_file(tmp_path / "m", "sku,product_type,name,base_image\nA,simple,Name,a.jpg\n"),
        "shopify": write_file(tmp_path / "s", "Handle,Title,Image Src\nA,Name,a.jpg\n"),
        "merchant": write_file(tmp_path / "g", "id\ttitle\timage_link\nA\tName\ta.jpg\n"),
        "woocommerce": write_file(tmp_path / "w", "ID,Type,SKU,Name,Images\n1,simple,A,Name,a.jpg\n"),
        "yandex": write_file(
            tmp_path / "y",
            "<yml_catalog><shop><offers><offer id='A'><name>N</name><picture>a.jpg</picture></offer></offers></shop>"
            "</yml_catalog>",
        ),
        "wix": write_file(tmp_path / "x", "handleId,fieldType,name,productImageUrl\nA,Product,Name,a.jpg\n"),
        "bigcommerce": write_file(tmp_path / "b", "Product ID,Product Name,Product Image File - 1\n1,Name,a.jpg\n"),
        "prestashop": write_file(tmp_path / "p", "ID;Active (0/1);Name *;Image URLs (x,y,z...)\n1;1;Name;a.jpg\n"),
        "jsonl": write_jsonl(tmp_path / "j", product_json()),
        "folder": tmp_path / "photos",
    }
    assert set(feeds) == set(FORMATS)
    for name, path in feeds.items():
        assert read_checked(path).format == name
        assert read_checked(path, format=name).counts.products == 1


def test_an_unknown_header_names_formats_and_columns_looked_for_and_found(tmp_path: Path) -> None:
    with pytest.raises(FeedError) as caught:
        read_feed(write_file(tmp_path / "f.csv", "artikel;bild\n1;a.jpg\n"))
    assert caught.value.code == "unknown-header"
    assert "artikel, bild" in caught.value.problem
    for feed_format in FORMATS.values():
        assert feed_format.name in caught.value.fix
        assert all(column in caught.value.fix for column in feed_format.columns)


def test_a_forced_format_looks_for_its_own_columns_only(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "f", product_json())
    with pytest.raises(FeedError, match="sku, product_type") as caught:
        read_feed(path, format="magento")
    assert caught.value.code == "unknown-header" and "image_link" not in caught.value.fix
    with pytest.raises(FeedError, match="magento, shopify, woocommerce, merchant") as caught:
        read_feed(path, format="excel")
    assert caught.value.code == "unknown-format"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"\xef\xbb\xbf",
        b"id,image_link\n",
        b"id,image_link\r\n\r\n",
        b"id,image_link,title,title\n",
        b"sep=,\nid,image_link\n",
        b"<rss><channel/></rss>",
    ],
)
def test_an_empty_feed_is_an_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FeedError) as caught:
        read_feed(write_file(tmp_path / "f", content))
    assert caught.value.code == "empty-feed"


def test_an_empty_folder_is_an_empty_feed(tmp_path: Path) -> None:
    with pytest.raises(FeedError) as caught:
        read_feed(tmp_path)
    assert caught.value.code == "empty-feed"


def test_a_feed_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FeedError) as caught:
        read_feed(tmp_path / "nothing.csv")
    assert caught.value.code == "no-feed" and "nothing.csv" in caught.value.problem


def test_missing_ids_and_duplicate_ids(tmp_path: Path) -> None:
    result = read_checked(
        write_jsonl(
            tmp_path / "f",
            product_json("A"),
            product_json(" "),
            product_json("B"),
            product_json(" A", title="second"),
            {"title": "T"},
        )
    )
    assert [product.id for product in result.products] == ["A", "B"]
    assert result.products[0].title == "Title A"
    assert [(rejection.kind, rejection.row) for rejection in result.rejections] == [
        ("missing-id", 2),
        ("duplicate-id", 4),
        ("missing-id", 5),
    ]
    repeat = result.only("duplicate-id")
    assert (repeat.field, repeat.value, repeat.product_id) == ("id", "A", "A") and "row 1" in repeat.reason
    assert (result.counts.rows, result.counts.used, result.counts.rejected) == (5, 2, 3)


def test_an_id_that_a_product_cannot_have(tmp_path: Path) -> None:
    result = read_checked(
        write_jsonl(
            tmp_path / "f", product_json("x" * 513, photos=["a"]), product_json("a\nb", photos=["a"]), product_json()
        )
    )
    assert [(rejection.kind, rejection.row, rejection.field) for rejection in result.rejections] == [
        ("bad-id", 1, "id"),
        ("bad-id", 2, "id"),
    ]
    assert [product.id for product in result.products] == ["A"]


def test_a_product_without_photos_is_rejected(tmp_path: Path) -> None:
    result = read_checked(
        write_jsonl(
            tmp_path / "f", product_json(photos=[]), product_json("B", photos=["ftp://x/b.jpg"]), product_json("C")
        )
    )
    assert [product.id for product in result.products] == ["C"]
    assert [(rejection.kind, rejection.row) for rejection in result.rejections] == [
        ("product-without-photos", 1),
        ("photo-scheme", 2),
        ("product-without-photos", 2),
    ]


def test_a_product_without_title_is_called_by_its_id(tmp_path: Path) -> None:
    result = read_checked(write_jsonl(tmp_path / "f", product_json(title=" ")))
    assert result.products[0].title == "A"
    note = result.only("missing-title")
    assert (note.level, note.row, note.field, note.product_id) == ("note", 1, "title", "A")


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JAVASCRIPT:x",
        "java\tscript:x",
        "\x01javascript:x",
        " javascript:x",
        "\x7fdata:x",
        "a\x85b",
    ],
)
def test_a_url_that_runs_code_is_left_out(tmp_path: Path, url: str) -> None:
    raw_product = RawProduct("A", "Title", {"a.jpg": "photos"}, url=url)
    note, valid_product = validate(raw_product, 1, PhotoPaths(tmp_path))
    assert isinstance(note, Rejection) and (note.kind, note.row, note.value) == ("bad-url", 1, url)
    assert isinstance(valid_product, Product) and valid_product.url == ""


@pytest.mark.parametrize("url", ["/b.html", "b.html", "https://shop.example/ä?x=1:2", "HTTP://shop.example"])
def test_a_url_of_a_page_is_kept(tmp_path: Path, url: str) -> None:
    result = read_checked(write_jsonl(tmp_path / "f", product_json(url=url)))
    assert result.products[0].url == url and result.rejections == []


def test_photos_above_the_limit_are_left_out_with_one_note(tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(MAX_PHOTOS + 3)]
    full, above = product_json("A", photos=names[:MAX_PHOTOS]), product_json("B", photos=["ftp://x/y", *names])
    result = read_checked(write_jsonl(tmp_path / "f", full, above))
    assert [len(product.photos) for product in result.products] == [MAX_PHOTOS, MAX_PHOTOS]
    assert result.kinds == ["photo-scheme", "too-many-photos"]
    note = result.only("too-many-photos")
    assert (note.level, note.row, note.product_id, note.field, note.value) == ("note", 2, "B", "photos", "3 more")


def test_attributes_above_the_limit_are_left_out_each_with_one_note(tmp_path: Path) -> None:
    names = [f"n{number}" for number in range(MAX_NAMES - 1)]
    rows = [
        product_json("A", attributes=dict.fromkeys(names, "x")),
        product_json("B", attributes={"last": 1, "late": 2, "n0": 3}),
        product_json("C", attributes={"late": 4, "later": 5, "last": 6}),
    ]
    result = read_checked(write_jsonl(tmp_path / "f", *rows))
    assert [dict(product.attributes) for product in result.products[1:]] == [{"last": (1,), "n0": (3,)}, {"last": (6,)}]
    assert len(result.products[0].attributes) == MAX_NAMES - 1
    assert [
        (rejection.kind, rejection.level, rejection.row, rejection.product_id, rejection.field, rejection.value)
        for rejection in result.rejections
    ] == [
        ("too-many-attributes", "note", 2, "B", "late", "2"),
        ("too-many-attributes", "note", 3, "C", "later", "5"),
    ]


def test_the_row_of_a_product_can_be_asked_while_iterating(tmp_path: Path) -> None:
    path = write_file(tmp_path / "f", "{oops\n" + "".join(json.dumps(product_json(name)) + "\n" for name in "ABA"))
    with read_feed(path) as feed:
        assert [feed.row_of(item.id) for item in feed if isinstance(item, Product)] == [2, 3]
        assert feed.row_of("nobody") is None


def test_the_row_of_folded_rows_is_the_first_and_folders_have_none(tmp_path: Path) -> None:
    text = "id\ttitle\timage_link\titem_group_id\tsize\nA\tT\ta.jpg\tG\tS\nX\tX\tx.jpg\t\t\nB\tT\ta.jpg\tG\tM\n"
    with read_feed(write_file(tmp_path / "f", text)) as feed:
        assert [feed.row_of(name) for name in "AXB"] == [1, 2, None]
    (tmp_path / "photos").mkdir()
    write_file(tmp_path / "photos" / "a.jpg", b"x")
    with read_feed(tmp_path / "photos") as feed:
        assert list(feed.product_ids()) == ["a"] and feed.row_of("a") is None


def test_an_attribute_name_that_cannot_be_used(tmp_path: Path) -> None:
    result = read_checked(
        write_jsonl(tmp_path / "f", product_json(attributes={"a\nb": "x", "": "y", "fit": ["slim", ""], "none": ""}))
    )
    assert dict(result.products[0].attributes) == {"fit": ("slim",)}
    assert [(rejection.kind, rejection.level, rejection.value) for rejection in result.rejections] == [
        ("bad-attribute-name", "note", "x"),
        ("bad-attribute-name", "note", "y"),
    ]


def test_rejections_stand_where_their_rows_do(tmp_path: Path) -> None:
    path = write_file(
        tmp_path / "f", json.dumps(product_json("A")) + "\n{oops\n" + json.dumps(product_json("B")) + "\n"
    )
    with read_feed(path) as feed:
        assert [item.id if isinstance(item, Product) else item.row for item in feed] == ["A", 2, "B"]


def test_progress_is_reported_per_row_and_the_feed_is_read_once(tmp_path: Path) -> None:
    row_counts: list[int] = []
    path = write_jsonl(tmp_path / "f", *(product_json(str(number)) for number in range(7)))
    with read_feed(path) as feed:
        feed.prepare(row_counts.append)
        path.unlink()
        feed.prepare(row_counts.append)
        assert feed.count == 7
    assert row_counts == [1, 2, 3, 4, 5, 6, 7]


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)
VALUE = st.one_of(TEXT, st.booleans(), st.integers(-(2**53), 2**53), st.floats(-1e9, 1e9))
PRODUCT = st.fixed_dictionaries(
    {
        "id": TEXT,
        "photos": st.lists(st.from_regex(r"[a-z0-9/]{1,9}\.jpg", fullmatch=True), min_size=1, max_size=3),
    },
    optional={
        "title": TEXT,
        "price": st.floats(0, 1e9),
        "attributes": st.dictionaries(TEXT, st.lists(VALUE, max_size=3), max_size=3),
        "in_stock": st.none() | st.booleans(),
    },
)


@given(st.lists(PRODUCT, min_size=1, max_size=12))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_products_are_read_unchanged_and_the_first_of_each_id_counts(
    tmp_path: Path, objects: list[dict[str, object]]
) -> None:
    result = read_checked(write_jsonl(tmp_path / "f", *objects))
    first: dict[object, dict[str, Any]] = {}
    for content in objects:
        first.setdefault(content["id"], content)
    in_media = [
        content for content in first.values() if any(not str(photo).startswith("/") for photo in content["photos"])
    ]
    assert [product.id for product in result.products] == [content["id"] for content in in_media]
    for product, content in zip(result.products, in_media, strict=True):
        assert product.price == content.get("price") and product.in_stock == content.get("in_stock")
        attributes = content.get("attributes", {})
        assert isinstance(attributes, dict)
        assert dict(product.attributes) == {
            name: tuple(normalize_nfc(value) if isinstance(value, str) else value for value in values)
            for name, values in attributes.items()
            if values
        }


def write_feeds(folder: Path, rows: int) -> Iterator[Path]:
    yield write_jsonl(
        folder / f"{rows}.jsonl",
        *(product_json(str(number), description="soft and warm " * 8) for number in range(rows)),
    )
    path = folder / f"{rows}.tsv"
    with path.open("w", newline="") as file:
        out = csv.writer(file, delimiter="\t")
        out.writerow(["id", "title", "description", "image_link", "item_group_id", "size"])
        for number in range(rows):
            design = number % (rows // 4)
            out.writerow(
                [number, f"T{design}", "soft and warm " * 8, f"{design}.jpg", f"G{design}", number // (rows // 4)]
            )
    yield path


def measure_peak_memory(path: Path) -> tuple[int, int]:
    tracemalloc.start()
    with read_feed(path) as feed:
        products = sum(isinstance(item, Product) for item in feed)
        ids = sum(1 for _ in feed.product_ids())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ids == products
    return products, peak


@pytest.mark.slow
def test_memory_is_flat(tmp_path: Path) -> None:
    for small, large in zip(write_feeds(tmp_path, 500), write_feeds(tmp_path, 4_000), strict=True):
        (few, low), (many, high) = measure_peak_memory(small), measure_peak_memory(large)
        assert many == 8 * few
        assert high < low + 300_000, f"{large.name}: {low} bytes at 500 rows, {high} at 4,000"
