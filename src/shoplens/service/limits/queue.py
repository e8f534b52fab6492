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
OVERLOAD_WAIT = 0.1
"""The same where more is asked for than threads can do, as a share of what requests took lately: so those who are
accepted are answered nearly as soon as if they had come alone, and threads do not run dry either."""
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
        prompt: whether only so many may wait as are expected to be worked off within :data:`BURST_WAIT`; where hardly
            any thread was idle lately, one for every two threads; and where more was asked for than threads can do, one
            for each that is expected to be free within :data:`OVERLOAD_WAIT`. Otherwise, ``queue`` may wait at any
            time.
        clock: returns seconds.
    """

    def __init__(
        self,
        threads: int,
        queue: int,
        seconds: float,
        prompt: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.threads, self._queue, self._seconds, self._clock = threads, queue, seconds, clock
        self._prompt = prompt
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="work")
        self._slots = asyncio.Semaphore(threads)
        self.waiting = 0
        self._begun = list[float]()  # when the calls that threads work on began, the first one first
        self._idle, self._measured_at, self._took = 1.0, clock(), 0.0
        self._demand = 0.0  # threads' work asked for a second, as a share of what they can do

    @property
    def working(self) -> int:
        """Number of threads that work."""
        return len(self._begun)

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
        self._count(waiting=-1)
        begun = self._clock()
        self._begun.append(begun)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        finally:
            self._count()
            self._begun.remove(begun)
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
        if self._is_full():
            raise RequestRefused(
                f"{self.waiting} requests are waiting.", "Try again shortly.", code="busy", wait=RETRY_SECONDS
            )

    def _is_full(self) -> bool:
        before = self.waiting - (self.threads - self.working)  # those that wait and have no thread yet
        if before < 0 or not self._prompt:
            return before >= self._queue
        if self._demand > TOO_MUCH:
            return before >= min(self._queue, self.working) or self._seconds_left(before) > OVERLOAD_WAIT * self._took
        if self._idle <= SATURATED:
            return before >= min(self._queue, max(1, self.threads // 2))
        in_time = int(BURST_WAIT * self.threads / self._took) if self._took else self._queue
        return before >= min(self._queue, max(in_time, 1))

    def _seconds_left(self, place: int) -> float:
        """Seconds until the call at this place is expected to end; one that should have ended may take long."""
        return abs(self._took - (self._clock() - self._begun[place]))

    def _count(self, waiting: int = 0) -> None:
        """Bring the means up to now, and add to the number that waits."""
        now = self._clock()
        old = math.exp((self._measured_at - now) / MEMORY_SECONDS)
        self._demand *= math.exp((self._measured_at - now) / DEMAND_SECONDS)
        idle = max(0, self.threads - self.working - self.waiting) / self.threads
        self._idle, self._measured_at = old * self._idle + (1 - old) * idle, now
        self.waiting += waiting

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
