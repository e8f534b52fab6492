"""The page about all strategies on the same queries: how often each is right, and what each costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shoplens.evaluation.report.evaluation import FIRST, meaning, metric_name
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
    with_detail,
)
from shoplens.evaluation.report.plots import Interval, Mark, interval_plot
from shoplens.evaluation.results import Comparison, Estimate, Growth, StrategyRow

UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def comparison_page(comparison: Comparison) -> str:
    """The whole page: what each strategy finds and how surely it differs, then milliseconds, bytes, and adding."""
    names = list(dict.fromkeys(name for row in comparison.rows for name in row.metrics))
    facts = [
        f"{comparison.products:,} products in {comparison.store}.",
        f"{comparison.queries:,} photos from {comparison.queries_from}, the same for every strategy.",
    ]
    parts = (
        ("Right product first", _plots(comparison, FIRST if FIRST in names else "".join(names[:1]))),
        ("How often each is right", _quality(comparison, names)),
        ("What each costs", _costs(comparison.rows)),
        ("What was left out", left_out_table(comparison.left_out)),
        ("How these figures were made", _run_facts(comparison)),
    )
    return page("Comparison of strategies", facts, sections(parts), lead=summary(comparison))


def summary(comparison: Comparison) -> str:
    """Which strategy finds the product first most often, and by how much more than the one compared with."""
    rows = [row for row in comparison.rows if FIRST in row.metrics]
    if not rows or not comparison.queries:
        return "There is nothing to compare: no strategy has answered a photo whose product is in the store."
    best = max(rows, key=lambda row: row.metrics[FIRST].value)
    share = f"{percent(best.metrics[FIRST].value)} ({percent_interval(best.metrics[FIRST])})"
    if len(comparison.rows) == 1:
        return (
            f"{best.name} finds the product first in {share} of {comparison.queries:,} photos; no other is there yet."
        )
    told = f"{best.name} finds the product first most often: in {share} of {comparison.queries:,} photos"
    if FIRST not in best.against:
        return f"{told}."
    paired = best.against[FIRST]
    more = f"{points(paired.difference.value)} points against {comparison.compared_with}"
    return f"{told}, {more} ({probability(paired.p)})."


def _plots(comparison: Comparison, metric: str) -> Html:
    rows = [row for row in comparison.rows if metric in row.metrics]
    levels = [Interval(row.name, row.metrics[metric], mark=_mark(row, comparison)) for row in rows]
    against = [
        (row, row.against[metric].difference if metric in row.against else Estimate(0.0, 0.0, 0.0))
        for row in rows
        if metric in row.against or row.name == comparison.compared_with
    ]
    level = interval_plot(f"{metric_name(metric)} of every strategy", levels)
    if len(against) < 2:
        return level
    difference = interval_plot(
        f"{metric_name(metric)} less that of {comparison.compared_with}",
        [Interval(row.name, difference, mark=_mark(row, comparison)) for row, difference in against],
        differences=True,
    )
    told = note(
        "Intervals of two strategies may overlap although one is surely better: both answered the same photos. "
        "Whether they differ is told by the differences, photo by photo."
    )
    left = Html(f"<h3>{escape_html(metric_name(metric))}</h3>{level}")
    right = Html(f"<h3>Percentage points against {escape_html(comparison.compared_with)}</h3>{difference}")
    return join_html((told, beside(left, right)))


def _mark(row: StrategyRow, comparison: Comparison) -> Mark:
    return "chosen" if row.name == comparison.compared_with else ""


def _quality(comparison: Comparison, names: Sequence[str]) -> Html:
    if not comparison.rows:
        return Html("")
    rows = [(_strategy(row, comparison), *(_metric(row, name) for name in names)) for row in comparison.rows]
    columns = ("Strategy", *(metric_name(name) for name in names))
    told = note(
        f"Under each figure its 95 % interval, then the difference to {comparison.compared_with} in percentage points "
        "with its interval, and the probability of a difference this large or larger between equals."
    )
    meanings = facts_list((metric_name(name), meaning(name)) for name in names)
    return join_html((told, table("Strategies and metrics", columns, rows, numbers=columns[1:]), meanings))


def _strategy(row: StrategyRow, comparison: Comparison) -> Html:
    compared = ' <span class="badge">compared with</span>' if row.name == comparison.compared_with else ""
    return with_detail(Html(f"{escape_html(row.name)}{compared}"), row.about)


def _metric(row: StrategyRow, name: str) -> Html:
    if name not in row.metrics:
        return Html("–")
    value = row.metrics[name]
    lines = [percent_interval(value)]
    if name in row.against:
        paired = row.against[name]
        lines += [f"{points(paired.difference.value)} ({points_interval(paired.difference)})", probability(paired.p)]
    details = join_html(Html(f'<span class="detail">{escape_html(line)}</span>') for line in lines)
    return Html(f"<strong>{percent(value.value)}</strong>{details}")


def _costs(rows: Sequence[StrategyRow]) -> Html:
    if not rows:
        return Html("")
    columns = ("Strategy", "A query", "A product on disk", "One more product", "How it is added")
    told = note("Times are medians, with the 95th percentile below: one in twenty takes longer.")
    cells = [
        (row.name, _time(row.query_ms), bytes_words(row.bytes_per_product), _time(row.adding_ms), row.adding)
        for row in rows
    ]
    costs = table("Costs", columns, cells, numbers=columns[1:4])
    return join_html((told, costs, *(_growing(row) for row in rows if row.growth)))


def _growing(row: StrategyRow) -> Html:
    unknown = f" It does not know {row.unknown:,} of this store's products, and finds none of them."
    told = note(f"One more product takes a whole training of {row.name}.{unknown if row.unknown else ''}")
    heading = Html(f"<h3>{escape_html(row.name.capitalize())}, as the catalogue grows</h3>")
    return join_html((heading, told, growth_table(row.growth)))


def growth_table(growth: Sequence[Growth]) -> Html:
    """What training takes at some sizes of the catalogue."""
    if not growth:
        return Html("")
    rows = [
        (
            f"{one.products:,}",
            time_words(1e3 * one.seconds),
            bytes_words(one.training_bytes),
            bytes_words(one.network_bytes),
        )
        for one in growth
    ]
    columns = ("Products", "A training", "Memory for it", "The network")
    told = note(
        "A few steps of a softmax on features, with as many outputs, were timed on this machine and multiplied. "
        "Looking at the photos comes on top, and training the network where that is done."
    )
    return join_html((told, table("Growth", columns, rows, numbers=columns[1:])))


def _time(milliseconds: Mapping[str, float]) -> Html:
    """The median, and what one in twenty takes."""
    if "median" not in milliseconds:
        return Html("–")
    late = f"p95 {time_words(milliseconds['p95'])}" if "p95" in milliseconds else ""
    return with_detail(time_words(milliseconds["median"]), late)


def time_words(milliseconds: float) -> str:
    """``4.2`` as "4.2 ms", ``5400`` as "5.4 s", ``240000`` as "4.0 min", ``36000000`` as "10.0 h"."""
    if milliseconds < 1000:
        return f"{milliseconds:.1f} ms" if milliseconds < 100 else f"{milliseconds:.0f} ms"
    if milliseconds < 120_000:
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds / 60_000:.1f} min" if milliseconds < 7_200_000 else f"{milliseconds / 3_600_000:.1f} h"


def bytes_words(count: float) -> str:
    """``5400`` as "5.4 kB"."""
    return next((f"{count / size:.1f} {unit}" for unit, size in UNITS if count >= size), f"{count:.0f} B")


def _run_facts(comparison: Comparison) -> Html:
    return facts_list(
        [
            ("Store", comparison.store),
            ("Photos from", comparison.queries_from),
            ("Compared with", comparison.compared_with),
            ("Intervals", f"95 %, by resampling, seed {comparison.seed}"),
        ]
    )
