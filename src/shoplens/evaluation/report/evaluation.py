"""The page about one evaluation: how often the right product is found, where it is not, and what was found instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath

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
    sections,
    table,
    thumbnail,
    with_detail,
)
from shoplens.evaluation.report.plots import Interval, curve_plot, interval_plot
from shoplens.evaluation.results import Confusion, Estimate, Evaluation, Found, JudgedAnswer, Part
from shoplens.evaluation.statistics.metrics import METRICS
from shoplens.types import Pixels, Region

PLOTTED, SHOWN_FOUND = 20, 6
FIRST, IN_CATEGORY = "recall@1", "recall@1/category"
MEANINGS = {IN_CATEGORY: "a right product comes first among the products of its own category"}
"""Of the metrics that are no rows of :data:`METRICS`."""
SMALL = 150
"""Longest side of the many photos, in CSS pixels."""


def evaluation_page(evaluation: Evaluation, picture: Callable[[str], Pixels], map_html: str = "") -> str:
    """The whole page.

    Args:
        picture: source of a photo -> its pixels, uint8 (h, w, 3), at full size: regions are marked in them. A photo
            that it cannot read (:class:`OSError`, :class:`ValueError`, an error of Shoplens) becomes a grey box.
        map_html: the map of the catalogue, a ``<section>`` with its heading; no map without it.
    """
    facts = [
        f"{evaluation.products:,} products in {evaluation.store}.",
        f"Photos from {evaluation.queries_from}, answered by {evaluation.strategy} ({evaluation.model}).",
    ]
    parts = (
        ("How often it is right", beside(metrics_table(evaluation.overall), _curve(evaluation.curve))),
        ("What was counted", _query_counts(evaluation)),
        ("By category", _categories(evaluation.categories)),
        ("Found last", _worst(evaluation.worst, picture)),
        ("Taken for one another", _confusion_pairs(evaluation.confused, picture)),
        ("Map of the catalogue", Html(map_html)),
        ("How these figures were made", _run_facts(evaluation)),
    )
    return page(f"Evaluation of {evaluation.strategy}", facts, sections(parts), lead=summary(evaluation))


def summary(evaluation: Evaluation) -> str:
    """The sentence that is wanted first: of how many photos, how many find their product first, and among five."""
    curve = evaluation.curve
    if not evaluation.queries or not curve:
        return "No photo could be judged: there was none whose product is in the store."
    first = f"{percent(curve[0].value)} find their product first ({percent_interval(curve[0])})"
    five = f", {percent(curve[4].value, 0)} among the first five" if len(curve) > 4 else ""
    return f"Of {evaluation.queries:,} {_photos(evaluation.queries)}, {first}{five}."


def metrics_table(metrics: Mapping[str, Estimate]) -> Html:
    """Every metric with its interval, and in words what it says."""
    rows = [
        (with_detail(metric_name(name), meaning(name)), _strong(percent(one.value)), percent_interval(one))
        for name, one in metrics.items()
    ]
    columns = ("Metric", "Mean", "95 % interval")
    return table("Metrics, means over the photos", columns, rows, numbers=columns[1:]) if rows else Html("")


def metric_name(name: str) -> str:
    """``recall@1/category`` as people say it; others as they are."""
    return "recall@1 in category" if name == IN_CATEGORY else name


def meaning(name: str) -> str:
    """What a metric says, in words; empty for one that is not known."""
    return METRICS[name].about if name in METRICS else MEANINGS.get(name, "")


def _photos(count: int) -> str:
    return "photo" if count == 1 else "photos"


def _strong(text: str) -> Html:
    return Html(f"<strong>{escape_html(text)}</strong>")


def _query_counts(evaluation: Evaluation) -> Html:
    counted = f"{evaluation.queries:,} {_photos(evaluation.queries)} had a right product in the store and were counted."
    absent = (
        f" {evaluation.absent:,} {_photos(evaluation.absent)} had none: no answer could be right, so they are in no "
        "figure on this page, neither as found nor as missed. They serve to test whether an answer says "
        "“not in this catalogue”."
    )
    none = " No photo was set aside because its product is not in the store."
    told = note(counted + (absent if evaluation.absent else none))
    return join_html((told, left_out_table(evaluation.left_out)))


def _curve(curve: Sequence[Estimate]) -> Html:
    if not curve:
        return Html("")
    last = len(curve)
    told = (
        f"The band is the 95 % interval. For {percent(1 - curve[-1].value)} of the photos no right product is among "
        f"the first {last}."
    )
    columns = ("First k", "Found", "95 % interval")
    rows = [
        (str(k), percent(curve[k - 1].value), percent_interval(curve[k - 1]))
        for k in (1, 2, 3, 5, 10, 20, 50)
        if k <= last
    ]
    figures = table("Found among the first k results", columns, rows, numbers=columns[1:])
    plot = curve_plot("Photos with a right product among the first k results", curve)
    return Html(f"{plot}{note(told)}<details><summary>The curve in figures</summary>{figures}</details>")


def _categories(categories: Sequence[Part]) -> Html:
    parts = [part for part in categories if FIRST in part.metrics]
    if not parts:
        return Html("")
    shown = parts[:PLOTTED]
    most = f" The plot shows the {PLOTTED} categories with the most photos." if len(parts) > PLOTTED else ""
    told = note(
        "How often the right product comes first, by the category of the right product. The fewer photos a category "
        f"has, the wider its interval.{most}"
    )
    plot = interval_plot(
        "Right product first, by category",
        [Interval(part.name, part.metrics[FIRST], f"n = {part.queries:,}") for part in shown],
    )
    return join_html((told, beside(plot, _category_table(parts))))


def _category_table(parts: Sequence[Part]) -> Html:
    names = [name for name in (FIRST, IN_CATEGORY) if any(name in part.metrics for part in parts)]
    columns = ("Category", "Photos", *(metric_name(name) for name in names))
    rows = [(part.name, f"{part.queries:,}", *(_estimate(part.metrics.get(name)) for name in names)) for part in parts]
    told = note(f"{metric_name(IN_CATEGORY)}: {meaning(IN_CATEGORY)}.") if IN_CATEGORY in names else ""
    return join_html((table("Categories", columns, rows, numbers=columns[1:]), told))


def _estimate(estimate: Estimate | None) -> Html:
    if estimate is None:
        return Html("–")
    return with_detail(_strong(percent(estimate.value)), percent_interval(estimate))


def _worst(worst: Sequence[JudgedAnswer], picture: Callable[[str], Pixels]) -> Html:
    if not worst:
        return Html("")
    told = note("The photos whose right product came last, and what was found before it, with its score.")
    return join_html((told, *(_miss(answer, picture) for answer in worst)))


def _miss(answer: JudgedAnswer, picture: Callable[[str], Pixels]) -> Html:
    place = f"Right product at rank {answer.rank:,}" if answer.rank else "Right product not among those looked at"
    searched = "searched for the marked part" if answer.region else ""
    photo = _photo(answer.photo, "query photo", PurePath(answer.photo).name, searched, picture, answer.region)
    right, ids = "", {one.product_id for one in answer.right}
    if answer.right:
        more = len(answer.right) - 1
        also = f"and {more:,} more would be right" if more else ""
        wanted = answer.right[0]
        right = _photo(wanted.photo, wanted.title, wanted.title, also, picture)
    found = join_html(
        Html(f"<li{_mark(one, ids)}>{_result_photo(one, picture)}</li>") for one in answer.found[:SHOWN_FOUND]
    ) or note("nothing")
    return Html(
        f'<article class="miss"><h3>{place}</h3><div><p class="part">Query photo</p>{photo}</div>'
        f'<div><p class="part">Right product</p>{right}</div>'
        f'<div class="found-part"><p class="part">Found, best first</p><ol class="found">{found}</ol></div></article>\n'
    )


def _mark(found: Found, right: set[str]) -> str:
    return ' class="is-right"' if found.product_id in right else ""


def _result_photo(found: Found, picture: Callable[[str], Pixels]) -> Html:
    return _photo(found.photo, found.title, found.title, f"{found.score:.3f}", picture)


def _photo(
    source: str, text: str, name: str, detail: str, picture: Callable[[str], Pixels], region: Region | None = None
) -> Html:
    """A photo above what it is called and one thing to know about it."""
    image = thumbnail(source, text, picture, size=SMALL, region=region)
    return Html(f'<div class="photo">{image}{with_detail(Html(f"<b>{escape_html(name)}</b>"), detail)}</div>')


def _confusion_pairs(confused: Sequence[Confusion], picture: Callable[[str], Pixels]) -> Html:
    if not confused:
        return Html("")
    told = note(
        "The product on the left is in the photo, the one on the right came first. Two that are hard to tell apart "
        "for people may be one product listed twice, or variants that the feed does not join in one group."
    )
    pairs = join_html(_pair(one, picture) for one in confused)
    return Html(f'{told}<div class="pairs">{pairs}</div>')


def _pair(one: Confusion, picture: Callable[[str], Pixels]) -> Html:
    times = "once" if one.times == 1 else f"{one.times:,} times"
    right = _photo(one.right.photo, one.right.title, one.right.title, f"in the photo · {one.right.product_id}", picture)
    found = _photo(one.found.photo, one.found.title, one.found.title, f"came first · {one.found.product_id}", picture)
    return Html(
        f'<article class="pair"><h3>{times}</h3>{right}<span class="arrow" aria-hidden="true">→</span>{found}</article>'
    )


def _run_facts(evaluation: Evaluation) -> Html:
    told = [(f"Milliseconds to {stage}", f"{median:.1f} (median)") for stage, median in evaluation.milliseconds.items()]
    return facts_list(
        [
            ("Strategy", evaluation.strategy),
            ("Model", evaluation.model),
            ("Store", evaluation.store),
            ("Products", f"{evaluation.products:,}"),
            ("Photos from", evaluation.queries_from),
            *told,
            ("Intervals", f"95 %, by resampling, seed {evaluation.seed}"),
        ]
    )
