"""shoplens sync"""

from typing import Annotated

import typer

from shoplens.cli import options
from shoplens.cli.output import print_renames, print_summary, progress_bar
from shoplens.cli.store_access import open_shop


def run(
    feed: options.Feed,
    media: options.Media = None,
    format: options.Format = None,
    map: options.FeedMap = None,
    store: options.Store = None,
    max_removals: Annotated[
        str,
        typer.Option(
            "--max-removals",
            metavar="LIMIT",
            help="Refuse to remove more products than this: a share of the store, such as 10%, or a number.",
        ),
    ] = "10%",
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Make the store equal to a full feed: new products are added, changed ones replaced, and missing ones removed.

    Example: shoplens sync products.csv --max-removals 5%
    """
    settings = options.read_settings(store, model, allow_private)
    with open_shop(settings, writes=True) as shop, progress_bar() as progress:
        summary = shop.sync(
            feed,
            media=media,
            format=format,
            mapping=options.parse_feed_mapping(map),
            max_removals=max_removals,
            progress=progress,
            on_renames=print_renames,
        )
    rest = ", but for what was rejected: products of such rows stay as they were" if summary.rejected else ""
    print_summary(f"The store now equals the feed{rest}.", summary, as_json=json, strict=strict)
