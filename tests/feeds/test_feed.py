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
from shoplens.types import Product, Rejection
from tests.feeds.feeds import jsonl, outcome, product, written


def test_every_format_is_recognised_by_its_header_alone(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    written(tmp_path / "photos" / "a.jpg", b"x")
    feeds = {
        "magento": written(tmp_path / "m", "sku,product_type,name,base_image\nA,simple,Name,a.jpg\n"),
        "shopify": written(tmp_path / "s", "Handle,Title,Image Src\nA,Name,a.jpg\n"),
        "merchant": written(tmp_path / "g", "id\ttitle\timage_link\nA\tName\ta.jpg\n"),
        "woocommerce": written(tmp_path / "w", "ID,Type,SKU,Name,Images\n1,simple,A,Name,a.jpg\n"),
        "yandex": written(
            tmp_path / "y",
            "<yml_catalog><shop><offers><offer id='A'><name>N</name><picture>a.jpg</picture></offer></offers></shop>"
            "</yml_catalog>",
        ),
        "wix": written(tmp_path / "x", "handleId,fieldType,name,productImageUrl\nA,Product,Name,a.jpg\n"),
        "bigcommerce": written(tmp_path / "b", "Product ID,Product Name,Product Image File - 1\n1,Name,a.jpg\n"),
        "prestashop": written(tmp_path / "p", "ID;Active (0/1);Name *;Image URLs (x,y,z...)\n1;1;Name;a.jpg\n"),
        "jsonl": jsonl(tmp_path / "j", product()),
        "folder": tmp_path / "photos",
    }
    assert set(feeds) == set(FORMATS)
    for name, path in feeds.items():
        assert outcome(path).format == name
        assert outcome(path, format=name).counts.products == 1


def test_an_unknown_header_names_formats_and_columns_looked_for_and_found(tmp_path: Path) -> None:
    with pytest.raises(FeedError) as caught:
        read_feed(written(tmp_path / "f.csv", "artikel;bild\n1;a.jpg\n"))
    assert caught.value.code == "unknown-header"
    assert "artikel, bild" in caught.value.problem
    for form in FORMATS.values():
        assert form.name in caught.value.fix
        assert all(column in caught.value.fix for column in form.columns)


def test_a_forced_format_looks_for_its_own_columns_only(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "f", product())
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
        read_feed(written(tmp_path / "f", content))
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
    found = outcome(
        jsonl(tmp_path / "f", product("A"), product(" "), product("B"), product(" A", title="second"), {"title": "T"})
    )
    assert [one.id for one in found.products] == ["A", "B"]
    assert found.products[0].title == "Title A"
    assert [(one.kind, one.row) for one in found.rejections] == [
        ("missing-id", 2),
        ("duplicate-id", 4),
        ("missing-id", 5),
    ]
    repeat = found.the("duplicate-id")
    assert (repeat.field, repeat.value, repeat.product_id) == ("id", "A", "A") and "row 1" in repeat.reason
    assert (found.counts.rows, found.counts.used, found.counts.rejected) == (5, 2, 3)


def test_an_id_that_a_product_cannot_have(tmp_path: Path) -> None:
    found = outcome(jsonl(tmp_path / "f", product("x" * 513, photos=["a"]), product("a\nb", photos=["a"]), product()))
    assert [(one.kind, one.row, one.field) for one in found.rejections] == [("bad-id", 1, "id"), ("bad-id", 2, "id")]
    assert [one.id for one in found.products] == ["A"]


def test_a_product_without_photos_is_rejected(tmp_path: Path) -> None:
    found = outcome(jsonl(tmp_path / "f", product(photos=[]), product("B", photos=["ftp://x/b.jpg"]), product("C")))
    assert [one.id for one in found.products] == ["C"]
    assert [(one.kind, one.row) for one in found.rejections] == [
        ("product-without-photos", 1),
        ("photo-scheme", 2),
        ("product-without-photos", 2),
    ]


def test_a_product_without_title_is_called_by_its_id(tmp_path: Path) -> None:
    found = outcome(jsonl(tmp_path / "f", product(title=" ")))
    assert found.products[0].title == "A"
    note = found.the("missing-title")
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
    draft = RawProduct("A", "Title", {"a.jpg": "photos"}, url=url)
    note, made = validate(draft, 1, PhotoPaths(tmp_path))
    assert isinstance(note, Rejection) and (note.kind, note.row, note.value) == ("bad-url", 1, url)
    assert isinstance(made, Product) and made.url == ""


@pytest.mark.parametrize("url", ["/b.html", "b.html", "https://shop.example/ä?x=1:2", "HTTP://shop.example"])
def test_a_url_of_a_page_is_kept(tmp_path: Path, url: str) -> None:
    found = outcome(jsonl(tmp_path / "f", product(url=url)))
    assert found.products[0].url == url and found.rejections == []


def test_photos_above_the_limit_are_left_out_with_one_note(tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(MAX_PHOTOS + 3)]
    full, above = product("A", photos=names[:MAX_PHOTOS]), product("B", photos=["ftp://x/y", *names])
    found = outcome(jsonl(tmp_path / "f", full, above))
    assert [len(one.photos) for one in found.products] == [MAX_PHOTOS, MAX_PHOTOS]
    assert found.kinds == ["photo-scheme", "too-many-photos"]
    note = found.the("too-many-photos")
    assert (note.level, note.row, note.product_id, note.field, note.value) == ("note", 2, "B", "photos", "3 more")


def test_attributes_above_the_limit_are_left_out_each_with_one_note(tmp_path: Path) -> None:
    names = [f"n{number}" for number in range(MAX_NAMES - 1)]
    rows = [
        product("A", attributes=dict.fromkeys(names, "x")),
        product("B", attributes={"last": 1, "late": 2, "n0": 3}),
        product("C", attributes={"late": 4, "later": 5, "last": 6}),
    ]
    found = outcome(jsonl(tmp_path / "f", *rows))
    assert [dict(one.attributes) for one in found.products[1:]] == [{"last": (1,), "n0": (3,)}, {"last": (6,)}]
    assert len(found.products[0].attributes) == MAX_NAMES - 1
    assert [(one.kind, one.level, one.row, one.product_id, one.field, one.value) for one in found.rejections] == [
        ("too-many-attributes", "note", 2, "B", "late", "2"),
        ("too-many-attributes", "note", 3, "C", "later", "5"),
    ]


def test_the_row_of_a_product_can_be_asked_while_iterating(tmp_path: Path) -> None:
    path = written(tmp_path / "f", "{oops\n" + "".join(json.dumps(product(name)) + "\n" for name in "ABA"))
    with read_feed(path) as feed:
        assert [feed.row_of(item.id) for item in feed if isinstance(item, Product)] == [2, 3]
        assert feed.row_of("nobody") is None


def test_the_row_of_folded_rows_is_the_first_and_folders_have_none(tmp_path: Path) -> None:
    text = "id\ttitle\timage_link\titem_group_id\tsize\nA\tT\ta.jpg\tG\tS\nX\tX\tx.jpg\t\t\nB\tT\ta.jpg\tG\tM\n"
    with read_feed(written(tmp_path / "f", text)) as feed:
        assert [feed.row_of(name) for name in "AXB"] == [1, 2, None]
    (tmp_path / "photos").mkdir()
    written(tmp_path / "photos" / "a.jpg", b"x")
    with read_feed(tmp_path / "photos") as feed:
        assert list(feed.product_ids()) == ["a"] and feed.row_of("a") is None


def test_an_attribute_name_that_cannot_be_used(tmp_path: Path) -> None:
    found = outcome(jsonl(tmp_path / "f", product(attributes={"a\nb": "x", "": "y", "fit": ["slim", ""], "none": ""})))
    assert dict(found.products[0].attributes) == {"fit": ("slim",)}
    assert [(one.kind, one.level, one.value) for one in found.rejections] == [
        ("bad-attribute-name", "note", "x"),
        ("bad-attribute-name", "note", "y"),
    ]


def test_rejections_stand_where_their_rows_do(tmp_path: Path) -> None:
    path = written(tmp_path / "f", json.dumps(product("A")) + "\n{oops\n" + json.dumps(product("B")) + "\n")
    with read_feed(path) as feed:
        assert [item.id if isinstance(item, Product) else item.row for item in feed] == ["A", 2, "B"]


def test_progress_is_told_per_row_and_the_feed_is_read_once(tmp_path: Path) -> None:
    seen: list[int] = []
    path = jsonl(tmp_path / "f", *(product(str(number)) for number in range(7)))
    with read_feed(path) as feed:
        feed.prepare(seen.append)
        path.unlink()
        feed.prepare(seen.append)
        assert feed.count == 7
    assert seen == [1, 2, 3, 4, 5, 6, 7]


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
def test_products_come_out_as_they_went_in_the_first_of_each_id(
    tmp_path: Path, objects: list[dict[str, object]]
) -> None:
    found = outcome(jsonl(tmp_path / "f", *objects))
    first: dict[object, dict[str, Any]] = {}
    for one in objects:
        first.setdefault(one["id"], one)
    in_media = [one for one in first.values() if any(not str(photo).startswith("/") for photo in one["photos"])]
    assert [one.id for one in found.products] == [one["id"] for one in in_media]
    for made, given_ in zip(found.products, in_media, strict=True):
        assert made.price == given_.get("price") and made.in_stock == given_.get("in_stock")
        values = given_.get("attributes", {})
        assert isinstance(values, dict)
        assert dict(made.attributes) == {name: tuple(some) for name, some in values.items() if some}


def _many(folder: Path, rows: int) -> Iterator[Path]:
    yield jsonl(
        folder / f"{rows}.jsonl",
        *(product(str(number), description="soft and warm " * 8) for number in range(rows)),
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


def _peak(path: Path) -> tuple[int, int]:
    tracemalloc.start()
    with read_feed(path) as feed:
        products = sum(isinstance(item, Product) for item in feed)
        ids = sum(1 for _ in feed.product_ids())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ids == products
    return products, peak


def test_memory_is_flat(tmp_path: Path) -> None:
    for small, large in zip(_many(tmp_path, 500), _many(tmp_path, 4_000), strict=True):
        (few, low), (many, high) = _peak(small), _peak(large)
        assert many == 8 * few
        assert high < low + 300_000, f"{large.name}: {low} bytes at 500 rows, {high} at 4,000"
