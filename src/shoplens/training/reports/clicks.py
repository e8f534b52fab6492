"""What learning from clicks resulted in: a page of its own, and values for the page about a ranker."""

from __future__ import annotations

import json
from pathlib import Path

from shoplens.evaluation.report.rendering import render_page
from shoplens.evaluation.report_files import write_page_and_data
from shoplens.training.clicks import ClickTraining, probability_change

RANKS = (2, 3, 5, 10)


def write_click_report(path: Path, training: ClickTraining) -> None:
    """Write the page, and a JSON file beside it."""
    page = render_page(
        "training/clicks.html",
        title="Learning from clicks",
        lead=training.reason,
        facts=[click_outcome(training)],
        training=training,
        counts=click_counts(training),
        likelihood=training.likelihood and probability_change(training.likelihood),
    )
    write_page_and_data(path, page, ".json", json.dumps(training.as_json(), ensure_ascii=False, indent=1) + "\n")


def click_outcome(training: ClickTraining) -> str:
    """Return in words whether searches use the new weights."""
    if not training.promoted:
        return "Searches are as before."
    if training.dry_run:
        return "Searches would use the new weights; this was a dry run."
    return "Searches use the new weights."


def click_counts(training: ClickTraining) -> list[tuple[str, str]]:
    """Return what was learned from, and how much the answers change, as names with their values."""
    facts = [
        ("answers with a click, a purchase or a mark", f"{training.answers:,}"),
        ("different designs", f"{training.designs:,}"),
        ("different shoppers, where an answer to an unknown shopper counts as one", f"{training.shoppers:,}"),
        ("older answers that were not used, because one user or one design has too many", f"{training.capped:,}"),
    ]
    if training.replay is None:
        return facts
    examined = [f"rank {rank}: {rank**-training.examination:.0%}" for rank in RANKS]
    return [
        *facts,
        ("how often a rank is looked at, relative to the first", ", ".join(examined)),
        (
            "share of the weight that changes",
            f"{training.weight_change:.0%}{' (limited)' if training.is_limited else ''}",
        ),
        ("answers in which another product would come first", f"{training.replay.changed_first:.0%}"),
        ("mean number of ranks by which a product moves", f"{training.replay.mean_move:.1f}"),
        *((name, f"{took:.1f} s") for name, took in training.seconds.items()),
    ]
