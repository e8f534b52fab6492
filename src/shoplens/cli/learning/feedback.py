"""shoplens feedback: what shoppers did with answers, and forgetting it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from shoplens.cli import options
from shoplens.cli.groups import new_group
from shoplens.cli.output import console, count, print_json, print_problems, print_table, sanitize
from shoplens.cli.store_access import open_shop, send_feedback
from shoplens.errors import InvalidValue, RejectionsFound
from shoplens.feedback.events import KINDS, Event
from shoplens.feedback.log import FeedbackCounts
from shoplens.settings import Settings
from shoplens.shop.feedback import FeedbackSummary

SHOWN_RANKS = 10
app = new_group("Record what shoppers did with remembered answers, show it, and forget it.")
QueryId = Annotated[
    str, typer.Argument(metavar="QUERY_ID", help="Id of the answer, as the search gave it.", show_default=False)
]
ProductId = Annotated[
    str, typer.Argument(metavar="PRODUCT_ID", help="Id of a product that the answer showed.", show_default=False)
]
User = Annotated[
    str,
    typer.Option(
        "--user",
        metavar="NAME",
        help="Name of the shopper. The store keeps a keyed hash of it only.",
        show_default=False,
    ),
]


@app.command()
def click(
    query_id: QueryId,
    product_id: ProductId,
    user: User = "",
    store: options.Store = None,
    json: options.Json = False,
) -> None:
    """Record that a shopper looked at a product of an answer.

    Example: shoplens feedback click QUERY_ID MH01-Black --user 42
    """
    _add_event(store, Event(query_id, product_id, "click", user), json=json)


@app.command()
def purchase(
    query_id: QueryId,
    product_id: ProductId,
    user: User = "",
    store: options.Store = None,
    json: options.Json = False,
) -> None:
    """Record that a shopper bought a product of an answer. A purchase counts more than a click."""
    _add_event(store, Event(query_id, product_id, "purchase", user), json=json)


@app.command()
def wrong(
    query_id: QueryId,
    product_id: ProductId,
    user: User = "",
    store: options.Store = None,
    json: options.Json = False,
) -> None:
    """Record that a product of an answer is not what the shopper searched for."""
    _add_event(store, Event(query_id, product_id, "wrong", user), json=json)


@app.command()
def add(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="JSON Lines file, one event per line, with query_id, product_id, kind and, where wanted, user and at. "
            f"Kinds: {', '.join(KINDS)}.",
            show_default=False,
        ),
    ],
    store: options.Store = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Record many events from a file.

    Example: shoplens feedback add clicks.jsonl
    """
    summary = _add_events(options.read_settings(store), file)
    print_feedback_summary(summary, json=json)
    if strict and summary.rejected:
        raise RejectionsFound(f"{summary.rejected} events were rejected.", f"Read the report {summary.report}.")


@app.command()
def show(store: options.Store = None, json: options.Json = False) -> None:
    """Show how many answers are remembered, and how often shoppers chose the product at each rank."""
    with open_shop(options.read_settings(store), bare=True) as shop:
        counts = shop.feedback.counts()
    if json:
        print_json(counts)
        return
    print_table(_rank_table(counts.by_rank))
    console.print(_describe_counts(counts))


@app.command()
def forget(
    user: Annotated[
        str,
        typer.Option(
            "--user",
            metavar="NAME",
            help="Forget the answers to this shopper, and all that the shopper did.",
            show_default=False,
        ),
    ] = "",
    query: Annotated[
        str, typer.Option("--query", metavar="QUERY_ID", help="Forget this answer.", show_default=False)
    ] = "",
    everything: Annotated[bool, options.flag("--all", "Forget all answers and all that shoppers did.")] = False,
    store: options.Store = None,
    json: options.Json = False,
) -> None:
    """Forget a shopper, an answer or everything: give exactly one of --user, --query and --all.

    The data is overwritten on the disk.

    Example: shoplens feedback forget --user 42
    """
    with open_shop(options.read_settings(store), bare=True) as shop:
        removed = shop.feedback.forget(user=user, query_id=query, everything=everything)
    if json:
        print_json({"forgotten": removed})
    console.print(f"{removed} answers and events were forgotten.")


def print_feedback_summary(summary: FeedbackSummary, *, json: bool) -> None:
    """Print how many events were recorded, and which were not."""
    if json:
        print_json(
            {
                "added": {"click": summary.clicks, "purchase": summary.purchases, "wrong": summary.wrong},
                "rejected": summary.rejected,
                "problems": [row._asdict() for row in summary.problems],
                "report": str(summary.report) if summary.problems else None,
            }
        )
    console.print(
        f"{count(summary.clicks, 'click')}, {count(summary.purchases, 'purchase')} and "
        f"{count(summary.wrong, 'wrong mark')} were recorded. "
        f"{count(summary.rejected, 'event', 'was', 'were')} rejected."
    )
    print_problems(summary.problems, summary.report)


def _add_event(store: Path | None, event: Event, *, json: bool) -> None:
    summary = _add_events(options.read_settings(store), event)
    if summary.rejected:
        row = summary.problems[0]
        raise InvalidValue(f"The event was rejected ({row.kind}): {row.example}.", row.fix, code=row.kind)
    print_feedback_summary(summary, json=json)


def _add_events(settings: Settings, events: Path | Event) -> FeedbackSummary:
    """Record events through the service that has the store, or else in the store itself."""
    summary = send_feedback(settings, events)
    if summary is None:
        with open_shop(settings) as shop:
            summary = shop.feedback.add(events if isinstance(events, Path) else [events])
    return summary


def _rank_table(by_rank: Mapping[str, list[int]]) -> Table:
    table = Table("rank", *KINDS, box=None, pad_edge=False)
    for rank in range(min(SHOWN_RANKS, max(len(counts) for counts in by_rank.values()))):
        table.add_row(str(rank + 1), *[str(sum(by_rank[kind][rank : rank + 1])) for kind in KINDS])
    if any(len(counts) > SHOWN_RANKS for counts in by_rank.values()):
        table.add_row("later", *[str(sum(by_rank[kind][SHOWN_RANKS:])) for kind in KINDS])
    return table


def _describe_counts(counts: FeedbackCounts) -> str:
    if counts.oldest is None:
        return "No answer is remembered. Search with --remember, or set SHOPLENS_REMEMBER=1."
    since = datetime.fromtimestamp(counts.oldest, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return sanitize(
        f"{count(counts.impressions, 'answer', 'is', 'are')} remembered since {since}, "
        f"to {count(counts.users, 'user')}. "
        f"Each answer is kept for {counts.days:g} days."
    )
