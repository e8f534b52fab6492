"""What clicks came to, as a part of the page about a ranker, or as a page of its own."""

from __future__ import annotations

import json
from pathlib import Path

from shoplens.evaluation.report.rendering import render
from shoplens.evaluation.written import write_both
from shoplens.training.clicks import ClickTraining, probability_change

RANKS = (2, 3, 5, 10)


def write_click_report(path: Path, training: ClickTraining) -> None:
    """Write the page, and a JSON file beside it."""
    page = render(
        "training/clicks.html",
        title="Learning from clicks",
        lead=training.why,
        facts=[click_outcome(training)],
        training=training,
        counts=click_counts(training),
        likelihood=training.likelihood and probability_change(training.likelihood),
    )
    write_both(path, page, ".json", json.dumps(training.as_json(), ensure_ascii=False, indent=1) + "\n")


def click_outcome(training: ClickTraining) -> str:
    """Return whether the result was taken, in words."""
    if not training.taken:
        return "Nothing was taken: searches are as they were."
    return "It was taken." if not training.dry_run else "It would be taken; this was a dry run."


def click_counts(training: ClickTraining) -> list[tuple[str, str]]:
    """Return what was learned from, and how much the answers change, as names with their values."""
    facts = [
        ("answers with a click, a purchase or a mark", f"{training.answers:,}"),
        ("different designs", f"{training.designs:,}"),
        ("different shoppers, or answers to nobody that is known", f"{training.voices:,}"),
        ("older answers that do not teach, since a user or a design has too many", f"{training.muted:,}"),
    ]
    if training.replay is None:
        return facts
    looked = [f"rank {rank}: {rank**-training.examination:.0%}" for rank in RANKS]
    return [
        *facts,
        ("looked at, as often as the first product", ", ".join(looked)),
        ("part of the weight that moves", f"{training.moved:.0%}{' (held back)' if training.held_back else ''}"),
        ("answers of which another product would come first", f"{training.replay.first:.0%}"),
        ("places that a product moves, in the mean", f"{training.replay.places:.1f}"),
        *((name, f"{took:.1f} s") for name, took in training.seconds.items()),
    ]
