"""Tests of the queue of work, and of the cache of encoded query photos."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import numpy as np
import pytest
from fastapi import Request

from shoplens.errors import InvalidValue
from shoplens.ranking.strategies import EncodedQuery
from shoplens.service.caches.query_cache import QueryCache
from shoplens.service.failures import RequestRefused
from shoplens.service.limits.queue import WorkQueue
from tests.event_loop import run_coroutine


def make_request(disconnect: asyncio.Event | None = None) -> Request:
    """Return a request whose client stays connected until the event is set, or for ever without an event."""

    async def receive() -> dict[str, object]:
        await (disconnect or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http", "headers": []}, receive)


def test_queue_limits_how_many_requests_work_and_wait() -> None:
    async def main() -> None:
        queue, start, finished = WorkQueue(1, queue=1, seconds=5), threading.Event(), list[int]()

        def job(number: int) -> int:
            start.wait(5)
            finished.append(number)
            return number

        first = asyncio.ensure_future(queue.run(make_request(), lambda: job(1)))
        await asyncio.sleep(0.05)
        second = asyncio.ensure_future(queue.run(make_request(), lambda: job(2)))
        await asyncio.sleep(0.05)
        assert (queue.working, queue.waiting) == (1, 1)
        with pytest.raises(RequestRefused) as error:
            await queue.run(make_request(), lambda: job(3))
        assert error.value.code == "busy" and error.value.wait
        start.set()
        assert await asyncio.gather(first, second) == [1, 2] and finished == [1, 2]
        assert (queue.working, queue.waiting) == (0, 0)
        queue.close()

    run_coroutine(main())


def test_queue_drops_requests_that_disconnect_wait_too_long_or_are_cancelled() -> None:
    async def main() -> None:
        queue, finished = WorkQueue(1, queue=5, seconds=0.2), list[int]()
        start, disconnect = threading.Event(), asyncio.Event()
        first = asyncio.ensure_future(queue.run(make_request(), lambda: start.wait(5)))
        await asyncio.sleep(0.05)
        disconnected = asyncio.ensure_future(queue.run(make_request(disconnect), lambda: finished.append(1)))
        waiting = asyncio.ensure_future(queue.run(make_request(), lambda: finished.append(2)))
        cancelled = asyncio.ensure_future(queue.run(make_request(), lambda: finished.append(3)))
        await asyncio.sleep(0.05)
        disconnect.set()
        cancelled.cancel()
        with pytest.raises(RequestRefused, match="disconnected"):
            await disconnected
        with pytest.raises(RequestRefused, match="waited"):
            await waiting
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        start.set()
        assert await first is True and finished == []
        assert await queue.run(make_request(), lambda: 7) == 7, "the thread is free again"
        queue.close()

    run_coroutine(main())


def test_queue_raises_the_exception_of_a_job_and_frees_its_thread() -> None:
    async def main() -> None:
        queue = WorkQueue(1, queue=1, seconds=5)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await queue.run(make_request(), lambda: 1 / 0)
        assert (queue.working, queue.waiting) == (0, 0)
        queue.close()

    run_coroutine(main())


def test_queue_is_long_for_a_burst_and_short_where_no_thread_is_ever_idle() -> None:
    async def main() -> None:
        now, start = 100.0, threading.Event()
        queue = WorkQueue(2, queue=10, seconds=5, prompt=True, clock=lambda: now)
        burst = [asyncio.ensure_future(queue.run(make_request(), lambda: start.wait(5))) for _ in range(8)]
        await asyncio.sleep(0.05)
        assert (queue.working, queue.waiting) == (2, 6)
        now += 1.0
        queue.refuse_if_full({})
        now += 3.0  # for so long, no thread was idle
        with pytest.raises(RequestRefused) as error:
            queue.refuse_if_full({})
        assert error.value.code == "busy"
        start.set()
        assert all(await asyncio.gather(*burst)), "what was accepted is answered"
        now += 1.0
        burst = [asyncio.ensure_future(queue.run(make_request(), lambda: start.wait(5))) for _ in range(4)]
        assert all(await asyncio.gather(*burst)), "threads have been idle again"
        for _ in range(30):  # requests that take a second
            slow = asyncio.ensure_future(queue.run(make_request(), lambda: threading.Event().wait(0.001)))
            while not queue.working:
                await asyncio.sleep(0)
            now += 1.0
            await slow
        now += 10.0
        start.clear()
        burst = [asyncio.ensure_future(queue.run(make_request(), lambda: start.wait(5))) for _ in range(8)]
        await asyncio.sleep(0.05)
        assert (queue.working, queue.waiting) == (2, 2), "so many are answered within a second"
        start.set()
        assert {type(one) for one in await asyncio.gather(*burst, return_exceptions=True)} == {bool, RequestRefused}
        queue.close()

    run_coroutine(main())


def test_queue_stays_short_where_too_many_requests_pause_for_a_moment() -> None:
    async def main(rate: int, pause: float) -> int:
        now = 100.0
        queue = WorkQueue(2, queue=32, seconds=5, prompt=True, clock=lambda: now)
        for _ in range(100):  # so much is known of requests that take 50 ms
            job = asyncio.ensure_future(queue.run(make_request(), lambda: threading.Event().wait(0.001)))
            while not queue.working:
                await asyncio.sleep(0)
            now += 0.05
            await job
        now += 60.0
        for _ in range(5 * rate):
            now += 1 / rate
            with contextlib.suppress(RequestRefused):
                queue.refuse_if_full({})
        now += pause
        start = threading.Event()
        burst = [asyncio.ensure_future(queue.run(make_request(), lambda: start.wait(5))) for _ in range(30)]
        await asyncio.sleep(0.05)
        waiting = queue.waiting
        start.set()
        await asyncio.gather(*burst, return_exceptions=True)
        queue.close()
        return waiting

    assert run_coroutine(main(rate=160, pause=0.3)) == 0, "four times what threads can do"
    assert run_coroutine(main(rate=20, pause=0.3)) == 28, "half of it"
    assert run_coroutine(main(rate=160, pause=5.0)) == 28, "long ago"


def test_a_request_waits_only_for_a_thread_that_is_nearly_free_where_too_many_come() -> None:
    async def main() -> list[bool]:
        now, start = 100.0, threading.Event()
        queue = WorkQueue(2, queue=32, seconds=5, prompt=True, clock=lambda: now)
        for _ in range(100):  # so much is known of requests that take 0.1 s
            job = asyncio.ensure_future(queue.run(make_request(), lambda: threading.Event().wait(0.001)))
            while not queue.working:
                await asyncio.sleep(0)
            now += 0.1
            await job
        for _ in range(400):
            now += 0.005
            with contextlib.suppress(RequestRefused):
                queue.refuse_if_full({})
        jobs = list[asyncio.Future[bool]]()
        for _ in range(2):  # two threads, the second of which begins 50 ms after the first
            jobs.append(asyncio.ensure_future(queue.run(make_request(), lambda: start.wait(5))))
            await asyncio.sleep(0.02)
            now += 0.05
        accepted = []
        for _ in range(6):  # 100, 104, 108, ... ms after the first began
            try:
                queue.refuse_if_full({})
                accepted.append(True)
            except RequestRefused:
                accepted.append(False)
            now += 0.004
        now -= 0.024
        jobs.append(asyncio.ensure_future(queue.run(make_request(), lambda: start.wait(5))))
        await asyncio.sleep(0.02)
        with pytest.raises(RequestRefused):
            queue.refuse_if_full({})  # the second thread is busy for 50 ms
        now += 0.045
        queue.refuse_if_full({})
        start.set()
        await asyncio.gather(*jobs)
        queue.close()
        return accepted

    assert run_coroutine(main()) == [True, True, True, False, False, False], (
        "after 110 ms it takes longer than expected"
    )


def test_query_cache_drops_old_photos_and_those_beyond_its_limit() -> None:
    now = [0.0]
    cache = QueryCache(most=2, seconds=10, clock=lambda: now[0])
    query = EncodedQuery(np.ones(1, np.float32), encoded_by="network")
    for name in "abc":
        cache.add(name, query, "000001")
    with pytest.raises(InvalidValue, match="Send the photo again"):
        cache.get("a")
    now[0] = 8.0
    assert cache.get("b") == (query, "000001")
    now[0] = 15.0
    assert cache.get("b") == (query, "000001"), "its last use was 7 s ago"
    with pytest.raises(InvalidValue, match="of query 'c'") as expired:
        cache.get("c")
    cache.clear()
    with pytest.raises(InvalidValue, match="of query 'b'") as cleared:
        cache.get("b")
    assert (expired.value.code, cleared.value.code) == ("unknown-query", "unknown-query")
