"""What the fetcher fetches and refuses: URLs, addresses and redirects; the tests map host names to addresses."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from shoplens.fetching.ssrf_guard import Network
from shoplens.images.photo_fetcher import PhotoFetcher
from shoplens.settings import Settings
from tests.fetching.fetchers import OTHER_PUBLIC, PHOTO, PUBLIC, LocalSockets, fetch_error, resolver_for
from tests.fetching.local_server import Server, answer

# Requests and responses


def test_the_bytes_of_a_photo_and_a_polite_request(make_fetcher: Callable[..., PhotoFetcher], server: Server) -> None:
    server.pages["/a%20b/%C3%BC.jpg?size=9%209&x=%41"] = answer(body=PHOTO, content_type="image/jpeg")
    assert make_fetcher().fetch(server.url("/a b/ü.jpg?size=9 9&x=%41#part")) == PHOTO
    headers = server.requests[0][1]
    assert headers["user-agent"] == Settings().user_agent
    assert headers["host"] == f"127.0.0.1:{server.port}"
    assert headers["accept-encoding"] == "identity"


def test_the_user_agent_of_requests_is_a_setting(make_fetcher: Callable[..., PhotoFetcher], server: Server) -> None:
    server.pages["/"] = answer(body=PHOTO)
    make_fetcher(user_agent="Mozilla/5.0 (compatible; our shop)").fetch(server.url("/"))
    assert server.requests[0][1]["user-agent"] == "Mozilla/5.0 (compatible; our shop)"


def test_parameters_of_the_path_are_sent(make_fetcher: Callable[..., PhotoFetcher], server: Server) -> None:
    server.pages["/a;size=9/b;c.jpg?"] = answer(body=PHOTO)
    assert make_fetcher().fetch(server.url("/a;size=9/b;c.jpg?")) == PHOTO


def test_a_body_without_length_and_in_chunks(make_fetcher: Callable[..., PhotoFetcher], server: Server) -> None:
    def until_closed(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + PHOTO)
        handler.close_connection = True

    def chunked(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for byte in PHOTO:
            handler.wfile.write(b"1\r\n%c\r\n" % byte)
        handler.wfile.write(b"0\r\n\r\n")

    server.pages.update({"/closed": until_closed, "/chunked": chunked})
    assert [make_fetcher().fetch(server.url(path)) for path in ("/closed", "/chunked")] == [PHOTO, PHOTO]


def test_proxies_of_the_environment_are_ignored(
    make_fetcher: Callable[..., PhotoFetcher], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.pages["/"] = answer(body=PHOTO)
    assert make_fetcher().fetch(server.url("/")) == PHOTO


# URLs


@pytest.mark.parametrize(
    "url",
    [
        "ftp://shop.example/a.jpg",
        "file:///etc/passwd",
        "data:image/png;base64,AA",
        "gopher://shop.example/",
        "a.jpg",
        "",
        "http://",
        "http:///a.jpg",
        "http://user:secret@shop.example/a.jpg",
        "http://user@shop.example/a.jpg",
        "http://shop.example@127.0.0.1/",
        "http://shop.example:99999/a.jpg",
        "http://shop.example:abc/a.jpg",
        "http://[::1/a.jpg",
        "http://shop..example/a.jpg",
        "http://shop example/a.jpg",
        "http://\\shop.example/a.jpg",
    ],
)
def test_urls_that_are_not_fetched(url: str, make_fetcher: Callable[..., PhotoFetcher]) -> None:
    error = fetch_error(make_fetcher(Network(resolver=resolver_for(shop=[PUBLIC]), sockets=LocalSockets())), url)
    assert error.code == "fetch-scheme"
    assert "secret" not in str(error)


def test_an_international_name_is_resolved_in_ascii(make_fetcher: Callable[..., PhotoFetcher], server: Server) -> None:
    hosts: list[str] = []

    def resolver(host: str, port: int) -> list[str]:
        hosts.append(host)
        return ["127.0.0.1"]

    server.pages["/"] = answer(body=PHOTO)
    assert make_fetcher(Network(resolver=resolver)).fetch(server.url("/", "Bücher.example")) == PHOTO
    assert hosts == ["xn--bcher-kva.example"]


# Addresses


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1", "2130706433", "0x7f.0.0.1"]
)
def test_every_spelling_of_the_local_address_is_refused(host: str, server: Server, settings: Settings) -> None:
    server.pages["/"] = answer(body=PHOTO)
    with PhotoFetcher(settings) as fetcher:
        assert fetch_error(fetcher, server.url("/", host)).code == "fetch-address"
    assert server.paths == []


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "::1", "64:ff9b::7f00:1", "fe80::1%eth0"])
def test_a_name_with_a_forbidden_address_is_refused(
    address: str, make_guarded_fetcher: Callable[..., PhotoFetcher], server: Server
) -> None:
    sockets = LocalSockets()
    for answers in ([address], [PUBLIC, address], [address, PUBLIC]):
        error = fetch_error(make_guarded_fetcher(resolver_for(shop=answers), sockets), server.url("/", "shop.example"))
        assert error.code == "fetch-address"
        assert address in error.problem and "allow-private" in error.fix
    assert sockets.connected == [] and server.paths == []


def test_the_checked_address_is_the_one_connected_to(
    make_guarded_fetcher: Callable[..., PhotoFetcher], server: Server
) -> None:
    """A name that is public when it is first resolved and private from then on gains nothing."""
    answers = iter([[PUBLIC], ["127.0.0.1"], [PUBLIC]])
    sockets = LocalSockets()
    server.pages["/"] = answer(body=PHOTO, connection="close")
    fetcher = make_guarded_fetcher(lambda host, port: next(answers), sockets)
    url = server.url("/", "shop.example")
    assert fetcher.fetch(url) == PHOTO
    assert fetch_error(fetcher, url).code == "fetch-address"
    assert fetcher.fetch(url) == PHOTO
    assert sockets.connected == [PUBLIC, PUBLIC]
    assert [headers["host"] for _, headers in server.requests] == [f"shop.example:{server.port}"] * 2


def test_the_next_address_is_tried(
    make_guarded_fetcher: Callable[..., PhotoFetcher], server: Server, pauses: list[float]
) -> None:
    server.pages["/"] = answer(body=PHOTO)
    sockets = LocalSockets(unreachable=(OTHER_PUBLIC,))
    fetcher = make_guarded_fetcher(resolver_for(shop=[OTHER_PUBLIC, PUBLIC]), sockets)
    assert fetcher.fetch(server.url("/", "shop.example")) == PHOTO
    assert sockets.connected == [OTHER_PUBLIC, PUBLIC] and pauses == []


def test_a_name_that_does_not_exist(make_fetcher: Callable[..., PhotoFetcher], pauses: list[float]) -> None:
    error = fetch_error(make_fetcher(Network(resolver=resolver_for())), "http://nowhere.example/")
    assert error.code == "fetch-failed" and "nowhere.example" in error.problem
    assert pauses == []


def test_a_temporary_failure_of_name_resolution_is_retried(
    make_guarded_fetcher: Callable[..., PhotoFetcher], server: Server, pauses: list[float]
) -> None:
    resolver_answers: Iterator[OSError | list[str]] = iter(
        [socket.gaierror(socket.EAI_AGAIN, "try again"), [], [PUBLIC]]
    )

    def resolver(host: str, port: int) -> list[str]:
        resolver_answer = next(resolver_answers)
        if isinstance(resolver_answer, list):
            return resolver_answer
        raise resolver_answer

    server.pages["/"] = answer(body=PHOTO)
    assert make_guarded_fetcher(resolver).fetch(server.url("/", "shop.example")) == PHOTO
    assert len(pauses) == 2


# Redirects


@pytest.mark.parametrize(
    ("location", "requested_path"),
    [
        ("/new photos/ü b.jpg?size=1 2#top".encode(), "/new%20photos/%C3%BC%20b.jpg?size=1%202"),
        ("ü b.jpg".encode(), "/old/%C3%BC%20b.jpg"),
        ("ü b.jpg".encode("latin-1"), "/old/%C3%BC%20b.jpg"),
        (b"..\\new\\b.jpg", "/new/b.jpg"),
        (b"b.jpg?back=..\\a", "/old/b.jpg?back=..\\a"),
        (b"?size=2", "/old/a.jpg?size=2"),
        (b"/b%20c.jpg", "/b%20c.jpg"),
    ],
)
def test_a_redirect_is_read_as_browsers_read_it(
    location: bytes, requested_path: str, make_fetcher: Callable[..., PhotoFetcher], server: Server
) -> None:
    server.pages["/old/a.jpg"] = answer(302, location=location.decode("latin-1"))
    server.pages[requested_path] = answer(body=PHOTO)
    assert make_fetcher().fetch(server.url("/old/a.jpg")) == PHOTO
    assert server.paths == ["/old/a.jpg", requested_path]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(status: int, make_fetcher: Callable[..., PhotoFetcher], server: Server) -> None:
    server.pages["/old/a"] = answer(status, location="../new/b")
    server.pages["/new/b"] = answer(body=PHOTO)
    assert make_fetcher().fetch(server.url("/old/a")) == PHOTO
    assert server.paths == ["/old/a", "/new/b"]


def test_five_redirects_are_followed_and_six_are_not(make_fetcher: Callable[..., PhotoFetcher], server: Server) -> None:
    for step in range(6):
        server.pages[f"/{step}"] = answer(302, location=f"/{step + 1}")
    server.pages["/6"] = answer(body=PHOTO)
    assert make_fetcher().fetch(server.url("/1")) == PHOTO
    assert fetch_error(make_fetcher(), server.url("/0")).code == "fetch-redirects"
    server.pages["/loop"] = answer(302, location="/loop")
    assert fetch_error(make_fetcher(), server.url("/loop")).code == "fetch-redirects"


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("", "fetch-redirects"),
        ("http://[::1/", "fetch-redirects"),
        ("file:///etc/passwd", "fetch-scheme"),
        ("ftp://shop.example/a.jpg", "fetch-scheme"),
        ("http://me:secret@shop.example/", "fetch-scheme"),
        ("http://inside.example/", "fetch-address"),
        ("http://169.254.169.254/latest/meta-data/", "fetch-address"),
        ("//inside.example/", "fetch-address"),
    ],
)
def test_every_hop_is_checked(
    location: str, code: str, make_guarded_fetcher: Callable[..., PhotoFetcher], server: Server
) -> None:
    def resolver(host: str, port: int) -> list[str]:
        return {"shop.example": [PUBLIC], "inside.example": ["10.0.0.7"]}.get(host, [host])

    sockets = LocalSockets()
    server.pages["/"] = answer(302, location=location)
    assert fetch_error(make_guarded_fetcher(resolver, sockets), server.url("/", "shop.example")).code == code
    assert sockets.connected == [PUBLIC]


def test_a_redirect_without_location(make_fetcher: Callable[..., PhotoFetcher], server: Server) -> None:
    server.pages["/"] = answer(302)
    assert fetch_error(make_fetcher(), server.url("/")).code == "fetch-redirects"
