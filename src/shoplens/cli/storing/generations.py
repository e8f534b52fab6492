"""shoplens generations"""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from shoplens.cli import options
from shoplens.cli.opened import open_shop, request_rollback
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
from shoplens.errors import InvalidValue
from shoplens.evaluation.generations import GenerationsCompared
from shoplens.store.info import GenerationRow

SHOWN = ("recall@1", "recall@5", "mrr")


def run(
    store: options.Store = None,
    back: Annotated[bool, typer.Option("--back", help="Go back to the latest generation that was kept.")] = False,
    to: Annotated[str, typer.Option("--to", help="Go back to this generation.", metavar="NAME")] = "",
    compare: Annotated[
        Path | None,
        typer.Option("--compare", help="Ask all of them with the photos of this file.", metavar="QUERIES.csv"),
    ] = None,
    held_out: options.HeldOut = False,
    strategy: options.Strategy = "",
    seed: options.Seed = 0,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """List the generations, the live one first; compare them; or go back to one, with all that was changed since."""
    asks, goes = compare is not None or held_out, back or bool(to)
    if asks and goes:
        raise InvalidValue("Generations are compared, or gone back to.", "Leave out --back and --to, or the photos.")
    settings = options.settings(store, model, allow_private)
    if goes and (summary := request_rollback(settings, to)) is not None:
        print_summary("Back: a generation of", summary, as_json=json, strict=False)
        return
    with open_shop(settings, kept=True, writes=goes) as shop, progress_bar() as progress:
        if asks:
            found = shop.compare_generations(
                options.queries(compare, held_out), strategy=strategy, seed=seed, progress=progress
            )
            _tell(found, as_json=json)
            return
        if goes:
            summary = shop.roll_back(to, progress=progress)
            print_summary("Back: a generation of", summary, as_json=json, strict=False)
            return
        rows = shop.generations()
    if json:
        print_json({"generations": rows})
        return
    print_table(_generation_table(rows))
    if len(rows) > 1:
        people.print("`shoplens generations --back` goes back; what was changed since comes along.")


def _tell(found: GenerationsCompared, *, as_json: bool) -> None:
    if as_json:
        print_json(found.as_json())
    else:
        print_table(_comparison_table(found))
    print_left_out(found.left_out)
    for name, why in found.skipped.items():
        people.print(f"{name} was not asked: {plain(why)}")
    people.print(
        f"{found.queries} photos ({plain(found.queries_from)}) whose product all of them hold; 95 % intervals, designs "
        "resampled; p of the difference in recall@1 from the live one."
    )


def _comparison_table(found: GenerationsCompared) -> Table:
    table = Table(
        "generation", "look", "strategy", "products", *SHOWN, "live is better by", "p", box=None, pad_edge=False
    )
    for row in found.rows:
        change = row.change.get(SHOWN[0])
        table.add_row(
            row.name if change else f"{row.name} [bold]live[/]",
            row.look or "untouched",
            row.strategy,
            str(row.products),
            *(percent(row.metrics[name]) for name in SHOWN),
            f"{100 * change.difference.value:+.1f}" if change else "",
            f"{change.p:.4f}" if change else "",
        )
    return table


def _generation_table(rows: list[GenerationRow]) -> Table:
    table = Table("generation", "", "made", "look", "products", "calibrated", "its training", box=None, pad_edge=False)
    for row in rows:
        look = row.look or "untouched"
        calibrated = ", ".join(row.calibrated) or "–"
        live = "[bold]live[/]" if row.live else "kept"
        table.add_row(row.name, live, row.created[:15], look, str(row.products), calibrated, plain(row.proof))
    return table
