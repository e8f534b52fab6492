"""shoplens calibrate"""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from shoplens.cli import options
from shoplens.cli.output import (
    console,
    format_percent,
    print_json,
    print_left_out,
    print_table,
    progress_bar,
    sanitize,
)
from shoplens.cli.store_access import open_shop
from shoplens.evaluation.report_files import calibration_json, claim_table
from shoplens.evaluation.statistics.calibration import ABSENT_SHARE


def run(
    queries: Annotated[
        Path | None,
        typer.Option(
            "--queries",
            metavar="QUERIES.csv",
            help="CSV file of queries with the columns photo,product_id. "
            "\\[default: every photo of a product after its first]",
            show_default=False,
        ),
    ] = None,
    store: options.Store = None,
    strategy: options.Strategy = None,
    absent_share: Annotated[
        float,
        typer.Option(
            "--absent-share",
            metavar="SHARE",
            help="Share of the shoppers' photos whose product is not in the catalogue, between 0 and 1.",
        ),
    ] = ABSENT_SHARE,
    report: options.ReportFile = None,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Measure how certain answers are, so that a search can say `exact`, `similar` or `not in this catalogue`.

    Example: shoplens calibrate --queries shoppers.csv
    """
    settings = options.read_settings(store, model, allow_private)
    page = options.choose_report(report, settings, "calibrate")
    with open_shop(settings, writes=True) as shop, progress_bar() as progress:
        result = shop.quality.calibrate(
            queries, strategy=strategy or "", absent_share=absent_share, report=page, progress=progress
        )
    if json:
        print_json(calibration_json(result))
    else:
        columns, *rows = claim_table(result.calibration)
        table = Table(*columns, box=None, pad_edge=False)
        for row in rows:
            table.add_row(*row)
        print_table(table)
    print_left_out(result.left_out)
    for claim in result.reliability:
        console.print(
            f"{claim.claim}: the probability differs from the true share by {format_percent(claim.ece)} % "
            f"(root mean square over {claim.answers:,} answers)."
        )
    if not any((*result.calibration.exact_thresholds, *result.calibration.absent_thresholds)):
        console.print(
            "No precision can be promised, so every answer will have the verdict similar: the scores of right and "
            "wrong products are too close together, or there are too few photos."
        )
    if queries is None:
        console.print(
            "[yellow]The queries were the shop's own photos.[/] Shoppers' photos are harder, and their products would "
            "often be taken for absent ones. As soon as you have such photos, calibrate with --queries."
        )
    console.print(
        "All figures are measured on products that the calibration was not fitted to. "
        f"The report has reliability diagrams: [bold]{sanitize(page)}[/]"
    )
