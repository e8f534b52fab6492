"""What commands print: data on stdout, everything for people on stderr."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from shoplens.build.run import Progress as OnProgress
from shoplens.build.run import Summary
from shoplens.errors import GateFailed, Refused, RejectionsFound, ShoplensError
from shoplens.evaluation.results import Estimate, LeftOut
from shoplens.feeds import SummaryRow

MOST_RENAMES = 20
"""Changes of ids that are listed."""
WIDE = 160
"""Columns of a table that is piped, where there is no terminal to ask."""
people = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True, width=None if sys.stderr.isatty() else WIDE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(text: object) -> str:
    """What somebody else wrote, for a console or a table: no markup in it counts, nothing in it steers a terminal."""
    return escape(_CONTROL.sub("\ufffd", str(text)))


def print_table(table: Table) -> None:
    """A table on stdout."""
    Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else WIDE).print(table)


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_plain) + "\n")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Path):
        return str(value)
    return dict(value)


def print_error(problem: ShoplensError, *, as_json: bool) -> None:
    """An error: for people always, for machines when they asked for JSON."""
    people.print(f"[bold red]Error:[/] {plain(problem.problem)}\n[bold]To do:[/] {plain(problem.fix)}")
    reasons = [SummaryRow(*row) for row in problem.problems] if isinstance(problem, Refused) else []
    if reasons:
        people.print(_problems(reasons))
    if as_json and not isinstance(problem, (RejectionsFound, GateFailed)):  # whose summary is on stdout already
        told: dict[str, Any] = {"code": problem.code, "problem": problem.problem, "fix": problem.fix}
        print_json({"error": told | ({"problems": [row._asdict() for row in reasons]} if reasons else {})})


@contextmanager
def progress_bar() -> Iterator[OnProgress]:
    """A bar per thing that is being done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=people, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total or None)
            bar.update(tasks[what], completed=done, total=total or None)

        yield report


def print_summary(done: str, summary: Summary, *, as_json: bool, strict: bool) -> None:
    """What a run did, and what it could not use.

    Raises:
        RejectionsFound: under ``strict``, when anything was rejected.
    """
    if as_json:
        print_json({**_plain(summary), "problems": [row._asdict() for row in summary.problems]})
    counts = ", ".join(f"{getattr(summary, name)} {name}" for name in ("added", "changed", "unchanged", "removed"))
    people.print(
        f"[bold]{plain(done)}[/] {summary.products} products, {summary.photos} photos ({counts}; "
        f"{summary.photos_embedded} photos embedded, {summary.photos_known} known)"
        f"{f' from {summary.rows} rows' if summary.rows else ''} in {summary.seconds:.1f} s."
    )
    if summary.dimensions:
        people.print(f"{summary.dimensions} dimensions of likeness were fitted: `shoplens dimensions` lists them.")
    print_problems(summary.problems, summary.report)
    if strict and summary.rejected:
        raise RejectionsFound(f"{summary.rejected} things were rejected.", f"See {summary.report}.")


def print_renames(renames: Mapping[str, Sequence[str]]) -> None:
    """Which ids change, and to what; the first of many."""
    people.print(f"[bold]{len(renames)} products change their ids[/]; clicks and merchandising follow:")
    for old, now in list(renames.items())[:MOST_RENAMES]:
        people.print(f"  {plain(old)} → {plain(', '.join(now))}")
    if len(renames) > MOST_RENAMES:
        people.print(f"  and {len(renames) - MOST_RENAMES} more")


def print_left_out(left_out: Sequence[LeftOut]) -> None:
    """Queries that do not count, and why."""
    if not left_out:
        return
    table = Table("left out", "times", "first one", "what to do", box=None, pad_edge=False)
    for one in left_out:
        table.add_row(f"[yellow]{plain(one.kind)}[/]", str(one.times), plain(one.example), plain(one.fix))
    people.print(table)


def percent(estimate: Estimate) -> str:
    """A share and its interval in percent."""
    return f"{100 * estimate.value:.1f} ({100 * estimate.low:.1f}-{100 * estimate.high:.1f})"


def print_problems(problems: Sequence[SummaryRow], report: object) -> None:
    """What could not be used, if anything, and the file with all of it."""
    if problems:
        people.print(_problems(problems))
        people.print(f"All of them: {plain(report)}")


def _problems(problems: Sequence[SummaryRow]) -> Table:
    table = Table("", "what", "times", "first one", "what to do", box=None, pad_edge=False)
    for row in problems:
        colour = "red" if row.level == "rejected" else "yellow"
        table.add_row(f"[{colour}]{row.level}[/]", plain(row.kind), str(row.times), plain(row.example), plain(row.fix))
    return table
