from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from jinja2 import UndefinedError

from shoplens.errors import PhotoError
from shoplens.evaluation.report.rendering import environment, render_page
from shoplens.evaluation.results import Estimate, OmissionCount, PairedDifference
from shoplens.types import Pixels

HOSTILE = '</style><script>alert("1")</script>'
ESCAPED = "&lt;/style&gt;&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;"
PAGE = "{% extends 'page.html' %}{% set sections = parts %}"
SHARE = Estimate(0.263, 0.211, 0.315)


def fill(source: str, **values: Any) -> str:
    """Fill a template that is given here instead of in a file."""
    return environment().from_string(source).render(values)


def call(macro: str, *arguments: object) -> str:
    """Call a macro of ``elements.html``."""
    names = [f"argument{number}" for number in range(len(arguments))]
    source = f"{{% from 'elements.html' import {macro} %}}{{{{ {macro}({', '.join(names)}) }}}}"
    return fill(source, **dict(zip(names, arguments, strict=True)))


def page(parts: list[list[str]], title: str = "t", facts: tuple[str, ...] = ("f",), lead: str = "l") -> str:
    return fill(PAGE, parts=parts, title=title, facts=facts, lead=lead)


def grey(source: str) -> Pixels:
    return np.full((60, 40, 3), 128, np.uint8)


def test_a_page_loads_nothing() -> None:
    text = page([["h", "b"]])
    for loading in ("http", "url(", "@import", "<link", "<script", "src="):
        assert loading not in text
    assert "<h1>t</h1>" in text
    assert '<p class="lead">l</p>' in text
    assert "color-scheme: light dark" in text


def test_blank_sections_are_left_out_and_long_pages_have_contents() -> None:
    few = page([["a", "1"], ["b", " \n"], ["c", "3"]])
    assert few.count("<section") == 2
    assert "<nav" not in few
    many = page([[name, "x"] for name in "abcd"])
    assert [f'href="#part-{place}"' in many and f'id="part-{place}"' in many for place in (1, 2, 3, 4)] == [True] * 4
    assert "<section" not in page([])


def test_a_page_escapes_its_title_its_facts_and_its_headings() -> None:
    text = page([[HOSTILE, HOSTILE]] * 4, HOSTILE, (HOSTILE,), HOSTILE)
    assert "<script" not in text
    assert text.count("</style>") == 1
    assert text.count("alert(") == text.count(ESCAPED) == 16


@pytest.mark.parametrize(
    ("macro", "arguments"),
    [
        ("beside", (HOSTILE, HOSTILE)),
        ("detail", (HOSTILE,)),
        ("text_table", (HOSTILE, (HOSTILE, "2"), [(HOSTILE, HOSTILE)])),
        ("definitions", ([(HOSTILE, HOSTILE)],)),
        ("left_out_table", ([OmissionCount(HOSTILE, 1, HOSTILE, HOSTILE)],)),
        ("thumbnail", (grey, "p", HOSTILE)),
    ],
)
def test_every_element_escapes_its_texts(macro: str, arguments: tuple[object, ...]) -> None:
    text = call(macro, *arguments)
    assert "<script" not in text
    assert "alert(&#34;1&#34;)" in text


def test_a_table_has_heads_for_columns_and_rows() -> None:
    text = call("text_table", "what", ("Name", "Count"), [("a", "1"), ("b", "2")], {"Count"})
    assert "<caption>what</caption>" in text
    assert text.count('scope="col"') == 2
    assert '<th scope="col" class="number">Count</th>' in text
    assert ('<th scope="row">a</th>' in text, text.count('<td class="number">')) == (True, 2)


def test_an_element_without_content_is_blank() -> None:
    assert call("beside", "", "alone").strip() == "alone"
    assert not call("beside", "", "").strip()
    assert not call("detail", "").strip()
    assert not call("definitions", [("name", "")]).strip()
    assert not call("left_out_table", []).strip()
    assert not call("retraining_cost_table", []).strip()


def test_an_estimate_stands_with_its_interval_and_what_it_is_compared_with() -> None:
    paired = PairedDifference(Estimate(0.03, -0.004, 0.068), 0.034)
    assert "26.3\u00a0%" in call("estimate", SHARE) and "21.1–31.5" in call("estimate", SHARE)
    text = call("strong_estimate", SHARE, paired)
    assert "<strong>26.3\u00a0%</strong>" in text
    assert "+3.0 (−0.4 to +6.8)" in text and "p = 0.034" in text
    assert "p =" not in call("strong_estimate", SHARE)
    assert "−0.4 to +6.8, p = 0.034" in call("change", paired)


def test_a_photo_says_what_it_shows_and_an_unreadable_one_is_a_labelled_box() -> None:
    def broken(source: str) -> Pixels:
        raise PhotoError("Damaged.", "Send it again.")

    assert 'alt="a &lt;red&gt; photo"' in call("thumbnail", grey, "p", "a <red> photo")
    box = call("thumbnail", broken, "p", "the <hat>")
    assert "photo cannot be read" in box
    assert 'aria-label="the &lt;hat&gt;: unread"' in box
    assert "<img" not in box


def test_characters_that_no_page_can_hold_are_replaced() -> None:
    text = render_page("searches.html", title="a\x00b\ud800c", facts=["\x1b[31m", "\x9f"], lead="", searches=[])
    text.encode("utf-8")
    assert "a\ufffdb\ufffdc" in text
    assert not {"\x00", "\x1b", "\x9f"} & set(text)


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="title"):
        render_page("searches.html", facts=[], lead="", searches=[])


@pytest.mark.parametrize("name", environment().list_templates())
def test_every_template_compiles(name: str) -> None:
    assert environment().get_template(name)


def test_only_rendering_a_page_loads_the_template_engine() -> None:
    code = (
        "import sys, shoplens, shoplens.evaluation.report_files; from shoplens.cli import command_line; command_line();"
        "assert 'jinja2' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
