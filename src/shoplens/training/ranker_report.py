"""The page about a ranker: whether what counts depends on the photo, by how much, and for which photos."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from shoplens.evaluation.report.evaluation import metric_name
from shoplens.evaluation.report.page import (
    Html,
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
    thumbnail,
    with_detail,
)
from shoplens.evaluation.report.plots import Interval, interval_plot
from shoplens.evaluation.written import write_both
from shoplens.ranking.weights import in_words
from shoplens.training.click_report import click_section, fate
from shoplens.training.ranker import MAIN, METRICS, NAMES, RankerTraining
from shoplens.types import Pixels

Picture = Callable[[str], Pixels]


def write_ranker_report(path: Path, training: RankerTraining, picture: Picture) -> None:
    """The page, and a JSON file beside it.

    Args:
        picture: source of a photo -> its pixels, reduced.
    """
    told = json.dumps(training.as_json(), ensure_ascii=False, indent=1) + "\n"
    write_both(path, ranker_page(training, picture), ".json", told)


def ranker_page(training: RankerTraining, picture: Picture) -> str:
    """The whole page."""
    facts = [
        f"{training.queries:,} queries of {training.groups:,} designs: {training.photos}.",
        "Every one was ranked by weights and networks that saw nothing of its design.",
        _fate(training),
    ]
    parts = (
        ("How well each ranks", _plots(training)),
        ("Figures", _figures(training)),
        ("What counts", _weights(training)),
        ("Photos for which something else counts", _examples(training, picture)),
        ("What shoppers did", _clicks(training)),
        ("How it was trained", _course(training)),
        ("What taught nothing", left_out_table(training.left_out)),
    )
    return page("A ranker trained on the shop's own photos", facts, sections(parts), lead=training.why)


def _fate(training: RankerTraining) -> str:
    if not training.taken:
        return "No ranker was taken."
    dry = training.options.get("dry_run", False)
    return f"It {'would be' if dry else 'was'} taken: {NAMES[training.taken]}."


def _clicks(training: RankerTraining) -> Html:
    clicks = training.clicks
    return Html("") if clicks is None else join_html([note(f"{clicks.why} {fate(clicks)}"), click_section(clicks)])


def _plots(training: RankerTraining) -> Html:
    told = f"n = {training.queries}"
    levels = [
        Interval(NAMES[name], figures[MAIN], told, "chosen" if name == training.taken else "")
        for name, figures in training.figures.items()
    ]
    changes = [Interval(_against(name), change[MAIN].difference, told) for name, change in training.changes.items()]
    return join_html(
        [
            interval_plot(metric_name(MAIN), levels),
            interval_plot("Change on the same queries", changes, differences=True),
        ]
    )


def _against(name: str) -> str:
    return f"{NAMES[name]} less {NAMES['fitted' if name == 'static' else 'static']}"


def _figures(training: RankerTraining) -> Html:
    rows = []
    for name, figures in training.figures.items():
        cells = [NAMES[name]]
        for metric in METRICS:
            one = figures[metric]
            cells.append(with_detail(percent(one.value), percent_interval(one)))
            change = training.changes[name][metric] if name in training.changes else None
            cells.append(
                ""
                if change is None
                else with_detail(
                    points(change.difference.value),
                    f"{points_interval(change.difference)}, {probability(change.p)}",
                )
            )
        rows.append(cells)
    columns = [column for metric in METRICS for column in (metric, "change")]
    told = note(
        "ndcg@10 counts the right product alone; graded ndcg@10 also its variants, and what is of its category. Tuned "
        "weights are compared with fitted ones, networks with tuned weights."
    )
    return join_html([table("Rankers on queries that they did not see", ("Ranker", *columns), rows), told])


def _weights(training: RankerTraining) -> Html:
    rows = [
        [
            escape_html(name),
            f"{training.fitted[name]:.2f}",
            f"{training.tuned[name]:.2f}",
            with_detail(f"{training.chosen[name][0]:.2f}", f"± {training.chosen[name][1]:.2f}"),
        ]
        for name in sorted(training.tuned, key=lambda name: -training.tuned[name])
    ]
    told = note(
        "Shares of the weight, in standard deviations of each dimension. The gate's differ from photo to photo."
    )
    columns = ("Dimension", "Fitted", "Tuned", "By the gate")
    return join_html([table("Weights", columns, rows, numbers={*columns[1:]}), told])


def _examples(training: RankerTraining, picture: Picture) -> Html:
    rows = [
        [
            thumbnail(one.photo, "The photo", picture),
            in_words(one.weights),
            str(one.rank),
            str(one.rank_static),
        ]
        for one in training.examples
    ]
    columns = ("Photo", "Weights that the gate chose", "Rank of the right product", "By tuned weights")
    return table("The least usual weights", columns, rows, numbers={*columns[2:]}) if rows else Html("")


def _course(training: RankerTraining) -> Html:
    facts = [(name, f"{took:.1f} s") for name, took in training.seconds.items()]
    facts += [(name, str(value)) for name, value in training.options.items()]
    if training.model:
        facts.append(("largest difference between torch and the exported network", f"{training.difference:.1e}"))
    return facts_list(facts)
