"""shoplens index"""

import dataclasses
from typing import Annotated

import typer

from shoplens.cli import options
from shoplens.cli.output import print_renames, print_summary, progress_bar
from shoplens.cli.store_access import open_snapshot
from shoplens.shop import Shop


def run(
    feed: options.Feed,
    media: options.Media = None,
    format: options.Format = None,
    map: options.FeedMap = None,
    store: options.Store = None,
    replace: Annotated[
        bool,
        options.flag("--replace", "Build the store anew if it exists. Without this option, the command refuses to."),
    ] = False,
    keep: Annotated[
        bool,
        options.flag("--keep", "With `--replace`: keep the generation before, to compare it, and to go back to it."),
    ] = False,
    no_tune: Annotated[
        bool, options.flag("--no-tune", "Keep the default weights, instead of choosing them by the shop's own photos.")
    ] = False,
    ray: Annotated[
        str,
        typer.Option(
            "--ray",
            metavar="ADDRESS",
            help="Encode the photos on a Ray cluster: ray://HOST:10001, or auto for the one of this machine. The store "
            "must be on a Qdrant server.",
            show_default=False,
        ),
    ] = "",
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Build a store from a whole feed. After an interruption, the same command continues the build.

    Example: shoplens index products.csv --media photos/
    """
    settings = options.read_settings(store, model, allow_private)
    if no_tune:
        settings = dataclasses.replace(settings, tune=False)
    with open_snapshot(settings, writes=True) as (snapshot, used):
        with progress_bar() as progress:
            shop, summary = Shop.index(
                feed,
                settings.store,
                media=media,
                format=format,
                mapping=options.parse_feed_mapping(map),
                replace=replace,
                keep=keep,
                settings=used,
                progress=progress,
                on_renames=print_renames,
                ray=ray,
                _snapshot=snapshot,
            )
        shop.close()
    print_summary(f"The store {settings.server or settings.store} was built.", summary, as_json=json, strict=strict)
