"""shoplens evaluate"""

from rich.table import Table

from shoplens.cli import options
from shoplens.cli.opened import open_shop
from shoplens.cli.output import people, percent, plain, print_json, print_left_out, print_table, progress_bar
from shoplens.evaluation.report.formatting import metric_meaning
from shoplens.evaluation.results import Evaluation
from shoplens.evaluation.runs import CATEGORY_RECALL

SHOWN_CATEGORIES = 12
SHOWN = ("recall@1", CATEGORY_RECALL, "recall@5", "mrr")


def run(
    queries: options.QueriesFile = None,
    held_out: options.HeldOut = False,
    store: options.Store = None,
    strategy: options.Strategy = "",
    report: options.ReportFile = None,
    seed: options.Seed = 0,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Say how often a search is right, on photos whose product is known."""
    settings, file = options.settings(store, model, allow_private), options.queries(queries, held_out)
    path = options.report(report, settings, "evaluate")
    with open_shop(settings) as shop, progress_bar() as progress:
        found = shop.quality.evaluate(file, strategy=strategy, report=path, seed=seed, progress=progress)
    if json:
        print_json(found.as_json())
    else:
        print_table(_metrics(found))
        if found.categories:
            print_table(_categories(found))
    print_left_out(found.left_out)
    people.print(
        f"{found.queries} queries ({plain(found.queries_from)}), {found.products} products, strategy {found.strategy}; "
        f"95 % intervals, designs resampled. {_absent(found)}\nPictures and the map: [bold]{plain(path)}[/]"
    )


def _absent(found: Evaluation) -> str:
    if not found.absent:
        return "Every query's product is in the store."
    who = "1 query" if found.absent == 1 else f"{found.absent} queries"
    return f"{who} whose product is not in the store: in no figure."


def _metrics(found: Evaluation) -> Table:
    """Percent with intervals, over all queries."""
    table = Table("metric", "percent", "what it is the mean of", box=None, pad_edge=False)
    for name, estimate in found.overall.items():
        table.add_row(name, percent(estimate), metric_meaning(name))
    return table


def _categories(found: Evaluation) -> Table:
    """The categories with the most queries."""
    table = Table("category", "queries", *SHOWN, box=None, pad_edge=False)
    for part in found.categories[:SHOWN_CATEGORIES]:
        cells = [percent(part.metrics[name]) if name in part.metrics else "" for name in SHOWN]
        table.add_row(plain(part.name), str(part.queries), *cells)
    if len(found.categories) > SHOWN_CATEGORIES:
        table.add_row(f"… and {len(found.categories) - SHOWN_CATEGORIES} more, in the report")
    return table
