"""A thread pool with a bounded queue. Requests whose client disconnected are dropped."""

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
        threads: number of threads.
        queue: number of requests that may wait; the next one is refused at once.
        seconds: for which a request may wait.
    """

    def __init__(self, threads: int, queue: int, seconds: float) -> None:
        self.threads, self._queue, self._seconds = threads, queue, seconds
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="work")
        self._slots = asyncio.Semaphore(threads)
        self.arriving = 0
        self.waiting = 0
        self.working = 0
        self._count = threading.Lock()

    async def run(self, request: Request, call: Callable[[], T]) -> T:
        """Run a call in a thread, and return its result.

        Raises:
            RequestRefused: ``busy``, ``waited-too-long``.
            asyncio.CancelledError: the request was cancelled before its turn came.
        """
        self.refuse_if_full()
        self.waiting += 1
        try:
            await self._wait_for_turn(request)
        finally:
            self.waiting -= 1
        self.working += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        finally:
            self.working -= 1
            self._slots.release()

    @contextlib.contextmanager
    def reserve_place(self) -> Iterator[None]:
        """Reserve a place in the queue while a request's body is read; where the queue is full, it is not read.

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
        """Raise RequestRefused ``busy`` where the queue is full."""
        waiting = self.waiting + self.arriving
        if waiting >= self._queue + self.threads - self.working:
            raise RequestRefused(
                f"{waiting} requests are waiting.", "Try again shortly.", code="busy", wait=RETRY_SECONDS
            )

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
