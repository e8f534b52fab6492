from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from shoplens.errors import PhotoError
from shoplens.evaluation.report.page import (
    Html,
    beside,
    escape_html,
    facts_list,
    join_html,
    left_out_table,
    note,
    page,
    percent,
    percent_interval,
    points,
    points_interval,
    probability,
    sections,
    table,
    thumbnail,
    with_detail,
)
from shoplens.evaluation.results import Estimate, LeftOut
from shoplens.types import Pixels, Region

HOSTILE = '</style><script>alert("1")</script>'


def grey(source: str) -> Pixels:
    return np.full((60, 40, 3), 128, np.uint8)


def stored(html: str) -> Image.Image:
    """The photo that is in an image's data."""
    found = re.search(r'src="data:image/jpeg;base64,([^"]+)"', html)
    assert found
    return Image.open(io.BytesIO(base64.b64decode(found[1])))


def test_text_is_escaped_once_and_html_is_left_alone() -> None:
    assert escape_html('<b> & "') == "&lt;b&gt; &amp; &quot;"
    assert escape_html(escape_html("<b>")) == "&lt;b&gt;"
    assert join_html(["<", Html("<i>")], " ") == "&lt; <i>"


def test_what_no_page_can_hold_is_replaced() -> None:
    text = page("a\x00b\ud800c", ["\x1b[31m"], note("\x9f"))
    text.encode("utf-8")
    assert "a\ufffdb\ufffdc" in text
    assert "\x1b" not in text


def test_a_page_escapes_everything_it_is_given() -> None:
    rows = [(HOSTILE, with_detail(HOSTILE, HOSTILE))]
    body = sections(
        [
            (HOSTILE, table(HOSTILE, (HOSTILE, "2"), rows)),
            ("x", facts_list([(HOSTILE, HOSTILE)])),
            ("y", thumbnail("p", HOSTILE, grey)),
            ("z", beside(HOSTILE, HOSTILE)),
            ("l", left_out_table([LeftOut(HOSTILE, 1, HOSTILE, HOSTILE)])),
        ]
    )
    text = page(HOSTILE, [HOSTILE], body, lead=HOSTILE)
    assert "<script" not in text
    assert text.count("</style>") == 1
    assert text.count("alert(") == text.count("alert(&quot;1&quot;)")


def test_a_page_loads_nothing() -> None:
    text = page("t", ["f"], sections([("h", note("n"))]), lead="l")
    for loading in ("http", "url(", "@import", "<link", "<script", "src="):
        assert loading not in text
    assert "<h1>t</h1>" in text
    assert '<p class="lead">l</p>' in text
    assert "color-scheme: light dark" in text


def test_sections_without_anything_are_left_out_and_long_pages_have_contents() -> None:
    few = sections([("a", Html("1")), ("b", Html("")), ("c", Html("3"))])
    assert few.count("<section") == 2
    assert "<nav" not in few
    many = sections([(name, Html("x")) for name in "abcd"])
    assert [f'href="#part-{place}"' in many and f'id="part-{place}"' in many for place in (1, 2, 3, 4)] == [True] * 4
    assert sections([]) == ""


def test_a_table_has_heads_for_columns_and_rows() -> None:
    text = table("what", ("Name", "Count"), [("a", "1"), ("b", "2")], numbers={"Count"})
    assert "<caption>what</caption>" in text
    assert text.count('scope="col"') == 2
    assert '<th scope="row">a</th><td class="number">1</td>' in text
    with pytest.raises(ValueError, match="zip"):
        table("what", ("Name", "Count"), [("a",)])


def test_an_empty_piece_takes_no_room() -> None:
    assert beside("", Html("<i>")) == "<i>"
    assert beside("", "") == ""
    assert facts_list([("name", "")]) == ""
    assert left_out_table([]) == ""


def test_a_thumbnail_is_small_and_says_what_it_shows() -> None:
    def wide(source: str) -> Pixels:
        return np.full((500, 1000, 3), (200, 10, 10), np.uint8)

    html = thumbnail("p", "a <red> photo", wide, size=100)
    assert 'alt="a &lt;red&gt; photo"' in html
    assert stored(html).size == (200, 100)


def test_a_region_is_marked_and_the_rest_is_darker() -> None:
    def white(source: str) -> Pixels:
        return np.full((200, 200, 3), 255, np.uint8)

    photo = np.asarray(stored(thumbnail("p", "t", white, region=Region(100, 100, 80, 80)))).astype(int)
    assert abs(photo[140, 140] - 255).max() < 12
    assert abs(photo[30, 30] - 127).max() < 12
    assert photo[140, 101, 2] < 120  # the edge is not white


@pytest.mark.parametrize(
    "error",
    [OSError("gone"), ValueError("odd"), PhotoError("Damaged.", "Send it again."), UnidentifiedImageError("?")],
    ids=lambda error: type(error).__name__,
)
def test_an_unreadable_photo_is_a_labelled_box(error: Exception) -> None:
    def broken(source: str) -> Pixels:
        raise error

    html = thumbnail("p", "the <hat>", broken)
    assert "photo cannot be read" in html
    assert 'aria-label="the &lt;hat&gt;: unread"' in html
    assert "<img" not in html


def test_what_is_no_photo_is_a_box_too() -> None:
    assert "cannot be read" in thumbnail("p", "t", lambda source: np.zeros((3, 3, 7), np.uint8))
    assert "cannot be read" in thumbnail("p", "t", lambda source: np.zeros((0, 0, 3), np.uint8))


def test_an_error_in_the_program_is_not_hidden() -> None:
    def wrong(source: str) -> Pixels:
        raise AttributeError(source)

    with pytest.raises(AttributeError):
        thumbnail("p", "t", wrong)


def test_figures_in_words() -> None:
    assert percent(0.263) == "26.3\u00a0%"
    assert percent(0.577, 0) == "58\u00a0%"
    assert percent(float("nan")) == "–"
    assert percent_interval(Estimate(0.263, 0.211, 0.315)) == "21.1–31.5"
    assert percent_interval(Estimate(0.5, float("nan"), 1.0)) == "–"
    assert [points(x) for x in (0.0321, -0.0321, 0.0, -0.0001)] == ["+3.2", "−3.2", "±0.0", "±0.0"]
    assert points(float("nan")) == "–"
    assert points_interval(Estimate(0.03, -0.004, 0.068)) == "−0.4 to +6.8"
    assert probability(0.034) == "p = 0.034"
    assert probability(0.0009) == "p < 0.001"
    assert "95\u00a0%" in note("in 95 % of")
