"""shoplens sync"""

from typing import Annotated

import typer

from shoplens.cli import options
from shoplens.cli.opened import open_shop
from shoplens.cli.output import print_renames, print_summary, progress_bar


def run(
    feed: options.Feed,
    media: options.Media = None,
    format: options.Format = None,
    map: options.FeedMap = None,
    store: options.Store = None,
    max_removals: Annotated[
        str, typer.Option(help="Refuse to remove more than this: a share of the store, or a number of products.")
    ] = "10%",
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Make the store equal to a full feed, such as a nightly one: add, change, remove."""
    settings = options.settings(store, model, allow_private)
    with open_shop(settings, writes=True) as shop, progress_bar() as progress:
        summary = shop.sync(
            feed,
            media=media,
            format=format,
            mapping=options.feed_mapping(map),
            max_removals=max_removals,
            progress=progress,
            on_renames=print_renames,
        )
    print_summary("In step with the feed:", summary, as_json=json, strict=strict)
