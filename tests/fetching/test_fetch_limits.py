"""Attempts, size, time, TLS and simultaneous requests of the fetcher, against a real server on this machine."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest

from shoplens.fetching.fetcher import MAX_PAUSE
from shoplens.fetching.host_limits import HostLimits
from shoplens.fetching.ssrf_guard import Network
from shoplens.images.photo_fetcher import PhotoFetcher
from tests.fetching.fetchers import CERTIFICATE, PHOTO, PUBLIC, LocalSockets, fetch_error, resolver_for
from tests.fetching.local_server import Server, answer, sequence

# Tries and pauses


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_temporary_failure_is_retried_with_growing_pauses(
    status: int, make_fetcher: Callable[..., PhotoFetcher], server: Server, pauses: list[float]
) -> None:
    server.pages["/"] = sequence(*[answer(status)] * 3, answer(body=PHOTO))
    assert make_fetcher().fetch(server.url("/")) == PHOTO
    assert pauses == [0.5, 1.0, 2.0]


def test_the_last_failure_is_reported(
    make_fetcher: Callable[..., PhotoFetcher], server: Server, pauses: list[float]
) -> None:
    server.pages["/"] = answer(503)
    error = fetch_error(make_fetcher(fetch_attempts=2), server.url("/"))
    assert (error.code, len(pauses), len(server.requests)) == ("fetch-status", 1, 2)
    assert "503" in error.problem


@pytest.mark.parametrize("status", [204, 206, 304, 400, 401, 403, 404, 410])
def test_a_permanent_failure_is_not_retried(
    status: int, make_fetcher: Callable[..., PhotoFetcher], server: Server, pauses: list[float]
) -> None:
    server.pages["/"] = answer(status)
    error = fetch_error(make_fetcher(), server.url("/"))
    assert error.code == "fetch-status" and str(status) in error.problem
    assert ("user_agent" in error.fix) is (status == 403)
    assert pauses == []


@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [
        ("7", 7.0),
        ("0", 0.5),
        ("86400", MAX_PAUSE),
        ("9" * 400, MAX_PAUSE),
        ("Fri, 31 Dec 2199 23:59:59 GMT", MAX_PAUSE),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.5),
        ("soon", 0.5),
        ("-5", 0.5),
    ],
)
def test_retry_after(
    retry_after: str, pause: float, make_fetcher: Callable[..., PhotoFetcher], server: Server, pauses: list[float]
) -> None:
    server.pages["/"] = sequence(answer(429, retry_after=retry_after), answer(body=PHOTO))
    assert make_fetcher().fetch(server.url("/")) == PHOTO
    assert pauses == [pause]


def test_a_refused_connection_is_retried(make_fetcher: Callable[..., PhotoFetcher], pauses: list[float]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    assert fetch_error(make_fetcher(fetch_attempts=3), f"http://127.0.0.1:{port}/").code == "fetch-failed"
    assert len(pauses) == 2


def test_a_server_that_hangs_up_or_talks_nonsense(
    make_fetcher: Callable[..., PhotoFetcher], server: Server, pauses: list[float]
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
    assert make_fetcher().fetch(server.url("/")) == PHOTO
    assert len(pauses) == 3
    server.pages["/cut"] = cut
    assert fetch_error(make_fetcher(fetch_attempts=1), server.url("/cut")).code == "fetch-failed"


# Size


def test_a_length_over_the_limit_is_refused_unread(make_fetcher: Callable[..., PhotoFetcher], server: Server) -> None:
    server.pages["/"] = answer(body=PHOTO, content_length="10000000000000")
    assert fetch_error(make_fetcher(max_photo_bytes=1000), server.url("/")).code == "fetch-too-large"


def test_a_body_over_the_limit_is_cut_while_it_streams(
    make_fetcher: Callable[..., PhotoFetcher], server: Server
) -> None:
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
    assert fetch_error(make_fetcher(max_photo_bytes=100_000), server.url("/")).code == "fetch-too-large"
    server.pages["/limit"] = answer(body=bytes(1000))
    assert make_fetcher(max_photo_bytes=1000).fetch(server.url("/limit")) == bytes(1000)
    assert sum(sent) < 50_000_000


def test_no_more_than_the_stated_length_is_taken(make_fetcher: Callable[..., PhotoFetcher], server: Server) -> None:
    def too_much(handler: BaseHTTPRequestHandler) -> None:
        answer(body=PHOTO + b"more", content_length=str(len(PHOTO)))(handler)
        handler.close_connection = True

    server.pages["/"] = too_much
    assert make_fetcher().fetch(server.url("/")) == PHOTO


# Time


def drip(prefix: bytes, piece: bytes, stop: threading.Event) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return an answer that is sent piece by piece and never ends."""

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
def test_a_slow_body_is_aborted_at_the_deadline(
    prefix: bytes, piece: bytes, make_fetcher: Callable[..., PhotoFetcher], server: Server
) -> None:
    stop = threading.Event()
    server.pages["/"] = drip(prefix, piece, stop)
    start = time.monotonic()
    error = fetch_error(make_fetcher(fetch_timeout=0.12, fetch_attempts=1), server.url("/"))
    stop.set()
    assert error.code == "fetch-timeout"
    assert 0.1 < time.monotonic() - start < 2


