"""The HTTP application of a shop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Scope

from shoplens.service.failures import install
from shoplens.service.metrics import Metrics
from shoplens.service.middleware import RequestMiddleware
from shoplens.service.routes import commands, pages, products, searching, shop_pages
from shoplens.service.schemas import SearchRequest
from shoplens.service.state import ServiceState
from shoplens.shop import Shop
from shoplens.store.copies.snapshot_folders import remove_abandoned_snapshots

log = logging.getLogger("shoplens.service")
VERSION = "1"
FLUSH_SECONDS = 30.0
MORE_THAN_A_PHOTO = 4 / 3
"""A photo as base64 takes so much more."""
ABOUT = (
    "Photo in, products out, most relevant first, with the reason for each. Query photos are not stored. "
    'Every failure is told in one shape: `{"error": {code, problem, fix, request_id}}`.'
)


def application(shop: Shop, workers: int = 1, secret: str = "") -> FastAPI:
    """The application; it does not close the shop.

    Args:
        shop: open, with the settings of the service. With one thread for a photo, and as many workers as cores, more
            searches a second are answered than with several threads for each.
        workers: searches at the same time.
        secret: by which it knows commands of its own user; without one, it hears none.
    """
    settings, metrics = shop.settings, Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.running = ServiceState.of(shop, workers, secret)
        app.state.running.metrics = metrics
        await asyncio.to_thread(shop.warm)
        flushing = asyncio.create_task(_flush_periodically(shop))
        try:
            yield
        finally:
            flushing.cancel()
            app.state.running.close()

    app = FastAPI(
        title="Shoplens",
        version=VERSION,
        description=ABOUT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )
    install(app)
    for module in (searching, shop_pages, products, pages, commands):  # `/similar` before the id that may hold slashes
        app.include_router(module.router)
    app.add_middleware(
        RequestMiddleware,
        metrics=metrics,
        most_bytes=int(settings.max_photo_bytes * MORE_THAN_A_PHOTO) + 100_000,
        seconds=settings.request_seconds,
        refuse=_refuse_what_would_not_wait,
    )
    if origins := [one.strip() for one in settings.cors.split(",") if one.strip()]:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", "x-api-key", "x-request-id"],
            expose_headers=["x-request-id", "retry-after"],
            max_age=600,
        )
    app.openapi = _document(app)  # type: ignore[method-assign]
    return app


def _refuse_what_would_not_wait(scope: Scope) -> None:
    if (scope["method"], scope["path"]) == ("POST", "/v1/search"):
        scope["app"].state.running.work.refuse_if_full()


async def _flush_periodically(shop: Shop) -> None:
    """Changes survive the death of the process at once, and loss of power after this: all searches wait meanwhile."""
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        try:
            await asyncio.to_thread(shop.flush)
            await asyncio.to_thread(remove_abandoned_snapshots, shop.folder)
        except Exception:
            log.exception("Changes could not be made to survive loss of power.")


def _document(app: FastAPI) -> Callable[[], dict[str, Any]]:
    def build_openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schemas = found["components"]["schemas"]
            sent = SearchRequest.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas["SearchRequest"] = sent
            schemas["SearchForm"] = _form_of(sent)
            found["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            for path in found["paths"].values():
                for operation in path.values():
                    operation["security"] = [{"key": []}, {}]
            app.openapi_schema = found
        return app.openapi_schema

    return build_openapi


def _form_of(sent: dict[str, Any]) -> dict[str, Any]:
    """The same fields as parts of a form."""
    parts = {name: value for name, value in sent["properties"].items() if name != "image"}
    image = {"type": "string", "format": "binary", "description": "The photo's file."}
    return {"type": "object", "description": sent["description"], "properties": {"image": image, **parts}}
