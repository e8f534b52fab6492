"""shoplens serve"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
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
    open_search: Annotated[
        bool | None,
        typer.Option(
            "--open-search/--no-open-search",
            help="On loopback, searching needs no key. \\[default: open]",
            show_default=False,
        ),
    ] = None,
    cors: Annotated[
        str | None, typer.Option("--cors", help="Web pages that may search: https://shop.example, …")
    ] = None,
    rate: Annotated[
        int | None, typer.Option("--rate-limit", help="Requests a minute of one client; 0: any. \\[default: 120]")
    ] = None,
    queue: Annotated[int | None, typer.Option("--max-queue", help="Requests that may wait. \\[default: 32]")] = None,
    request_seconds: Annotated[
        float | None, typer.Option("--request-timeout", help="To arrive, and to wait. \\[default: 20]")
    ] = None,
    remember: Annotated[
        bool | None,
        typer.Option("--remember/--no-remember", help="Keep what answers show, for feedback.", show_default=False),
    ] = None,
    logs: Annotated[str, typer.Option("--logs", help="text or json, on stderr.")] = "text",
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
) -> None:
    """Serve the page and the HTTP API, until it is stopped."""
    settings = settings_from(
        store=store,
        model=model,
        allow_private=allow_private,
        host=host,
        port=port,
        open_search=open_search,
        cors=cors,
        rate=rate,
        queue=queue,
        request_seconds=request_seconds,
        remember=remember,
    )
    with ThreadPoolExecutor(1) as beside:
        opening = beside.submit(Shop, settings=replace(settings, threads=1))
        from shoplens.service.serve import serve  # takes half a second to load, while files are read
    with opening.result() as shop:
        products = len(shop)

        def listening(address: str) -> None:
            people.print(f"{products} products at [bold]{plain(address)}[/]; Ctrl-C stops.")

        serve(shop, settings.cores, logs, listening)  # type: ignore[arg-type]  # checked there
