"""What clicks came to, as a part of the page about a ranker, or as a page of its own."""

from __future__ import annotations

import json
from pathlib import Path

from shoplens.evaluation.report.page import (
    Html,
    escape_html,
    facts_list,
    join_html,
    left_out_table,
    note,
    page,
    percent,
    points,
    points_interval,
    probability,
    sections,
    table,
    with_detail,
)
from shoplens.evaluation.results import Paired
from shoplens.evaluation.written import write_both
from shoplens.training.clicks import ClickTraining, in_percent

RANKS = (2, 3, 5, 10)


def write_click_report(path: Path, training: ClickTraining) -> None:
    """The page, and a JSON file beside it."""
    told = json.dumps(training.as_json(), ensure_ascii=False, indent=1) + "\n"
    parts = [("What shoppers did", click_section(training)), ("What taught nothing", left_out_table(training.left_out))]
    write_both(path, page("Learning from clicks", [fate(training)], sections(parts), lead=training.why), ".json", told)


def fate(training: ClickTraining) -> str:
    """What became of it, in words."""
    if not training.taken:
        return "Nothing was taken: searches are as they were."
    return "It was taken." if not training.dry_run else "It would be taken; this was a dry run."


def click_section(training: ClickTraining) -> Html:
    """All that is to be said of clicks, but for the verdict."""
    facts = [
        ("answers with a click, a purchase or a mark", f"{training.answers:,}"),
        ("different designs", f"{training.designs:,}"),
        ("different shoppers, or answers to nobody that is known", f"{training.voices:,}"),
        ("older answers that do not teach, since a user or a design has too many", f"{training.muted:,}"),
    ]
    if training.replay is None:
        return facts_list(facts)
    looked = [f"rank {rank}: {rank**-training.examination:.0%}" for rank in RANKS]
    facts += [
        ("looked at, as often as the first product", ", ".join(looked)),
        ("part of the weight that moves", f"{training.moved:.0%}{' (held back)' if training.held_back else ''}"),
        ("answers of which another product would come first", f"{training.replay.first:.0%}"),
        ("places that a product moves, in the mean", f"{training.replay.places:.1f}"),
        *((name, f"{took:.1f} s") for name, took in training.seconds.items()),
    ]
    return join_html([facts_list(facts), _changes(training), _weights(training), _examples(training)])


def _changes(training: ClickTraining) -> Html:
    assert training.likelihood is not None and training.ndcg is not None and training.replay is not None
    before, after = training.replay.chosen_first
    rows = [
        _row("how probable what was chosen is, in percent", in_percent(training.likelihood)),
        _row("nDCG@10 of what was chosen, by inverse propensity", training.ndcg),
        ["choices that fall on the first product, by inverse propensity", f"{percent(before)} to {percent(after)}"],
    ]
    if training.known is not None:
        rows.append(_row("nDCG@10 of photos whose product is known", training.known))
    told = note(
        "Every answer was ranked anew by weights that learned from choices of other designs. Only what it showed is "
        "ranked; what else would have been shown, nobody can know."
    )
    return join_html([table("What would change", ("", "Change"), rows, numbers={"Change"}), told])


def _row(name: str, change: Paired) -> list[str]:
    one = change.difference
    return [name, with_detail(points(one.value), f"{points_interval(one)}, {probability(change.p)}")]


def _weights(training: ClickTraining) -> Html:
    heaviest = sorted(training.weights.items(), key=lambda one: -one[1][0])
    rows = [[escape_html(name), f"{before:.3f}", f"{after:.3f}"] for name, (before, after) in heaviest]
    return table("Mean weights", ("Dimension", "Before", "After"), rows, numbers={"Before", "After"})


def _examples(training: ClickTraining) -> Html:
    assert training.replay is not None
    rows = [
        [escape_html(", ".join(products)) for products in (one.before, one.after)] for one in training.replay.examples
    ]
    columns = ("First products", "They would be")
    return table("Answers that change most", columns, rows) if rows else Html("")
