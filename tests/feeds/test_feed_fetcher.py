"""Feeds that are fetched from a URL."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from shoplens.errors import FeedError
from shoplens.feeds import Feed, fetch_feed, read_feed
from shoplens.feeds.feed_file import open_feed_file
from shoplens.fetching.fetcher import Fetcher
from shoplens.fetching.ssrf_guard import Network
from shoplens.settings import Settings
from shoplens.types import Product
from tests.fetching.fetchers import PUBLIC, LocalSockets, resolver_for
from tests.fetching.local_server import Server, answer, sequence

TABLE = b"id,title,image_link\nA,Mug,a.jpg\nB,Cup,/b.jpg\nC,Jug,https://cdn.example/c.jpg\nD,Can,//cdn.example/d.jpg\n"


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def read() -> Iterator[Callable[..., Feed]]:
    """Read feeds by URL without pauses; this machine may be connected to unless the settings forbid it."""
    fetchers: list[Fetcher] = []

    def reader(address: str, network: Network | None = None, **changes: Any) -> Feed:
        settings = replace(Settings(allow_private=True, feed_timeout=5.0), **changes)
        fetchers.append(Fetcher(settings, network=network, sleep=lambda seconds: None, jitter=lambda: 1.0))
        return read_feed(
            address,
            limit=settings.max_feed_bytes,
            download=lambda url, file, limit: fetch_feed(url, file, settings, fetchers[-1]),
        )

    yield reader
    for fetcher in fetchers:
        fetcher.close()


def read_photos(feed: Feed) -> list[str]:
    with feed:
        return [photo for item in feed if isinstance(item, Product) for photo in item.photos]


def test_references_are_relative_to_the_address_behind_redirects(server: Server, read: Callable[..., Feed]) -> None:
    server.pages["/old"] = answer(302, location="/exports/feed.csv?key=1")
    server.pages["/exports/feed.csv?key=1"] = answer(body=TABLE)
    feed = read(server.url("/old"))
    assert (feed.name, feed.format, feed.media) == (server.url("/old"), "merchant", None)
    assert read_photos(feed) == [
        server.url("/exports/a.jpg"),
        server.url("/b.jpg"),
        "https://cdn.example/c.jpg",
        "https://cdn.example/d.jpg",
    ]
    assert server.paths == ["/old", "/exports/feed.csv?key=1"]


@pytest.mark.parametrize("path", ["/feed.csv.gz", "/feed", "/", "/.csv", "/%2e%2e%2fa%00b", "/" + "x" * 3_000])
def test_a_packed_feed_is_unpacked_whatever_its_name(server: Server, read: Callable[..., Feed], path: str) -> None:
    server.pages[path] = answer(body=gzip.compress(TABLE), content_type="text/html")
    assert len(read_photos(read(server.url(path)))) == 4


def test_local_paths_of_a_fetched_feed_are_never_opened(server: Server, read: Callable[..., Feed]) -> None:
    table = b"id,title,image_link\nA,Mug,/etc/passwd\nB,Cup,../../x.jpg\nC,Jug,file:///etc/passwd\n"
    server.pages["/f"] = answer(body=table)
    assert read_photos(read(server.url("/f"))) == [server.url("/etc/passwd"), server.url("/x.jpg")]


def test_limits_of_size_hold_before_and_after_unpacking(server: Server, read: Callable[..., Feed]) -> None:
    server.pages["/plain"] = answer(body=TABLE)
    server.pages["/packed"] = answer(body=gzip.compress(TABLE + b" " * 9_000))
    assert len(read_photos(read(server.url("/plain"), max_feed_bytes=len(TABLE)))) == 4
    for path, limit, code in [("/plain", len(TABLE) - 1, "fetch-too-large"), ("/packed", 5_000, "feed-too-large")]:
        with pytest.raises(FeedError) as caught:
            read(server.url(path), max_feed_bytes=limit)
        assert (caught.value.code, "max_feed_bytes" in caught.value.fix) == (code, True)


@pytest.mark.parametrize(
    ("status", "headers", "code"),
    [(404, {}, "fetch-status"), (302, {"location": "ftp://h.example/f"}, "fetch-scheme"), (302, {}, "fetch-redirects")],
)
def test_a_body_that_is_no_feed_is_an_error(
    server: Server, read: Callable[..., Feed], status: int, headers: dict[str, str], code: str
) -> None:
    server.pages["/f"] = answer(status, **headers)
    with pytest.raises(FeedError) as caught:
        read(server.url("/f"))
    assert caught.value.code == code and "address of the feed" in caught.value.fix


def test_a_page_that_is_no_feed_is_an_unknown_header(server: Server, read: Callable[..., Feed]) -> None:
    server.pages["/login.html"] = answer(body=b"<!doctype html><html><body>Log in</body></html>")
    with pytest.raises(FeedError, match="<html>") as caught:
        read(server.url("/login.html"))
    assert caught.value.code == "unknown-header"


def test_private_addresses_are_refused_and_public_ones_are_not(server: Server, read: Callable[..., Feed]) -> None:
    server.pages["/f"] = answer(body=TABLE)
    sockets = LocalSockets()
    network = Network(resolver=resolver_for(shop=[PUBLIC], inside=["10.0.0.7"]), sockets=sockets)
    assert len(read_photos(read(server.url("/f", "shop.example"), network, allow_private=False))) == 4
    with pytest.raises(FeedError) as caught:
        read(server.url("/f", "inside.example"), network, allow_private=False)
    assert caught.value.code == "fetch-address" and "allow-private" in caught.value.fix
    assert sockets.connected == [PUBLIC]


def test_an_interrupted_download_is_restarted(server: Server, read: Callable[..., Feed]) -> None:
    def broken(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + TABLE)
        handler.close_connection = True

    server.pages["/f"] = sequence(answer(503), broken, answer(body=TABLE))
    assert len(read_photos(read(server.url("/f")))) == 4 and len(server.requests) == 3


def test_copies_are_removed_with_the_feed(server: Server) -> None:
    server.pages["/f"] = answer(body=gzip.compress(TABLE))
    settings = Settings(allow_private=True)
    file = open_feed_file(server.url("/f"), 9_999, lambda url, path, limit: fetch_feed(url, path, settings))
    assert file.path.read_bytes() == TABLE
    folder = Path(file.copies.name) if file.copies else Path()
    assert folder in file.path.parents
    file.close()
    assert not folder.exists()


def test_addresses_are_refused_where_nothing_fetches_them() -> None:
    for address in ("https://shop.example/feed.csv", "ftp://shop.example/feed.csv"):
        with pytest.raises(FeedError) as caught:
            read_feed(address)
        assert caught.value.code == "no-feed" and address in caught.value.problem


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Only Linux has a device that is always full.")
def test_a_full_disk_is_an_error_without_another_attempt(server: Server) -> None:
    server.pages["/f"] = answer(body=TABLE)
    with pytest.raises(FeedError) as caught:
        fetch_feed(server.url("/f"), Path("/dev/full"), Settings(allow_private=True))
    assert caught.value.code == "no-space" and len(server.requests) == 1
