"""shoplens serve"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import typer

from shoplens.cli import options
from shoplens.cli.output import console, sanitize
from shoplens.errors import SettingsError
from shoplens.index.process.remote_index import RemoteIndex
from shoplens.settings import Settings, settings_from
from shoplens.shop import Shop


def run(
    store: options.Store = None,
    host: Annotated[
        str | None,
        typer.Option("--host", metavar="ADDRESS", help="Address to listen on. \\[default: 127.0.0.1]"),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="N", help="Port to listen on; 0 takes any free port. \\[default: 8000]"),
    ] = None,
    open_search: Annotated[
        bool | None,
        options.flag(
            "--open-search/--no-open-search",
            "Allow searches without a key while the service listens on a loopback address. \\[default: allow them]",
        ),
    ] = None,
    cors: Annotated[
        str | None,
        typer.Option(
            "--cors",
            metavar="ORIGINS",
            help="Web sites whose pages may search, such as https://shop.example; write commas between several.",
        ),
    ] = None,
    url_template: Annotated[
        str | None,
        typer.Option(
            "--url-template",
            metavar="ADDRESS",
            help="Address of a product's page, such as https://shop.example/{url}; with {id}, {group_id}, or {url}, "
            "the address in the feed.",
        ),
    ] = None,
    currency: Annotated[
        str | None,
        typer.Option("--currency", metavar="CODE", help="Currency of prices for which the feed gives none: EUR, …"),
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option(
            "--rate-limit",
            metavar="N",
            help="Requests per minute of one client (a key and an address); 0 sets no limit. \\[default: 120]",
        ),
    ] = None,
    queue: Annotated[
        int | None,
        typer.Option("--max-queue", metavar="N", help="Requests that may wait; more are refused. \\[default: 32]"),
    ] = None,
    request_seconds: Annotated[
        float | None,
        typer.Option(
            "--request-timeout",
            metavar="SECONDS",
            help="Seconds that a request may take to arrive, and seconds that it may wait. \\[default: 20]",
        ),
    ] = None,
    remember: Annotated[
        bool | None,
        options.flag(
            "--remember/--no-remember",
            "Keep the products that answers show, so that feedback can refer to them. \\[default: do not keep them]",
        ),
    ] = None,
    logs: Annotated[
        Literal["text", "json"],
        options.choice_option(
            "--logs", ("text", "json"), "Format of the log lines on standard error.", code="bad-logs"
        ),
    ] = "text",
    shop: Annotated[
        list[str] | None,
        typer.Option(
            "--shop",
            metavar="HOST=STORE",
            help="Serve another store to requests whose host name is HOST. It has its own keys. Repeat the option for "
            "each shop.",
            show_default=False,
        ),
    ] = None,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
) -> None:
    """Serve the search page and the HTTP API until SIGTERM or Ctrl-C.

    Example: shoplens serve --cors https://shop.example
    """
    settings = settings_from(
        store=store,
        model=model,
        allow_private=allow_private,
        host=host,
        port=port,
        open_search=open_search,
        cors=cors,
        url_template=url_template,
        currency=currency,
        rate=rate,
        queue=queue,
        request_seconds=request_seconds,
        remember=remember,
    )
    with ExitStack() as stack:
        with ThreadPoolExecutor(1) as background:
            opening = background.submit(_open_shop, settings, stack)
            from shoplens.service.serve import serve  # takes half a second to load, while files are read
            from shoplens.service.several_shops import parse_shops
        main = opening.result()
        more = {
            host: _open_shop(replace(settings, store=Path(place), server=""), stack)
            for host, place in parse_shops(shop or []).items()
        }
        products = sum(len(one) for one in (main, *more.values()))

        def print_address(address: str) -> None:
            console.print(f"The service has {products} products, and listens at [bold]{sanitize(address)}[/]")
            console.print("Press Ctrl-C to stop it.")

        serve(main, settings.cores, logs, print_address, more)


def _open_shop(settings: Settings, stack: ExitStack) -> Shop:
    """Open a shop until the stack ends. A replica of a store on a server has a working folder of its own."""
    if settings.server:
        if settings.remember:
            raise SettingsError(
                "A replica keeps nothing, so it cannot remember what answers showed.",
                "Leave out --remember, or serve a store in a folder.",
            )
        folder = stack.enter_context(TemporaryDirectory(prefix="shoplens-replica-", ignore_cleanup_errors=True))
        settings = replace(settings, store=Path(folder))
    return stack.enter_context(Shop(settings=replace(settings, threads=1), _engine=RemoteIndex))
