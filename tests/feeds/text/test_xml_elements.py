"""The elements of XML files that shops, servers and editors have been at."""

from __future__ import annotations

from pathlib import Path

import pytest

from shoplens.errors import FeedError
from shoplens.feeds import read_feed
from shoplens.feeds.text.text_lines import HEAD
from shoplens.feeds.text.xml_elements import NumberedElement, XmlElements, read_elements, read_root_name
from tests.feeds.feeds import outcome, written

START = '<?xml version="1.0" encoding="utf-8"?>\n<rss xmlns:g="http://base.google.com/ns/1.0"><channel>\n'
END = "</channel></rss>\n"


def item(name: str, title: str = "Mug", more: str = "") -> str:
    return f"<item><g:id>{name}</g:id><g:title>{title}</g:title><g:image_link>{name}.jpg</g:image_link>{more}</item>\n"


def feed(*items: str) -> str:
    return START + "".join(items) + END


def titles(path: Path, content: str | bytes) -> dict[str, str]:
    return {one.id: one.title for one in outcome(written(path / "f.xml", content)).products}


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
def test_a_flaw_in_one_item_is_mended_and_told_once(tmp_path: Path, title: str, read: str, kind: str) -> None:
    found = outcome(written(tmp_path / "f", feed(item("1"), item("2", title), item("3", title))))
    assert {one.id: one.title for one in found.products} == {"1": "Mug", "2": read, "3": read}
    assert [(one.kind, one.level, one.row) for one in found.rejections] == [(kind, "note", 2)]
    assert (found.counts.rows, found.counts.used) == (3, 3)


def test_an_item_that_is_never_closed_costs_its_row_alone(tmp_path: Path) -> None:
    found = outcome(written(tmp_path / "f", feed(item("1"), item("2").replace("</item>", ""), item("3"))))
    assert [one.id for one in found.products] == ["1", "3"]
    wrong = found.the("malformed-element")
    assert (wrong.level, wrong.row) == ("rejected", 2) and "line 4" in wrong.reason
    assert (found.counts.rows, found.counts.rejected) == (3, 1)


def test_a_tag_that_is_never_closed_in_an_item_costs_nothing_else(tmp_path: Path) -> None:
    assert titles(tmp_path, feed(item("1"), item("2", more="<g:color>red"), item("3"))) == dict.fromkeys("123", "Mug")


@pytest.mark.parametrize(
    ("before", "after"),
    [("\n", ""), ("\r\n \n", ""), ("\ufeff", ""), ("\ufeff\n", ""), ("", "\n<!-- made in 2 s -->\n"), ("", "\x1a"),
     ("", "\x00\x00"), ("", "<br>"), ("", "<?php ?>")],
)  # fmt: skip
def test_what_stands_before_and_after_the_root(tmp_path: Path, before: str, after: str) -> None:
    assert titles(tmp_path, before + feed(item("1")) + after) == {"1": "Mug"}


def test_stray_bytes_are_windows_1252(tmp_path: Path) -> None:
    content = feed(item("1", "Grün"), item("2", "Gr@n"), item("3", "Gr@n €")).encode().replace(b"@", b"\xfc")
    found = outcome(written(tmp_path / "f", content))
    assert [one.title for one in found.products] == ["Grün", "Grün", "Grün €"]
    assert [(one.kind, one.level) for one in found.rejections] == [("stray-bytes", "note")]


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [("utf-16", "utf-8"), ("utf-16", "utf-16"), ("windows-1251", "windows-1251"), ("no-such-code", "utf-8"),
     ("hex", "utf-8"), ("base64", "utf-8"), ("idna", "utf-8"), ("undefined", "utf-8"), ("unicode_escape", "utf-8"),
     ("iso-8859-1", "utf-16-le"), ("utf-8", "utf-16-be"), ("UTF-8", "utf-8-sig")],
)  # fmt: skip
def test_encodings_are_what_the_bytes_are(tmp_path: Path, declared: str, encoding: str) -> None:
    text = feed(item("1", "Кружка")).replace('"utf-8"', f'"{declared}"')
    assert titles(tmp_path, text.encode(encoding)) == {"1": "Кружка"}


