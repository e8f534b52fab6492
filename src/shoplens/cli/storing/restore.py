"""shoplens restore"""

from pathlib import Path
from typing import Annotated

import typer

from shoplens.cli import options
from shoplens.cli.output import people, plain
from shoplens.shop import Shop


def run(
    folder: Annotated[Path, typer.Argument(help="Folder made by `shoplens backup`.", show_default=False)],
    store: options.Store = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a store that exists.")] = False,
) -> None:
    """Make a store out of a backup."""
    settings = options.settings(store)
    Shop.restore(folder, settings.store, replace=replace)
    with Shop(settings=settings) as shop:
        people.print(plain(f"{settings.store} holds {len(shop)} products."))
