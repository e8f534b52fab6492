"""shoplens demo"""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from shoplens.cli import options
from shoplens.cli.output import people, plain, print_json, print_summary, print_table, progress_bar
from shoplens.demo import Demo, run_demo
from shoplens.search.answer_json import as_json


def run(
    out: Annotated[Path, typer.Option(help="Folder for the catalogue, the store and report.html.")] = Path("demo"),
    rendered: Annotated[
        int | None, typer.Option(help="Draw a catalogue of this many products and use that.", show_default=False)
    ] = None,
    json: options.Json = False,
) -> None:
    """Index a catalogue, search it with photos that are not in it, and write a report with pictures.

    The catalogue is the real Luma one where it is found (in SHOPLENS_DATA, ../shared/data, or the public Magento 2
    sample data when the network allows), else one that Shoplens draws.
    """
    with progress_bar() as progress:
        demo = run_demo(
            out, options.settings(), rendered=rendered, progress=progress, say=lambda text: people.print(plain(text))
        )
    print_summary(f"{demo.store} holds", demo.summary, as_json=False, strict=False)
    if json:
        print_json({"report": demo.report, "searches": [as_json(search.answer) for search in demo.searches]})
    else:
        print_table(_table(demo))
    people.print(f"\nPictures: [bold]{plain(demo.report)}[/]")
    query = plain(demo.searches[0].answer.source)
    command = "shoplens" if shutil.which("shoplens") else plain(sys.argv[0])  # not on the path in a new .venv
    people.print(f"Try it:   {command} search {query} --store {plain(demo.store)} -k 5")
    people.print(f"Measure:  {command} evaluate --held-out --store {plain(demo.store)}")
    people.print(f"Look:     {command} serve --store {plain(demo.store)}")


def _table(demo: Demo) -> Table:
    table = Table("query photo", "kind", "in the photo", "found at", "first result", "score", box=None, pad_edge=False)
    for search in demo.searches:
        best = search.answer.results[0]
        place = f"[green]{search.expected_rank}[/]" if search.expected_rank == 1 else str(search.expected_rank or "–")
        expected = search.expected.id if search.expected else ""
        table.add_row(
            plain(Path(search.answer.source).name),
            plain(search.how),
            plain(expected),
            place,
            plain(f"{best.product.id} {best.product.title}"),
            f"{best.score:.3f}",
        )
    return table
