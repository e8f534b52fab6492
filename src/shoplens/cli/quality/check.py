"""shoplens check: whether searches have become worse."""

from pathlib import Path
from typing import Annotated

import typer

from shoplens.cli import options
from shoplens.cli.groups import new_group
from shoplens.cli.output import console, print_json, print_left_out, progress_bar, sanitize
from shoplens.cli.store_access import open_shop
from shoplens.errors import GateFailed
from shoplens.evaluation.regression.check import DEFAULT_COUNT, CheckOptions, CheckResult
from shoplens.evaluation.results import to_json_values

MIN_POWER = 0.8
app = new_group(
    "Check that searches have not become worse than a baseline. `shoplens check` alone means `shoplens check run`.",
    default="run",
)
BaselineFile = Annotated[
    Path | None,
    typer.Option(
        "--baseline",
        metavar="FILE",
        help="File of the baseline. \\[default: evaluation/baseline.json in the store]",
        show_default=False,
    ),
]
QueriesOption = Annotated[
    Path | None,
    typer.Option(
        "--queries",
        metavar="QUERIES.csv",
        help="Draw from the photos of this CSV file with the columns photo,product_id. "
        "\\[default: the first photo of every product]",
        show_default=False,
    ),
]
Count = Annotated[
    int | None,
    typer.Option("--count", metavar="N", min=1, help=f"Number of photos to draw. \\[default: {DEFAULT_COUNT}]"),
]


@app.command()
def run(
    store: options.Store = None,
    baseline: BaselineFile = None,
    fresh: Annotated[
        int | None,
        typer.Option(
            "--fresh",
            metavar="SEED",
            help="Draw other photos than those of the baseline, by this seed. --queries and --count need it.",
            show_default=False,
        ),
    ] = None,
    queries: QueriesOption = None,
    count: Count = None,
    strategy: options.Strategy = None,
    report: options.ReportFile = None,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Search with corrupted photos (blurred, dark, cropped and so on), and exit with code 1 if the baseline was better.

    Example: shoplens check --report check.html
    """
    settings = options.read_settings(store, model, allow_private)
    page = options.choose_report(report, settings, "check")
    wanted = CheckOptions(baseline, fresh=fresh, queries=queries, count=count)
    with open_shop(settings) as shop, progress_bar() as progress:
        gate = shop.quality.check(wanted, strategy=strategy or "", report=page, progress=progress).report
    assert gate is not None, "only a new baseline has no report"
    if json:
        print_json(gate.as_json())
    for line in gate.lines():
        console.print(sanitize(line))
    console.print(f"The report compares the baseline with this run: [bold]{sanitize(page)}[/]")
    if not gate.passed:
        raise GateFailed(
            f"{sum(cell.fell for cell in gate.cells)} of {len(gate.cells)} figures fell.",
            "Find out what changed. If the change is wanted, make a new baseline: shoplens check make-baseline.",
        )


@app.command()
def make_baseline(
    store: options.Store = None,
    baseline: BaselineFile = None,
    queries: QueriesOption = None,
    count: Count = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            metavar="N",
            help="Seed of the choice of photos and of their corruptions. \\[default: 0]",
            show_default=False,
        ),
    ] = None,
    strategy: options.Strategy = None,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Make the baseline that later checks compare with. Do it while searches are known to be good.

    Example: shoplens check make-baseline --count 2000
    """
    settings = options.read_settings(store, model, allow_private)
    wanted = CheckOptions(baseline, make_baseline=True, queries=queries, count=count, seed=seed)
    with open_shop(settings) as shop, progress_bar() as progress:
        result = shop.quality.check(wanted, strategy=strategy or "", progress=progress)
    _print_baseline(result, json=json)


def _print_baseline(result: CheckResult, *, json: bool) -> None:
    ranks = result.run
    if json:
        baseline = {"queries": len(ranks.queries), "kinds": list(ranks.ranks), "power": result.power}
        rejected = to_json_values(result.rejected)
        print_json({"baseline": baseline, "left_out": result.left_out, "rejected": rejected})
    console.print(
        f"The baseline was made of {len(ranks.queries)} photos in {len(ranks.ranks)} versions each. If 5 % of the "
        f"vectors were swapped, a check would notice it with a probability of {result.power:.2f}."
    )
    if result.power is not None and result.power < MIN_POWER:
        console.print(
            "[yellow]There are too few photos for a sensitive check.[/] A check that passes says little. "
            "Draw more photos with --count."
        )
    for product_id, reason in result.left_out.items():
        console.print(f"The product {sanitize(product_id)} was left out: {reason}")
    print_left_out(result.rejected)
