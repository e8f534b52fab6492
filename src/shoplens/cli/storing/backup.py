"""shoplens backup"""

from pathlib import Path
from typing import Annotated

import typer

from shoplens.cli import options
from shoplens.cli.opened import request_backup
from shoplens.cli.output import people, plain
from shoplens.shop import Shop


def run(
    folder: Annotated[Path, typer.Argument(help="New folder for the copy.", show_default=False)],
    store: options.Store = None,
) -> None:
    """Copy a store to a new folder, whole or not at all."""
    settings = options.settings(store)
    products = request_backup(settings, folder)
    if products is None:
        with Shop(settings=settings) as shop:
            shop.backup(folder)
            products = len(shop)
    told = f"Backed up {products} products to {folder}. To use it: shoplens restore {folder} --store …"
    people.print(plain(told))
