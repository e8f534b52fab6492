"""The HTTP application of a shop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Scope

from shoplens.errors import StoreError
from shoplens.service.failures import install_error_handlers
from shoplens.service.limits.connections import Connections
from shoplens.service.limits.origins import OriginMiddleware
from shoplens.service.metrics import Metrics
from shoplens.service.middleware import RequestMiddleware
from shoplens.service.responses.compression import CompressionMiddleware
from shoplens.service.responses.openapi import TAGS, openapi_document, operation_id
from shoplens.service.routes import commands, desk, pages, products, regions, searching, shop_pages, storefront, ucp
from shoplens.service.state import ServiceState
from shoplens.service.tracing.traces import OpenTelemetryTraces
from shoplens.shop import Shop
from shoplens.store.copies.snapshot_folders import remove_abandoned_snapshots

log = logging.getLogger("shoplens.service")
VERSION = "1"
FLUSH_SECONDS = 30.0
ABOUT = (
    "Photo in, products out, most relevant first, with the reason for each. Query photos are not stored. "
    'Every error has one shape: `{"error": {code, problem, fix, request_id, message}}`. '
    "Wherever GET is answered, HEAD is, too."
)


def application(shop: Shop, workers: int = 1, secret: str = "", connections: Connections | None = None) -> FastAPI:
    """Build the application of an open shop; it does not close the shop.

    Args:
        shop: open, with the settings of the service. One thread per photo and as many workers as cores answer more
            searches per second than several threads per photo.
        workers: number of searches at the same time.
        secret: by which the service recognises commands of its own user; without one, it accepts no commands.
        connections: of the server that runs it.
    """
    settings, metrics = shop.settings, Metrics()

    traces = OpenTelemetryTraces(settings.traces) if settings.traces else None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = ServiceState.of(shop, workers, secret)
        app.state.service.metrics = metrics
        await asyncio.to_thread(shop.warm)
        await asyncio.to_thread(_warn_of_merchandising, shop)
        tasks = [asyncio.create_task(_flush_periodically(shop)), asyncio.create_task(_check_files(app.state.service))]
        if settings.server:
            tasks.append(asyncio.create_task(_refresh_periodically(shop)))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await app.state.service.close()
            if traces is not None:
                traces.close()

    app = FastAPI(
        title="Shoplens",
        version=VERSION,
        description=ABOUT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        openapi_tags=TAGS,
        generate_unique_id_function=operation_id,
    )
    install_error_handlers(app)
    # `/similar` comes before the id that may hold slashes
    for module in (searching, regions, shop_pages, desk, storefront, ucp, products, pages, commands):
        app.include_router(module.router)
    app.add_middleware(CompressionMiddleware)
    app.add_middleware(
        RequestMiddleware,
        metrics=metrics,
        seconds=settings.request_seconds,
        refuse=partial(_refuse_when_busy, connections),
        traces=traces,
    )
    if origins := settings.cors_sites:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", "x-api-key", "x-request-id", "traceparent"],
            expose_headers=["x-request-id", "retry-after"],
            max_age=600,
        )
    app.add_middleware(OriginMiddleware, allowed=origins)
    app.openapi = partial(openapi_document, app)  # type: ignore[method-assign]
    return app


def _refuse_when_busy(connections: Connections | None, scope: Scope) -> None:
    if connections is not None:
        connections.refuse_if_full(scope)
    if scope["method"] == "POST" and scope["path"] in ("/v1/search", "/v1/regions", "/ucp/catalog/search"):
        scope["app"].state.service.work.refuse_if_full(scope)


def _warn_of_merchandising(shop: Shop) -> None:
    """Log which entries of the merchandising stand for no product."""
    with contextlib.suppress(StoreError):  # each request tells it
        for note in shop.merchandising.notes():
            if note.by == "nothing":
                log.warning("%s", note.sentence, extra={"code": "unknown-product"})


async def _check_files(service: ServiceState) -> None:
    """Compare the files of the store with their checksums, while searches are answered."""
    await asyncio.to_thread(service.look_for_damage)


async def _flush_periodically(shop: Shop) -> None:
    """Flush the shop now and then, so that changes survive loss of power; searches wait during a flush."""
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        try:
            await asyncio.to_thread(shop.flush)
            await asyncio.to_thread(remove_abandoned_snapshots, shop.folder)
        except StoreError as problem:  # a full disk, for example; the next flush may have room
            log.warning("The store could not be flushed: %s", problem, extra={"code": problem.code})
        except Exception:
            log.exception("The store could not be flushed.")


async def _refresh_periodically(shop: Shop) -> None:
    """Look now and then whether another process has made a generation live, or has changed models or keys."""
    while True:
        await asyncio.sleep(shop.settings.refresh_seconds)
        try:
            if await asyncio.to_thread(shop.refresh):
                log.info("The replica follows another process", extra={"generation": shop.generations.live})
        except StoreError as problem:  # what was live here still answers
            log.warning("The replica could not look for news: %s", problem, extra={"code": problem.code})
        except Exception:
            log.exception("The replica could not look for news.")
