"""What replicas share in Redis: limits of clients, and encoded query photos. Where it is away, they answer alone."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shoplens import Shop
from shoplens.errors import InvalidValue, StoreError
from shoplens.ranking.strategies import EncodedQuery
from shoplens.reading.barcodes import Barcode
from shoplens.service.caches.shared_queries import SharedQueryCache
from shoplens.service.failures import RequestRefused
from shoplens.service.limits.shared_rates import SharedRateLimiter
from shoplens.service.limits.shared_redis import CONNECTIONS, SharedRedis, connect_redis
from shoplens.settings import settings_from
from shoplens.types import Region
from shoplens.types.queries import ObjectBox
from tests import patterned_shop
from tests.event_loop import run_coroutine
from tests.service.service_process import ServiceProcess, run_service

fakeredis = pytest.importorskip("fakeredis")
pytest.importorskip("qdrant_client")
pytestmark = pytest.mark.extras
Connect = Callable[[], SharedRedis]


@contextmanager
def run_redis(*options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Redis server that writes no files, until the end, or skip the test where there is no such program."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("needs the program redis-server")
    command = [program, *options, "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if b"eady to accept connections" in line:
                break
        reader = threading.Thread(target=lambda: [*(process.stdout or ())])
        reader.start()
        yield process
        process.kill()
        process.wait()
        reader.join()


@pytest.fixture
def socket_path(tmp_path: Path) -> Iterator[Path]:
    """Yield the socket of a real Redis server."""
    path = tmp_path / "redis.sock"
    with run_redis("--port", "0", "--unixsocket", str(path)):
        yield path


@pytest.fixture(params=["fake", "server"])
def connect(request: pytest.FixtureRequest) -> Connect:
    """Return what connects a replica to one Redis: to one in this process, and to a real server."""
    if request.param == "fake":
        server = fakeredis.FakeServer()
        return lambda: SharedRedis(fakeredis.FakeAsyncRedis(server=server), fakeredis.FakeRedis(server=server))
    path = request.getfixturevalue("socket_path")
    return lambda: connect_redis(f"unix://{path}?socket_timeout=60&socket_connect_timeout=60")


def run(test: Callable[..., Awaitable[None]], *clients: SharedRedis) -> None:
    """Run a test on an event loop, and close the clients that it uses."""

    async def run_and_close() -> None:
        try:
            await test(*clients)
        finally:
            for client in clients:
                await client.close()

    run_coroutine(run_and_close())


async def count_taken(limiter: SharedRateLimiter, client: str, most: int) -> int:
    """Return how many of some requests of a client are let through."""
    taken = 0
    for _ in range(most):
        try:
            await limiter.take(client)
            taken += 1
        except RequestRefused as refused:
            assert refused.code == "too-many-requests" and 0 < refused.wait <= 60
    return taken


def test_an_encoded_query_survives_its_way_through_redis(connect: Connect) -> None:
    async def send(redis: SharedRedis) -> None:
        rng = np.random.default_rng(0)
        photo = EncodedQuery(
            rng.random(8, np.float32),
            pixel_hashes=("a", "b"),
            content_hash="c",
            features=rng.random(5, np.float32),
            encoded_by="net@1",
            object=Region(1, 2, 3, 4),
            objects=(ObjectBox(Region(1, 2, 3, 4), 0.5),),
            mask=np.ones((3, 4), np.uint8),
            text="words",
            barcodes=(Barcode("4006381333931", "04006381333931"),),
        )
        SharedQueryCache(redis, "shop").add("q1", photo, "000001")
        found, generation = SharedQueryCache(redis, "shop").get("q1")
        assert generation == "000001"
        for name in ("vector", "features", "mask"):
            np.testing.assert_array_equal(getattr(found, name), getattr(photo, name))
        for name in ("pixel_hashes", "content_hash", "encoded_by", "object", "objects", "text", "barcodes", "filtered"):
            assert getattr(found, name) == getattr(photo, name)
        names = redis.in_threads.keys()
        assert 1_795 < redis.in_threads.ttl(names[0]) <= 1_800, "as long as in memory: half an hour"
        with pytest.raises(InvalidValue) as caught:
            SharedQueryCache(redis, "other shop").get("q1")
        assert caught.value.code == "unknown-query"

    run(send, connect())


def test_replicas_share_the_limits_of_a_client(connect: Connect) -> None:
    async def send(one: SharedRedis, other: SharedRedis) -> None:
        now = [6_000.0]
        first, second = (SharedRateLimiter(redis, "shop:client", 10, clock=lambda: now[0]) for redis in (one, other))
        assert await count_taken(first, "a", 4) + await count_taken(second, "a", 20) == 10
        assert await count_taken(first, "a", 5) == 0
        assert await count_taken(first, "b", 1) == 1
        now[0] += 90.0  # half of the last minute's ten still count, and no request that was refused
        assert await count_taken(second, "a", 20) == 5
        now[0] += 120.0
        await first.charge("a", 8)
        assert await count_taken(second, "a", 20) == 2
        assert await count_taken(SharedRateLimiter(one, "shop:key", 0), "a", 100) == 100, "0 is no limit"
        assert not one.is_away and not other.is_away
        expiries = [one.in_threads.ttl(key) for key in one.in_threads.scan_iter()]
        assert len(expiries) >= 3 and all(0 < seconds <= 120 for seconds in expiries), "nothing stays for ever"

    run(send, connect(), connect())


def test_a_burst_waits_for_connections_and_is_counted(socket_path: Path) -> None:
    async def send(redis: SharedRedis, other: SharedRedis) -> None:
        limiter = SharedRateLimiter(redis, "shop:client", 1_000, clock=lambda: 6_000.0)
        await asyncio.gather(*(limiter.take("a") for _ in range(300)))
        assert not redis.is_away and other.in_threads.get("shoplens:shop:client:a:100") == b"300"
        assert other.in_threads.info("clients")["connected_clients"] <= CONNECTIONS + 1

    address = f"unix://{socket_path}?socket_timeout=60&socket_connect_timeout=60"
    run(send, connect_redis(f"{address}&timeout=60"), connect_redis(address))


def test_without_redis_each_replica_limits_by_itself_and_new_photos_are_answered() -> None:
    async def send(gone: SharedRedis) -> None:
        limiter = SharedRateLimiter(gone, "shop:client", 2)
        assert await count_taken(limiter, "a", 5) == 1, "half of the requests of a minute at once, as in one process"
        queries = SharedQueryCache(gone, "shop")
        queries.add("q", EncodedQuery(np.zeros(2, np.float32)), "000001")
        with pytest.raises(StoreError) as caught:
            queries.get("q")
        assert caught.value.code == "no-shared-state"

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    run(send, connect_redis(f"redis://127.0.0.1:{port}/0"))


def test_a_redis_that_hangs_is_left_alone_for_a_while() -> None:
    now = [0.0]

    async def send(redis: SharedRedis) -> None:
        redis = SharedRedis(redis.on_loop, redis.in_threads, pause=5.0, clock=lambda: now[0])
        limiter = SharedRateLimiter(redis, "shop:client", 100)
        await limiter.take("a")
        asked = len(connections)
        assert asked and redis.is_away
        for _ in range(10):
            await limiter.take("a")
            await limiter.charge("a", 1)
        with pytest.raises(StoreError):
            SharedQueryCache(redis, "shop").get("q")
        assert len(connections) == asked
        now[0] = 5.1
        await limiter.take("a")
        assert len(connections) > asked

    connections = list[socket.socket]()

    def accept() -> None:
        while True:
            try:
                connections.append(listener.accept()[0])
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept)
        accepting.start()
        port = listener.getsockname()[1]
        run(send, connect_redis(f"redis://127.0.0.1:{port}/0?socket_timeout=0.05"))
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
        for one in connections:
            one.close()


def test_the_event_loop_goes_on_while_redis_is_slow(socket_path: Path) -> None:
    """Redis answers only after something else has run on the loop: a limiter that blocked it would get no answer."""

    async def send(redis: SharedRedis, other: SharedRedis) -> None:
        limiter = SharedRateLimiter(redis, "shop:client", 10, clock=lambda: 6_000.0)
        await limiter.take("a")
        other.in_threads.client_pause(10_000, all=False)  # of commands that write
        waiting = asyncio.ensure_future(limiter.take("a"))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not waiting.done()
        other.in_threads.client_unpause()
        await waiting
        assert not redis.is_away and other.in_threads.get("shoplens:shop:client:a:100") == b"2"

    run(send, *(connect_redis(f"unix://{socket_path}?socket_timeout=60&socket_connect_timeout=60") for _ in range(2)))


@pytest.mark.slow
def test_a_search_is_refined_where_another_replica_was_killed_and_new_photos_need_no_redis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.cluster.fake_qdrant import run_fake_qdrant

    feed, photo = patterned_shop.write_feed(tmp_path), patterned_shop.query_photo(tmp_path, "red", "plain")
    body = {"image": base64.b64encode(photo.read_bytes()).decode(), "k": 5}
    with ExitStack() as stack:
        redis_port = free_port()
        redis = stack.enter_context(run_redis("--port", str(redis_port)))
        for name, value in {
            "OBJECT_STORE": str(tmp_path / "objects"),
            "SHARED_STATE": f"redis://127.0.0.1:{redis_port}/0",
            "RATE": "30",
            "THREADS": "1",
        }.items():
            monkeypatch.setenv(f"SHOPLENS_{name}", value)
        fake = stack.enter_context(run_fake_qdrant())
        settings = settings_from(store=Path(f"{fake.url}/shop"), work_folder=tmp_path / "work", tune=False)
        Shop.index(feed, settings=settings)[0].close()
        first, second = (stack.enter_context(run_service(Path(settings.server))) for _ in range(2))
        status, answer = post(first, body)
        assert status == 200
        refinement = {"query_id": answer["query_id"], "k": 5}
        first.process.send_signal(signal.SIGKILL)
        status, refined = post(second, refinement)
        assert status == 200 and ids(refined) == ids(answer), "the photo was seen by the replica that is dead"
        begun = time.monotonic()
        statuses = [post(second, refinement)[0] for _ in range(80)]
        refilled = (time.monotonic() - begun) * 30 / 60
        assert set(statuses) == {200, 429}
        assert statuses.count(200) <= 28 + refilled, "two were counted before, one of them by the replica that is dead"
        redis.kill()
        redis.wait()
        statuses = [post(second, body)[0] for _ in range(3)]
        assert statuses == [200, 200, 200], "the replica limits by itself, and began to count anew"
        status, answer = post(second, refinement)
        assert (status, answer["error"]["code"]) == (503, "no-shared-state")
        assert any("no-shared-state" in line for line in second.stderr_lines)
        stack.enter_context(run_redis("--port", str(redis_port)))
        for _ in range(100):
            status, answer = post(second, body)
            if status == 200 and post(second, {"query_id": answer["query_id"]})[0] == 200:
                break
            threading.Event().wait(0.5)
        else:
            raise AssertionError("the replica did not find Redis again")


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def ids(answer: dict[str, Any]) -> list[str]:
    return [row["product_id"] for row in answer["results"]]


def post(service: ServiceProcess, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Send a search, and return the status and the document."""
    request = urllib.request.Request(
        f"{service.address}/v1/search", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as problem:
        return problem.code, json.loads(problem.read())
