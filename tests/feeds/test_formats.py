"""Recognition of feed formats, and the content of the format table."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from shoplens.errors import FeedError
from shoplens.feeds import FORMATS, read_feed
from shoplens.feeds.mapping import FIELDS
from shoplens.types import Product
from tests.feeds.feeds import read_checked, write_file


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("merchant", "sep=;\nid;title;image_link\n1;T;a.jpg\n"),
        ("merchant", "# Required | x,# Optional | y\nid,image_link\n1,a.jpg\n"),
        ("merchant", "\n\n\ufeffid,image_link\n1,a.jpg\n"),
        ("merchant", "ID\tImage Link\n1\ta.jpg\n"),
        ("merchant", "g:id,g:image_link\n1,a.jpg\n"),
        ("merchant", "id,image[0].url\n1,a.jpg\n"),
        ("merchant", "<channel><item><g:id>1</g:id><g:image_link>a.jpg</g:image_link></item></channel>"),
        ("merchant", "\n<!-- x --><feed><entry><g:id>1</g:id><g:image_link>a.jpg</g:image_link></entry></feed>"),
        ("yandex", "<yml_catalog><offer id='1'><picture>a.jpg</picture></offer></yml_catalog>"),
        ("shopify", "Handle,Title,Image Src\n1,T,a.jpg\n"),
        ("shopify", "Title,URL handle,Product image URL\nT,1,a.jpg\n"),
        ("woocommerce", "\ufeffID,Type,SKU,Name,Images\n1,simple,,T,a.jpg\n"),
        ("jsonl", '[\n{"id": "1", "photos": ["a.jpg"]}\n]'),
        ("jsonl", '{"products": [{"photos": ["a.jpg"], "id": "1"}]}'),
        ("jsonl", '\ufeff{"id": "1", "photos": "a.jpg"}'),
    ],
)
def test_a_feed_is_recognised_whatever_stands_before_it(tmp_path: Path, name: str, text: str) -> None:
    result = read_checked(write_file(tmp_path / "feed.txt", text))
    assert (result.format, [product.id for product in result.products]) == (name, ["1"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sku,name,image,price\n1,T,a.jpg,3\n", "--map id=sku --map title=name --map photos=image --map price=price"),
        ("Bild URL,Artikel Nr\na.jpg,1\n", "--map photos=…"),
        ('{"sku": "1", "image url": "a.jpg"}', "--map id=sku --map 'photos=image url'"),
        ("foo,bar\n1,2\n", "--map id=… --map photos=…"),
    ],
)
def test_a_mapping_is_proposed_for_an_unknown_header(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FeedError) as caught:
        read_feed(write_file(tmp_path / "f", text))
    assert caught.value.code == "unknown-header" and message in caught.value.fix


@pytest.mark.parametrize("text", ["<html><body>x</body></html>", "<", "<<<<>"])
def test_no_mapping_is_proposed_for_xml(tmp_path: Path, text: str) -> None:
    with pytest.raises(FeedError) as caught:
        read_feed(write_file(tmp_path / "f", text))
    assert caught.value.code == "unknown-header" and "--map" not in caught.value.fix


def test_the_table_says_of_every_format_what_is_read_and_what_is_not() -> None:
    known = {field.name for field in fields(Product)}
    for name, feed_format in FORMATS.items():
        assert feed_format.name == name and feed_format.sentence and feed_format.ignores
        assert {"id", "title", "photos"} <= set(feed_format.reads) <= known | set(FIELDS)
        assert all(feed_format.reads.values()) and all(feed_format.ignores.values())


def test_lines_above_the_header_and_repeated_columns_are_noted_and_rows_keep_their_numbers(tmp_path: Path) -> None:
    text = "sep=,\n# note\nid,title,image_link,title\n1,,a.jpg,Mug\n2,Cup,b.jpg,Pot\n"
    text += "id,title,image_link,title\n3,T,c.jpg\n"
    result = read_checked(write_file(tmp_path / "f", text))
    assert [(product.id, product.title) for product in result.products] == [("1", "Mug"), ("2", "Cup"), ("3", "T")]
    assert [(rejection.kind, rejection.level, rejection.row) for rejection in result.rejections] == [
        ("lines-above-header", "note", None),
        ("doubled-column", "note", None),
        ("repeated-header", "note", 3),
        ("too-few-columns", "note", 4),
    ]
    assert (result.counts.rows, result.counts.used, result.counts.skipped) == (4, 3, 1)
