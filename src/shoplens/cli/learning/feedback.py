"""shoplens feedback: what shoppers did with answers, and forgetting it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from shoplens.cli import options
from shoplens.cli.opened import open_shop, send_feedback
from shoplens.cli.output import people, plain, print_json, print_problems, print_table
from shoplens.errors import InvalidValue, RejectionsFound
from shoplens.feedback.events import KINDS, Event, Kind
from shoplens.feedback.log import FeedbackCounts
from shoplens.settings import Settings
from shoplens.shop.feedback import FeedbackSummary

SHOWN_RANKS = 10
app = typer.Typer(
    help="Tell what shoppers did with answers that were remembered, and forget it.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
QueryId = Annotated[str, typer.Argument(help="The query_id of an answer.", show_default=False)]
ProductId = Annotated[str, typer.Argument(help="A product that it showed.", show_default=False)]
User = Annotated[str, typer.Option("--user", help="Who, as the shop calls them; kept as a keyed hash.")]


@app.command()
def click(
    query_id: QueryId,
    product_id: ProductId,
    user: User = "",
    store: options.Store = None,
    json: options.Json = False,
) -> None:
    """A product was looked at."""
    _one(store, query_id, product_id, "click", user, json)


@app.command()
def purchase(
    query_id: QueryId,
    product_id: ProductId,
    user: User = "",
    store: options.Store = None,
    json: options.Json = False,
) -> None:
    """A product was bought; it says more than a click."""
    _one(store, query_id, product_id, "purchase", user, json)


@app.command()
def wrong(
    query_id: QueryId,
    product_id: ProductId,
    user: User = "",
    store: options.Store = None,
    json: options.Json = False,
) -> None:
    """Somebody says that a product is not what was looked for."""
    _one(store, query_id, product_id, "wrong", user, json)


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="JSON lines: query_id, product_id, kind; user, at.", show_default=False)],
    store: options.Store = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Many events, from a file."""
    summary = _add_feedback(options.settings(store), file)
    show_added(summary, json=json)
    if strict and summary.rejected:
        raise RejectionsFound(f"{summary.rejected} events were rejected.", f"See {summary.report}.")


@app.command()
def show(store: options.Store = None, json: options.Json = False) -> None:
    """How many answers are remembered, and what was done with them at which rank."""
    with open_shop(options.settings(store), bare=True) as shop:
        counts = shop.feedback()
    if json:
        print_json(counts)
        return
    print_table(_by_rank(counts.by_rank))
    people.print(_describe_counts(counts))


@app.command()
def forget(
    user: Annotated[str, typer.Option("--user", help="Remove their answers, and all that they did.")] = "",
    query: Annotated[str, typer.Option("--query", help="Remove this answer.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Remove all answers.")] = False,
    store: options.Store = None,
    json: options.Json = False,
) -> None:
    """Remove a user, an answer, or all; what is removed is overwritten on disk."""
    with open_shop(options.settings(store), bare=True) as shop:
        gone = shop.forget(user=user, query_id=query, everything=everything)
    if json:
        print_json({"forgotten": gone})
    people.print(f"Forgotten: {gone} answers and events.")


def show_added(summary: FeedbackSummary, *, json: bool) -> None:
    """What became of events."""
    if json:
        print_json(
            {
                "added": {"click": summary.clicks, "purchase": summary.purchases, "wrong": summary.wrong},
                "rejected": summary.rejected,
                "problems": [row._asdict() for row in summary.problems],
                "report": str(summary.report) if summary.problems else None,
            }
        )
    people.print(
        f"Kept: {summary.clicks} clicks, {summary.purchases} purchases, {summary.wrong} wrong marks; "
        f"{summary.rejected} events do not count."
    )
    print_problems(summary.problems, summary.report)


def _one(store: Path | None, query_id: str, product_id: str, kind: Kind, user: str, json: bool) -> None:
    event = Event(query_id, product_id, kind, user)
    summary = _add_feedback(options.settings(store), event)
    if summary.rejected:
        row = summary.problems[0]
        raise InvalidValue(f"It does not count, {row.kind}: {row.example}.", row.fix, code=row.kind)
    show_added(summary, json=json)


def _add_feedback(settings: Settings, events: Path | Event) -> FeedbackSummary:
    """What became of events, by the service that has the store, or here."""
    summary = send_feedback(settings, events)
    if summary is None:
        with open_shop(settings) as shop:
            summary = shop.add_feedback(events if isinstance(events, Path) else [events])
    return summary


def _by_rank(by_rank: Mapping[str, list[int]]) -> Table:
    table = Table("rank", *KINDS, box=None, pad_edge=False)
    for rank in range(min(SHOWN_RANKS, max(len(one) for one in by_rank.values()))):
        table.add_row(str(rank + 1), *[str(sum(by_rank[kind][rank : rank + 1])) for kind in KINDS])
    if any(len(one) > SHOWN_RANKS for one in by_rank.values()):
        table.add_row("further", *[str(sum(by_rank[kind][SHOWN_RANKS:])) for kind in KINDS])
    return table


def _describe_counts(counts: FeedbackCounts) -> str:
    if counts.oldest is None:
        return "No answer is remembered: search with --remember, or set SHOPLENS_REMEMBER=1."
    since = datetime.fromtimestamp(counts.oldest, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return plain(
        f"{counts.impressions} answers since {since}, {counts.users} users; each is kept for {counts.days:g} days."
    )
