"""What commands print: data on standard output, messages for people on standard error."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from shoplens.errors import GateFailed, Refused, RejectionsFound, ShoplensError
from shoplens.feeds import SummaryRow
from shoplens.types import Progress as OnProgress

if TYPE_CHECKING:  # they take a while to load
    from shoplens.build.run import Summary
    from shoplens.evaluation.results import Estimate, OmissionCount

MAX_RENAMES = 20
"""Changes of ids that are listed."""
PIPE_WIDTH = 160
"""Columns of a table that goes to a file or a pipe, which have no width of their own."""
console = Console(
    stderr=True, highlight=False, emoji=False, soft_wrap=True, width=None if sys.stderr.isatty() else PIPE_WIDTH
)
"""Prints messages for people."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def sanitize(text: object) -> str:
    """Return text of unknown origin for a console or a table, without markup and without terminal codes."""
    return escape(_CONTROL.sub("\ufffd", str(text)))


def print_table(table: Table) -> None:
    """Print a table to standard output."""
    Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)


def print_line(text: str) -> None:
    """Print a line to standard output, however long it is."""
    Console(highlight=False, emoji=False).print(text, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print one JSON object to standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_json_value) + "\n")


def _json_value(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Path):
        return str(value)
    return dict(value)


def print_error(problem: ShoplensError, *, as_json: bool) -> None:
    """Print an error for people, and with ``as_json`` for machines, too."""
    console.print(f"[bold red]Error:[/] {sanitize(problem.problem)}\n[bold]To do:[/] {sanitize(problem.fix)}")
    reasons = [SummaryRow(*row) for row in problem.problems] if isinstance(problem, Refused) else []
    if reasons:
        console.print(_problem_table(reasons))
    if as_json and not isinstance(problem, (RejectionsFound, GateFailed)):  # their summary was printed already
        error: dict[str, Any] = {"code": problem.code, "problem": problem.problem, "fix": problem.fix}
        print_json({"error": error | ({"problems": [row._asdict() for row in reasons]} if reasons else {})})


@contextmanager
def progress_bar() -> Iterator[OnProgress]:
    """Show a bar for each task."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total or None)
            bar.update(tasks[what], completed=done, total=total or None)

        yield report


def count(number: int, noun: str, one: str = "", more: str = "") -> str:
    """Return a number with its noun, and with the verb that goes with it: ``1 photo was``, ``2 photos were``."""
    verb = one if number == 1 else more
    return f"{number} {noun}{'' if number == 1 else 's'}{f' {verb}' if verb else ''}"


def print_summary(message: str, summary: Summary, *, as_json: bool, strict: bool, compared: bool = True) -> None:
    """Print what a run did, and what it could not use.

    Args:
        message: a sentence that says what the command did.
        compared: whether products were added, changed or removed; else they were written anew as they were.

    Raises:
        RejectionsFound: under ``strict``, when anything was rejected.
    """
    if as_json:
        print_json({**_json_value(summary), "problems": [row._asdict() for row in summary.problems]})
    source = f"{count(summary.rows, 'row', 'was', 'were')} read: " if summary.rows else ""
    counts = ", ".join(f"{getattr(summary, name)} {name}" for name in ("added", "changed", "unchanged", "removed"))
    products = f"{count(summary.products, 'product')} with {count(summary.photos, 'photo')}"
    console.print(
        f"[bold]{sanitize(message)}[/] {source}{products}{f' ({counts})' if compared else ''}. "
        f"{count(summary.photos_embedded, 'photo', 'was', 'were')} embedded, and {summary.photos_known} before. "
        f"This took {summary.seconds:.1f} s."
    )
    if summary.dimensions:
        fitted = count(summary.dimensions, "dimension", "was", "were")
        console.print(f"{fitted} fitted. `shoplens dimensions` lists them.")
    print_problems(summary.problems, summary.report)
    if strict and summary.rejected:
        raise RejectionsFound(
            f"{summary.rejected} rows, products or photos were rejected.", f"Read the report {summary.report}."
        )


def print_renames(renames: Mapping[str, Sequence[str]]) -> None:
    """Print which ids change, and to what; of many, the first ones."""
    console.print(f"[bold]{len(renames)} products get new ids.[/] Their clicks and merchandising rules stay with them:")
    for old, new in list(renames.items())[:MAX_RENAMES]:
        console.print(f"  {sanitize(old)} → {sanitize(', '.join(new))}")
    if len(renames) > MAX_RENAMES:
        console.print(f"  and {len(renames) - MAX_RENAMES} more")


def print_left_out(left_out: Sequence[OmissionCount]) -> None:
    """Print which queries do not count, and why."""
    if not left_out:
        return
    table = Table("left out", "count", _example_column(), "what to do", box=None, pad_edge=False)
    for row in left_out:
        table.add_row(f"[yellow]{sanitize(row.kind)}[/]", str(row.times), sanitize(row.example), sanitize(row.fix))
    console.print(table)


def print_problems(problems: Sequence[SummaryRow], report: object) -> None:
    """Print what could not be used, if anything, and the file that lists all of it."""
    if problems:
        console.print(_problem_table(problems))
        console.print(f"The report lists all of them: {sanitize(report)}")


def format_percent(estimate: Estimate) -> str:
    """Return a share and its interval, in percent."""
    return f"{100 * estimate.value:.1f} ({100 * estimate.low:.1f}-{100 * estimate.high:.1f})"


def format_stages(seconds: Mapping[str, float]) -> str:
    """Return how long each stage of a training took."""
    return ", ".join(f"{name} {took:.0f} s" for name, took in seconds.items() if name != "total")


def _example_column() -> Column:
    """Return a column in which no long path is cut off."""
    return Column("first example", overflow="fold")


def _problem_table(problems: Sequence[SummaryRow]) -> Table:
    table = Table("level", "problem", "count", _example_column(), "what to do", box=None, pad_edge=False)
    for row in problems:
        colour = "red" if row.level == "rejected" else "yellow"
        cells = sanitize(row.kind), str(row.times), sanitize(row.example), sanitize(row.fix)
        table.add_row(f"[{colour}]{row.level}[/]", *cells)
    return table
