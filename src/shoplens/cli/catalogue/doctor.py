"""shoplens doctor"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from shoplens.cli import options
from shoplens.cli.output import console, print_json, print_table, progress_bar, sanitize
from shoplens.cli.store_access import open_shop
from shoplens.errors import StoreError
from shoplens.evaluation.doctor.findings import KINDS, Diagnosis
from shoplens.evaluation.report_files import LINES_SUFFIX
from shoplens.store.files.damage import check_files
from shoplens.store.layout import is_store


def run(
    store: options.Store = None,
    kind: Annotated[
        list[str] | None,
        options.choice_option(
            "--kind",
            KINDS,
            "Kind of problem to look for. Repeat the option for several kinds.",
            default="all kinds",
            code="unknown-kind",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="HTML file to write, with a JSON Lines file beside it. "
            "\\[default: in the folder reports/ of the store]",
            show_default=False,
        ),
    ] = None,
    files: Annotated[
        bool,
        options.flag(
            "--files", "Instead, check all files of the store against their checksums, and say what heals them."
        ),
    ] = False,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Find problems in a catalogue, such as values that the photos contradict, duplicates, or products never found.

    Example: shoplens doctor --kind wrong-value --report problems.html
    """
    settings = options.read_settings(store, model, allow_private)
    if files:
        _check_files(settings.store, json=json)
        return
    page = options.choose_report(report, settings, "doctor")
    page = page.with_suffix(".html") if page.suffix == LINES_SUFFIX else page
    with open_shop(settings) as shop, progress_bar() as progress:
        diagnosis = shop.quality.diagnose(kind or (), report=page, progress=progress)
    if json:
        print_json(diagnosis.as_json())
    else:
        print_table(_finding_table(diagnosis))
    for note in diagnosis.notes:
        console.print(f"[yellow]{sanitize(note)}[/]")
    console.print(f"The report shows the photos side by side: [bold]{sanitize(page)}[/]")
    console.print(f"All findings are in {sanitize(page.with_suffix(LINES_SUFFIX))}")


def _check_files(store: Path, *, json: bool) -> None:
    """Print the state of each file of a store.

    Raises:
        StoreError: ``no-store``; ``damaged-store``, a file is damaged.
    """
    if not is_store(store):
        raise StoreError(f"There is no store at {store}.", "Make one: shoplens index FEED.", code="no-store")
    states = check_files(store)
    if json:
        print_json({"files": [asdict(state) for state in states]})
        raise typer.Exit(StoreError.exit_code if any(state.state == "damaged" for state in states) else 0)
    table = Table("file", "state", "problem", "what heals it", box=None, pad_edge=False)
    for state in states:
        table.add_row(sanitize(state.path), state.state, sanitize(state.problem), sanitize(state.fix))
    print_table(table)
    if damaged := [state for state in states if state.state == "damaged"]:
        raise StoreError(
            f"Damaged: {', '.join(state.path for state in damaged)}. {damaged[0].problem}",
            damaged[0].fix,
            code="damaged-store",
        )
    console.print("No file is damaged.")


def _finding_table(diagnosis: Diagnosis) -> Table:
    table = Table("kind", "count", "first example", box=None, pad_edge=False)
    for kind, count in diagnosis.counts.items():
        first = next(iter(diagnosis.findings_of(kind)), None)
        example = "" if first is None else f"{first.product_ids[0]}: {first.sentence}"
        table.add_row(sanitize(kind), f"{count:,}", sanitize(example))
    return table
