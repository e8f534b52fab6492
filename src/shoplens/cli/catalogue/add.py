"""shoplens add"""

from shoplens.cli import options
from shoplens.cli.opened import open_shop
from shoplens.cli.output import print_summary, progress_bar


def run(
    feed: options.Feed,
    media: options.Media = None,
    format: options.Format = None,
    map: options.FeedMap = None,
    store: options.Store = None,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Add a feed's products, or replace those with the same id; the others stay."""
    settings = options.settings(store, model, allow_private)
    with open_shop(settings, writes=True) as shop, progress_bar() as progress:
        summary = shop.add(feed, media=media, format=format, mapping=options.feed_mapping(map), progress=progress)
    print_summary("Added", summary, as_json=json, strict=strict)
