from __future__ import annotations

import re
from dataclasses import replace

from shoplens.evaluation.report.gate import gate_page
from shoplens.evaluation.results import Estimate, GateCell

HELD = GateCell(
    kind="all",
    name="all",
    queries=1251,
    before=Estimate(0.6, 0.5, 0.7),
    now=Estimate(0.61, 0.51, 0.71),
    difference=Estimate(0.01, 0.0, 0.02),
    p=0.7,
    fell=False,
)
FELL = GateCell(
    kind="corruption",
    name="<blur>",
    queries=251,
    before=Estimate(0.5, 0.4, 0.6),
    now=Estimate(0.41, 0.3, 0.5),
    difference=Estimate(-0.09, -0.13, -0.05),
    p=0.0004,
    fell=True,
)


def page(cells: list[GateCell], passed: bool, facts: list[str]) -> str:
    return re.sub(r"\s+", " ", gate_page(cells, passed, facts))


def test_cells_that_fell_come_first_and_are_marked() -> None:
    text = page([HELD, replace(HELD, kind="category", name="Hats"), FELL], False, ["Now: <model>."])
    rows = re.findall(r'<th scope="row">(.*?)</tr>', text)
    assert [("&lt;blur&gt;" in row, ">fell<" in row, ">held<" in row) for row in rows] == [
        (True, True, False),
        (False, False, True),
        (False, False, True),
    ]
    assert text.count('class="row fell"') == 1
    assert '<span class="failed">Failed</span>: 1 of 3 cells fell.' in text
    for shown in ("−9.0", "−13.0 to −5.0", "p &lt; 0.001", "1,251", "Now: &lt;model&gt;.", "corrupted photos"):
        assert shown in text
    assert "<blur>" not in text
    assert "http" not in text


def test_a_gate_that_passed_and_one_without_cells() -> None:
    assert '<span class="passed">Passed</span>: none of 1 cell fell.' in page([HELD], True, [])
    assert "<section" not in page([], True, [])
