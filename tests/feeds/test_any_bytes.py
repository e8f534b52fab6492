"""For any bytes, every row is used, skipped or rejected, and nothing is raised but a feed error."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from shoplens.errors import FeedError
from shoplens.feeds import FORMATS, read_feed
from tests.feeds.feeds import read_checked, write_file

TABLES = {
    "magento": "sku,product_type,name,base_image,additional_attributes,configurable_variations\n"
    'A-1,simple,Tee,a.jpg,"color=Red,size=S",\nA-2,simple,Tee,b.jpg,"color=Blue,size=M",\n'
    'A,configurable,Tee,,,"sku=A-1,color=Red|sku=A-2,color=Blue"\n',
    "shopify": "Handle,Title,Option1 Name,Option1 Value,Variant Price,Image Src,Variant Image\n"
    'tee,"Tee, fine",Color,Red,9,a.jpg,a.jpg\ntee,,,Blue,9.5,b.jpg,b.jpg\nmug,Mug,,,3,c.jpg,\n',
    "woocommerce": "ID,Type,SKU,Name,Images,Parent,Attribute 1 name,Attribute 1 value(s)\n"
    '1,variable,T,Tee,"a.jpg, b.jpg",,Color,"Red, Blue"\n2,variation,,Tee,a.jpg,T,Color,Red\n'
    "3,variation,,Tee,b.jpg,id:1,Color,Blue\n",
    "merchant": "id\ttitle\timage_link\titem_group_id\tsize\tprice\tavailability\n"
    "1\tTee S\ta.jpg\tG\tS\t9 EUR\tin stock\n2\tTee M\tb.jpg\tG\tM\t9 EUR\t0\n3\tMug\tc.jpg\t\t\t?\t?\n",
    "xml": '<?xml version="1.0" encoding="utf-8"?>\n<rss xmlns:g="http://base.google.com/ns/1.0"><channel>\n'
    "<item><g:id>1</g:id><g:title><![CDATA[Tee & co]]></g:title><g:image_link>a.jpg</g:image_link></item>\n"
    "<!-- x --><item><g:id>2</g:id><g:title>Mug &amp; cüp<br/></g:title><g:image_link>b.jpg</g:image_link></item>\n"
    "</channel></rss>\n",
    "yandex": '<!DOCTYPE yml_catalog SYSTEM "shops.dtd"><yml_catalog><shop><categories><category id="1">A</category>'
    '<category id="2" parentId="1">B</category></categories><offers>\n<offer id="1" group_id="7"><name>Tee</name>'
    '<categoryId>2</categoryId><picture>a.jpg</picture><param name="Size" unit="EU">S</param></offer>\n'
    '<offer id="2"><name>Mug</name><picture>b.jpg</picture></offer></offers></shop></yml_catalog>\n',
    "wix": "handleId,fieldType,name,productImageUrl,productOptionName1,productOptionDescription1\n"
    "p,Product,Tee,a.jpg;b.jpg,Color,Red;Blue\np,Variant,,,Color,Red\nq,Product,Mug,c.jpg,,\n",
    "bigcommerce": "Item Type,Product ID,Product Name,Product Image File - 1,Category\n"
    "Product,1,Mug,a.jpg,A;B/C\nSKU,,[S]Color=Red,,\nProduct,2,Cup,b.jpg,\n",
    "prestashop": "ID;Active (0/1);Name *;Image URLs (x,y,z...);Feature(Name:Value:Position)\n"
    "1;1;Mug;a.jpg,b.jpg;Material:Clay:1\n2;0;Cup;c.jpg;\n",
    "jsonl": '{"id": "1", "title": "Tee", "photos": ["a.jpg"], "attributes": {"size": "S"}, "group_id": "G"}\n'
    '{"id": 2, "photos": "b.jpg", "price": "9 EUR", "category": "A > B"}\n',
    "json": json.dumps(
        {"items": [{"id": "1", "photos": ["a.jpg"], "title": 'T"{'}, {"id": "2", "photos": []}]}, indent=1
    ),
    "own": "Nr;Name;Bild\n1;Tee;a.jpg\n2;Mug;b.jpg\n",
}
MAPPINGS: dict[str, Mapping[str, str]] = {
    "own": {"id": "Nr", "title": "Name", "photos": "Bild"},
    "json": {"id": "id", "photos": "photos", "title": "title"},
}
CODES = {"empty-feed", "unknown-header", "bad-xml", "bad-json", "unsafe-xml", "bad-archive", "bad-mapping"}
MARKS = [b"<", b">", b"&", b'"', b"'", b"\n", b"\r", b"\t", b",", b";", b"|", b"{", b"}", b"[", b"]", b"\\", b"\x00",
         b"\xff", b"\xfe", b"\x80", b"\xed\xa0\x80", b"\xc3", b"]]>", b"<![CDATA[", b"<!--", b"&#0;", b"<item>",
         b"</item>", b"<!DOCTYPE x [", b"\xef\xbb\xbf", b"null", b"NaN", b"1e999", b"-", b"9" * 30]  # fmt: skip


def damage(content: bytes, other: bytes, generator: random.Random) -> bytes:
    """Return the content after one to three kinds of damage that happen to files."""
    for _ in range(generator.randrange(1, 4)):
        place = generator.randrange(len(content) + 1)
        end = min(len(content), place + generator.randrange(1, 20))
        lines = content.split(b"\n")
        change = generator.randrange(8)
        if change == 0:
            content = content[:place] + bytes([generator.randrange(256)]) + content[place + 1 :]
        elif change == 1:
            content = content[:place] + generator.choice(MARKS) + content[place:]
        elif change == 2:
            content = content[:place] + content[end:]
        elif change == 3:
            content = content[:place]
        elif change == 4:
            content = b"\n".join([*lines, generator.choice(lines)])
        elif change == 5:
            generator.shuffle(lines)
            content = b"\n".join(lines)
        elif change == 6:
            content = content[:place] + other[generator.randrange(len(other)) :]
        else:
            content = content.decode("utf-8", "replace").encode(
                generator.choice(["utf-16", "cp1252", "utf-8-sig"]), "ignore"
            )
    return content


def has_products(path: Path, **options: object) -> bool:
    """Read a feed; return whether it has products. The counts must add up, or a documented error be raised."""
    try:
        return bool(read_checked(path, **options).products)
    except FeedError as problem:
        assert problem.code in CODES and problem.problem and problem.fix
        return False


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_damaged_feeds_are_read_or_refused_without_a_crash(tmp_path: Path, name: str) -> None:
    generator = random.Random(name)
    content, others = TABLES[name].encode(), [text.encode() for text in TABLES.values()]
    options = {"mapping": MAPPINGS[name]} if name in MAPPINGS else {}
    assert has_products(write_file(tmp_path / "whole", content), **options)
    usable = 0
    for _ in range(120):
        path = write_file(tmp_path / "f", damage(content, generator.choice(others), generator))
        usable += has_products(path, **options)
    assert usable > 20


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "folder"])
def test_a_forced_format_reads_or_refuses_every_feed(tmp_path: Path, name: str) -> None:
    generator = random.Random(name)
    for text in TABLES.values():
        for content in (text.encode(), damage(text.encode(), b"x", generator)):
            has_products(write_file(tmp_path / "f", content), format=name)


def test_random_bytes_are_read_or_refused_without_a_crash(tmp_path: Path) -> None:
    generator = random.Random(18)
    starts = [b"", b"<rss>", b"{", b"[", b"id,image_link\n", b"PK\x03\x04", b"\x1f\x8b", b"\xff\xfe", b"<yml_catalog>"]
    for _ in range(300):
        noise = b"".join(generator.choices([*MARKS, generator.randbytes(3)], k=generator.randrange(40)))
        path = write_file(tmp_path / "f", generator.choice(starts) + noise)
        has_products(path)
        has_products(path, mapping=MAPPINGS["own"])


def test_the_same_feed_is_always_read_the_same(tmp_path: Path) -> None:
    for name, text in TABLES.items():
        options = {"mapping": MAPPINGS[name]} if name in MAPPINGS else {}
        path = write_file(tmp_path / "f", text)
        with read_feed(path, **options) as first, read_feed(path, **options) as second:  # type: ignore[arg-type]
            assert list(first) == list(second) and first.counts == second.counts
