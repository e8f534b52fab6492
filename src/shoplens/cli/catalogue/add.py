"""shoplens add"""

from shoplens.cli import options
from shoplens.cli.output import print_summary, progress_bar
from shoplens.cli.store_access import open_shop


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
    """Add the products of a feed, or replace those with the same id. All other products stay as they are.

    Example: shoplens add new-products.csv --media photos/
    """
    settings = options.read_settings(store, model, allow_private)
    with open_shop(settings, writes=True) as shop, progress_bar() as progress:
        summary = shop.add(feed, media=media, format=format, mapping=options.parse_feed_mapping(map), progress=progress)
    print_summary("The feed was added to the store.", summary, as_json=json, strict=strict)
