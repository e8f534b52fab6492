"""Hostile clients: work before the key, silent and slow connections, rates, and bodies made to be expensive."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from importlib import import_module
from pkgutil import iter_modules

import pytest
from fastapi import Request
from fastapi.testclient import TestClient
from starlette.datastructures import UploadFile

from shoplens import Shop
from shoplens.errors import SettingsError
from shoplens.service import routes
from shoplens.service.keys import Keys
from shoplens.service.limits.bodies import read_form
from shoplens.service.routes import pages
from shoplens.service.routes.guarded import GuardedRoute
from shoplens.settings import Settings
from tests.attacks.server import Server, read_answer, run_server
from tests.event_loop import run_coroutine
from tests.service.conftest import client, error_code, folder, indexed_folder, make_client, shop

__all__ = ["client", "folder", "indexed_folder", "shop"]

BOMB = b"[" + b"[]," * 13_000_000 + b"[]]"
"""39 MB of JSON that take twelve seconds to parse."""
SECONDS = 1.0


@pytest.fixture
def server(shop: Shop) -> Iterator[Server]:
    """Yield a service with short time limits."""
    shop._parts.settings = replace(shop.settings, request_seconds=SECONDS, address_connections=50, open_search=False)
    with run_server(shop) as server:
        yield server


def post(path: str, length: int, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {length}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize("path", ["/v1/search", "/v1/products", "/v1/feedback", "/commands/feedback"])
def test_without_a_key_no_byte_of_the_body_is_read(server: Server, path: str) -> None:
    started = time.monotonic()
    status, answer = server.send(post(path, len(BOMB), "Content-Type: application/json"))
    assert (status, answer["error"]["code"]) == (401, "unauthenticated")
    assert time.monotonic() - started < SECONDS, "the answer waited for the body"


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


def test_every_route_of_the_api_is_guarded() -> None:
    modules = [import_module(f"{routes.__name__}.{one.name}") for one in iter_modules(routes.__path__)]
    found = [route for one in modules if one is not pages and hasattr(one, "router") for route in one.router.routes]
    assert len(found) > 15 and all(isinstance(route, GuardedRoute) for route in found)
