"""Who may do what, how often, how much, how slowly."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest
from fastapi import Request
from fastapi.testclient import TestClient

from shoplens import Shop
from shoplens.errors import InvalidValue, StoreError
from shoplens.ranking.strategies import EncodedQuery
from shoplens.service.app import application
from shoplens.service.auth import is_loopback
from shoplens.service.caches.query_cache import QueryCache
from shoplens.service.failures import RequestRefused
from shoplens.service.keys import Keys
from shoplens.service.queue import WorkQueue
from shoplens.service.rate_limit import RateLimiter
from tests.service.conftest import asked, client_with
from tests.service.test_searching import code


@pytest.mark.parametrize(
    ("role", "search", "write", "admin"),
    [(None, 200, 401, 401), ("search", 200, 403, 403), ("write", 200, 204, 403), ("admin", 200, 204, 204)],
)
def test_roles_may_what_they_may(shop: Shop, role: str | None, search: int, write: int, admin: int) -> None:
    with client_with(shop, role) as client:  # type: ignore[arg-type]
        assert client.post("/v1/search", json={"product_id": "red-1"}).status_code == search
        assert client.delete("/v1/products/none").status_code == write
        assert client.delete("/v1/users/ann").status_code == admin


def test_beyond_this_machine_searching_takes_a_key(shop: Shop) -> None:
    with client_with(shop, host="0.0.0.0") as client:
        answer = client.post("/v1/search", json={"product_id": "red-1"})
        assert (answer.status_code, code(answer)) == (401, "unauthenticated") and answer.headers[
            "www-authenticate"
        ] == "Bearer"
    with client_with(shop, "search", host="0.0.0.0") as client:
        assert client.post("/v1/search", json={"product_id": "red-1"}).status_code == 200
    with client_with(shop, host="127.0.0.1", open_search=False) as client:
        assert client.post("/v1/search", json={"product_id": "red-1"}).status_code == 401
    assert is_loopback("::1") and is_loopback("localhost") and not is_loopback("::") and not is_loopback("shop.example")


def test_a_wrong_key_is_no_key_and_a_removed_one_is_none_at_once(shop: Shop) -> None:
    keys = Keys(shop.folder)
    secret, key = keys.create("test", "write")
    with TestClient(application(shop)) as client:
        for headers in ({"Authorization": f"Bearer {secret}"}, {"X-API-Key": secret}):
            assert client.delete("/v1/products/none", headers=headers).status_code == 204
        for wrong in (secret[:-1], secret.upper(), "sl_", "\u00e9"):
            answer = client.delete("/v1/products/none", headers={"Authorization": f"Bearer {wrong}".encode()})
            assert (answer.status_code, code(answer)) == (401, "unknown-key")
        keys.remove(key.id)
        assert client.delete("/v1/products/none", headers={"X-API-Key": secret}).status_code == 401


def test_keys_are_kept_as_hashes_that_only_their_owner_reads(shop: Shop) -> None:
    keys = Keys(shop.folder)
    secret, key = keys.create(" For the shop ", "search")
    assert secret not in keys.path.read_text("utf-8") and keys.path.stat().st_mode & 0o077 == 0
    assert keys.find(secret) == key and key.name == "For the shop" and keys.find("") is None
    for name, role in (("", "search"), ("x\x00", "search"), ("x" * 500, "search"), ("x", "owner")):
        with pytest.raises(InvalidValue, match="--role is" if role == "owner" else "The name is") as refused:
            keys.create(name, role)  # type: ignore[arg-type]
        assert refused.value.code == "bad-key" and keys.list_all() == [key]
    with pytest.raises(InvalidValue, match=key.id) as unknown:
        keys.remove("nothing")
    assert unknown.value.code == "unknown-key-id"
    keys.path.write_text("{")
    with pytest.raises(StoreError, match="shoplens keys add"):
        keys.list_all()


def test_a_minute_s_requests_flow_in_evenly() -> None:
    now = [0.0]
    rates = RateLimiter(60, lambda: now[0])
    for _ in range(30):
        rates.take("a")
    with pytest.raises(RequestRefused) as refused:
        rates.take("a")
    assert refused.value.code == "too-many-requests" and refused.value.wait == pytest.approx(1)
    rates.take("b")
    now[0] = 2.0
    rates.take("a")
    rates.take("a")
    with pytest.raises(RequestRefused) as again:
        rates.take("a")
    assert again.value.code == "too-many-requests"
    for _ in range(1_000):
        RateLimiter(0).take("a")


def test_too_many_requests_are_told_when_to_come_back(shop: Shop) -> None:
    with client_with(shop, rate=2) as client:
        answers = [client.get("/v1/dimensions") for _ in range(3)]
    assert answers[0].status_code == 200 and answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1 and code(answers[-1]) == "too-many-requests"


def test_a_body_may_be_so_large(shop: Shop, folder: Path) -> None:
    with client_with(shop, max_photo_bytes=1_000) as client:
        assert client.post("/v1/search", files={"image": ("p.png", asked(folder))}).status_code == 200
        photo = client.post("/v1/search", files={"image": ("p.png", b"x" * 2_000)})
        assert (photo.status_code, code(photo)) == (413, "photo-too-many-bytes")
        body = client.post("/v1/search", content=b"x" * 200_000, headers={"Content-Type": "application/json"})
        assert (body.status_code, code(body)) == (413, "too-large")
        chunked = client.post(
            "/v1/search", content=(b"x" * 10_000 for _ in range(20)), headers={"Content-Type": "application/json"}
        )
        assert (chunked.status_code, code(chunked)) == (413, "too-large")


def test_every_answer_has_a_name_and_tells_browsers_to_be_careful(client: TestClient) -> None:
    answer = client.get("/v1/dimensions", headers={"X-Request-Id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    odd = client.get("/nothing", headers={"X-Request-Id": "a b\tc"})
    assert odd.status_code == 404 and odd.json()["error"]["request_id"] == odd.headers["x-request-id"] != "a b\tc"
    assert code(client.put("/v1/search")) == "no-such-method"


def test_pages_of_other_origins_may_search_if_the_shop_says_so(shop: Shop) -> None:
    asking = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    with client_with(shop) as client:
        assert "access-control-allow-origin" not in client.options("/v1/search", headers=asking).headers
    with client_with(shop, cors="https://shop.example, https://other.example") as client:
        told = client.options("/v1/search", headers=asking).headers
        assert told["access-control-allow-origin"] == "https://shop.example"
        evil = client.options("/v1/search", headers={**asking, "Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in evil.headers


def test_health_and_counts(client: TestClient, shop: Shop) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready", "products": 12}
    client.post("/v1/search", json={"product_id": "red-1"})
    client.get("/v1/products/none")
    text = client.get("/metrics").text
    assert 'shoplens_request_seconds_count{route="/v1/search",status="200"} 1.0' in text
    assert 'shoplens_stage_seconds_count{stage="retrieve"} 1.0' in text
    assert "shoplens_products 12.0" in text and 'shoplens_errors_total{code="404"} 1.0' in text
    shop.close()
    assert client.get("/readyz").status_code == 503
    closed = client.post("/v1/search", json={"product_id": "red-1"})
    assert (closed.status_code, code(closed)) == (503, "closed-store")


def a_request(gone: asyncio.Event | None = None) -> Request:
    """One whose client stays, or goes when the event says so."""

    async def receive() -> dict[str, object]:
        await (gone or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http", "headers": []}, receive)


def test_work_is_done_by_few_and_waited_for_by_few() -> None:
    async def main() -> None:
        work, go, done = WorkQueue(1, queue=1, seconds=5), threading.Event(), list[int]()

        def job(number: int) -> int:
            go.wait(5)
            done.append(number)
            return number

        first = asyncio.ensure_future(work.run(a_request(), lambda: job(1)))
        await asyncio.sleep(0.05)
        second = asyncio.ensure_future(work.run(a_request(), lambda: job(2)))
        await asyncio.sleep(0.05)
        assert (work.working, work.waiting) == (1, 1)
        with pytest.raises(RequestRefused) as refused:
            await work.run(a_request(), lambda: job(3))
        assert refused.value.code == "busy" and refused.value.wait
        go.set()
        assert await asyncio.gather(first, second) == [1, 2] and done == [1, 2]
        assert (work.working, work.waiting) == (0, 0)
        work.close()

    asyncio.run(main())


def test_nobody_works_for_who_has_gone_or_waited_too_long() -> None:
    async def main() -> None:
        work, go, gone, done = WorkQueue(1, queue=5, seconds=0.2), threading.Event(), asyncio.Event(), list[int]()
        first = asyncio.ensure_future(work.run(a_request(), lambda: go.wait(5)))
        await asyncio.sleep(0.05)
        leaving = asyncio.ensure_future(work.run(a_request(gone), lambda: done.append(1)))
        waiting = asyncio.ensure_future(work.run(a_request(), lambda: done.append(2)))
        cancelled = asyncio.ensure_future(work.run(a_request(), lambda: done.append(3)))
        await asyncio.sleep(0.05)
        gone.set()
        cancelled.cancel()
        with pytest.raises(RequestRefused, match="disconnected"):
            await leaving
        with pytest.raises(RequestRefused, match="waited"):
            await waiting
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        go.set()
        assert await first is True and done == []
        assert await work.run(a_request(), lambda: 7) == 7, "no thread was lost"
        work.close()

    asyncio.run(main())


def test_what_a_job_raises_is_raised_and_the_thread_goes_on() -> None:
    async def main() -> None:
        work = WorkQueue(1, queue=1, seconds=5)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await work.run(a_request(), lambda: 1 / 0)
        assert (work.working, work.waiting) == (0, 0)
        work.close()

    asyncio.run(main())


def test_recent_photos_are_held_for_a_while_and_not_too_many() -> None:
    now = [0.0]
    recent = QueryCache(most=2, seconds=10, clock=lambda: now[0])
    one = EncodedQuery(np.ones(1, np.float32), encoded_by="network")
    for name in "abc":
        recent.add(name, one, "000001")
    with pytest.raises(InvalidValue, match="Send the photo again"):
        recent.get("a")
    now[0] = 8.0
    assert recent.get("b") == (one, "000001")
    now[0] = 15.0
    assert recent.get("b") == (one, "000001"), "it was asked for meanwhile"
    with pytest.raises(InvalidValue, match="of query 'c'") as late:
        recent.get("c")
    recent.clear()
    with pytest.raises(InvalidValue, match="of query 'b'") as cleared:
        recent.get("b")
    assert (late.value.code, cleared.value.code) == ("unknown-query", "unknown-query")
