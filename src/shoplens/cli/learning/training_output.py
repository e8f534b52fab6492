"""What the commands of ``shoplens train`` print."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from shoplens.cli.output import console, format_percent, format_stages, print_left_out, print_table, sanitize
from shoplens.cli.searching.answer import format_short
from shoplens.ranking.weights import format_weights
from shoplens.training.classifier import ClassifierTraining
from shoplens.training.clicks import ClickTraining
from shoplens.training.holdout_test import METRICS
from shoplens.training.look import LookTraining
from shoplens.training.ranker import METRICS as RANKER_METRICS
from shoplens.training.ranker import RANKER_NAMES, RankerTraining
from shoplens.training.reports.classifier import summary

SHOWN_WEIGHTS = 5


def print_look_training(training: LookTraining, page: Path, *, json: bool) -> None:
    """Print whether a look is better, and whether searches use it; the figures only without ``json``."""
    if not json:
        print_table(_look_table(training))
    print_left_out(training.left_out)
    catalogue_photos = training.photos - training.shopper_photos
    shoppers = f" and {training.shopper_photos} photos of shoppers" if training.shopper_photos else ""
    console.print(
        f"The training used {training.products} products with {catalogue_photos} photos{shoppers}. "
        f"It took {format_stages(training.seconds)}.\n{sanitize(training.reason)}"
    )
    if training.promoted:
        console.print(
            f"[bold]Searches use the new look from now on[/] ({training.model}). "
            "`shoplens generations roll-back` undoes this."
        )
        if (training.look_weight, training.text_weight) != (1, 1):
            text = f", and `text` {training.text_weight:g} times" if training.text_weight != 1 else ""
            console.print(
                f"On photos that it has not learned from, most is found where `look` has {training.look_weight:g} "
                f"times the weight that it had{text}. Searches use these weights; "
                "`shoplens train undo-ranker` undoes this."
            )
    else:
        console.print(
            "[bold]The new look is not used[/]: searches are as before. With --force it is used all the same."
        )
    console.print(f"The report compares before and after, with maps: [bold]{sanitize(page)}[/]")


def print_classifier_training(training: ClassifierTraining, page: Path, *, json: bool) -> None:
    """Print what a classifier is worth; the figures only without ``json``."""
    if not json and training.disagreement is not None:
        print_table(_classifier_table(training))
    print_left_out(training.left_out)
    text = " ".join([*training.ended_early, summary(training)])
    console.print(
        f"{sanitize(text)}\nSearches use the classifier with --strategy classifier only.\n"
        f"The report has all figures: [bold]{sanitize(page)}[/]"
    )


def print_ranker_training(training: RankerTraining | ClickTraining, page: Path, *, json: bool, dry_run: bool) -> None:
    """Print what a ranker came to, and whether searches use it; the figures only without ``json``."""
    if isinstance(training, RankerTraining):
        _print_comparison(training, json=json)
        clicks, is_used = training.clicks, bool(training.selected)
    else:
        clicks, is_used = training, False
    if clicks is not None:
        _print_clicks(clicks, dry_run=dry_run)
        is_used = is_used or clicks.promoted
    if not is_used:
        console.print("[bold]Nothing was changed[/]: searches rank as before.")
    elif dry_run:
        console.print("[bold]This was a dry run[/]: searches rank as before. Without --dry-run they would change.")
    else:
        console.print(
            "[bold]Searches use the new ranking from now on.[/] `shoplens train undo-ranker` undoes this. "
            "The scores have changed, so run `shoplens calibrate` again."
        )
    console.print(f"The report shows what counts, and what changes: [bold]{sanitize(page)}[/]")


def _print_comparison(training: RankerTraining, *, json: bool) -> None:
    """Print how a ranker compares with others."""
    if not json:
        print_table(_ranker_table(training))
    print_left_out(training.left_out)
    console.print(
        f"The training used {training.queries} queries ({sanitize(training.query_photos)}). "
        f"It took {format_stages(training.seconds)}.\n{sanitize(training.reason)}"
    )
    if training.selected:
        weights = sanitize(format_weights(training.tuned_weights))
        console.print(f"The best ranking is by {RANKER_NAMES[training.selected]}. The tuned weights are {weights}.")


def _print_clicks(training: ClickTraining, *, dry_run: bool) -> None:
    """Print what was learned from clicks."""
    print_left_out(training.left_out)
    console.print(sanitize(training.reason))
    if training.weights:
        verb = "change" if training.promoted and not dry_run else "would change"
        console.print(f"These weights {verb} most: {sanitize(_format_changes(training))}.")


def _format_changes(training: ClickTraining) -> str:
    """Return the weights that change most."""
    changes = sorted(training.weights.items(), key=lambda item: -abs(item[1][1] - item[1][0]))[:SHOWN_WEIGHTS]
    return ", ".join(
        f"{name} from {format_short(before)} to {format_short(after)}" for name, (before, after) in changes
    )


def _look_table(training: LookTraining) -> Table:
    columns = [f"{name}, {when}" for name in METRICS for when in ("before", "after")]
    table = Table("queries", "photos", *columns, box=None, pad_edge=False)
    for part in training.results:
        cells = [format_percent(figures[name]) for name in METRICS for figures in (part.before, part.after)]
        table.add_row(part.name, f"{part.queries}{' simulated' if part.simulated else ''}", *cells)
    return table


def _classifier_table(training: ClassifierTraining) -> Table:
    table = Table("ranked by", "photos", *training.output_metrics, box=None, pad_edge=False)
    for name, figures in (("its outputs", training.output_metrics), ("its distances", training.distance_metrics)):
        cells = [format_percent(figure) for figure in figures.values()]
        table.add_row(name, f"{training.queries}{' simulated' if training.simulated else ''}", *cells)
    return table


def _ranker_table(training: RankerTraining) -> Table:
    table = Table("ranked by", *RANKER_METRICS, box=None, pad_edge=False)
    for name, figures in training.metrics.items():
        table.add_row(RANKER_NAMES[name], *[format_percent(figures[metric]) for metric in RANKER_METRICS])
    return table
