"""shoplens compare"""

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
from shoplens.evaluation.report.formatting import byte_size, duration
from shoplens.evaluation.results import Comparison, StrategyRow

SHOWN_METRICS = ("recall@1", "recall@5", "mrr", "ndcg@10")


def run(
    queries: options.QueriesFile = None,
    held_out: options.HeldOut = False,
    store: options.Store = None,
    report: options.ReportFile = None,
    seed: options.IntervalSeed = 0,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Compare all strategies on the same queries: how often each finds the right product, and what it costs.

    Example: shoplens compare shoppers.csv
    """
    settings, file = options.read_settings(store, model, allow_private), options.choose_queries(queries, held_out)
    page = options.choose_report(report, settings, "compare")
    with open_shop(settings) as shop, progress_bar() as progress:
        comparison = shop.quality.compare(file, report=page, seed=seed, progress=progress)
    if json:
        print_json(comparison.as_json())
    else:
        print_table(_strategy_table(comparison))
    print_left_out(comparison.left_out)
    for row in comparison.rows:
        if row.retraining_costs:
            console.print(_describe_growth(row))
    console.print(
        f"{comparison.queries} queries ({sanitize(comparison.queries_from)}) were searched for among "
        f"{comparison.products} products. The intervals hold with 95 % confidence; p is for the difference "
        f"in recall@1 from the strategy {sanitize(comparison.compared_with)}.\n"
        f"The report has plots: [bold]{sanitize(page)}[/]"
    )


def _strategy_table(comparison: Comparison) -> Table:
    table = Table(
        *("strategy", *SHOWN_METRICS, "p", "ms per query", "bytes per product", "ms to add a product"),
        box=None,
        pad_edge=False,
    )
    for row in comparison.rows:
        against = row.against.get(SHOWN_METRICS[0])
        table.add_row(
            sanitize(row.name),
            *(format_percent(row.metrics[name]) for name in SHOWN_METRICS),
            f"{against.p:.4f}" if against else "",
            _format_median(row, "query_ms"),
            f"{row.bytes_per_product:,.0f}",
            _format_median(row, "adding_ms"),
        )
    return table


def _describe_growth(row: StrategyRow) -> str:
    sizes = "; ".join(
        f"{duration(1e3 * one.seconds)} and {byte_size(one.training_bytes)} with {one.products:,} products"
        for one in row.retraining_costs
    )
    unknown = f" It does not know {row.unknown} products of this store, and never finds them." if row.unknown else ""
    return f"{row.name} needs a whole new training for one more product: {sizes}.{unknown}"


def _format_median(row: StrategyRow, field: str) -> str:
    spread = getattr(row, field)
    return f"{spread['median']:.1f} (p95 {spread['p95']:.1f})" if spread else ""
