"""Rate limits that all replicas share, in Redis."""

from __future__ import annotations

import time
from collections.abc import Callable

from shoplens.service.limits.rate_limit import RateLimiter, too_many_requests_error
from shoplens.service.limits.shared_redis import SharedRedis

MINUTE = 60.0


class SharedRateLimiter:
    """Counts the requests of a client in a sliding minute: those of this minute, and of the last one the share that
    the sliding minute still covers. Where Redis does not answer, the replica limits by itself.

    Args:
        redis: that all replicas share.
        prefix: of the keys; another for every store and kind of limit.
        per_minute: number of requests; 0 for no limit.
        clock: returns seconds since 1970, the same on all replicas.
    """

    def __init__(
        self, redis: SharedRedis, prefix: str, per_minute: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._redis, self._prefix, self._most = redis, f"shoplens:{prefix}:", per_minute
        self._own, self._clock = RateLimiter(per_minute), clock

    async def charge(self, client: str, requests: int) -> None:
        """Count a request that was answered as several more."""
        if not self._most:
            return
        if not self._redis.is_away:
            try:
                await self._add(client, int(self._clock() // MINUTE), requests)
                return
            except Exception as problem:
                self._redis.leave_alone(problem)
        await self._own.charge(client, requests)

    async def take(self, client: str) -> None:
        """Count a request of a client; one that is refused is not counted.

        Raises:
            RequestRefused: ``too-many-requests``, with the seconds to wait.
        """
        if not self._most:
            return
        if self._redis.is_away:
            await self._own.take(client)
            return
        minute, seconds = divmod(self._clock(), MINUTE)
        try:
            before, now = await self._add(client, int(minute), 1)
            refused = before * (1 - seconds / MINUTE) + now > self._most
            if refused:
                await self._add(client, int(minute), -1)
        except Exception as problem:
            self._redis.leave_alone(problem)
            await self._own.take(client)
            return
        if refused:
            raise too_many_requests_error(self._most, MINUTE - seconds)

    async def _add(self, client: str, minute: int, requests: int) -> tuple[int, int]:
        """Count requests of a client, and return how many it has sent in the minute before and in this one."""
        key = f"{self._prefix}{client}:"
        async with self._redis.on_loop.pipeline(transaction=True) as pipeline:
            pipeline.get(f"{key}{minute - 1}")
            pipeline.incrby(f"{key}{minute}", requests)
            pipeline.expire(f"{key}{minute}", round(2 * MINUTE))
            before, now, _ = await pipeline.execute()
        return int(before or 0), int(now)
