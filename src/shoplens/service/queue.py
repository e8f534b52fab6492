"""Work that takes the processor: so many threads, so many who wait, and nobody works for who has gone."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeVar

from fastapi import Request

from shoplens.service.failures import RequestRefused

T = TypeVar("T")
RETRY_SECONDS = 1.0


class WorkQueue:
    """A pool of threads with a short queue.

    Args:
        threads: that work at the same time.
        queue: requests that may wait; the next one is refused at once.
        seconds: that one may wait.
    """

    def __init__(self, threads: int, queue: int, seconds: float) -> None:
        self.threads, self._queue, self._seconds = threads, queue, seconds
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="work")
        self._slots = asyncio.Semaphore(threads)
        self.arriving = 0
        self.waiting = 0
        self.working = 0
        self._count = threading.Lock()

    async def of(self, request: Request, call: Callable[[], T]) -> T:
        """What the call returns; it runs in a thread.

        Raises:
            RequestRefused: ``busy``, ``waited-too-long``.
            asyncio.CancelledError: the client went away before its turn came.
        """
        self.refuse_if_full()
        self.waiting += 1
        try:
            await self._turn(request)
        finally:
            self.waiting -= 1
        self.working += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        finally:
            self.working -= 1
            self._slots.release()

    @contextlib.contextmanager
    def expecting(self) -> Iterator[None]:
        """A request whose body is read meanwhile; where too many wait or arrive already, it is not read at all.

        Raises:
            RequestRefused: ``busy``.
        """
        self.refuse_if_full()
        self.arriving += 1
        try:
            yield
        finally:
            self.arriving -= 1

    def refuse_if_full(self) -> None:
        """Raises RequestRefused ``busy`` where too many wait or arrive already."""
        there = self.waiting + self.arriving
        if there >= self._queue + self.threads - self.working:
            raise RequestRefused(
                f"{there} requests are waiting.", "Try again shortly.", code="busy", wait=RETRY_SECONDS
            )

    async def _turn(self, request: Request) -> None:
        """Wait for a thread, as long as the client does."""
        turn = asyncio.ensure_future(self._slots.acquire())
        gone = asyncio.ensure_future(_wait_for_disconnect(request))
        try:
            done, _ = await asyncio.wait({turn, gone}, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            self._give_up(turn)
            raise
        finally:
            gone.cancel()
        if turn in done:
            return
        self._give_up(turn)
        if gone in done:
            raise RequestRefused("The client went away.", "Nothing has to be done.", code="client-gone")
        raise RequestRefused(
            f"It waited for {self._seconds:g} s.", "Try again shortly.", code="waited-too-long", wait=RETRY_SECONDS
        )

    def _give_up(self, turn: asyncio.Future[Literal[True]]) -> None:
        """Leave the queue; a turn that came meanwhile is passed on."""
        if turn.done() and not turn.cancelled() and turn.exception() is None:
            self._slots.release()
        turn.cancel()

    def close(self) -> None:
        """Let the work that has begun end."""
        self._pool.shutdown(wait=True, cancel_futures=True)


async def _wait_for_disconnect(request: Request) -> None:
    """Ends when the client has gone; the body was read before."""
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                return
