"""shoplens copy"""

from dataclasses import replace as change
from pathlib import Path
from typing import Annotated

import typer

from shoplens.cli import options
from shoplens.cli.output import console, print_json, progress_bar, sanitize
from shoplens.cli.store_access import open_shop


def run(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="Folder or address of the store to copy.", show_default=False)
    ],
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="Folder or address to copy it to.", show_default=False)
    ],
    replace: Annotated[
        bool, options.flag("--replace", "Replace what TARGET holds; it is kept, so that you can go back to it.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Copy a store between a folder and a Qdrant server, in either direction. Both give the same answers.

    Example: shoplens copy shoplens-store qdrant://search.internal:6334/shop
    """
    settings = options.read_settings()
    goal = change(settings, store=target, server="")
    with open_shop(change(settings, store=source, server="")) as shop, progress_bar() as progress:
        products = shop.generations.copy_to(goal, replace=replace, progress=progress)
    if json:
        print_json({"products": products, "target": goal.server or str(goal.store)})
    console.print(sanitize(f"{products} products were copied to {goal.server or goal.store}."))
