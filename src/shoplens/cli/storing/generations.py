"""shoplens generations: the live generation of a store, and those that were kept."""

from typing import Annotated

import typer
from rich.table import Table

from shoplens.cli import options
from shoplens.cli.groups import new_group
from shoplens.cli.output import (
    console,
    format_percent,
    print_json,
    print_left_out,
    print_summary,
    print_table,
    progress_bar,
    sanitize,
)
from shoplens.cli.store_access import open_shop, request_rollback
from shoplens.evaluation.compare_generations import GenerationComparison
from shoplens.store.info import GenerationRow

SHOWN_METRICS = ("recall@1", "recall@5", "mrr")
app = new_group(
    "List the generations of a store, compare them, or go back to one. `shoplens generations` alone lists them.",
    default="list",
)


@app.command(name="list")
def list_generations(store: options.Store = None, json: options.Json = False) -> None:
    """List the live generation, then those that were kept, the newest first."""
    with open_shop(options.read_settings(store), kept=True) as shop:
        rows = shop.generations.list_all()
    if json:
        print_json({"generations": rows})
        return
    print_table(_generation_table(rows))
    if len(rows) > 1:
        console.print("`shoplens generations roll-back` goes back to a kept one. Later changes of products stay.")


@app.command()
def compare(
    queries: options.QueriesFile = None,
    held_out: options.HeldOut = False,
    store: options.Store = None,
    strategy: options.Strategy = None,
    seed: options.IntervalSeed = 0,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Measure how often each generation finds the right product, with the same queries for all of them.

    Example: shoplens generations compare shoppers.csv
    """
    settings, file = options.read_settings(store, model, allow_private), options.choose_queries(queries, held_out)
    with open_shop(settings, kept=True) as shop, progress_bar() as progress:
        comparison = shop.generations.compare(file, strategy=strategy or "", seed=seed, progress=progress)
    if json:
        print_json(comparison.as_json())
    else:
        print_table(_comparison_table(comparison))
    print_left_out(comparison.left_out)
    for name, reason in comparison.skipped.items():
        console.print(f"The generation {name} was not compared: {sanitize(reason)}")
    console.print(
        f"The queries were {comparison.queries} photos ({sanitize(comparison.queries_from)}) whose product is in all "
        "generations. The intervals hold with 95 % confidence; they come from resampling whole designs. p is for the "
        "difference in recall@1 from the live generation."
    )


@app.command(name="roll-back")
def roll_back(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Generation to go back to. \\[default: the newest one that was kept]",
            show_default=False,
        ),
    ] = "",
    store: options.Store = None,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Go back to a generation that was kept. Products that were added, changed or removed since then stay so.

    Example: shoplens generations roll-back 000003
    """
    settings = options.read_settings(store, model, allow_private)
    summary = request_rollback(settings, name)
    if summary is None:
        with open_shop(settings, kept=True, writes=True) as shop, progress_bar() as progress:
            summary = shop.generations.roll_back(name, progress=progress)
    print_summary("The store went back to an earlier generation.", summary, as_json=json, strict=False)


def _comparison_table(comparison: GenerationComparison) -> Table:
    table = Table(
        *("generation", "model", "look", "strategy", "products", *SHOWN_METRICS, "live is better by", "p"),
        box=None,
        pad_edge=False,
    )
    for row in comparison.rows:
        change = row.change.get(SHOWN_METRICS[0])
        table.add_row(
            row.name if change else f"{row.name} [bold]live[/]",
            sanitize(row.model.partition("@")[0]),
            row.look or "untrained",
            row.strategy,
            str(row.products),
            *(format_percent(row.metrics[name]) for name in SHOWN_METRICS),
            f"{100 * change.difference.value:+.1f}" if change else "",
            f"{change.p:.4f}" if change else "",
        )
    return table


def _generation_table(rows: list[GenerationRow]) -> Table:
    table = Table(
        *("generation", "state", "created", "model", "look", "products", "calibrated", "result of its training"),
        box=None,
        pad_edge=False,
    )
    for row in rows:
        look = row.look or "untrained"
        calibrated = ", ".join(row.calibrated) or "–"
        state = "[bold]live[/]" if row.live else "kept"
        model, products = sanitize(row.model.partition("@")[0]), str(row.products)
        table.add_row(row.name, state, row.created[:15], model, look, products, calibrated, sanitize(row.proof))
    return table
