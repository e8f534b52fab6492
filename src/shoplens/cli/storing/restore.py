"""shoplens restore"""

from pathlib import Path
from typing import Annotated

import typer

from shoplens.cli import options
from shoplens.cli.output import console, count, sanitize
from shoplens.shop import Shop


def run(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder that `shoplens backup` made.", show_default=False)
    ],
    store: options.Store = None,
    replace: Annotated[
        bool, options.flag("--replace", "Replace the store if it exists. Without this option, the command refuses to.")
    ] = False,
) -> None:
    """Make a store from a backup.

    Example: shoplens restore /backups/monday --store my-store
    """
    settings = options.read_settings(store)
    Shop.restore(folder, store, replace=replace)
    with Shop(settings=settings) as shop:
        console.print(sanitize(f"{count(len(shop), 'product', 'was', 'were')} restored to {settings.store}."))
