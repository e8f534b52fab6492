"""The page about match probabilities: whether what is stated to be 90 % probable is true nine times in ten."""

from __future__ import annotations

from collections.abc import Sequence

from shoplens.evaluation.report.plots import reliability_plot
from shoplens.evaluation.report.rendering import render_page
from shoplens.evaluation.results import Reliability


def calibration_page(
    title: str, facts: Sequence[str], parts: Sequence[Reliability], claims: Sequence[Sequence[str]] = ()
) -> str:
    """Return the page as HTML.

    Args:
        facts: short sentences under the title.
        parts: one reliability diagram each.
        claims: what may be claimed at each precision, as rows of text; the first row names the columns.
    """
    plots = [
        reliability_plot(f"{part.claim}: how often it was true, by its stated probability", part.bins) for part in parts
    ]
    parts_with_plots = list(zip(parts, plots, strict=True))
    return render_page("calibration.html", title=title, lead="", facts=facts, parts=parts_with_plots, claims=claims)
