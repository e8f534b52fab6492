"""shoplens backup"""

from pathlib import Path
from typing import Annotated

import typer

from shoplens.cli import options
from shoplens.cli.opened import opened_shop
from shoplens.cli.output import people, plain


def run(
    folder: Annotated[Path, typer.Argument(help="New folder for the copy.", show_default=False)],
    store: options.Store = None,
) -> None:
    """Copy a store to a new folder, whole or not at all."""
    with opened_shop(options.settings(store)) as shop:
        shop.backup(folder)
        told = f"Backed up {len(shop)} products to {folder}. To use it: shoplens restore {folder} --store …"
        people.print(plain(told))
