"""shoplens train: what is learned from a store, one command each."""

import typer

from shoplens.cli import options
from shoplens.cli.output import print_summary, progress_bar
from shoplens.shop import Shop

app = typer.Typer(
    help="Learn from the store's products.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _train() -> None:
    """Learn from the store's products."""


@app.command()
def filters(
    store: options.Store = None,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Fit the filters anew, to the products as they are and to shoplens.toml; photos are not looked at again."""
    settings = options.settings(store, model, allow_private)
    with Shop(settings=settings) as shop, progress_bar() as progress:
        summary = shop.train_filters(progress=progress)
    print_summary("Filters for", summary, as_json=json, strict=strict)
