"""shoplens train: what is learned from a store, one command each."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from shoplens.cli import options
from shoplens.cli.groups import new_group
from shoplens.cli.learning.feedback import print_feedback_summary
from shoplens.cli.learning.training_output import (
    print_classifier_training,
    print_look_training,
    print_ranker_training,
)
from shoplens.cli.output import console, print_json, print_summary, progress_bar
from shoplens.cli.store_access import open_shop
from shoplens.errors import InvalidValue
from shoplens.ranking import ranker as rankers
from shoplens.training.classifier import ClassifierOptions
from shoplens.training.clicks import ClickTraining
from shoplens.training.look import DEPTHS, HEAD_RECIPES, LookOptions, Positives
from shoplens.training.look import Depth as DepthName
from shoplens.training.optimization.losses import DEFAULT_LOSS, LOSSES
from shoplens.training.ranker import RankerOptions, RankerTraining

app = new_group("Train what searches use, from the products and photos of the store.")
SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
"""Unit of a duration -> its seconds."""
Pairs = Annotated[
    Path | None,
    typer.Option(
        "--pairs",
        metavar="PAIRS.csv",
        help="CSV file with the columns photo,product_id: shoppers' photos to learn from in addition.",
        show_default=False,
    ),
]
Depth = Annotated[
    DepthName,
    options.choice_option(
        "--depth",
        DEPTHS,
        "What is trained: a new head of the network, which takes minutes, or the full end of the network with it.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, max=2**32 - 1, help="Seed of all random draws.")]


@app.command()
def filters(
    store: options.Store = None,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Fit the filters anew to the current products and to shoplens.toml. No photo is read again."""
    settings = options.read_settings(store, model, allow_private)
    with open_shop(settings, writes=True) as shop, progress_bar() as progress:
        summary = shop.training.train_filters(progress=progress)
    print_summary("The filters were fitted anew.", summary, as_json=json, strict=strict, compared=False)


@app.command()
def look(
    store: options.Store = None,
    pairs: Pairs = None,
    positives: Annotated[
        Positives,
        options.choice_option(
            "--positives",
            HEAD_RECIPES,
            "Whose photos the training makes similar: those of one product, or those of all products of one group.",
        ),
    ] = "product",
    depth: Depth = "head",
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            metavar="TIME",
            help="Longest CPU time of the training on each core, such as 90s, 10m or 1h. \\[default: no limit]",
            show_default=False,
        ),
    ] = None,
    loss: Annotated[str, options.choice_option("--loss", LOSSES, "Loss function.", code="unknown-loss")] = DEFAULT_LOSS,
    no_refit: Annotated[
        bool,
        options.flag("--no-refit", "Use the look that was evaluated, instead of training it once more on all photos."),
    ] = False,
    force: Annotated[bool, options.flag("--force", "Use the new look even if it is not better.")] = False,
    report: options.ReportFile = None,
    seed: Seed = 0,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Train a look on the shop's own photos. Searches use it if it is better on photos that the training did not see.

    A look decides which photos are similar.

    Example: shoplens train look --pairs shoppers.csv
    """
    wanted = LookOptions(
        pairs=pairs,
        positives=positives,
        depth=depth,
        budget=None if budget is None else parse_duration(budget),
        recipe=None if loss == DEFAULT_LOSS else replace(HEAD_RECIPES[positives], loss=loss),
        seed=seed,
        refit=not no_refit,
        force=force,
    )
    settings = options.read_settings(store, model, allow_private)
    page = options.choose_report(report, settings, "train-look")
    with open_shop(settings, writes=True) as shop, progress_bar() as progress:
        training = shop.training.train_look(wanted, report=page, progress=progress)
    if json:
        print_json(training.as_json())
    print_look_training(training, page, json=json)


@app.command()
def classifier(
    store: options.Store = None,
    pairs: Pairs = None,
    depth: Depth = "head",
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            metavar="TIME",
            help="Longest CPU time of the training on each core, such as 90s, 10m or 1h. \\[default: no limit]",
            show_default=False,
        ),
    ] = None,
    report: options.ReportFile = None,
    seed: Seed = 0,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Train the baseline: a softmax with one output per product, which only `--strategy classifier` uses."""
    wanted = ClassifierOptions(
        pairs=pairs, depth=depth, budget=None if budget is None else parse_duration(budget), seed=seed
    )
    settings = options.read_settings(store, model, allow_private)
    page = options.choose_report(report, settings, "train-classifier")
    with open_shop(settings, writes=True) as shop, progress_bar() as progress:
        training = shop.training.train_classifier(wanted, report=page, progress=progress)
    if json:
        print_json(training.as_json())
    print_classifier_training(training, page, json=json)


@app.command()
def ranker(
    store: options.Store = None,
    queries: Annotated[
        Path | None,
        typer.Option(
            "--queries",
            metavar="QUERIES.csv",
            help="CSV file with the columns photo,product_id: shoppers' photos to learn from. "
            "\\[default: the photos of the store]",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[
        rankers.Kind | None,
        options.choice_option("--kind", rankers.KINDS, "Network to use.", default="the better one"),
    ] = None,
    clicks: Annotated[
        Path | None,
        typer.Option(
            "--clicks",
            metavar="FILE",
            help="JSON Lines file of events. They are recorded first, as by `shoplens feedback add`.",
            show_default=False,
        ),
    ] = None,
    only_clicks: Annotated[
        bool,
        options.flag("--only-clicks", "Learn from recorded clicks alone: a limited change of the current ranking."),
    ] = False,
    dry_run: Annotated[
        bool, options.flag("--dry-run", "Show what would change, but leave searches as they are.")
    ] = False,
    force: Annotated[
        bool, options.flag("--force", "Use the new ranking even if it is not certain to be better.")
    ] = False,
    report: options.ReportFile = None,
    seed: Seed = 0,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Train the weights of the dimensions: one set for all photos, and a network that adapts them to each photo.

    Searches use the result if it ranks better on photos that the training did not see.

    Example: shoplens train ranker --queries shoppers.csv
    """
    wanted = RankerOptions(queries=queries, kind=kind, seed=seed, force=force, dry_run=dry_run)
    settings = options.read_settings(store, model, allow_private)
    page = options.choose_report(report, settings, "train-ranker")
    with open_shop(settings, writes=True) as shop, progress_bar() as progress:
        if clicks is not None:
            print_feedback_summary(shop.feedback.add(clicks), json=False)
        training: RankerTraining | ClickTraining
        if only_clicks:
            training = shop.training.train_on_clicks(wanted, report=page, progress=progress)
        else:
            training = shop.training.train_ranker(wanted, report=page, progress=progress)
    if json:
        print_json(training.as_json())
    print_ranker_training(training, page, json=json, dry_run=dry_run)


@app.command()
def undo_ranker(store: options.Store = None, json: options.Json = False) -> None:
    """Undo the last `shoplens train ranker`: searches rank again as they did before it."""
    with open_shop(options.read_settings(store), writes=True) as shop:
        shop.training.undo_ranker()
    if json:
        print_json({"undone": True})
    console.print("Searches rank again as they did before the last ranker was trained.")


def parse_duration(text: str) -> float:
    """Return the seconds of ``90s``, ``10m``, ``1.5h``, or of a plain number of seconds.

    Raises:
        InvalidValue: for anything else.
    """
    number, unit = (text[:-1], SECONDS[text[-1]]) if text and text[-1] in SECONDS else (text, 1.0)
    try:
        seconds = float(number) * unit
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise InvalidValue(f"--budget is {text!r}.", "Give a time such as 90s, 10m or 1h.")
    return seconds
