"""shoplens calibrate"""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from shoplens.cli import options
from shoplens.cli.opened import open_shop
from shoplens.cli.output import people, percent, plain, print_json, print_left_out, print_table, progress_bar
from shoplens.evaluation.statistics.calibration import ABSENT_SHARE
from shoplens.evaluation.written import calibration_json, claims


def run(
    queries: Annotated[
        Path | None,
        typer.Option(
            help="Rows of photo,product_id. [default: every photo of a product after its first]", show_default=False
        ),
    ] = None,
    store: options.Store = None,
    strategy: options.Strategy = "",
    absent_share: Annotated[
        float, typer.Option(help="How often shoppers photograph what the shop does not have, above 0 and below 1.")
    ] = ABSENT_SHARE,
    report: options.ReportFile = None,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Learn how sure an answer is, so that search can say `exact`, `similar` or `not in this catalogue`."""
    settings = options.settings(store, model, allow_private)
    path = options.report(report, settings, "calibrate")
    with open_shop(settings, writes=True) as shop, progress_bar() as progress:
        found = shop.calibrate(queries, strategy=strategy, absent_share=absent_share, report=path, progress=progress)
    if json:
        print_json(calibration_json(found))
    else:
        columns, *rows = claims(found.calibration)
        table = Table(*columns, box=None, pad_edge=False)
        for row in rows:
            table.add_row(*row)
        print_table(table)
    print_left_out(found.left_out)
    for one in found.reliability:
        people.print(f"{one.claim}: off by {percent(one.ece)} % (root mean square), {one.answers:,} answers.")
    if not any((*found.calibration.exact_thresholds, *found.calibration.absent_thresholds)):
        people.print(
            "Nothing can be claimed at any precision: the scores of right and wrong products lie too close together, "
            "or the photos are too few. Every answer will be called similar."
        )
    if queries is None:
        people.print(
            "[yellow]These were the shop's own photos.[/] Photos from shoppers are harder, and would be taken for "
            "products that are not in the catalogue: calibrate on some of theirs with --queries as soon as you can."
        )
    people.print(f"Measured on products that were not fitted to. Reliability diagrams: [bold]{plain(path)}[/]")
