"""The state of a running service, and the checks of keys and roles."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from shoplens.service.caches.map_cache import MapCache
from shoplens.service.caches.not_found_stats import NotFoundStats
from shoplens.service.caches.query_cache import QueryCache
from shoplens.service.caches.thumbnails import ThumbnailCache
from shoplens.service.failures import RequestRefused
from shoplens.service.keys import COMMANDS, Key, Keys, Role
from shoplens.service.metrics import Metrics
from shoplens.service.queue import WorkQueue
from shoplens.service.rates import RateLimiter
from shoplens.settings import Settings
from shoplens.shop import Shop

COMMANDS_AT_ONCE = 4
FETCHES = 8
"""Number of photos that are fetched at the same time; fetching waits for other machines, not for the processor."""


@dataclass(slots=True)
class ServiceState:
    """The state of a running service.

    Attributes:
        shop: open.
        keys: of the store.
        rate_limiter: of clients.
        query_cache: encoded photos of recent searches.
        work: queue of calls that need the processor; ``fetches`` of those that wait for other machines; ``writes`` of
            those that change the store.
        beside: threads for commands that run beside the service.
        thumbnails: product photos in the requested sizes.
        map_cache: map of the catalogue.
        not_found: counts of searches for products that the shop does not have.
        metrics: of the service.
    """

    shop: Shop
    keys: Keys
    rate_limiter: RateLimiter
    query_cache: QueryCache
    work: WorkQueue
    fetches: WorkQueue
    writes: WorkQueue
    beside: ThreadPoolExecutor
    thumbnails: ThumbnailCache
    map_cache: MapCache
    not_found: NotFoundStats
    metrics: Metrics

    @classmethod
    def of(cls, shop: Shop, workers: int, secret: str = "") -> ServiceState:
        """Create the state of a shop's service, on the event loop that it will run on.

        Args:
            workers: number of searches at the same time.
            secret: by which the service recognises commands of its own user.
        """
        used = shop.settings
        return cls(
            shop,
            Keys(shop.folder, secret),
            RateLimiter(used.rate),
            QueryCache(),
            WorkQueue(workers, used.queue, used.request_seconds),
            WorkQueue(FETCHES, used.queue, used.request_seconds),
            WorkQueue(1, used.queue, used.request_seconds),
            ThreadPoolExecutor(COMMANDS_AT_ONCE, "commands"),
            ThumbnailCache(shop),
            MapCache(shop),
            NotFoundStats(shop.folder),
            Metrics(),
        )

    def close(self) -> None:
        """Wait for the calls that have begun; the shop stays open."""
        for one in (self.work, self.fetches, self.writes):
            one.close()
        self.beside.shutdown(wait=True, cancel_futures=True)


def service_state(request: Request) -> ServiceState:
    """Return the state of the service that a request is for."""
    state: ServiceState = request.app.state.service
    return state


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def require_role(role: Role) -> Callable[[Request], Coroutine[Any, Any, Key | None]]:
    """Return a dependency that checks key, role and rate of a request.

    A search needs no key where the settings say so and the service can be reached from this machine only.
    """

    async def authorize(request: Request) -> Key | None:
        service = service_state(request)
        secret = _secret(request)
        key = service.keys.find(secret) if secret else None
        if secret and key is None:
            service.rate_limiter.take(_address(request))
            raise RequestRefused(
                "The API key is unknown.",
                "Create one with `shoplens keys add`, and send it as a bearer token.",
                code="unknown-key",
            )
        if key is None or key.id != COMMANDS:
            service.rate_limiter.take(f"key {key.id}" if key else _address(request))
        settings: Settings = service.shop.settings
        if key is None and not (role == "search" and settings.open_search and is_loopback(settings.host)):
            raise RequestRefused(
                f"This request needs a key with the role {role}.",
                "Send `Authorization: Bearer KEY`; `shoplens keys add NAME --role ROLE` creates one.",
                code="unauthenticated",
            )
        if key is not None and not key.has_role(role):
            raise RequestRefused(
                f"The key {key.id} has the role {key.role}, and this request needs {role}.",
                f"Create another one: shoplens keys add NAME --role {role}.",
                code="insufficient-role",
            )
        return key

    return authorize


async def require_command(request: Request) -> None:
    """Let only commands of the service's own user pass; a dependency."""
    key = await require_role("admin")(request)
    if key is None or key.id != COMMANDS:
        raise RequestRefused(
            "Only commands of this service's user may send this request.",
            "Run `shoplens` on its machine.",
            code="insufficient-role",
        )


def _secret(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else request.headers.get("x-api-key", "")


def _address(request: Request) -> str:
    return f"address {request.client.host if request.client else ''}"