def test_items_in_comments_and_in_cdata_are_none(tmp_path: Path) -> None:
    hidden = f"<!-- {item('x')} --><title><![CDATA[{item('y')}]]></title><?note {item('z')} ?>"
    more = "<g:description><![CDATA[A & B </item> <item> ]]]]><![CDATA[> &nbsp;]]></g:description>"
    (one,) = outcome(written(tmp_path / "f", feed(hidden, item("1", more=more)))).products
    assert (one.id, one.description) == ("1", "A & B ]]>")


def test_prefixes_need_no_declaration(tmp_path: Path) -> None:
    assert titles(tmp_path, feed(item("1")).replace(' xmlns:g="http://base.google.com/ns/1.0"', "")) == {"1": "Mug"}
    other = feed(item("1")).replace("<g:", "<base:").replace("</g:", "</base:").replace("xmlns:g", "xmlns:base")
    assert titles(tmp_path, other) == {"1": "Mug"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (feed(), "rss"),
        ("\n<!-- <a> -->\n<channel>", "channel"),
        ("<!DOCTYPE yml_catalog SYSTEM 'x'><yml_catalog date='2'>", "yml_catalog"),
        ("<rdf:RDF>", "RDF"),
        ("<", ""),
        ("<!-- never closed", ""),
    ],
)
def test_the_root(tmp_path: Path, text: str, name: str) -> None:
    assert read_root_name(written(tmp_path / "f", text)) == name


@pytest.mark.parametrize("kind", ["plain", "comment", "cdata", "unicode"])
def test_a_file_cut_anywhere_is_refused_or_whole(tmp_path: Path, kind: str) -> None:
    title = {"comment": "a<!-- > -->", "cdata": "<![CDATA[ä & <b>]]>", "unicode": "äß€"}.get(kind, "a &amp; b")
    content = feed(item("1", title), item("2", title)).encode()
    whole = {one.id for one in outcome(written(tmp_path / "f", content)).products}
    assert whole == {"1", "2"}
    refused = 0
    for end in range(content.index(b"<rss") + 5, len(content)):
        path = written(tmp_path / "cut", content[:end])
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
    second = item("2", "<![CDATA[ü & <x>]]><!-- > -->", "<g:link a='>'/>")
    start = START + "<!--" + "x" * (HEAD - len(START) - 7) + "-->"
    assert len(start.encode()) == HEAD
    for back in range(1, len(second.encode())):
        text = start[:-3]
        text = text[: len(text) - back] + "-->" + second + item("3") + END
        assert [one.id for one in outcome(written(tmp_path / "f", text)).products] == ["2", "3"]


def test_an_item_may_be_larger_than_a_block(tmp_path: Path) -> None:
    large = item("1", more=f"<g:description>{'wörd ' * HEAD}</g:description>")
    found = outcome(written(tmp_path / "f", feed(large, item("2"))))
    assert [(one.id, len(one.description)) for one in found.products] == [("1", 99_999), ("2", 0)]


def test_an_item_above_every_limit_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "f", START + "<item><g:id>1</g:id>" + "x" * (33 * 2**20) + "</item>" + END)
    with pytest.raises(FeedError, match="line 3 is longer than 16 MB") as caught:
        outcome(path)
    assert caught.value.code == "bad-xml"


def test_elements_have_the_lines_that_they_start_on(tmp_path: Path) -> None:
    path = written(tmp_path / "f", "\n<a>\n<b>\n\n</b><b/>\n<c><b>x</b></c>\n<b>\n<b>y</b></a>")
    elements = [(one.line, one.text, one.is_closed) for one in XmlElements(path, {"b"})]
    assert elements == [
        (3, "<b>\n\n</b>", True),
        (5, "<b/>", True),
        (6, "<b>x</b>", True),
        (7, "<b>\n", False),
        (8, "<b>y</b>", True),
    ]


def test_numbers_count_the_elements_that_cannot_be_read_too(tmp_path: Path) -> None:
    path = written(tmp_path / "f", "<a><b>1</b><b>2<b>3</b></a>")
    found = [one.number if isinstance(one, NumberedElement) else one.row for one in read_elements(path, {"b"})]
    assert found == [1, 2, 3]
