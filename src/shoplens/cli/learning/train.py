"""shoplens train: what is learned from a store, one command each."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from shoplens.cli import options
from shoplens.cli.learning.feedback import show_added
from shoplens.cli.opened import open_shop
from shoplens.cli.output import (
    people,
    percent,
    plain,
    print_json,
    print_left_out,
    print_summary,
    print_table,
    progress_bar,
)
from shoplens.cli.searching.answer import short
from shoplens.errors import InvalidValue
from shoplens.ranking.ranker import KINDS
from shoplens.ranking.weights import in_words
from shoplens.training.classifier import ClassifierOptions, ClassifierTraining
from shoplens.training.classifier_report import summary
from shoplens.training.clicks import ClickTraining
from shoplens.training.holdout import METRICS
from shoplens.training.look import RECIPES, LookOptions, LookTraining
from shoplens.training.optimization.head import Recipe
from shoplens.training.optimization.losses import DEFAULT, LOSSES, loss_named
from shoplens.training.ranker import METRICS as METRICS_OF_RANKERS
from shoplens.training.ranker import NAMES, RankerOptions, RankerTraining

app = typer.Typer(
    help="Learn from the store's products.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
SHOWN_MOVES = 5
Pairs = Annotated[
    Path | None, typer.Option("--pairs", help="CSV file of photo,product_id: shoppers' photos to learn from, too.")
]
Depth = Annotated[
    str, typer.Option("--depth", help="head: on top of the network, in minutes; full: the network's end, too.")
]
Budget = Annotated[
    str, typer.Option("--budget", help="For training: 90s, 10m, 1h. \\[default: 10m; full: as long as it takes]")
]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Of everything that is drawn.")]


@app.callback()
def _train() -> None:
    """Learn from the store's products."""


