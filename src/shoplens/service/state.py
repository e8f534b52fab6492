"""What a running service holds, and who may do what with it."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from shoplens.service.caches.map_cache import Maps
from shoplens.service.caches.not_found_stats import Missing
from shoplens.service.caches.query_cache import Recent
from shoplens.service.caches.thumbnails import Pictures
from shoplens.service.failures import RequestRefused
from shoplens.service.keys import COMMANDS, Key, Keys, Role
from shoplens.service.metrics import Metrics
from shoplens.service.queue import WorkQueue
from shoplens.service.rates import Rates
from shoplens.settings import Settings
from shoplens.shop import Shop

COMMANDS_AT_ONCE = 4
FETCHES = 8
"""Photos that are fetched at the same time: they wait for others, not for the processor."""


@dataclass(slots=True)
class ServiceState:
    """A service that runs.

    Attributes:
        shop: open.
        keys: of the store.
        rates: of clients.
        recent: photos that were searched for.
        work: what takes the processor; ``fetches`` what waits for other machines; ``writes`` what changes the store.
        beside: what commands ask that are run beside the service.
        pictures: product photos in the sizes asked for.
        maps: of the catalogue.
        missing: what was searched for and is not in it.
        metrics: counted.
    """

    shop: Shop
    keys: Keys
    rates: Rates
    recent: Recent
    work: WorkQueue
    fetches: WorkQueue
    writes: WorkQueue
    beside: ThreadPoolExecutor
    pictures: Pictures
    maps: Maps
    missing: Missing
    metrics: Metrics

    @classmethod
    def of(cls, shop: Shop, workers: int, secret: str = "") -> ServiceState:
        """The service of a shop, by its settings; on the event loop that it will run on.

        Args:
            workers: searches at the same time.
            secret: by which it knows commands of its own user.
        """
        used = shop.settings
        return cls(
            shop,
            Keys(shop.folder, secret),
            Rates(used.rate),
            Recent(),
            WorkQueue(workers, used.queue, used.request_seconds),
            WorkQueue(FETCHES, used.queue, used.request_seconds),
            WorkQueue(1, used.queue, used.request_seconds),
            ThreadPoolExecutor(COMMANDS_AT_ONCE, "commands"),
            Pictures(shop),
            Maps(shop),
            Missing(shop.folder),
            Metrics(),
        )

    def close(self) -> None:
        """Let the work that has begun end; the shop stays open."""
        for one in (self.work, self.fetches, self.writes):
            one.close()
        self.beside.shutdown(wait=True, cancel_futures=True)


def running(request: Request) -> ServiceState:
    """The service that a request is for."""
    found: ServiceState = request.app.state.running
    return found


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def may(role: Role) -> Callable[[Request], Coroutine[Any, Any, Key | None]]:
    """A dependency that lets those through who may do this, as often as they may.

    Searching needs no key where the settings say so and only this machine can reach the service.
    """

    async def authorize(request: Request) -> Key | None:
        service = running(request)
        secret = _secret(request)
        key = service.keys.of(secret) if secret else None
        if secret and key is None:
            service.rates.take(_address(request))
            raise RequestRefused(
                "No such key.", "Make one with `shoplens keys add`, and send it as a bearer token.", code="unknown-key"
            )
        if key is None or key.id != COMMANDS:
            service.rates.take(f"key {key.id}" if key else _address(request))
        settings: Settings = service.shop.settings
        if key is None and not (role == "search" and settings.open_search and is_loopback(settings.host)):
            raise RequestRefused(
                f"This takes a key with the role {role}.",
                "Send `Authorization: Bearer KEY`; `shoplens keys add NAME --role ROLE` makes one.",
                code="unauthenticated",
            )
        if key is not None and not key.may(role):
            raise RequestRefused(
                f"The key {key.id} has the role {key.role}, and this takes {role}.",
                f"Make another one: shoplens keys add NAME --role {role}.",
                code="insufficient-role",
            )
        return key

    return authorize


async def command(request: Request) -> None:
    """A dependency that lets through commands of the service's own user alone."""
    key = await may("admin")(request)
    if key is None or key.id != COMMANDS:
        raise RequestRefused("Only commands may ask for this.", "Run `shoplens` beside it.", code="insufficient-role")


def _secret(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else request.headers.get("x-api-key", "")


def _address(request: Request) -> str:
    return f"address {request.client.host if request.client else ''}"