def test_redirects_share_one_deadline(make_fetcher: Callable[..., PhotoFetcher], server: Server) -> None:
    stop = threading.Event()

    def late(handler: BaseHTTPRequestHandler) -> None:
        stop.wait(0.06)
        answer(302, location="/")(handler)

    server.pages["/"] = late
    assert fetch_error(make_fetcher(fetch_timeout=0.15, fetch_attempts=1), server.url("/")).code == "fetch-timeout"
    stop.set()


def test_a_timeout_is_retried(make_fetcher: Callable[..., PhotoFetcher], server: Server, pauses: list[float]) -> None:
    stop = threading.Event()
    server.pages["/"] = sequence(drip(b"", b"", stop), answer(body=PHOTO))
    assert make_fetcher(fetch_timeout=0.1).fetch(server.url("/")) == PHOTO
    stop.set()
    assert pauses == [0.5]


def test_a_resolver_that_does_not_answer_is_not_awaited(make_fetcher: Callable[..., PhotoFetcher]) -> None:
    stop = threading.Event()

    def resolver(host: str, port: int) -> list[str]:
        stop.wait(5)
        return [PUBLIC]

    fetcher = make_fetcher(Network(resolver=resolver), fetch_timeout=0.05, fetch_attempts=1)
    assert fetch_error(fetcher, "http://shop.example/").code == "fetch-timeout"
    stop.set()


# TLS


def enable_tls(server: Server) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    server.wrap(context)


def test_the_certificate_is_checked_for_the_name(
    make_guarded_fetcher: Callable[..., PhotoFetcher],
    make_fetcher: Callable[..., PhotoFetcher],
    server: Server,
    pauses: list[float],
) -> None:
    enable_tls(server)
    server.pages["/"] = answer(body=PHOTO)
    resolver = resolver_for(shop=[PUBLIC], other=[PUBLIC])
    trusting = Network(resolver, LocalSockets(), ssl.create_default_context(cafile=str(CERTIFICATE)))
    fetcher = make_fetcher(trusting, allow_private=False)
    assert fetcher.fetch(f"https://shop.example:{server.port}/") == PHOTO
    for user_fetcher, name in ((fetcher, "other"), (make_guarded_fetcher(resolver), "shop")):
        error = fetch_error(user_fetcher, f"https://{name}.example:{server.port}/")
        assert error.code == "fetch-failed" and "certificate" in error.problem.lower()
    assert pauses == [] and server.paths == ["/"]


def test_a_slow_handshake_is_aborted_at_the_deadline(make_fetcher: Callable[..., PhotoFetcher]) -> None:
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
        start = time.monotonic()
        fetcher = make_fetcher(fetch_timeout=0.12, fetch_attempts=1)
        error = fetch_error(fetcher, f"https://127.0.0.1:{listening.getsockname()[1]}/")
        took = time.monotonic() - start
        stop.set()
        thread.join()
    assert error.code == "fetch-timeout"
    assert took < 2


# Many at once


def test_requests_to_one_host_at_the_same_time_are_limited(
    make_fetcher: Callable[..., PhotoFetcher], server: Server
) -> None:
    lock, active, maximum = threading.Lock(), [0], [0]
    pause = threading.Event()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        with lock:
            active[0] += 1
            maximum[0] = max(maximum[0], active[0])
        pause.wait(0.03)
        with lock:
            active[0] -= 1
        answer(body=PHOTO)(handler)

    server.pages["/"] = respond
    fetcher = make_fetcher(Network(resolver=lambda host, port: ["127.0.0.1"]), fetch_per_host=2, fetch_timeout=1.0)
    bodies: list[bytes] = []
    threads = [threading.Thread(target=lambda: bodies.append(fetcher.fetch(server.url("/")))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bodies == [PHOTO] * 8
    assert maximum[0] == 2


def test_unused_hosts_are_forgotten() -> None:
    slots = HostLimits(1)
    with slots.slot(b"shop.example"), slots.slot(b"other.example"):
        assert len(slots) == 2
    with pytest.raises(KeyError), slots.slot(b"shop.example"):
        raise KeyError
    assert len(slots) == 0


def test_waiting_for_a_slot_does_not_count_against_the_time(
    make_fetcher: Callable[..., PhotoFetcher], server: Server
) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def first(handler: BaseHTTPRequestHandler) -> None:
        inside.set()
        go_on.wait(2)
        answer(body=PHOTO)(handler)

    server.pages.update({"/first": first, "/second": answer(body=PHOTO)})
    fetcher = make_fetcher(fetch_per_host=1, fetch_timeout=0.25, fetch_attempts=1)
    failed: list[str] = []
    bodies: list[bytes] = []
    first_thread = threading.Thread(target=lambda: failed.append(fetch_error(fetcher, server.url("/first")).code))
    first_thread.start()
    assert inside.wait(2)
    second_thread = threading.Thread(target=lambda: bodies.append(fetcher.fetch(server.url("/second"))))
    second_thread.start()
    first_thread.join()
    second_thread.join()
    go_on.set()
    assert failed == ["fetch-timeout"] and bodies == [PHOTO]


def test_a_closed_fetcher_leaves_no_connection(make_fetcher: Callable[..., PhotoFetcher], server: Server) -> None:
    server.pages["/"] = answer(body=PHOTO)
    with make_fetcher() as fetcher:
        assert [fetcher.fetch(server.url("/")) for _ in range(3)] == [PHOTO] * 3
        assert len({headers["host"] for _, headers in server.requests}) == 1
