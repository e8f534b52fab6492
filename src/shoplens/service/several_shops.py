"""Several shops in one process: the host name of a request says whose it is. Each has its own store and keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from shoplens.errors import InvalidValue

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?")


class SeveralShops:
    """An ASGI application that hands each request to the application of the shop whose host it names.

    Args:
        shops: host, in lower case and without a port -> application.
        fallback: application of every other host.

    Attributes:
        applications: all of them.
    """

    def __init__(self, shops: Mapping[str, FastAPI], fallback: FastAPI) -> None:
        self._shops, self._fallback = shops, fallback
        self.applications = (*shops.values(), fallback)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._run_lifespans(receive, send)
            return
        application: ASGIApp = self._shops.get(host_of(scope), self._fallback)
        await application(scope, receive, send)

    async def _run_lifespans(self, receive: Receive, send: Send) -> None:
        """Start all applications, and end them in the reverse order."""
        await receive()
        async with AsyncExitStack() as stack:
            try:
                for one in self.applications:
                    await stack.enter_async_context(one.router.lifespan_context(one))
            except Exception as problem:
                await send({"type": "lifespan.startup.failed", "message": str(problem)})
                raise
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


def host_of(scope: Mapping[str, Any]) -> str:
    """Return the host that a request names, in lower case and without a port."""
    named: str = dict(scope["headers"]).get(b"host", b"").decode("latin-1").lower()
    return named.partition("]")[0] + "]" if named.startswith("[") else named.partition(":")[0]


def parse_shops(pairs: list[str]) -> dict[str, str]:
    """Return host -> store, as ``--shop HOST=STORE`` gives them.

    Raises:
        InvalidValue: ``bad-shop``, for anything else, or a host that comes twice.

    >>> parse_shops(["One.example=stores/one"])
    {'one.example': 'stores/one'}
    """
    shops: dict[str, str] = {}
    for pair in pairs:
        host, _, store = pair.partition("=")
        host = host.strip().lower()
        if not _HOST.fullmatch(host) or not store.strip() or host in shops or store in shops.values():
            raise InvalidValue(
                f"--shop is {pair[:200]!r}.",
                "Write --shop HOST=STORE, once for each shop, with a host name without a port.",
                code="bad-shop",
            )
        shops[host] = store.strip()
    return shops
