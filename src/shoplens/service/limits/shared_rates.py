"""Rate limits that all replicas share, in Redis."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from shoplens.service.limits.rate_limit import RateLimiter, too_many_requests_error

log = logging.getLogger("shoplens.service")
MINUTE = 60.0


class SharedRateLimiter:
    """Counts the requests of a client in a sliding minute: those of this minute, and of the last one the share that
    the sliding minute still covers. Where Redis does not answer, the replica limits by itself.

    Args:
        redis: a client.
        prefix: of the keys; another for every store and kind of limit.
        per_minute: number of requests; 0 for no limit.
        clock: returns seconds since 1970, the same on all replicas.
    """

    def __init__(self, redis: Any, prefix: str, per_minute: int, clock: Callable[[], float] = time.time) -> None:
        self._redis, self._prefix, self._most = redis, f"shoplens:{prefix}:", per_minute
        self._own, self._clock = RateLimiter(per_minute), clock

    def charge(self, client: str, requests: int) -> None:
        """Count a request that was answered as several more."""
        if self._most:
            key = f"{self._prefix}{client}:{int(self._clock() // MINUTE)}"
            try:
                self._redis.incrby(key, requests)
            except Exception:
                self._own.charge(client, requests)

    def take(self, client: str) -> None:
        """Count a request of a client.

        Raises:
            RequestRefused: ``too-many-requests``, with the seconds to wait.
        """
        if not self._most:
            return
        minute, seconds = divmod(self._clock(), MINUTE)
        key = f"{self._prefix}{client}:"
        try:
            with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.get(f"{key}{int(minute) - 1}")
                pipeline.incr(f"{key}{int(minute)}")
                pipeline.expire(f"{key}{int(minute)}", round(2 * MINUTE))
                before, now, _ = pipeline.execute()
        except Exception as problem:
            log.warning("Limits are not shared now: %s", problem, extra={"code": "no-shared-state"})
            self._own.take(client)
            return
        if int(before or 0) * (1 - seconds / MINUTE) + int(now) > self._most:
            raise too_many_requests_error(self._most, MINUTE - seconds)
