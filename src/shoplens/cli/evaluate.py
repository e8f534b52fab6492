"""shoplens evaluate"""

from rich.table import Table

from shoplens.cli import options
from shoplens.cli.output import people, percent, plain, print_json, print_left_out, print_table, progress_bar
from shoplens.evaluation.metrics import METRICS
from shoplens.evaluation.results import Evaluation
from shoplens.evaluation.runs import CATEGORY_RECALL
from shoplens.ranking.strategies import DEFAULT
from shoplens.shop import Shop

SHOWN_CATEGORIES = 12


def run(
    queries: options.QueriesFile = None,
    held_out: options.HeldOut = False,
    store: options.Store = None,
    strategy: options.Strategy = DEFAULT,
    report: options.ReportFile = None,
    seed: options.Seed = 0,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Say how often a search is right, on photos whose product is known."""
    settings, file = options.settings(store, model, allow_private), options.queries(queries, held_out)
    path = options.report(report, settings, "evaluate")
    with Shop(settings=settings) as shop, progress_bar() as progress:
        found = shop.evaluate(file, strategy=strategy, report=path, seed=seed, progress=progress)
    if json:
        print_json(found.as_json())
    else:
        print_table(_table(found))
    print_left_out(found.left_out)
    people.print(
        f"{found.queries} queries ({plain(found.queries_from)}), {found.products} products, strategy {found.strategy}; "
        f"95 % intervals, designs resampled. {_absent(found)}\nPictures and the map: [bold]{plain(path)}[/]"
    )


def _absent(found: Evaluation) -> str:
    if not found.absent:
        return "Every query's product is in the store."
    return f"{found.absent} queries whose product is not in the store are in no figure."


def _table(found: Evaluation) -> Table:
    """Percent, with intervals: over all, then over the categories with most queries."""
    names = {**{name: name for name in METRICS}, CATEGORY_RECALL: "recall@1 in category"}
    table = Table("", "queries", *names.values(), box=None, pad_edge=False)
    rows = [("all", found.queries, found.overall)]
    rows += [(part.name, part.queries, part.metrics) for part in found.categories[:SHOWN_CATEGORIES]]
    for name, count, metrics in rows:
        cells = [percent(metrics[metric]) if metric in metrics else "" for metric in names]
        table.add_row(plain(name), str(count), *cells)
    if len(found.categories) > SHOWN_CATEGORIES:
        table.add_row(f"… {len(found.categories) - SHOWN_CATEGORIES} more categories in the report")
    return table
