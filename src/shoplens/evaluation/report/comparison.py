"""The page about all strategies on the same queries: how often each is right, and what each costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shoplens.evaluation.report.evaluation import FIRST
from shoplens.evaluation.report.formatting import (
    metric_meaning,
    metric_name,
    percent,
    percent_interval,
    points,
    probability,
)
from shoplens.evaluation.report.plots import Interval, Mark, interval_plot
from shoplens.evaluation.report.rendering import render_page
from shoplens.evaluation.results import Comparison, Estimate, StrategyRow

if TYPE_CHECKING:
    from markupsafe import Markup


def comparison_page(comparison: Comparison) -> str:
    """Return the page as HTML: what each strategy finds and how surely it differs, then its time, bytes and updates."""
    metrics = list(dict.fromkeys(name for row in comparison.rows for name in row.metrics))
    plotted_metric = FIRST if FIRST in metrics else "".join(metrics[:1])
    return render_page(
        "comparison.html",
        title="Comparison of strategies",
        lead=summary(comparison),
        facts=[
            f"{comparison.products:,} products in {comparison.store}.",
            f"{comparison.queries:,} photos from {comparison.queries_from}, the same for every strategy.",
        ],
        comparison=comparison,
        metrics=metrics,
        meanings=[(metric_name(name), metric_meaning(name)) for name in metrics],
        plotted_metric=plotted_metric,
        level_plot=_level_plot(comparison, plotted_metric),
        difference_plot=_difference_plot(comparison, plotted_metric),
        run_facts=[
            ("Store", comparison.store),
            ("Photos from", comparison.queries_from),
            ("Compared with", comparison.compared_with),
            ("Intervals", f"95 %, by resampling, seed {comparison.seed}"),
        ],
    )


def summary(comparison: Comparison) -> str:
    """Return which strategy finds the product first most often, and by how much more than the one compared with."""
    rows = [row for row in comparison.rows if FIRST in row.metrics]
    if not rows or not comparison.queries:
        return "There is nothing to compare: no strategy has answered a photo whose product is in the store."
    best = max(rows, key=lambda row: row.metrics[FIRST].value)
    share = f"{percent(best.metrics[FIRST].value)} ({percent_interval(best.metrics[FIRST])})"
    if len(comparison.rows) == 1:
        sentence = f"{best.name} finds the product first in {share} of {comparison.queries:,} photos"
        return f"{sentence}; there is no other strategy to compare it with."
    sentence = f"{best.name} finds the product first most often: in {share} of {comparison.queries:,} photos"
    if FIRST not in best.against:
        return f"{sentence}."
    paired = best.against[FIRST]
    more = f"{points(paired.difference.value)} points against {comparison.compared_with}"
    return f"{sentence}, {more} ({probability(paired.p)})."


def _level_plot(comparison: Comparison, metric: str) -> Markup:
    rows = [row for row in comparison.rows if metric in row.metrics]
    intervals = [Interval(row.name, row.metrics[metric], mark=_mark(row, comparison)) for row in rows]
    return interval_plot(f"{metric_name(metric)} of every strategy", intervals)


def _difference_plot(comparison: Comparison, metric: str) -> Markup | None:
    """Plot the differences to the strategy compared with, which stands at 0; None where there is no other strategy."""
    reference = comparison.compared_with
    differences = [
        (row, row.against[metric].difference if metric in row.against else Estimate(0.0, 0.0, 0.0))
        for row in comparison.rows
        if metric in row.metrics and (metric in row.against or row.name == reference)
    ]
    if len(differences) < 2:
        return None
    intervals = [Interval(row.name, difference, mark=_mark(row, comparison)) for row, difference in differences]
    return interval_plot(f"{metric_name(metric)} minus that of {reference}", intervals, differences=True)


def _mark(row: StrategyRow, comparison: Comparison) -> Mark:
    return "chosen" if row.name == comparison.compared_with else ""
