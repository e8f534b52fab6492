"""The page about a ranker: how well each ranker ranks, the weights, and the photos with unusual weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from shoplens.evaluation.report.formatting import metric_name
from shoplens.evaluation.report.plots import Interval, interval_plot
from shoplens.evaluation.report.rendering import render_page
from shoplens.evaluation.report_files import write_page_and_data
from shoplens.ranking.weights import format_weights
from shoplens.training.clicks import probability_change
from shoplens.training.ranker import MAIN_METRIC, METRICS, RANKER_NAMES, RankerTraining
from shoplens.training.reports.clicks import click_counts, click_outcome
from shoplens.types import Pixels

Picture = Callable[[str], Pixels]


def write_ranker_report(path: Path, training: RankerTraining, picture: Picture) -> None:
    """Write the page, and a JSON file beside it.

    Args:
        picture: source of a photo -> its pixels, reduced.
    """
    values = json.dumps(training.as_json(), ensure_ascii=False, indent=1) + "\n"
    write_page_and_data(path, ranker_page(training, picture), ".json", values)


def ranker_page(training: RankerTraining, picture: Picture) -> str:
    """Return the page as HTML."""
    clicks = training.clicks
    return render_page(
        "training/ranker.html",
        title="A ranker trained on the shop's own photos",
        lead=training.reason,
        facts=[
            f"{training.queries:,} queries of {training.groups:,} designs: {training.query_photos}.",
            "Every query was ranked by weights and networks that were not trained on its design.",
            _outcome(training),
        ],
        training=training,
        metrics=METRICS,
        ranker_names=RANKER_NAMES,
        level_plot=interval_plot(metric_name(MAIN_METRIC), _levels(training)),
        difference_plot=interval_plot("Change on the same queries", _changes(training), differences=True),
        examples=[(example, format_weights(example.weights)) for example in training.examples],
        click_outcome="" if clicks is None else click_outcome(clicks),
        click_counts=[] if clicks is None else click_counts(clicks),
        click_likelihood=clicks and clicks.likelihood and probability_change(clicks.likelihood),
        course=_training_facts(training),
        picture=picture,
    )


def _outcome(training: RankerTraining) -> str:
    if not training.selected:
        return "Searches rank as before."
    if training.options.get("dry_run", False):
        return f"Searches would rank by {RANKER_NAMES[training.selected]}; this was a dry run."
    return f"Searches rank by {RANKER_NAMES[training.selected]}."


def _levels(training: RankerTraining) -> list[Interval]:
    return [
        Interval(
            RANKER_NAMES[name],
            figures[MAIN_METRIC],
            f"n = {training.queries}",
            "chosen" if name == training.selected else "",
        )
        for name, figures in training.metrics.items()
    ]


def _changes(training: RankerTraining) -> list[Interval]:
    return [
        Interval(
            f"{RANKER_NAMES[name]} minus {RANKER_NAMES['fitted' if name == 'static' else 'static']}",
            change[MAIN_METRIC].difference,
            f"n = {training.queries}",
        )
        for name, change in training.changes.items()
    ]


def _training_facts(training: RankerTraining) -> list[tuple[str, str]]:
    facts = [(name, f"{took:.1f} s") for name, took in training.seconds.items()]
    facts += [(name, str(value)) for name, value in training.options.items()]
    if training.model:
        facts.append(("largest difference between torch and the exported network", f"{training.export_difference:.1e}"))
    return facts
