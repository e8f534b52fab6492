"""shoplens remove"""

from typing import Annotated

import typer

from shoplens.cli import options
from shoplens.cli.output import console, count, print_json, sanitize
from shoplens.cli.store_access import open_shop


def run(
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Ids of the products.", show_default=False)],
    store: options.Store = None,
    json: options.Json = False,
) -> None:
    """Remove products by their ids. Ids that are not in the store change nothing, and are listed.

    Example: shoplens remove MH01-Black MH02-Red
    """
    with open_shop(options.read_settings(store), writes=True) as shop:
        unknown = [product_id for product_id in ids if product_id not in shop.products]
        removed = shop.products.remove(ids)
    if json:
        print_json({"removed": removed, "unknown": unknown})
    missing = f" These ids are not in the store: {', '.join(unknown)}." if unknown else ""
    console.print(sanitize(f"{count(removed, 'product', 'was', 'were')} removed.{missing}"))
