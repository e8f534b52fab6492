"""Cleaning of the text of feeds."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoplens.feeds import report
from shoplens.feeds.text import plain_text, prices
from shoplens.feeds.text.plain_text import clean_line, clean_paragraphs, html_to_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain", "plain"),
        ("a &lt; b &amp;amp; c", "a < b &amp; c"),
        ("5 < 6 & 7 > 3", "5 < 6 & 7 > 3"),
        ("<ul><li>one</li><li>two</li></ul>", "one\ntwo"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<b>bold</b>er", "bolder"),
        ("<style>p {}</style>x<script>alert(1)</script>y", "xy"),
        ("<!-- no -->x", "x"),
        ("• one • two", "one\ntwo"),
        ("caf&eacute;&nbsp;&bull;&nbsp;bar", "café\nbar"),
        ("<![CDATA[Warm & <b>dry</b>]]> too", "Warm & dry too"),
        ("<![CDATA[never closed", "never closed"),
        ("a<![if !vml]>b<![endif]>c<![CDAT[d>e<![", "abce"),
        ("", ""),
    ],
)
def test_html_becomes_text(html: str, text: str) -> None:
    assert html_to_text(html) == text


@given(st.text())
def test_cleaned_text_has_no_control_characters_and_stays_as_it_is(text: str) -> None:
    assert clean_line(clean_line(text)) == clean_line(text) and "\n" not in clean_line(text)
    clean = clean_paragraphs(text)
    assert clean_paragraphs(clean) == clean
    assert not any((ord(sign) < 32 or 127 <= ord(sign) < 160) and sign != "\n" for sign in clean + clean_line(text))


@pytest.mark.parametrize("module", [plain_text, prices, report])
def test_examples_in_the_code_hold(module: object) -> None:
    results = doctest.testmod(module)  # type: ignore[arg-type]
    assert results.attempted and not results.failed
