"""A thread pool with a bounded queue. Requests whose client disconnected are dropped."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeVar

from fastapi import Request
from starlette.types import Scope

from shoplens.service.failures import RequestRefused

T = TypeVar("T")
RETRY_SECONDS = 1.0
MEMORY_SECONDS = 1.0
"""Time constant of the mean over which threads are said to be idle."""
SATURATED = 0.05
"""Share of idle threads below which more requests come than can be answered."""
DEMAND_SECONDS, TOO_MUCH = 2.0, 1.2
"""Time constant of the mean of the work that is asked for, and the mean above which it is more than threads can do. It
counts refused requests, too: where all pause for a moment, and threads are idle, it is known that they come back."""
BURST_WAIT = 1.0
"""Seconds that a request of a burst may have to wait, by what requests took lately."""
WORKED = "shoplens.worked"
"""Key of a request's scope: seconds that threads worked for it."""
ARRIVED = "shoplens.arrived"
"""Key of a request's scope: whether it was counted."""
WEIGHT = 0.1
"""Weight of a request in the mean of what they took."""


class WorkQueue:
    """A pool of threads with a queue: long for a burst of requests, short where more come than can be answered.

    A queue in front of threads that are never idle makes everybody wait, and answers nobody sooner.

    Args:
        threads: number of threads.
        queue: number of requests that may wait; the next one is refused at once.
        seconds: for which a request may wait.
        saturated_queue: number that may wait where hardly any thread was idle lately, or where more was asked for than
            threads can do. With it, only so many of a burst may wait as are worked off within :data:`BURST_WAIT`;
            without it, ``queue`` may wait at any time.
        clock: returns seconds.
    """

    def __init__(
        self,
        threads: int,
        queue: int,
        seconds: float,
        saturated_queue: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.threads, self._queue, self._seconds, self._clock = threads, queue, seconds, clock
        self._saturated_queue = saturated_queue
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="work")
        self._slots = asyncio.Semaphore(threads)
        self.waiting = 0
        self.working = 0
        self._idle, self._measured_at, self._took = 1.0, clock(), 0.0
        self._demand = 0.0  # threads' work asked for a second, as a share of what they can do

    async def run(self, request: Request, call: Callable[[], T]) -> T:
        """Run a call in a thread, and return its result.

        Raises:
            RequestRefused: ``busy``, ``waited-too-long``.
            asyncio.CancelledError: the request was cancelled before its turn came.
        """
        self.refuse_if_full(request.scope)
        self._count(waiting=1)
        try:
            await self._wait_for_turn(request)
        except BaseException:
            self._count(waiting=-1)
            raise
        self._count(waiting=-1, working=1)
        begun = self._clock()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        finally:
            self._count(working=-1)
            took = self._clock() - begun
            self._took += WEIGHT * (took - self._took)
            request.scope[WORKED] = request.scope.get(WORKED, 0.0) + took
            self._slots.release()

    def refuse_if_full(self, scope: Scope) -> None:
        """Raise RequestRefused ``busy`` where the queue is full; a request may be asked about more than once."""
        self._count()
        if not scope.get(ARRIVED):
            scope[ARRIVED] = True
            self._demand += self._took / self.threads / DEMAND_SECONDS
        if self.waiting >= self._most_waiting() + self.threads - self.working:
            raise RequestRefused(
                f"{self.waiting} requests are waiting.", "Try again shortly.", code="busy", wait=RETRY_SECONDS
            )

    def _most_waiting(self) -> int:
        if self._saturated_queue is None:
            return self._queue
        if self._idle <= SATURATED or self._demand > TOO_MUCH:
            return min(self._queue, self._saturated_queue)
        in_time = int(BURST_WAIT * self.threads / self._took) if self._took else self._queue
        return min(self._queue, max(in_time, self._saturated_queue))

    def _count(self, waiting: int = 0, working: int = 0) -> None:
        """Add to the counts, after the means have been brought up to now."""
        now = self._clock()
        old = math.exp((self._measured_at - now) / MEMORY_SECONDS)
        self._demand *= math.exp((self._measured_at - now) / DEMAND_SECONDS)
        idle = max(0, self.threads - self.working - self.waiting) / self.threads
        self._idle, self._measured_at = old * self._idle + (1 - old) * idle, now
        self.waiting += waiting
        self.working += working

    async def _wait_for_turn(self, request: Request) -> None:
        """Wait for a free thread while the client is connected."""
        turn = asyncio.ensure_future(self._slots.acquire())
        disconnect = asyncio.ensure_future(_wait_for_disconnect(request))
        try:
            done, _ = await asyncio.wait({turn, disconnect}, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            self._give_up(turn)
            raise
        finally:
            disconnect.cancel()
        if turn in done:
            return
        self._give_up(turn)
        if disconnect in done:
            raise RequestRefused("The client disconnected.", "Nothing has to be done.", code="client-gone")
        raise RequestRefused(
            f"The request waited for {self._seconds:g} s.",
            "Try again shortly.",
            code="waited-too-long",
            wait=RETRY_SECONDS,
        )

    def _give_up(self, turn: asyncio.Future[Literal[True]]) -> None:
        """Leave the queue; a thread that was assigned meanwhile is released."""
        if turn.done() and not turn.cancelled() and turn.exception() is None:
            self._slots.release()
        turn.cancel()

    def close(self) -> None:
        """Wait for the calls that have begun; drop those that wait."""
        self._pool.shutdown(wait=True, cancel_futures=True)


async def _wait_for_disconnect(request: Request) -> None:
    """Wait until the client disconnects; its body was read before."""
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                return
