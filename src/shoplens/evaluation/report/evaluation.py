"""The page about one evaluation: how often the right product is found, where it is not, and what was found instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from shoplens.errors import ShoplensError
from shoplens.evaluation.query_runs import CATEGORY_RECALL
from shoplens.evaluation.report.formatting import percent, percent_interval, quantity
from shoplens.evaluation.report.plots import Interval, curve_plot, interval_plot
from shoplens.evaluation.report.rendering import render_page
from shoplens.evaluation.report.thumbnails import encode_thumbnail
from shoplens.evaluation.results import Evaluation
from shoplens.types import Pixels, Region

if TYPE_CHECKING:
    from markupsafe import Markup

PLOTTED_CATEGORIES = 20
CUT_OUT_SIZE = 60
"""Longest side of the object beside a query photo, in CSS pixels."""
FIRST = "recall@1"


CutOutLoader = Callable[[str, Region | None], Pixels | None]
"""Source of a photo, and a region of it -> the object in it, cut out; None where none is found."""


def evaluation_page(
    evaluation: Evaluation,
    picture: Callable[[str], Pixels],
    map_html: Markup | None = None,
    cut_out: CutOutLoader | None = None,
) -> str:
    """Return the page as HTML.

    Args:
        picture: source of a photo -> its pixels, uint8 (h, w, 3), at full size because regions are given in them. A
            photo that it cannot read (:class:`OSError`, :class:`ValueError`, an error of Shoplens) becomes a grey box.
        map_html: the map of the catalogue from :func:`~shoplens.evaluation.report.catalogue_map.map_html`; no map
            without it.
        cut_out: returns the object that was cut out of a query photo, which is shown beside it; None shows none.
    """
    categories = [category for category in evaluation.categories if FIRST in category.metrics]
    return render_page(
        "evaluation.html",
        title=f"Evaluation of {evaluation.strategy}",
        lead=summary(evaluation),
        facts=[
            f"{evaluation.products:,} products in {evaluation.store}.",
            f"Photos from {evaluation.queries_from}, answered by {evaluation.strategy} ({evaluation.model}).",
        ],
        evaluation=evaluation,
        curve_plot=curve_plot("Photos with a right product among the first k results", evaluation.curve),
        categories=categories,
        category_metrics=[
            name for name in (FIRST, CATEGORY_RECALL) if any(name in category.metrics for category in categories)
        ],
        in_category=CATEGORY_RECALL,
        category_plot=interval_plot(
            "Right product first, by category",
            [
                Interval(category.name, category.metrics[FIRST], f"n = {category.queries:,}")
                for category in categories[:PLOTTED_CATEGORIES]
            ],
        ),
        plotted_categories=PLOTTED_CATEGORIES,
        picture=picture,
        thing_of=lambda source, region: _thing(cut_out, source, region),
        map_html=map_html or "",
        run_facts=_run_facts(evaluation),
    )


def _thing(cut_out: CutOutLoader | None, source: str, region: Region | None) -> str | None:
    """Return the object in a query photo as JPEG in base64; None where none is found, or the photo cannot be read."""
    if cut_out is None:
        return None
    try:
        pixels = cut_out(source, region)
    except (OSError, ValueError, ShoplensError):
        return None
    return None if pixels is None else encode_thumbnail(source, lambda _: pixels, CUT_OUT_SIZE)


def summary(evaluation: Evaluation) -> str:
    """Return the most important sentence: how many photos find their product first, and among the first five."""
    curve = evaluation.curve
    if not evaluation.queries or not curve:
        return "No photo could be judged: there was none whose product is in the store."
    first = f"{percent(curve[0].value)} find their product first ({percent_interval(curve[0])})"
    five = f", {percent(curve[4].value, 0)} among the first five" if len(curve) > 4 else ""
    return f"Of {quantity(evaluation.queries, 'photo')}, {first}{five}."


def _run_facts(evaluation: Evaluation) -> list[tuple[str, str]]:
    times = evaluation.milliseconds.items()
    return [
        ("Strategy", evaluation.strategy),
        ("Model", evaluation.model),
        ("Store", evaluation.store),
        ("Products", f"{evaluation.products:,}"),
        ("Photos from", evaluation.queries_from),
        *((f"Milliseconds to {stage}", f"{median:.1f} (median)") for stage, median in times),
        ("Intervals", f"95 %, by resampling, seed {evaluation.seed}"),
    ]
