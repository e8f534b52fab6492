"""shoplens backup"""

from pathlib import Path
from typing import Annotated

import typer

from shoplens.cli import options
from shoplens.cli.output import console, sanitize
from shoplens.cli.store_access import request_backup
from shoplens.shop import Shop


def run(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to make for the copy.", show_default=False)],
    store: options.Store = None,
) -> None:
    """Copy a store to a new folder. If the copy cannot be completed, there is no folder.

    Example: shoplens backup /backups/monday
    """
    settings = options.read_settings(store)
    products = request_backup(settings, folder)
    if products is None:
        with Shop(settings=settings) as shop:
            shop.backup(folder)
            products = len(shop)
    console.print(sanitize(f"{products} products were copied to {folder}. `shoplens restore {folder}` restores them."))
