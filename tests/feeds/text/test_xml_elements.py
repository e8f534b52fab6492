"""Reading of the elements of XML files with the flaws that shops, servers and editors cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from shoplens.errors import FeedError
from shoplens.feeds import read_feed
from shoplens.feeds.text.text_lines import HEAD
from shoplens.feeds.text.xml_elements import NumberedElement, XmlElements, read_elements, read_root_name
from tests.feeds.feeds import read_checked, write_file

START = '<?xml version="1.0" encoding="utf-8"?>\n<rss xmlns:g="http://base.google.com/ns/1.0"><channel>\n'
END = "</channel></rss>\n"


def item_xml(name: str, title: str = "Mug", more: str = "") -> str:
    return f"<item><g:id>{name}</g:id><g:title>{title}</g:title><g:image_link>{name}.jpg</g:image_link>{more}</item>\n"


def feed_xml(*items: str) -> str:
    return START + "".join(items) + END


def titles(path: Path, content: str | bytes) -> dict[str, str]:
    return {product.id: product.title for product in read_checked(write_file(path / "f.xml", content)).products}


@pytest.mark.parametrize(
    ("title", "read", "kind"),
    [
        ("Salt & Pepper", "Salt & Pepper", "bare-ampersand"),
        ("Salt &foo; Pepper", "Salt &foo; Pepper", "bare-ampersand"),
        ("Caf&eacute;&nbsp;cup", "Café cup", "html-entity"),
        ("I <3 tea", "I <3 tea", "bare-less-than"),
        ("Blue\x07 mug", "Blue mug", "control-character"),
        ("Blue&#0; mug", "Blue mug", "control-character"),
        ("Blue<br> mug", "Blue mug", "unbalanced-tags"),
    ],
)
def test_a_flaw_in_one_item_is_repaired_and_noted_once(tmp_path: Path, title: str, read: str, kind: str) -> None:
    result = read_checked(
        write_file(tmp_path / "f", feed_xml(item_xml("1"), item_xml("2", title), item_xml("3", title)))
    )
    assert {product.id: product.title for product in result.products} == {"1": "Mug", "2": read, "3": read}
    assert [(rejection.kind, rejection.level, rejection.row) for rejection in result.rejections] == [(kind, "note", 2)]
    assert (result.counts.rows, result.counts.used) == (3, 3)


def test_an_item_that_is_never_closed_costs_its_row_alone(tmp_path: Path) -> None:
    result = read_checked(
        write_file(tmp_path / "f", feed_xml(item_xml("1"), item_xml("2").replace("</item>", ""), item_xml("3")))
    )
    assert [product.id for product in result.products] == ["1", "3"]
    rejection = result.only("malformed-element")
    assert (rejection.level, rejection.row) == ("rejected", 2) and "line 4" in rejection.reason
    assert (result.counts.rows, result.counts.rejected) == (3, 1)


def test_a_tag_that_is_never_closed_in_an_item_costs_nothing_else(tmp_path: Path) -> None:
    assert titles(
        tmp_path, feed_xml(item_xml("1"), item_xml("2", more="<g:color>red"), item_xml("3"))
    ) == dict.fromkeys("123", "Mug")


@pytest.mark.parametrize(
    ("before", "after"),
    [("\n", ""), ("\r\n \n", ""), ("\ufeff", ""), ("\ufeff\n", ""), ("", "\n<!-- made in 2 s -->\n"), ("", "\x1a"),
     ("", "\x00\x00"), ("", "<br>"), ("", "<?php ?>")],
)  # fmt: skip
def test_text_before_and_after_the_root_is_ignored(tmp_path: Path, before: str, after: str) -> None:
    assert titles(tmp_path, before + feed_xml(item_xml("1")) + after) == {"1": "Mug"}


def test_stray_bytes_are_windows_1252(tmp_path: Path) -> None:
    content = (
        feed_xml(item_xml("1", "Grün"), item_xml("2", "Gr@n"), item_xml("3", "Gr@n €")).encode().replace(b"@", b"\xfc")
    )
    result = read_checked(write_file(tmp_path / "f", content))
    assert [product.title for product in result.products] == ["Grün", "Grün", "Grün €"]
    assert [(rejection.kind, rejection.level) for rejection in result.rejections] == [("stray-bytes", "note")]


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [("utf-16", "utf-8"), ("utf-16", "utf-16"), ("windows-1251", "windows-1251"), ("no-such-code", "utf-8"),
     ("hex", "utf-8"), ("base64", "utf-8"), ("idna", "utf-8"), ("undefined", "utf-8"), ("unicode_escape", "utf-8"),
     ("iso-8859-1", "utf-16-le"), ("utf-8", "utf-16-be"), ("UTF-8", "utf-8-sig")],
)  # fmt: skip
def test_encodings_are_what_the_bytes_are(tmp_path: Path, declared: str, encoding: str) -> None:
    text = feed_xml(item_xml("1", "Кружка")).replace('"utf-8"', f'"{declared}"')
    assert titles(tmp_path, text.encode(encoding)) == {"1": "Кружка"}


def test_items_in_comments_and_in_cdata_are_none(tmp_path: Path) -> None:
    hidden = f"<!-- {item_xml('x')} --><title><![CDATA[{item_xml('y')}]]></title><?note {item_xml('z')} ?>"
    more = "<g:description><![CDATA[A & B </item> <item> ]]]]><![CDATA[> &nbsp;]]></g:description>"
    (product,) = read_checked(write_file(tmp_path / "f", feed_xml(hidden, item_xml("1", more=more)))).products
    assert (product.id, product.description) == ("1", "A & B ]]>")


def test_prefixes_need_no_declaration(tmp_path: Path) -> None:
    assert titles(tmp_path, feed_xml(item_xml("1")).replace(' xmlns:g="http://base.google.com/ns/1.0"', "")) == {
        "1": "Mug"
    }
    other = feed_xml(item_xml("1")).replace("<g:", "<base:").replace("</g:", "</base:").replace("xmlns:g", "xmlns:base")
    assert titles(tmp_path, other) == {"1": "Mug"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (feed_xml(), "rss"),
        ("\n<!-- <a> -->\n<channel>", "channel"),
        ("<!DOCTYPE yml_catalog SYSTEM 'x'><yml_catalog date='2'>", "yml_catalog"),
        ("<rdf:RDF>", "RDF"),
        ("<", ""),
        ("<!-- never closed", ""),
    ],
)
def test_the_root(tmp_path: Path, text: str, name: str) -> None:
    assert read_root_name(write_file(tmp_path / "f", text)) == name


@pytest.mark.parametrize("kind", ["plain", "comment", "cdata", "unicode"])
def test_a_file_cut_anywhere_is_refused_or_whole(tmp_path: Path, kind: str) -> None:
    title = {"comment": "a<!-- > -->", "cdata": "<![CDATA[ä & <b>]]>", "unicode": "äß€"}.get(kind, "a &amp; b")
    content = feed_xml(item_xml("1", title), item_xml("2", title)).encode()
    whole = {product.id for product in read_checked(write_file(tmp_path / "f", content)).products}
    assert whole == {"1", "2"}
    refused = 0
    for end in range(content.index(b"<rss") + 5, len(content)):
        path = write_file(tmp_path / "cut", content[:end])
        try:
            with read_feed(path, format="merchant") as cut:
                assert set(cut.product_ids()) == whole
        except FeedError as problem:
            refused += 1
            assert problem.code in ("bad-xml", "empty-feed") and (
                problem.code == "empty-feed" or "line" in str(problem)
            )
    assert refused >= len(content) - content.index(b"<rss") - 15


def test_elements_may_be_split_between_blocks_at_every_place(tmp_path: Path) -> None:
    second = item_xml("2", "<![CDATA[ü & <x>]]><!-- > -->", "<g:link a='>'/>")
    start = START + "<!--" + "x" * (HEAD - len(START) - 7) + "-->"
    assert len(start.encode()) == HEAD
    for back in range(1, len(second.encode())):
        text = start[:-3]
        text = text[: len(text) - back] + "-->" + second + item_xml("3") + END
        assert [product.id for product in read_checked(write_file(tmp_path / "f", text)).products] == ["2", "3"]


def test_an_item_may_be_larger_than_a_block(tmp_path: Path) -> None:
    large = item_xml("1", more=f"<g:description>{'wörd ' * HEAD}</g:description>")
    result = read_checked(write_file(tmp_path / "f", feed_xml(large, item_xml("2"))))
    assert [(product.id, len(product.description)) for product in result.products] == [("1", 99_999), ("2", 0)]


def test_an_item_above_every_limit_is_noted(tmp_path: Path) -> None:
    path = write_file(tmp_path / "f", START + "<item><g:id>1</g:id>" + "x" * (33 * 2**20) + "</item>" + END)
    with pytest.raises(FeedError, match="line 3 is longer than 16 MB") as caught:
        read_checked(path)
    assert caught.value.code == "bad-xml"


def test_elements_have_the_lines_that_they_start_on(tmp_path: Path) -> None:
    path = write_file(tmp_path / "f", "\n<a>\n<b>\n\n</b><b/>\n<c><b>x</b></c>\n<b>\n<b>y</b></a>")
    elements = [(element.line, element.text, element.is_closed) for element in XmlElements(path, {"b"})]
    assert elements == [
        (3, "<b>\n\n</b>", True),
        (5, "<b/>", True),
        (6, "<b>x</b>", True),
        (7, "<b>\n", False),
        (8, "<b>y</b>", True),
    ]


def test_numbers_count_the_elements_that_cannot_be_read_too(tmp_path: Path) -> None:
    path = write_file(tmp_path / "f", "<a><b>1</b><b>2<b>3</b></a>")
    result = [
        element.number if isinstance(element, NumberedElement) else element.row
        for element in read_elements(path, {"b"})
    ]
    assert result == [1, 2, 3]
