"""shoplens generations"""

from typing import Annotated

import typer
from rich.table import Table

from shoplens.cli import options
from shoplens.cli.output import people, plain, print_json, print_summary, print_table, progress_bar
from shoplens.shop import Shop
from shoplens.store_info import GenerationRow


def run(
    store: options.Store = None,
    back: Annotated[bool, typer.Option("--back", help="Go back to the latest generation that was kept.")] = False,
    to: Annotated[str, typer.Option("--to", help="Go back to this generation.", metavar="NAME")] = "",
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """List the generations, the live one first; or go back to one, with all that was changed since."""
    settings = options.settings(store, model, allow_private)
    with Shop(settings=settings) as shop, progress_bar() as progress:
        if back or to:
            summary = shop.roll_back(to, progress=progress)
            print_summary("Back: a generation of", summary, as_json=json, strict=False)
            return
        rows = shop.generations()
    if json:
        print_json({"generations": rows})
        return
    print_table(_listed(rows))
    if len(rows) > 1:
        people.print("`shoplens generations --back` goes back; what was changed since comes along.")


def _listed(rows: list[GenerationRow]) -> Table:
    table = Table("generation", "", "made", "look", "products", "calibrated", "its training", box=None, pad_edge=False)
    for row in rows:
        look = row.look or "untouched"
        calibrated = ", ".join(row.calibrated) or "–"
        live = "[bold]live[/]" if row.live else "kept"
        table.add_row(row.name, live, row.created[:15], look, str(row.products), calibrated, plain(row.proof))
    return table
