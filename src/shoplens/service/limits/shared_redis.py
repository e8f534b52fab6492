"""The Redis that all replicas share: its clients, and for how long it is left alone where it does not answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from shoplens.errors import SettingsError

log = logging.getLogger("shoplens.service")
TIMEOUT = 0.5
"""Seconds in which Redis must answer."""
CONNECTIONS = 32
"""Most connections of the event loop; a burst of requests waits for them, as long as for Redis."""
PAUSE = 5.0
"""Seconds for which Redis is left alone after it did not answer, so that not every request waits for it."""


class SharedRedis:
    """Redis, asked from the event loop and from threads, and left alone for a while after it did not answer.

    Args:
        on_loop: client of ``redis.asyncio``.
        in_threads: client that waits for its answers.
        pause: seconds for which it is left alone.
        clock: returns seconds.
    """

    def __init__(
        self, on_loop: Any, in_threads: Any, pause: float = PAUSE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.on_loop, self.in_threads = on_loop, in_threads
        self._pause, self._clock, self._away_until = pause, clock, float("-inf")

    @property
    def is_away(self) -> bool:
        """Whether Redis did not answer a moment ago."""
        return self._clock() < self._away_until

    def leave_alone(self, problem: Exception) -> None:
        """Remember that Redis did not answer."""
        if not self.is_away:
            log.warning("The shared state does not answer: %s", problem, extra={"code": "no-shared-state"})
        self._away_until = self._clock() + self._pause

    async def close(self) -> None:
        """Close the connections."""
        await self.on_loop.aclose()
        self.in_threads.close()


def connect_redis(address: str) -> SharedRedis:
    """Make the clients of a Redis; the first request opens a connection.

    A request is sent a second time where its connection was lost, since an open one may be stale. The client's own
    default would try for seconds, and count requests twice that only were answered late.

    Raises:
        SettingsError: the package is missing, or the address is none.
    """
    try:
        import redis
        from redis.asyncio import BlockingConnectionPool
        from redis.asyncio import Redis as AsyncRedis
        from redis.asyncio.retry import Retry as AsyncRetry
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        lost = (redis.ConnectionError,)
        waits = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
        pool = BlockingConnectionPool.from_url(
            address, max_connections=CONNECTIONS, timeout=TIMEOUT, retry=AsyncRetry(NoBackoff(), 1, lost), **waits
        )
        return SharedRedis(
            AsyncRedis.from_pool(pool), redis.Redis.from_url(address, retry=Retry(NoBackoff(), 1, lost), **waits)
        )
    except (ImportError, ValueError) as problem:
        raise SettingsError(
            f"shared_state {address!r} cannot be used: {problem}.",
            "Write redis://HOST:6379/0, and install the extra: pip install 'shoplens[cluster]'.",
        ) from None
