"""The rate limit of clients: a bucket of tokens per key, or per address without a key."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from shoplens.service.failures import RequestRefused

MAX_CLIENTS = 10_000
BURST = 0.5
"""Share of a minute's requests that may come at once."""


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

    def take(self, client: str) -> None:
        """Count a request of a client.

        Raises:
            RequestRefused: ``too-many-requests``, with the seconds to wait.
        """
        if not self._flow:
            return
        now = self._clock()
        tokens, then = self._buckets.pop(client, (self._most, now))
        tokens = min(self._most, tokens + (now - then) * self._flow)
        self._buckets[client] = (max(0.0, tokens - 1) if tokens >= 1 else tokens), now
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        if tokens < 1:
            raise RequestRefused(
                f"The client sent more than {self._flow * 60:g} requests per minute.",
                "Try again after the number of seconds in the header Retry-After.",
                code="too-many-requests",
                wait=(1 - tokens) / self._flow,
            )
