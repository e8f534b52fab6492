"""Hostile clients: work before the key, silent and slow connections, rates, and bodies made to be expensive."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import fields, replace
from functools import partial
from importlib import import_module
from itertools import count
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
from fastapi import Request
from fastapi.testclient import TestClient
from starlette.datastructures import UploadFile

from shoplens import Shop
from shoplens.errors import SettingsError
from shoplens.service import routes
from shoplens.service.failures import RequestRefused
from shoplens.service.keys import Keys
from shoplens.service.limits.arrivals import MOST, Arrivals
from shoplens.service.limits.bodies import read_form
from shoplens.service.limits.connections import HEALTH
from shoplens.service.limits.rate_limit import RateLimiter, Rates
from shoplens.service.routes import commands, pages
from shoplens.service.routes.guarded import GuardedRoute
from shoplens.settings import Settings
from tests.attacks.server import Server, read_answer, run_server
from tests.event_loop import run_coroutine
from tests.service.conftest import client, error_code, folder, indexed_folder, make_client, query_photo, shop

__all__ = ["client", "folder", "indexed_folder", "shop"]

BOMB = b"[" + b"[]," * 13_000_000 + b"[]]"
"""39 MB of JSON that take twelve seconds to parse."""
SECONDS = 1.0
FOR_SHOPPERS = {"/v1/search", "/v1/regions", "/v1/feedback", "/ucp/catalog/search"}
"""Paths that take a body of who has a key with the role search."""


@pytest.fixture
def server(shop: Shop) -> Iterator[Server]:
    """Yield a service with short time limits."""
    shop._parts.settings = replace(shop.settings, request_seconds=SECONDS, address_connections=50, open_search=False)
    with run_server(shop) as server:
        yield server


def head(method: str, path: str, length: int, *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {length}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def post(path: str, length: int, *headers: str) -> bytes:
    return head("POST", path, length, *headers)


def test_without_a_key_no_byte_of_the_body_is_read(server: Server, shop: Shop) -> None:
    key = Keys(shop.folder).create("shopper", "search")[0]
    for method, path in routes_with_bodies():
        status, answer = server.send(head(method, path, len(BOMB), "Content-Type: application/json"))
        assert (status, answer["error"]["code"]) == (401, "unauthenticated"), f"{path}, 408: it waited for the body"
        if path not in FOR_SHOPPERS:
            status, answer = server.send(head(method, path, len(BOMB), f"X-API-Key: {key}"))
            assert (status, answer["error"]["code"]) == (403, "insufficient-role"), path


def test_a_body_made_to_be_expensive_is_refused_while_others_are_answered(shop: Shop) -> None:
    with make_client(shop, "admin") as client:
        for path, size in (("/v1/search", len(BOMB)), ("/v1/products", 7_000_000), ("/v1/feedback", 1_000_000)):
            started = time.monotonic()
            response = client.post(path, content=BOMB[:size], headers={"Content-Type": "application/json"})
            assert (response.status_code, error_code(response)) == (413, "too-large")
            assert time.monotonic() - started < 2, path


def test_each_route_has_its_own_limit(shop: Shop) -> None:
    with make_client(shop, "admin") as client:
        for method, path, size in (
            ("POST", "/v1/feedback", 2_000_000),
            ("PATCH", "/v1/products/red-1", 2_000_000),
            ("POST", "/v1/products", 9_000_000),
        ):
            response = client.request(method, path, content=b'"' + b"x" * size + b'"')
            assert (response.status_code, error_code(response)) == (413, "too-large"), path


def test_silent_connections_shut_out_nobody(server: Server) -> None:
    with ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(300)]
        for connection in connections[::2]:
            connection.settimeout(0.001)
            with suppress(OSError):  # it gave way
                connection.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        for _ in range(5):
            assert server.status() == 200
        assert server.status("/readyz") == 200
        last = connections[-1]
        last.settimeout(30)
        started = time.monotonic()
        assert last.recv(1) == b""
        assert time.monotonic() - started < SECONDS + 5 + 5


def test_a_body_that_does_not_arrive_is_answered_and_ended(server: Server, shop: Shop) -> None:
    key = Keys(shop.folder).create("test", "search")[0]
    with server.connect(30) as connection:
        connection.sendall(post("/v1/search", 1_000, f"Authorization: Bearer {key}", "Content-Type: application/json"))
        status, answer = read_answer(connection)
        assert (status, answer["error"]["code"]) == (408, "too-slow")
        for _ in range(60):
            try:
                connection.sendall(b"x")
            except OSError:
                break
            time.sleep(0.25)
        else:
            pytest.fail("a connection may drip for ever")


def test_a_client_that_reads_no_answer_is_dropped(server: Server) -> None:
    request = b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    with server.connect(30) as connection:
        connection.setblocking(False)
        end = time.monotonic() + 30
        sent = 0
        while time.monotonic() < end:
            try:
                sent += connection.send(request)
            except BlockingIOError:
                time.sleep(0.05)
            except OSError:
                break
        else:
            pytest.fail("a client that reads nothing is kept for ever")
        assert sent
    assert server.status() == 200


def test_shoppers_behind_a_proxy_have_a_rate_each_and_the_key_one_for_all(shop: Shop) -> None:
    with pytest.raises(SettingsError, match="trusted_proxies"):
        Settings(trusted_proxies="testclient")
    with make_client(shop, "search", rate=4, key_rate=16, trusted_proxies="10.0.0.0/8") as client:
        client._transport.client = ("10.1.1.1", 1)  # type: ignore[attr-defined]

        def statuses(shopper: str, times: int) -> list[int]:
            headers = {"X-Forwarded-For": f"6.6.6.6, {shopper}"}
            return [client.get("/v1/dimensions", headers=headers).status_code for _ in range(times)]

        assert statuses("1.1.1.1", 3) == [200, 200, 429]
        assert statuses("2.2.2.2, 10.9.9.9", 3) == [200, 200, 429]
        assert statuses("2001:db8::1", 2) == [200, 200]
        assert statuses("2001:db8::2", 1) == [429], "one network of IPv6 is one client"
        assert statuses("3.3.3.3:1001", 2) == [200, 200]
        assert statuses("3.3.3.3:1002", 1) == [429], "a port makes no other client"
        assert statuses("4.4.4.4", 1) == [429], "the key has a rate, too"


def test_an_address_that_nobody_vouches_for_is_not_believed(shop: Shop) -> None:
    with make_client(shop, "search", rate=4) as client:
        found = [
            client.get("/v1/dimensions", headers={"X-Forwarded-For": f"1.1.1.{number}"}).status_code
            for number in range(3)
        ]
        assert found == [200, 200, 429]


def test_a_search_that_takes_long_counts_as_several(shop: Shop) -> None:
    for role, expected in (("search", [200, 429]), ("write", [200, 200])):
        with make_client(shop, role, rate=20) as client:  # ten of them may come at once
            service = client.app.state.service  # type: ignore[attr-defined]
            service.work._clock = partial(next, count(time.monotonic(), 6.0))  # every step takes six seconds
            found = [client.post("/v1/search", json={"product_id": "red-1"}).status_code for _ in range(2)]
            assert found == expected


def test_product_photos_have_a_rate(shop: Shop) -> None:
    with make_client(shop, rate=1) as client:
        statuses = [client.get("/v1/photos/0123").status_code for _ in range(30)]
        assert statuses[0] == 404 and statuses[-1] == 429


def test_an_upload_stays_in_memory() -> None:
    photo = b"x" * 5_000_000
    body = b'--b\r\nContent-Disposition: form-data; name="image"; filename="p"\r\n\r\n' + photo + b"\r\n--b--\r\n"
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, object]:
        return next(messages)

    async def read() -> tuple[bool, bytes]:
        headers = [(b"content-type", b"multipart/form-data; boundary=b")]
        async with read_form(Request({"type": "http", "headers": headers}, receive), 1, 1) as form:
            (upload,) = [value for value in form.values() if isinstance(value, UploadFile)]
            return upload._in_memory, await upload.read()

    assert run_coroutine(read()) == (True, photo)


def test_a_malformed_form_has_its_own_code(client: TestClient) -> None:
    for kind, body in (("multipart/form-data", b"x"), ("multipart/form-data; boundary=x", b"--y\r\n\r\n")):
        response = client.post("/v1/search", content=body, headers={"Content-Type": kind})
        assert (response.status_code, error_code(response)) == (422, "bad-form")


def test_bodies_that_drip_shut_out_nobody(server: Server, shop: Shop, folder: Path) -> None:
    authorization = f"Authorization: Bearer {Keys(shop.folder).create('test', 'search')[0]}"
    form = (
        b'--b\r\nContent-Disposition: form-data; name="image"; filename="p"\r\n\r\n'
        + query_photo(folder)
        + b"\r\n--b--"
    )
    head = post("/v1/search", len(form), authorization, "Content-Type: multipart/form-data; boundary=b")

    def drip(stack: ExitStack, source: str, times: int) -> None:
        for _ in range(times):
            stack.enter_context(server.connect(30, source)).sendall(head + form[:50])

    with ExitStack() as stack:
        drip(stack, "127.0.0.2", 40)  # more than all that may arrive at the same time
        assert server.send(head + form)[0] == 200
        with server.connect(source="127.0.0.2") as connection:
            connection.sendall(head + form)
            assert read_answer(connection)[1]["error"]["code"] == "busy"
    arrivals = Arrivals(patience=0.2)

    async def read(address: str, took: list[str]) -> None:
        try:
            with arrivals.reserve_place(address):
                await asyncio.sleep(0.5)
        except RequestRefused as refused:
            took.append(refused.code)

    async def many() -> list[str]:
        took = list[str]()
        slow = [asyncio.ensure_future(read(f"{number}", took)) for number in range(MOST)]
        await asyncio.sleep(0.01)
        await read("other", took)  # none of them is slow yet
        await asyncio.sleep(0.25)
        await read("other", took)  # the oldest gives way
        await asyncio.gather(*slow)
        return took

    assert run_coroutine(many()) == ["busy", "too-slow"]


def test_every_route_of_the_api_is_guarded() -> None:
    found = [route for one in route_modules() if one is not pages for route in one.router.routes]
    assert len(found) > 15 and all(isinstance(route, GuardedRoute) for route in found)


def routes_with_bodies() -> list[tuple[str, str]]:
    """Return method and path of every route that takes a body."""
    found = [one for module in route_modules() if module is not pages for one in module.router.routes]
    names = [(method, re.sub(r"\{[^}]+\}", "a", one.path)) for one in found for method in one.methods]
    taken = sorted({(method, path) for method, path in names if method in ("POST", "PUT", "PATCH")})
    assert len(taken) > 12
    return taken


def requests_of_all_routes(client: TestClient) -> Iterator[tuple[str, str, Callable[[], int]]]:
    """Yield method, path, and what sends a valid request, for every route but pages and commands."""
    photo = client.get("/v1/products/red-1").json()["photos"][0].rpartition("/")[2]
    values = {"product_id:path": "red-1", "content_hash": photo, "user:path": "somebody", "name": "a"}
    search = {"product_id": "red-1"}
    events = {"events": [{"query_id": "x", "product_id": "red-1", "kind": "click"}]}
    regions = {"image": "aGk=", "product_id": "red-1", "photo": photo}
    products = {"products": [{"id": "new", "title": "New", "photos": ["http://127.0.0.1:9/x.jpg"]}]}
    rules = {"rules": []}
    finding = {"product_id": "red-1", "dimension": "color", "value": "blue"}
    bodies = {
        "/v1/desk/findings/accept": finding,
        "/v1/merchandising": {**rules, "version": 0},
        "/v1/merchandising/preview": rules,
        "/v1/search": search,
        "/ucp/catalog/search": {"like": [{"id": "red-1"}]},
        "/v1/feedback": events,
        "/v1/regions": regions,
        "/v1/products": products,
    }
    for route in (one for module in route_modules() if module not in (pages, commands) for one in module.router.routes):
        path = re.sub(r"\{([^}]+)\}", lambda found: values[found[1]], route.path)
        for method in route.methods:
            body = bodies.get(route.path, {"price": 5} if method == "PATCH" else None) if method != "GET" else None
            yield method, path, partial(_status, client, method, path, body)


def _status(client: TestClient, method: str, path: str, body: object) -> int:
    return client.request(method, path, json=body).status_code


def route_modules() -> list[Any]:
    modules = [import_module(f"{routes.__name__}.{one.name}") for one in iter_modules(routes.__path__)]
    return [one for one in modules if hasattr(one, "router")]


def test_every_route_that_works_takes_a_place_in_a_queue(shop: Shop) -> None:
    with make_client(shop, "admin") as client:
        service, refused = client.app.state.service, Counter[bool]()  # type: ignore[attr-defined]
        sent = list(requests_of_all_routes(client))
        for queue in (service.work, service.photos, service.fetches, service.writes, service.records):
            queue.waiting = 1_000
        for method, path, send in sent:
            is_busy = send() == 503
            assert is_busy != (path in HEALTH), (method, path)
            refused[is_busy] += 1
        assert refused == {True: len(sent) - len(HEALTH), False: len(HEALTH)} and len(sent) > 15


def test_every_route_that_works_has_a_rate(shop: Shop) -> None:
    with make_client(shop, "admin") as client:
        service = client.app.state.service  # type: ignore[attr-defined]
        for method, path, send in list(requests_of_all_routes(client)):
            service.rates = Rates(*(RateLimiter(1) for _ in fields(Rates)))
            assert send() != 429, (method, path)
            assert (send() == 429) != (path == "/healthz"), (method, path)