@app.command()
def filters(
    store: options.Store = None,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Fit the filters anew, to the products as they are and to shoplens.toml; photos are not looked at again."""
    settings = options.settings(store, model, allow_private)
    with open_shop(settings, writes=True) as shop, progress_bar() as progress:
        summary = shop.train_filters(progress=progress)
    print_summary("Filters for", summary, as_json=json, strict=strict)


@app.command()
def look(
    store: options.Store = None,
    pairs: Pairs = None,
    same: Annotated[
        str,
        typer.Option(
            "--positives", help=f"What has to lie together: the photos of a {', or the products of a '.join(RECIPES)}."
        ),
    ] = "product",
    depth: Depth = "head",
    budget: Budget = "",
    loss: Annotated[str, typer.Option("--loss", help=f"{', '.join(LOSSES)}.")] = DEFAULT,
    proved_only: Annotated[
        bool, typer.Option("--no-refit", help="Take the network that was proved, not one that saw all photos.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Take it even if it is not better.")] = False,
    report: options.ReportFile = None,
    seed: Seed = 0,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Train distances on the shop's own photos, prove that it helps, and take the result if it does."""
    loss_named(loss)
    recipe = _recipe(same, loss)
    asked = LookOptions(
        pairs,
        same,  # type: ignore[arg-type]
        depth,  # type: ignore[arg-type]
        seconds(budget) if budget else None,
        recipe,
        seed=seed,
        all_photos=not proved_only,
        force=force,
    )
    settings = options.settings(store, model, allow_private)
    path = options.report(report, settings, "train-look")
    with open_shop(settings, writes=True) as shop, progress_bar() as progress:
        training = shop.train_look(asked, report=path, progress=progress)
    if json:
        print_json(training.as_json())
    else:
        print_table(_proof(training))
    print_left_out(training.left_out)
    _tell(training, path)


@app.command()
def classifier(
    store: options.Store = None,
    pairs: Pairs = None,
    depth: Depth = "head",
    budget: Annotated[
        str, typer.Option("--budget", help="For training: 90s, 10m, 1h. \\[default: as long as it takes]")
    ] = "",
    report: options.ReportFile = None,
    seed: Seed = 0,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Train the baseline: a softmax with an output per product, for the strategy classifier. Compare what it costs."""
    time = seconds(budget) if budget else None
    asked = ClassifierOptions(pairs, depth, time, seed=seed)  # type: ignore[arg-type]
    settings = options.settings(store, model, allow_private)
    path = options.report(report, settings, "train-classifier")
    with open_shop(settings, writes=True) as shop, progress_bar() as progress:
        training = shop.train_classifier(asked, report=path, progress=progress)
    if json:
        print_json(training.as_json())
    elif training.apart is not None:
        print_table(_answers(training))
    print_left_out(training.left_out)
    people.print(f"{plain(summary(training))}\nThe strategy classifier asks it. Report: [bold]{plain(path)}[/]")


@app.command()
def ranker(
    store: options.Store = None,
    queries: Annotated[
        Path | None,
        typer.Option("--queries", help="CSV file of photo,product_id: shoppers' photos. [default: the store's own]"),
    ] = None,
    kind: Annotated[
        str, typer.Option("--kind", help=f"Take no other network: {' or '.join(KINDS)}. \\[default: the better one]")
    ] = "",
    clicks: Annotated[
        Path | None,
        typer.Option("--clicks", help="JSON lines of clicks: kept, as by `shoplens feedback add`, and learned from."),
    ] = None,
    only_clicks: Annotated[
        bool, typer.Option("--only-clicks", help="Go a step on from what ranks now, by clicks alone.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Take nothing; say what would change.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Train nothing; rank as before the last ranker.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Take a network even if it is not surely better.")] = False,
    report: options.ReportFile = None,
    seed: Seed = 0,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Tune what counts, and learn what counts for which photo; take it if it ranks better on photos it did not see."""
    settings = options.settings(store, model, allow_private)
    if undo and (clicks or only_clicks or dry_run):
        raise InvalidValue("--undo trains nothing.", "Leave the other options out.")
    if undo:
        with open_shop(settings, writes=True) as shop:
            shop.undo_ranker()
        people.print("Searches rank as before the last ranker was taken.")
        return
    asked = RankerOptions(queries, kind or None, seed, force, dry_run=dry_run)  # type: ignore[arg-type]
    path = options.report(report, settings, "train-ranker")
    with open_shop(settings, writes=True) as shop, progress_bar() as progress:
        if clicks is not None:
            show_added(shop.add_feedback(clicks), json=False)
        training: RankerTraining | ClickTraining
        if only_clicks:
            training = shop.train_on_clicks(asked, report=path, progress=progress)
        else:
            training = shop.train_ranker(asked, report=path, progress=progress)
    if json:
        print_json(training.as_json())
    if isinstance(training, RankerTraining):
        _tell_rankers(training, json=json)
        learned, taken = training.clicks, bool(training.taken)
    else:
        learned, taken = training, False
    if learned is not None:
        print_left_out(learned.left_out)
        people.print(plain(learned.why))
        if learned.weights:
            goes = "Weights go" if learned.taken else "Weights would go"
            people.print(f"{goes}: {plain(_moves(learned))}.")
        taken = taken or learned.taken
    if not taken:
        people.print("[bold]Nothing was taken[/]: searches are as they were.")
    elif dry_run:
        people.print("[bold]It would be taken[/]; this was a dry run, and searches are as they were.")
    else:
        people.print("[bold]Taken[/]. `shoplens train ranker --undo` undoes it; run `shoplens calibrate` again.")
    people.print(f"What counts, and what changes: [bold]{plain(path)}[/]")


def _moves(learned: ClickTraining) -> str:
    """The weights that move most."""
    moves = sorted(learned.weights.items(), key=lambda one: -abs(one[1][1] - one[1][0]))[:SHOWN_MOVES]
    return ", ".join(f"{name} {short(before)} to {short(after)}" for name, (before, after) in moves)


def _tell_rankers(training: RankerTraining, *, json: bool) -> None:
    if not json:
        print_table(_rankers(training))
    print_left_out(training.left_out)
    stages = ", ".join(f"{name} {took:.0f} s" for name, took in training.seconds.items() if name != "total")
    people.print(f"{training.queries} queries, {plain(training.photos)}; {stages}.\n{plain(training.why)}")
    if training.taken:
        people.print(
            f"Better: {NAMES[training.taken]}; {plain(in_words(training.tuned))} where nothing else is chosen."
        )


def _rankers(training: RankerTraining) -> Table:
    table = Table("ranked by", *METRICS_OF_RANKERS, box=None, pad_edge=False)
    for name, figures in training.figures.items():
        table.add_row(NAMES[name], *[percent(figures[metric]) for metric in METRICS_OF_RANKERS])
    return table


def _answers(training: ClassifierTraining) -> Table:
    table = Table("asked by", "photos", *training.classified, box=None, pad_edge=False)
    for name, figures in (("its outputs", training.classified), ("its distances", training.neighbours)):
        cells = [percent(one) for one in figures.values()]
        table.add_row(name, f"{training.queries}{' made' if training.made else ''}", *cells)
    return table


def seconds(text: str) -> float:
    """``90s``, ``10m``, ``1.5h``, or a number of seconds.

    Raises:
        InvalidValue: for anything else.
    """
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (text[:-1], units[text[-1]]) if text and text[-1] in units else (text, 1.0)
    try:
        found = float(number) * unit
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise InvalidValue(f"--budget is {text!r}.", "Give a time such as 90s, 10m or 1h.")
    return found


def _recipe(same: str, loss: str) -> Recipe | None:
    """None leaves it to the training, which also says what is wrong with ``same``."""
    return None if loss == DEFAULT or same not in RECIPES else replace(RECIPES[same], loss=loss)


def _proof(training: LookTraining) -> Table:
    columns = [f"{name}, {when}" for name in METRICS for when in ("before", "after")]
    table = Table("asked", "photos", *columns, box=None, pad_edge=False)
    for part in training.parts:
        cells = [percent(figures[name]) for name in METRICS for figures in (part.before, part.after)]
        table.add_row(part.name, f"{part.queries}{' made' if part.made else ''}", *cells)
    return table


def _tell(training: LookTraining, path: Path) -> None:
    shoppers = f" and {training.shoppers} of shoppers" if training.shoppers else ""
    stages = ", ".join(f"{name} {took:.0f} s" for name, took in training.seconds.items() if name != "total")
    people.print(
        f"{training.products} products, {training.photos - training.shoppers} photos{shoppers}; {stages}.\n"
        f"{plain(training.why)}"
    )
    if training.taken:
        people.print(
            f"[bold]Taken[/]: searches use {training.model} from now on. `shoplens generations --back` undoes it."
        )
    else:
        people.print("[bold]Not taken[/]: searches are as they were. --force takes it all the same.")
    people.print(f"Before and after, with maps: [bold]{plain(path)}[/]")
