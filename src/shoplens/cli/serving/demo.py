"""shoplens demo"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from shoplens.cli import options
from shoplens.cli.output import console, print_json, print_summary, print_table, progress_bar, sanitize
from shoplens.search.answer_json import as_json

if TYPE_CHECKING:
    from shoplens.demo import Demo


def run(
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Folder for the catalogue, the store and report.html.")
    ] = Path("demo"),
    rendered: Annotated[
        int | None,
        typer.Option(
            "--rendered",
            metavar="N",
            help="Draw a catalogue of this many products, and use it instead of a real one.",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Index a catalogue, search it with photos that are not in it, and write a report with pictures.

    The catalogue is the Luma catalogue of Magento 2 if it is in SHOPLENS_DATA or ../shared/data, or can be downloaded.
    Otherwise Shoplens draws one.

    Example: shoplens demo --rendered 400
    """
    from shoplens.demo import run_demo  # what it needs takes a while to load

    with progress_bar() as progress:
        demo = run_demo(
            out,
            options.read_settings(),
            rendered=rendered,
            progress=progress,
            say=lambda text: console.print(sanitize(text)),
        )
    print_summary(f"The store {demo.store} was built.", demo.summary, as_json=False, strict=False)
    if json:
        print_json({"report": demo.report, "searches": [as_json(search.answer) for search in demo.searches]})
    else:
        print_table(_search_table(demo))
    query, store = sanitize(demo.searches[0].answer.source), sanitize(demo.store)
    command = "shoplens" if shutil.which("shoplens") else sanitize(sys.argv[0])  # not on the path in a new .venv
    console.print(f"\nThe report has pictures: [bold]{sanitize(demo.report)}[/]")
    console.print(f"Search:       {command} search {query} --store {store} -k 5")
    console.print(f"Evaluate:     {command} evaluate --held-out --store {store}")
    console.print(f"Open a page:  {command} serve --store {store}")


def _search_table(demo: Demo) -> Table:
    table = Table(
        *("query photo", "kind", "right product", "its rank", "first result", "score"), box=None, pad_edge=False
    )
    for search in demo.searches:
        first = search.answer.results[0]
        rank = f"[green]{search.expected_rank}[/]" if search.expected_rank == 1 else str(search.expected_rank or "–")
        expected = search.expected.id if search.expected else ""
        table.add_row(
            sanitize(Path(search.answer.source).name),
            sanitize(search.how),
            sanitize(expected),
            rank,
            sanitize(f"{first.product.id} {first.product.title}"),
            f"{first.score:.3f}",
        )
    return table
