"""The page about the quality gate: what was found before and is found now, what fell first."""

from __future__ import annotations

from collections.abc import Sequence

from shoplens.evaluation.report.page import (
    Html,
    escape_html,
    join_html,
    note,
    page,
    percent,
    percent_interval,
    points,
    points_interval,
    probability,
    sections,
    table,
    with_detail,
)
from shoplens.evaluation.report.plots import Interval, interval_plot
from shoplens.evaluation.results import Estimate, GateCell

KINDS = {"all": "all queries", "corruption": "photos made worse", "category": "category"}


def gate_page(cells: Sequence[GateCell], passed: bool, facts: Sequence[str]) -> str:
    """The whole page: a verdict, and before and now for every cell.

    Args:
        cells: in any order; those that fell are shown first, the others as they come.
        passed: whether the gate did.
        facts: short sentences under the verdict.
    """
    ordered = sorted(cells, key=lambda cell: not cell.fell)
    parts = (("Difference", _differences(ordered)), ("Before and now", _cells(ordered)))
    return page("Quality gate", facts, sections(parts), lead=verdict(ordered, passed))


def verdict(cells: Sequence[GateCell], passed: bool) -> Html:
    """ "Passed: none of 14 cells fell." or "Failed: 2 of 14 cells fell." """
    fallen = sum(cell.fell for cell in cells)
    many, noun = str(fallen or "none"), "cell" if len(cells) == 1 else "cells"
    word, mood = ("Passed", "passed") if passed else ("Failed", "failed")
    return Html(f'<span class="{mood}">{word}</span>: {many} of {len(cells)} {noun} fell.')


def _differences(cells: Sequence[GateCell]) -> Html:
    plot = interval_plot(
        "Recall now less recall before, in percentage points",
        [Interval(cell.name, cell.difference, f"n = {cell.queries:,}", "fell" if cell.fell else "") for cell in cells],
        differences=True,
    )
    told = note("Recall now less recall before, in percentage points, with its 95 % interval.")
    return join_html((told, plot)) if cells else Html("")


def _cells(cells: Sequence[GateCell]) -> Html:
    columns = ("Cell", "Verdict", "Queries", "Before", "Now", "Difference", "p of such a drop by chance")
    rows = [
        (
            with_detail(cell.name, KINDS.get(cell.kind, cell.kind) if cell.kind != cell.name else ""),
            Html('<span class="badge fell">fell</span>') if cell.fell else Html('<span class="badge held">held</span>'),
            f"{cell.queries:,}",
            _estimate(cell.before),
            _estimate(cell.now),
            with_detail(_strong(points(cell.difference.value)), points_interval(cell.difference)),
            probability(cell.p),
        )
        for cell in cells
    ]
    return table("Recall before and now", columns, rows, numbers=columns[2:]) if rows else Html("")


def _estimate(estimate: Estimate) -> Html:
    return with_detail(percent(estimate.value), percent_interval(estimate))


def _strong(text: str) -> Html:
    return Html(f"<strong>{escape_html(text)}</strong>")
