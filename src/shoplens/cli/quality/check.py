"""shoplens check"""

from pathlib import Path
from typing import Annotated

import typer

from shoplens.cli import options
from shoplens.cli.opened import open_shop
from shoplens.cli.output import people, plain, print_json, print_left_out, progress_bar
from shoplens.errors import GateFailed
from shoplens.evaluation.regression.check import QUERIES, Checked, CheckOptions
from shoplens.evaluation.results import plain as plain_values

LEAST_POWER = 0.8


def run(
    store: options.Store = None,
    queries: Annotated[
        Path | None,
        typer.Option(help="Rows of photo,product_id to draw from. [default: the store's photos]", show_default=False),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(help="File to compare with. [default: in the store's evaluation/]", show_default=False),
    ] = None,
    update: Annotated[bool, typer.Option("--update", help="Make the baseline, rather than compare with it.")] = False,
    fresh: Annotated[
        int | None, typer.Option(help="Draw other photos than the baseline's, by this seed.", show_default=False)
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help=f"Photos to draw, with --update or --fresh. [default: {QUERIES}]")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of a new baseline's photos and corruptions. [default: 0]", show_default=False)
    ] = None,
    strategy: options.Strategy = "",
    report: options.ReportFile = None,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Fail (exit 1) when blurred, dark, cropped, … photos find their product less often than in the baseline."""
    settings = options.settings(store, model, allow_private)
    path = None if update and report is None else options.report(report, settings, "check")
    wanted = CheckOptions(baseline, update, fresh, queries, count, seed)
    with open_shop(settings) as shop, progress_bar() as progress:
        found = shop.check(wanted, strategy=strategy, report=path, progress=progress)
    if found.report is None:
        _say_baseline(found, json)
        return
    if json:
        print_json(found.report.as_json())
    for line in found.report.lines():
        people.print(plain(line))
    people.print(f"Before and now: [bold]{plain(path)}[/]")
    if not found.report.passed:
        raise GateFailed(
            f"{sum(cell.fell for cell in found.report.cells)} of {len(found.report.cells)} figures fell.",
            "Find out what changed; if the change is wanted, make a new baseline: shoplens check --update.",
        )


def _say_baseline(found: Checked, json: bool) -> None:
    run = found.run
    if json:
        made = {"queries": len(run.queries), "kinds": list(run.ranks), "power": found.power}
        print_json({"baseline": made, "left_out": found.left_out, "rejected": plain_values(found.rejected)})
    people.print(
        f"The baseline: {len(run.queries)} photos in {len(run.ranks)} kinds. A check notices 5 % of the vectors "
        f"swapped with a probability of {found.power:.2f}."
    )
    if found.power is not None and found.power < LEAST_POWER:
        people.print(
            "[yellow]Too few photos for a sharp check.[/] Draw more with --count; a check that passes says little."
        )
    for product_id, why in found.left_out.items():
        people.print(f"left out  {plain(product_id)}: {why}")
    print_left_out(found.rejected)
