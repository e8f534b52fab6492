"""shoplens evaluate"""

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
from shoplens.evaluation.query_runs import CATEGORY_RECALL
from shoplens.evaluation.report.formatting import metric_meaning
from shoplens.evaluation.results import Evaluation

SHOWN_CATEGORIES = 12
SHOWN_METRICS = ("recall@1", CATEGORY_RECALL, "recall@5", "mrr")


def run(
    queries: options.QueriesFile = None,
    held_out: options.HeldOut = False,
    store: options.Store = None,
    strategy: options.Strategy = None,
    report: options.ReportFile = None,
    seed: options.IntervalSeed = 0,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Measure how often a search finds the right product, with photos whose product is known.

    Example: shoplens evaluate --held-out
    """
    settings, file = options.read_settings(store, model, allow_private), options.choose_queries(queries, held_out)
    page = options.choose_report(report, settings, "evaluate")
    with open_shop(settings) as shop, progress_bar() as progress:
        evaluation = shop.quality.evaluate(file, strategy=strategy or "", report=page, seed=seed, progress=progress)
    if json:
        print_json(evaluation.as_json())
    else:
        print_table(_metric_table(evaluation))
        if evaluation.categories:
            print_table(_category_table(evaluation))
    print_left_out(evaluation.left_out)
    console.print(
        f"{evaluation.queries} queries ({sanitize(evaluation.queries_from)}) were searched for among "
        f"{evaluation.products} products with the strategy {evaluation.strategy}. {_describe_absent(evaluation)}\n"
        "The intervals hold with 95 % confidence; they come from resampling whole designs.\n"
        f"The report has pictures and a map of the catalogue: [bold]{sanitize(page)}[/]"
    )


def _describe_absent(evaluation: Evaluation) -> str:
    if not evaluation.absent:
        return "The product of every query is in the store."
    if evaluation.absent == 1:
        return "The product of 1 more query is not in the store, so this query does not count."
    return f"The products of {evaluation.absent} more queries are not in the store, so these queries do not count."


def _metric_table(evaluation: Evaluation) -> Table:
    """Return each metric in percent, with its interval, over all queries."""
    table = Table("metric", "percent", "it is the mean of", box=None, pad_edge=False)
    for name, estimate in evaluation.overall.items():
        table.add_row(name, format_percent(estimate), metric_meaning(name))
    return table


def _category_table(evaluation: Evaluation) -> Table:
    """Return the categories with the most queries."""
    table = Table("category", "queries", *SHOWN_METRICS, box=None, pad_edge=False)
    for part in evaluation.categories[:SHOWN_CATEGORIES]:
        cells = [format_percent(part.metrics[name]) if name in part.metrics else "" for name in SHOWN_METRICS]
        table.add_row(sanitize(part.name), str(part.queries), *cells)
    if len(evaluation.categories) > SHOWN_CATEGORIES:
        table.add_row(f"… and {len(evaluation.categories) - SHOWN_CATEGORIES} more, which the report lists")
    return table
