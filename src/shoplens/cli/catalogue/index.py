"""shoplens index"""

from typing import Annotated

import typer

from shoplens.cli import options
from shoplens.cli.opened import open_snapshot
from shoplens.cli.output import print_renames, print_summary, progress_bar
from shoplens.shop import Shop


def run(
    feed: options.Feed,
    media: options.Media = None,
    format: options.Format = None,
    map: options.FeedMap = None,
    store: options.Store = None,
    replace: Annotated[bool, typer.Option("--replace", help="Build an existing store anew.")] = False,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Build a store from a whole feed. An interrupted build continues where it was."""
    settings = options.settings(store, model, allow_private)
    with open_snapshot(settings, writes=True) as (lent, used):
        with progress_bar() as progress:
            shop, summary = Shop.index(
                feed,
                settings.store,
                media=media,
                format=format,
                mapping=options.feed_mapping(map),
                replace=replace,
                settings=used,
                progress=progress,
                on_renames=print_renames,
                _lent=lent,
            )
        shop.close()
    print_summary(f"{settings.store} holds", summary, as_json=json, strict=strict)
