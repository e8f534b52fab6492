"""The page about the quality gate: recall before and now for every cell, the cells that fell first."""

from __future__ import annotations

from collections.abc import Sequence

from shoplens.evaluation.report.plots import Interval, interval_plot
from shoplens.evaluation.report.rendering import render_page
from shoplens.evaluation.results import GateCell

KINDS = {"all": "all queries", "corruption": "corrupted photos", "category": "category"}


def gate_page(cells: Sequence[GateCell], passed: bool, facts: Sequence[str]) -> str:
    """Return the page as HTML: the verdict, then recall before and now for every cell.

    Args:
        cells: in any order; those that fell are shown first, the others in the given order.
        passed: whether the gate passed.
        facts: short sentences under the verdict.
    """
    ordered = sorted(cells, key=lambda cell: not cell.fell)
    differences = [
        Interval(cell.name, cell.difference, f"n = {cell.queries:,}", "fell" if cell.fell else "") for cell in ordered
    ]
    return render_page(
        "gate.html",
        title="Quality gate",
        facts=facts,
        passed=passed,
        fallen=sum(cell.fell for cell in cells),
        cells=ordered,
        difference_plot=interval_plot(
            "Recall now minus recall before, in percentage points", differences, differences=True
        ),
        kinds=KINDS,
    )
