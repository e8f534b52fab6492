"""shoplens doctor"""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from shoplens.cli import options
from shoplens.cli.opened import open_shop
from shoplens.cli.output import people, plain, print_json, print_table, progress_bar
from shoplens.evaluation.doctor.findings import KINDS, Diagnosis
from shoplens.evaluation.written import LINES


def run(
    store: options.Store = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", help=f"Look for this only; may be repeated: {', '.join(KINDS)}.", show_default=False),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", help="HTML file to write, and JSON Lines beside it. [default: in the store's reports/]"
        ),
    ] = None,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Find what is odd in a catalogue: values that photos contradict, duplicates, products that are never found, …"""
    settings = options.settings(store, model, allow_private)
    page = options.report(report, settings, "doctor")
    page = page.with_suffix(".html") if page.suffix == LINES else page
    with open_shop(settings) as shop, progress_bar() as progress:
        found = shop.doctor(kind or (), report=page, progress=progress)
    if json:
        print_json(found.as_json())
    else:
        print_table(_table(found))
    for told in found.notes:
        people.print(f"[yellow]{plain(told)}[/]")
    people.print(f"With photos side by side: [bold]{plain(page)}[/]; all findings: {plain(page.with_suffix(LINES))}")


def _table(found: Diagnosis) -> Table:
    table = Table("kind", "found", "for example", box=None, pad_edge=False)
    for kind, times in found.counts.items():
        first = next(iter(found.of(kind)), None)
        example = "" if first is None else f"{first.product_ids[0]}: {first.sentence}"
        table.add_row(plain(kind), f"{times:,}", plain(example))
    return table
