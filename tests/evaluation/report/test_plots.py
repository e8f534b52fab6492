from __future__ import annotations

import math
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from shoplens.evaluation.report.plots import (
    Interval,
    curve_plot,
    difference_ticks,
    interval_plot,
    rank_position,
    reliability_plot,
)
from shoplens.evaluation.results import Estimate, ReliabilityBin

HOSTILE = '<script>"&\x00'
CURVE = [Estimate(k / 10, k / 10 - 0.1, k / 10 + 0.05) for k in range(1, 6)]
BINS = [ReliabilityBin(10, 0.2, Estimate(0.1, 0.0, 0.3)), ReliabilityBin(40, 0.9, Estimate(0.75, 0.6, 0.85))]
ROWS = [
    Interval("Men / Tops", Estimate(0.25, 0.125, 0.5), "n = 8"),
    Interval("Gear", Estimate(1.0, 0.9, 1.0), mark="chosen"),
]


def drawn(plot: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(plot)


def places(plot: Markup) -> list[tuple[str | None, str | None]]:
    """Where the dots are."""
    return [(dot.get("cx"), dot.get("cy")) for dot in drawn(plot).iter("circle")]


def test_the_points_of_a_curve_have_their_ranks_and_shares() -> None:
    # ranks 1, 2, 5 and, as the last, 5: log 2 / log 5 = 0.4307; up is 1 - share
    assert places(curve_plot("t", CURVE)) == [("0.00%", "90.00%"), ("43.07%", "80.00%"), ("100.00%", "50.00%")]
    assert places(curve_plot("t", CURVE, logarithmic=False))[1] == ("25.00%", "80.00%")


def test_the_band_of_a_curve_encloses_its_intervals() -> None:
    svg = drawn(curve_plot("t", CURVE[:2]))
    band = next(path for path in svg.iter("path") if path.get("class") == "band")
    assert band.get("d") == "M0.00 85.00 L100.00 75.00 L100.00 90.00 L0.00 100.00 Z"


def test_ranks_on_a_logarithmic_axis() -> None:
    assert rank_position(1, 50) == 0
    assert rank_position(50, 50) == 1
    assert rank_position(7, 49) == pytest.approx(0.5)
    assert rank_position(1, 1) == 0


def test_a_row_has_its_dot_between_its_whiskers() -> None:
    svg = drawn(interval_plot("t", ROWS))
    whiskers = [(line.get("x1"), line.get("x2")) for line in svg.iter("line") if line.get("class") == "whisker"]
    assert whiskers == [("12.50%", "50.00%"), ("90.00%", "100.00%")]
    assert [x for x, _ in places(interval_plot("t", ROWS))] == ["25.00%", "100.00%"]
    text = "".join(svg.itertext())
    for shown in ("Men / Tops", "n = 8", "25.0\u00a0%", "12.5–50.0", "Gear"):
        assert shown in text


def test_differences_stand_on_their_own_axis_with_a_zero() -> None:
    # ticks from -10 to +20 points in steps of 5: 0 is at a third, +5 at a half
    rows = [Interval("a", Estimate(0.05, -0.08, 0.17))]
    plot = interval_plot("t", rows, differences=True)
    assert places(plot)[0][0] == "50.00%"
    (zero,) = [line for line in drawn(plot).iter("line") if line.get("class") == "zero"]
    assert zero.get("x1") == "33.33%"
    assert "+5.0" in plot


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(-0.08, 0.17, 7), (0.0, 0.0, 3), (0.3, 0.5, 6), (-1.0, 1.0, 5), (-0.004, 0.003, 3), (math.nan, math.nan, 3)],
)
def test_marks_of_differences_span_them_and_have_a_zero(low: float, high: float, ticks: int) -> None:
    marks = difference_ticks([Estimate((low + high) / 2, low, high)])
    assert len(marks) == ticks
    assert 0 in marks
    assert not (low < marks[0] or high > marks[-1])


def test_the_points_of_a_reliability_plot_have_their_probabilities_and_shares() -> None:
    plot = reliability_plot("t", BINS)
    assert places(plot) == [("20.00%", "90.00%"), ("90.00%", "25.00%")]
    bars = [(bar.get("x"), bar.get("y"), bar.get("height")) for bar in drawn(plot).iter("rect")]
    assert bars == [("20.00%", "75.00%", "25.00%"), ("90.00%", "0.00%", "100.00%")]
    assert "stated 20.0\u00a0%, true 10.0\u00a0% (0.0–30.0), 10 answers" in plot


def test_an_unknown_value_is_shown_as_a_dash() -> None:
    nothing = Estimate(math.nan, math.nan, math.nan)
    plot = interval_plot("t", [Interval("a", nothing)])
    assert places(plot) == []
    assert "–" in plot
    assert "nan" not in plot


def test_a_long_name_is_shortened_in_its_middle_between_words() -> None:
    name = "Home / Living room / " + "Very long shelves / " * 3 + "White"
    plot = interval_plot("t", [Interval(name, Estimate(0.5, 0.4, 0.6))])
    (shown,) = [str(text.text) for text in drawn(plot).iter("text") if " … " in str(text.text)]
    assert len(shown) <= 46
    assert shown.startswith("Home / Living room")
    assert shown.endswith("White")
    assert name in plot


@pytest.mark.parametrize(
    "plot",
    [
        lambda title: curve_plot(title, CURVE),
        lambda title: curve_plot(title, CURVE[:1]),
        lambda title: interval_plot(title, [Interval(HOSTILE, Estimate(0.1, 0, 1), HOSTILE)]),
        lambda title: interval_plot(title, ROWS, differences=True),
        lambda title: reliability_plot(title, BINS),
        lambda title: reliability_plot(title, [ReliabilityBin(0, 0.5, Estimate(0.5, 0, 1))]),
    ],
)
def test_every_plot_is_xml_with_a_name_and_a_description(plot: Callable[[str], Markup]) -> None:
    html = plot(HOSTILE)
    svg = drawn(html).find("svg")
    assert svg is not None
    assert svg.get("role") == "img"
    assert [child.tag for child in svg][:2] == ["title", "desc"]
    assert svg.findtext("title") == '<script>"&\ufffd'
    assert svg.findtext("desc")
    assert "http" not in html


def test_without_data_there_is_no_plot() -> None:
    assert curve_plot("t", []) == interval_plot("t", []) == reliability_plot("t", []) == ""
