"""Repair of elements that are not valid XML."""

from __future__ import annotations

import random
from contextlib import suppress
from xml.etree.ElementTree import Element

import pytest

from shoplens.feeds.text.xml_repair import FLAWS, parse_element


def parse_inside(inside: str) -> tuple[Element, set[str]]:
    flaws: set[str] = set()
    return parse_element(f"<item>{inside}</item>", flaws), flaws


@pytest.mark.parametrize(
    ("inside", "text", "flaw"),
    [
        ("Salt & Pepper", "Salt & Pepper", "bare-ampersand"),
        ("a?x=1&y=2&copy=3", "a?x=1&y=2&copy=3", "bare-ampersand"),
        ("&foo; &#xZZ; &;", "&foo; &#xZZ; &;", "bare-ampersand"),
        ("caf&eacute;&nbsp;&bull;", "café\xa0•", "html-entity"),
        ("&AMP; &Lt;", "& ≪", "html-entity"),
        ("I <3 tea, 5 < 6", "I <3 tea, 5 < 6", "bare-less-than"),
        ("a\x00b\x0bc\ufffed", "abcd", "control-character"),
        ("a&#0;b&#11;c&#xD800;", "abc", "control-character"),
        ("&#128;&#x96;&#150;", "€––", None),
        ("&lt;p&gt; &#8364; &amp;amp; &quot;&apos;", "<p> € &amp; \"'", None),
        ("<![CDATA[A & B <br> &nbsp;]]>", "A & B <br> &nbsp;", None),
        ("<![CDATA[a]]]]><![CDATA[>b]]>", "a]]>b", None),
        ("a ]]> b", "a ]]> b", "unmarked"),
        ("x<!-- <item> & -->y", "xy", None),
        ("x<?php & ?>y", "xy", None),
    ],
)
def test_text_is_kept(inside: str, text: str, flaw: str | None) -> None:
    element, flaws = parse_inside(inside)
    assert "".join(element.itertext()) == text
    assert flaws == ({flaw} - {None, "unmarked"})


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        ("<d>one<br>two</d><e>three</e>", ["onetwo", "three"]),
        ("<d><p>one<p>two</d><e>three</e>", ["onetwo", "three"]),
        ("<d><b><i>one</b></i></d><e>two</e>", ["one", "two"]),
        ("<d>one</p></d><e>two</e>", ["one", "two"]),
        ("<d width=3>one</d><e>two</e>", ["one", "two"]),
        ("<d checked>one</d><e>two</e>", ["one", "two"]),
        ("<d a='1' a='2'>one<br></d><e>two</e>", ["one", "two"]),
        ("<d><img src=x.jpg>one</d><e>two</e>", ["one", "two"]),
    ],
)
def test_tags_of_html_are_balanced(inside: str, text: list[str]) -> None:
    element, flaws = parse_inside(inside)
    assert ["".join(child.itertext()) for child in element] == text
    assert flaws == {"unbalanced-tags"}


def test_prefixes_need_no_declaration_and_attributes_are_kept() -> None:
    element, flaws = parse_inside('<g:price cur="a &amp; b">1</g:price><c:x-y.z id="é"/>')
    assert [(child.tag, dict(child.attrib)) for child in element] == [
        ("g:price", {"cur": "a & b"}),
        ("c:x-y.z", {"id": "é"}),
    ]
    assert flaws == set()


def test_an_ampersand_in_an_attribute_is_read_too() -> None:
    element, flaws = parse_inside('<l href="a?x=1&y=2">z</l>')
    assert (element[0].get("href"), flaws) == ("a?x=1&y=2", {"bare-ampersand"})


def test_any_text_is_an_element_or_a_value_error() -> None:
    generator = random.Random(18)
    pieces = [
        "<",
        ">",
        "</",
        "/>",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "&",
        ";",
        "&#0;",
        "&nbsp;",
        '"',
        "'",
        "=",
        "a",
        " ",
        "<b>",
        "</b>",
        "<br>",
        "<g:x y=1>",
        "\x00",
        "\ud800",
        "é",
        "<?",
        "?>",
        "<!DOCTYPE x [",
        "xmlns",
    ]
    read = 0
    for _ in range(3_000):
        flaws: set[str] = set()
        text = "".join(generator.choices(pieces, k=generator.randrange(12)))
        with suppress(ValueError):
            read += parse_element(f"<item>{text}</item>", flaws).tag == "item"
        assert flaws <= FLAWS.keys()
    assert read > 1_500
