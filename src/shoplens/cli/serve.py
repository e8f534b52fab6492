"""shoplens serve"""

from typing import Annotated

import typer

from shoplens.cli import options
from shoplens.cli.output import people, plain
from shoplens.settings import settings_from
from shoplens.shop import Shop


def run(
    store: options.Store = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on. \\[default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port; 0: any that is free. \\[default: 8000]")] = None,
    logs: Annotated[str, typer.Option("--logs", help="text or json, on stderr.")] = "text",
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
) -> None:
    """Serve the page and the HTTP API, until it is stopped."""
    from shoplens.service.serve import serve

    settings = settings_from(store=store, model=model, allow_private=allow_private, host=host, port=port)
    with Shop(settings=settings) as shop:
        people.print(f"{len(shop)} products at [bold]http://{plain(settings.host)}:{settings.port}[/]; Ctrl-C stops.")
        serve(shop, logs)  # type: ignore[arg-type]  # checked there
