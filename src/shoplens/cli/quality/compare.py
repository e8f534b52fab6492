"""shoplens compare"""

from rich.table import Table

from shoplens.cli import options
from shoplens.cli.opened import open_shop
from shoplens.cli.output import people, percent, plain, print_json, print_left_out, print_table, progress_bar
from shoplens.evaluation.report.formatting import byte_size, duration
from shoplens.evaluation.results import Comparison, StrategyRow

SHOWN = ("recall@1", "recall@5", "mrr", "ndcg@10")


def run(
    queries: options.QueriesFile = None,
    held_out: options.HeldOut = False,
    store: options.Store = None,
    report: options.ReportFile = None,
    seed: options.Seed = 0,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Put all strategies side by side: how often each is right, and what it costs."""
    settings, file = options.settings(store, model, allow_private), options.queries(queries, held_out)
    path = options.report(report, settings, "compare")
    with open_shop(settings) as shop, progress_bar() as progress:
        found = shop.quality.compare(file, report=path, seed=seed, progress=progress)
    if json:
        print_json(found.as_json())
    else:
        print_table(_table(found))
    print_left_out(found.left_out)
    for row in found.rows:
        if row.growth:
            people.print(_growing(row))
    people.print(
        f"{found.queries} queries ({plain(found.queries_from)}), {found.products} products; 95 % intervals; p of the "
        f"difference in recall@1 from {plain(found.compared_with)}.\nPlots: [bold]{plain(path)}[/]"
    )


def _table(found: Comparison) -> Table:
    table = Table(
        "strategy", *SHOWN, "p", "ms per query", "bytes per product", "ms to add a product", box=None, pad_edge=False
    )
    for row in found.rows:
        against = row.against.get(SHOWN[0])
        table.add_row(
            plain(row.name),
            *(percent(row.metrics[name]) for name in SHOWN),
            f"{against.p:.4f}" if against else "",
            _median(row, "query_ms"),
            f"{row.bytes_per_product:,.0f}",
            _median(row, "adding_ms"),
        )
    return table


def _growing(row: StrategyRow) -> str:
    unknown = f" It does not know {row.unknown} of this store's, and finds none of them." if row.unknown else ""
    sizes = "; ".join(
        f"{duration(1e3 * one.seconds)} and {byte_size(one.training_bytes)} at {one.products:,}"
        for one in row.growth
    )
    return f"{row.name}: one more product takes a whole training, {sizes} products.{unknown}"


def _median(row: StrategyRow, field: str) -> str:
    spread = getattr(row, field)
    return f"{spread['median']:.1f} (p95 {spread['p95']:.1f})" if spread else ""
