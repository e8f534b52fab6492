"""shoplens remove"""

from typing import Annotated

import typer

from shoplens.cli import options
from shoplens.cli.opened import open_shop
from shoplens.cli.output import people, plain, print_json


def run(
    ids: Annotated[list[str], typer.Argument(help="Ids of products.", show_default=False)],
    store: options.Store = None,
    json: options.Json = False,
) -> None:
    """Remove products by id. Ids that are not in the store are passed over, and said."""
    with open_shop(options.settings(store), writes=True) as shop:
        unknown = [product_id for product_id in ids if not shop.has(product_id)]
        removed = shop.remove(ids)
    if json:
        print_json({"removed": removed, "unknown": unknown})
    missing = f" Not in the store: {', '.join(unknown)}." if unknown else ""
    people.print(plain(f"Removed {removed} products.{missing}"))
