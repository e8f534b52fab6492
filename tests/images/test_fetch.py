"""The fetcher against a real server on this machine; host names are mapped to addresses by the tests."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpcore
import pytest

from shoplens.errors import PhotoError
from shoplens.images.fetch import LONGEST_PAUSE, Fetcher
from shoplens.images.guard import Network
from shoplens.settings import Settings

from .local_server import Server, answer, sequence

PUBLIC, OTHER_PUBLIC = "93.184.215.14", "2606:4700:4700::1111"
PHOTO = b"\xff\xd8\xff photo"
CERTIFICATE = Path(__file__).with_name("shop.example.pem")


class Here(httpcore.SyncBackend):
    """Sockets that lead to this machine, whatever the address; ``reached`` lists the addresses asked for."""

    def __init__(self, dead: tuple[str, ...] = ()) -> None:
        self.reached: list[str] = []
        self._dead = dead

    def connect_tcp(self, host: str, port: int, *rest: Any, **more: Any) -> httpcore.NetworkStream:
        self.reached.append(host)
        if host in self._dead:
            raise httpcore.ConnectError("unreachable")
        return super().connect_tcp("127.0.0.1", port, *rest, **more)


def names(**addresses: list[str]) -> Callable[[str, int], list[str]]:
    """A resolver that knows ``shop`` as shop.example, and so on."""

    def resolver(host: str, port: int) -> list[str]:
        if (found := addresses.get(host.removesuffix(".example"))) is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return found

    return resolver


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def near(pauses: list[float]) -> Iterator[Callable[..., Fetcher]]:
    """Makes fetchers that may reach this machine, pause at once and without chance, and are closed at the end."""
    made: list[Fetcher] = []

    def fetcher(network: Network | None = None, **changes: Any) -> Fetcher:
        settings = replace(Settings(allow_private=True, fetch_timeout=5.0), **changes)
        made.append(Fetcher(settings, network=network, sleep=pauses.append, jitter=lambda: 1.0))
        return made[-1]

    yield fetcher
    for one in made:
        one.close()


@pytest.fixture
def guarded(near: Callable[..., Fetcher]) -> Callable[..., Fetcher]:
    """Makes fetchers that may reach only public addresses, all of which lead to this machine."""

    def fetcher(resolver: Callable[[str, int], list[str]], sockets: Here | None = None, **changes: Any) -> Fetcher:
        network = Network(resolver=resolver, sockets=sockets or Here())
        return near(network, allow_private=False, **changes)

    return fetcher


def error_of(fetcher: Fetcher, url: str) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        fetcher.fetch(url)
    assert caught.value.fix
    return caught.value


# What is asked and what comes back


def test_the_bytes_of_a_photo_and_a_polite_request(near: Callable[..., Fetcher], server: Server) -> None:
    server.pages["/a%20b/%C3%BC.jpg?size=9%209&x=%41"] = answer(body=PHOTO, content_type="image/jpeg")
    assert near().fetch(server.url("/a b/ü.jpg?size=9 9&x=%41#part")) == PHOTO
    headers = server.seen[0][1]
    assert headers["user-agent"].startswith("shoplens/")
    assert headers["host"] == f"127.0.0.1:{server.port}"
    assert headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("kind", [None, "image/webp", "application/octet-stream", "binary/octet-stream", "text/plain"])
def test_types_that_may_be_photos(kind: str | None, near: Callable[..., Fetcher], server: Server) -> None:
    headers: dict[str, Any] = {"content_type": kind} if kind else {}
    server.pages["/"] = answer(body=PHOTO, **headers)
    assert near().fetch(server.url("")) == PHOTO


@pytest.mark.parametrize(
    "kind",
    ["text/html; charset=utf-8", "TEXT/HTML", "application/json", "application/pdf", "video/mp4", "image/svg+xml"],
)
def test_types_that_are_no_photos(kind: str, near: Callable[..., Fetcher], server: Server, pauses: list[float]) -> None:
    server.pages["/"] = answer(body=PHOTO, content_type=kind)
    assert error_of(near(), server.url("/")).code == "fetch-type"
    assert pauses == []


def test_an_unasked_packing_is_refused(near: Callable[..., Fetcher], server: Server) -> None:
    server.pages["/"] = answer(body=PHOTO, content_encoding="gzip")
    assert error_of(near(), server.url("/")).code == "fetch-type"


def test_a_body_without_length_and_in_chunks(near: Callable[..., Fetcher], server: Server) -> None:
    def until_closed(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + PHOTO)
        handler.close_connection = True

    def chunked(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for byte in PHOTO:
            handler.wfile.write(b"1\r\n%c\r\n" % byte)
        handler.wfile.write(b"0\r\n\r\n")

    server.pages.update({"/closed": until_closed, "/chunked": chunked})
    assert [near().fetch(server.url(path)) for path in ("/closed", "/chunked")] == [PHOTO, PHOTO]


def test_proxies_of_the_environment_are_ignored(
    near: Callable[..., Fetcher], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.pages["/"] = answer(body=PHOTO)
    assert near().fetch(server.url("/")) == PHOTO


# URLs


@pytest.mark.parametrize(
    "url",
    [
        "ftp://shop.example/a.jpg",
        "file:///etc/passwd",
        "data:image/png;base64,AA",
        "gopher://shop.example/",
        "//shop.example/a.jpg",
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
        "http://shop\\.example/a.jpg",
    ],
)
def test_urls_that_are_not_fetched(url: str, near: Callable[..., Fetcher]) -> None:
    error = error_of(near(Network(resolver=names(shop=[PUBLIC]), sockets=Here())), url)
    assert error.code == "fetch-scheme"
    assert "secret" not in str(error)


def test_an_international_name_is_asked_in_ascii(near: Callable[..., Fetcher], server: Server) -> None:
    asked: list[str] = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    server.pages["/"] = answer(body=PHOTO)
    assert near(Network(resolver=resolver)).fetch(server.url("/", "Bücher.example")) == PHOTO
    assert asked == ["xn--bcher-kva.example"]


# Addresses


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1", "2130706433", "0x7f.0.0.1"]
)
def test_this_machine_in_many_spellings(host: str, server: Server, settings: Settings) -> None:
    server.pages["/"] = answer(body=PHOTO)
    with Fetcher(settings) as fetcher:
        assert error_of(fetcher, server.url("/", host)).code == "fetch-address"
    assert server.paths == []


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "::1", "64:ff9b::7f00:1", "fe80::1%eth0"])
def test_a_name_with_a_forbidden_address_is_refused(
    address: str, guarded: Callable[..., Fetcher], server: Server
) -> None:
    sockets = Here()
    for answers in ([address], [PUBLIC, address], [address, PUBLIC]):
        error = error_of(guarded(names(shop=answers), sockets), server.url("/", "shop.example"))
        assert error.code == "fetch-address"
        assert address in error.problem and "allow-private" in error.fix
    assert sockets.reached == [] and server.paths == []


def test_the_checked_address_is_the_one_connected_to(guarded: Callable[..., Fetcher], server: Server) -> None:
    """A name that is public when first asked and private from then on gains nothing."""
    answers = iter([[PUBLIC], ["127.0.0.1"], [PUBLIC]])
    sockets = Here()
    server.pages["/"] = answer(body=PHOTO, connection="close")
    fetcher = guarded(lambda host, port: next(answers), sockets)
    url = server.url("/", "shop.example")
    assert fetcher.fetch(url) == PHOTO
    assert error_of(fetcher, url).code == "fetch-address"
    assert fetcher.fetch(url) == PHOTO
    assert sockets.reached == [PUBLIC, PUBLIC]
    assert [headers["host"] for _, headers in server.seen] == [f"shop.example:{server.port}"] * 2


def test_the_next_address_is_tried(guarded: Callable[..., Fetcher], server: Server, pauses: list[float]) -> None:
    server.pages["/"] = answer(body=PHOTO)
    sockets = Here(dead=(OTHER_PUBLIC,))
    fetcher = guarded(names(shop=[OTHER_PUBLIC, PUBLIC]), sockets)
    assert fetcher.fetch(server.url("/", "shop.example")) == PHOTO
    assert sockets.reached == [OTHER_PUBLIC, PUBLIC] and pauses == []


def test_a_name_that_does_not_exist(near: Callable[..., Fetcher], pauses: list[float]) -> None:
    error = error_of(near(Network(resolver=names())), "http://nowhere.example/")
    assert error.code == "fetch-failed" and "nowhere.example" in error.problem
    assert pauses == []


def test_a_resolver_in_trouble_is_asked_again(
    guarded: Callable[..., Fetcher], server: Server, pauses: list[float]
) -> None:
    turns: Iterator[OSError | list[str]] = iter([socket.gaierror(socket.EAI_AGAIN, "try again"), [], [PUBLIC]])

    def resolver(host: str, port: int) -> list[str]:
        turn = next(turns)
        if isinstance(turn, list):
            return turn
        raise turn

    server.pages["/"] = answer(body=PHOTO)
    assert guarded(resolver).fetch(server.url("/", "shop.example")) == PHOTO
    assert len(pauses) == 2


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(status: int, near: Callable[..., Fetcher], server: Server) -> None:
    server.pages["/old/a"] = answer(status, location="../new/b")
    server.pages["/new/b"] = answer(body=PHOTO)
    assert near().fetch(server.url("/old/a")) == PHOTO
    assert server.paths == ["/old/a", "/new/b"]


def test_five_redirects_are_followed_and_six_are_not(near: Callable[..., Fetcher], server: Server) -> None:
    for step in range(6):
        server.pages[f"/{step}"] = answer(302, location=f"/{step + 1}")
    server.pages["/6"] = answer(body=PHOTO)
    assert near().fetch(server.url("/1")) == PHOTO
    assert error_of(near(), server.url("/0")).code == "fetch-redirects"
    server.pages["/loop"] = answer(302, location="/loop")
    assert error_of(near(), server.url("/loop")).code == "fetch-redirects"


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
def test_every_hop_is_checked(location: str, code: str, guarded: Callable[..., Fetcher], server: Server) -> None:
    def resolver(host: str, port: int) -> list[str]:
        return {"shop.example": [PUBLIC], "inside.example": ["10.0.0.7"]}.get(host, [host])

    sockets = Here()
    server.pages["/"] = answer(302, location=location)
    assert error_of(guarded(resolver, sockets), server.url("/", "shop.example")).code == code
    assert sockets.reached == [PUBLIC]


def test_a_redirect_without_location(near: Callable[..., Fetcher], server: Server) -> None:
    server.pages["/"] = answer(302)
    assert error_of(near(), server.url("/")).code == "fetch-redirects"


# Tries and pauses


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_passing_trouble_is_tried_again_with_growing_pauses(
    status: int, near: Callable[..., Fetcher], server: Server, pauses: list[float]
) -> None:
    server.pages["/"] = sequence(*[answer(status)] * 3, answer(body=PHOTO))
    assert near().fetch(server.url("/")) == PHOTO
    assert pauses == [0.5, 1.0, 2.0]


def test_the_last_trouble_is_told(near: Callable[..., Fetcher], server: Server, pauses: list[float]) -> None:
    server.pages["/"] = answer(503)
    error = error_of(near(fetch_attempts=2), server.url("/"))
    assert (error.code, len(pauses), len(server.seen)) == ("fetch-status", 1, 2)
    assert "503" in error.problem


@pytest.mark.parametrize("status", [204, 206, 304, 400, 401, 403, 404, 410])
def test_a_lasting_trouble_is_not_tried_again(
    status: int, near: Callable[..., Fetcher], server: Server, pauses: list[float]
) -> None:
    server.pages["/"] = answer(status)
    error = error_of(near(), server.url("/"))
    assert error.code == "fetch-status" and str(status) in error.problem
    assert pauses == []


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        ("7", 7.0),
        ("0", 0.5),
        ("86400", LONGEST_PAUSE),
        ("9" * 400, LONGEST_PAUSE),
        ("Fri, 31 Dec 2199 23:59:59 GMT", LONGEST_PAUSE),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.5),
        ("soon", 0.5),
        ("-5", 0.5),
    ],
)
def test_retry_after(
    asked: str, pause: float, near: Callable[..., Fetcher], server: Server, pauses: list[float]
) -> None:
    server.pages["/"] = sequence(answer(429, retry_after=asked), answer(body=PHOTO))
    assert near().fetch(server.url("/")) == PHOTO
    assert pauses == [pause]


def test_a_refused_connection_is_tried_again(near: Callable[..., Fetcher], pauses: list[float]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    assert error_of(near(fetch_attempts=3), f"http://127.0.0.1:{port}/").code == "fetch-failed"
    assert len(pauses) == 2


def test_a_server_that_hangs_up_or_talks_nonsense(
    near: Callable[..., Fetcher], server: Server, pauses: list[float]
) -> None:
    def hang_up(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    def nonsense(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"\0\1\2 nonsense\r\n\r\n")
        handler.close_connection = True

    def cut(handler: BaseHTTPRequestHandler) -> None:
        answer(body=PHOTO, content_length="1000")(handler)
        handler.close_connection = True

    server.pages["/"] = sequence(hang_up, nonsense, cut, answer(body=PHOTO))
    assert near().fetch(server.url("/")) == PHOTO
    assert len(pauses) == 3
    server.pages["/cut"] = cut
    assert error_of(near(fetch_attempts=1), server.url("/cut")).code == "fetch-failed"


# Size


def test_a_length_over_the_limit_is_refused_unread(near: Callable[..., Fetcher], server: Server) -> None:
    server.pages["/"] = answer(body=PHOTO, content_length="10000000000000")
    assert error_of(near(max_photo_bytes=1000), server.url("/")).code == "fetch-too-large"


def test_a_body_over_the_limit_is_cut_while_it_streams(near: Callable[..., Fetcher], server: Server) -> None:
    sent: list[int] = []

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                handler.wfile.write(b"10000\r\n" + bytes(65536) + b"\r\n")
                sent.append(65536)
        except OSError:
            handler.close_connection = True

    server.pages["/"] = endless
    assert error_of(near(max_photo_bytes=100_000), server.url("/")).code == "fetch-too-large"
    server.pages["/limit"] = answer(body=bytes(1000))
    assert near(max_photo_bytes=1000).fetch(server.url("/limit")) == bytes(1000)
    assert sum(sent) < 50_000_000


def test_no_more_than_the_stated_length_is_taken(near: Callable[..., Fetcher], server: Server) -> None:
    def too_much(handler: BaseHTTPRequestHandler) -> None:
        answer(body=PHOTO + b"more", content_length=str(len(PHOTO)))(handler)
        handler.close_connection = True

    server.pages["/"] = too_much
    assert near().fetch(server.url("/")) == PHOTO


# Time


def drip(prefix: bytes, piece: bytes, stop: threading.Event) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer that goes on piece by piece and never ends."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        try:
            handler.wfile.write(prefix)
            while not stop.wait(0.02):
                handler.wfile.write(piece)
        except OSError:
            pass

    return send


@pytest.mark.parametrize(
    ("prefix", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
        (b"", b""),
    ],
    ids=["body", "headers", "interim answers", "silence"],
)
def test_a_slow_drip_is_cut_at_the_deadline(
    prefix: bytes, piece: bytes, near: Callable[..., Fetcher], server: Server
) -> None:
    stop = threading.Event()
    server.pages["/"] = drip(prefix, piece, stop)
    started = time.monotonic()
    error = error_of(near(fetch_timeout=0.12, fetch_attempts=1), server.url("/"))
    stop.set()
    assert error.code == "fetch-timeout"
    assert 0.1 < time.monotonic() - started < 2


def test_redirects_share_one_deadline(near: Callable[..., Fetcher], server: Server) -> None:
    stop = threading.Event()

    def late(handler: BaseHTTPRequestHandler) -> None:
        stop.wait(0.06)
        answer(302, location="/")(handler)

    server.pages["/"] = late
    assert error_of(near(fetch_timeout=0.15, fetch_attempts=1), server.url("/")).code == "fetch-timeout"
    stop.set()


def test_a_timeout_is_tried_again(near: Callable[..., Fetcher], server: Server, pauses: list[float]) -> None:
    stop = threading.Event()
    server.pages["/"] = sequence(drip(b"", b"", stop), answer(body=PHOTO))
    assert near(fetch_timeout=0.1).fetch(server.url("/")) == PHOTO
    stop.set()
    assert pauses == [0.5]


def test_a_silent_resolver_is_not_waited_for(near: Callable[..., Fetcher]) -> None:
    stop = threading.Event()

    def resolver(host: str, port: int) -> list[str]:
        stop.wait(5)
        return [PUBLIC]

    fetcher = near(Network(resolver=resolver), fetch_timeout=0.05, fetch_attempts=1)
    assert error_of(fetcher, "http://shop.example/").code == "fetch-timeout"
    stop.set()


# TLS


def secure(server: Server) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    server.wrap(context)


def test_the_certificate_is_checked_for_the_name(
    guarded: Callable[..., Fetcher], near: Callable[..., Fetcher], server: Server, pauses: list[float]
) -> None:
    secure(server)
    server.pages["/"] = answer(body=PHOTO)
    resolver = names(shop=[PUBLIC], other=[PUBLIC])
    trusting = Network(resolver, Here(), ssl.create_default_context(cafile=str(CERTIFICATE)))
    fetcher = near(trusting, allow_private=False)
    assert fetcher.fetch(f"https://shop.example:{server.port}/") == PHOTO
    for one, name in ((fetcher, "other"), (guarded(resolver), "shop")):
        error = error_of(one, f"https://{name}.example:{server.port}/")
        assert error.code == "fetch-failed" and "certificate" in error.problem.lower()
    assert pauses == [] and server.paths == ["/"]


def test_a_slow_handshake_is_cut_at_the_deadline(near: Callable[..., Fetcher]) -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip_handshake() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
                try:
                    while not stop.wait(0.02):
                        connection.sendall(b"x")
                except OSError:
                    pass

        thread = threading.Thread(target=drip_handshake)
        thread.start()
        started = time.monotonic()
        fetcher = near(fetch_timeout=0.12, fetch_attempts=1)
        error = error_of(fetcher, f"https://127.0.0.1:{listening.getsockname()[1]}/")
        took = time.monotonic() - started
        stop.set()
        thread.join()
    assert error.code == "fetch-timeout"
    assert took < 2


# Many at once


def test_no_more_than_so_many_photos_of_one_host_at_once(near: Callable[..., Fetcher], server: Server) -> None:
    lock, now, most = threading.Lock(), [0], [0]
    pause = threading.Event()

    def count(handler: BaseHTTPRequestHandler) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        pause.wait(0.03)
        with lock:
            now[0] -= 1
        answer(body=PHOTO)(handler)

    server.pages["/"] = count
    fetcher = near(Network(resolver=lambda host, port: ["127.0.0.1"]), fetch_per_host=2, fetch_timeout=1.0)
    got: list[bytes] = []
    threads = [threading.Thread(target=lambda: got.append(fetcher.fetch(server.url("/")))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [PHOTO] * 8
    assert most[0] == 2


def test_waiting_for_a_slot_does_not_count_against_the_time(near: Callable[..., Fetcher], server: Server) -> None:
    inside, go = threading.Event(), threading.Event()

    def first(handler: BaseHTTPRequestHandler) -> None:
        inside.set()
        go.wait(2)
        answer(body=PHOTO)(handler)

    server.pages.update({"/first": first, "/second": answer(body=PHOTO)})
    fetcher = near(fetch_per_host=1, fetch_timeout=0.25, fetch_attempts=1)
    failed: list[str] = []
    got: list[bytes] = []
    one = threading.Thread(target=lambda: failed.append(error_of(fetcher, server.url("/first")).code))
    one.start()
    assert inside.wait(2)
    two = threading.Thread(target=lambda: got.append(fetcher.fetch(server.url("/second"))))
    two.start()
    one.join()
    two.join()
    go.set()
    assert failed == ["fetch-timeout"] and got == [PHOTO]


def test_a_closed_fetcher_leaves_no_connection(near: Callable[..., Fetcher], server: Server) -> None:
    server.pages["/"] = answer(body=PHOTO)
    with near() as fetcher:
        assert [fetcher.fetch(server.url("/")) for _ in range(3)] == [PHOTO] * 3
        assert len({headers["host"] for _, headers in server.seen}) == 1
