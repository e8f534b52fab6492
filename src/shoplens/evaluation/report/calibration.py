"""The page about probabilities: whether what is said to be true nine times in ten is."""

from __future__ import annotations

from collections.abc import Sequence

from shoplens.evaluation.report.page import (
    Html,
    beside,
    join_html,
    note,
    page,
    percent,
    percent_interval,
    points,
    sections,
    table,
)
from shoplens.evaluation.report.plots import reliability_plot
from shoplens.evaluation.results import Reliability


def calibration_page(
    title: str, facts: Sequence[str], parts: Sequence[Reliability], claims: Sequence[Sequence[str]] = ()
) -> str:
    """The whole page.

    Args:
        facts: short sentences under the title.
        parts: a reliability diagram each.
        claims: what may be said at the precision that was set: rows of text, the first one names the columns.
    """
    written = [(part.claim, _reliability(part)) for part in parts]
    return page(title, facts, sections([*written, ("What may be claimed", _claims(claims))]))


def _reliability(part: Reliability) -> Html:
    off = f"{percent(part.ece.value)} ({percent_interval(part.ece)})"
    told = note(
        f"In {part.answers:,} answers, what was said was off by {off} (expected calibration error, root mean square, "
        "debiased). Points on the dashed line kept what they promised; points below it promised too much."
    )
    if not part.bins:
        return join_html((told, note("There are too few answers for a diagram.")))
    columns = ("Said", "Answers", "True", "95 % interval", "True less said")
    rows = [
        (
            percent(one.said),
            f"{one.count:,}",
            percent(one.true.value),
            percent_interval(one.true),
            points(one.true.value - one.said),
        )
        for one in part.bins
    ]
    figures = table(f"{part.claim}: said and true", columns, rows, numbers=columns[1:])
    plot = reliability_plot(f"{part.claim}: how often it was true against how probable it was said to be", part.bins)
    return join_html((told, beside(plot, figures)))


def _claims(claims: Sequence[Sequence[str]]) -> Html:
    if len(claims) < 2:
        return Html("")
    columns, *rows = claims
    return table("What may be claimed at the precision that was set", columns, rows)
