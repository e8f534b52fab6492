"""The rate limit of clients: a bucket of tokens per key, or per address without a key."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from shoplens.service.failures import RequestRefused
from shoplens.settings import Settings

MAX_CLIENTS = 10_000
PHOTOS_PER_REQUEST = 50
HEALTH_PER_MINUTE = 600
WORK_SECONDS = 0.5
"""Seconds that a thread may work for one request; each half second beyond them counts as one more request."""
BURST = 0.5
"""Share of a minute's requests that may come at once."""


class Limiter(Protocol):
    """Counts the requests of clients."""

    async def take(self, client: str) -> None:
        """Count a request of a client, or raise RequestRefused."""

    async def charge(self, client: str, requests: int) -> None:
        """Count a request that was answered as several more."""


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of a service.

    Attributes:
        client: of one client: a key and an address.
        key: of a key, from all addresses together.
        photos: of an address that loads product photos, of which a page shows many.
        health: of an address that asks for health and metrics.
    """

    client: Limiter
    key: Limiter
    photos: Limiter
    health: Limiter

    @classmethod
    def of(cls, settings: Settings) -> Rates:
        """Return the rates that the settings allow."""
        photos = settings.rate * PHOTOS_PER_REQUEST
        client, key = RateLimiter(settings.rate), RateLimiter(settings.key_rate)
        return cls(client, key, RateLimiter(photos), health_limiter(settings))


class RateLimiter:
    """Token buckets that fill evenly. Not thread-safe: it is used on the event loop only.

    Args:
        per_minute: number of requests; 0 for no limit.
        clock: returns seconds.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._flow, self._most = per_minute / 60, max(1.0, BURST * per_minute)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def take(self, client: str) -> None:
        """Count a request of a client.

        Raises:
            RequestRefused: ``too-many-requests``, with the seconds to wait.
        """
        if not self._flow:
            return
        now = self._clock()
        tokens, then = self._buckets.pop(client, (self._most, now))
        tokens = min(self._most, tokens + (now - then) * self._flow)
        self._buckets[client] = (tokens - 1 if tokens >= 1 else tokens), now
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        if tokens < 1:
            raise too_many_requests_error(self._flow * 60, (1 - tokens) / self._flow)

    async def charge(self, client: str, requests: int) -> None:
        """Take tokens of a client, also those that it does not have yet."""
        if self._flow and client in self._buckets:
            tokens, then = self._buckets[client]
            self._buckets[client] = tokens - requests, then


def work_as_requests(seconds: float) -> int:
    """Return as how many more requests one counts for which a thread worked for some seconds.

    >>> work_as_requests(0.4), work_as_requests(1.1), work_as_requests(10.0)
    (0, 1, 19)
    """
    return max(0, int(seconds / WORK_SECONDS) - 1)


def health_limiter(settings: Settings) -> Limiter:
    """Return the limiter of those who ask for health and metrics."""
    return RateLimiter(HEALTH_PER_MINUTE if settings.rate else 0)


def too_many_requests_error(per_minute: float, wait: float) -> RequestRefused:
    """Return the error for a client that sends too many requests.

    Args:
        wait: seconds after which it may send another.
    """
    return RequestRefused(
        f"The client sent more than {per_minute:g} requests per minute.",
        "Try again after the number of seconds in the header Retry-After.",
        code="too-many-requests",
        wait=wait,
    )
