"""What the tests of this folder share."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from shoplens.fetching.fetcher import Fetcher
from shoplens.fetching.ssrf_guard import Network
from shoplens.images.photo_fetcher import PhotoFetcher
from shoplens.settings import Settings
from tests.fetching.fetchers import Here
from tests.fetching.local_server import Server


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def near(pauses: list[float]) -> Iterator[Callable[..., PhotoFetcher]]:
    """Makes fetchers that may reach this machine, pause at once and without chance, and are closed at the end."""
    made: list[PhotoFetcher] = []

    def fetcher(network: Network | None = None, **changes: Any) -> PhotoFetcher:
        network = network or Network()
        if network.certificates is None:
            network = replace(network, certificates=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))  # trusts nobody, is quick
        settings = replace(Settings(allow_private=True, fetch_timeout=5.0), **changes)
        fetcher = Fetcher(settings, network=network, sleep=pauses.append, jitter=lambda: 1.0)
        made.append(PhotoFetcher(settings, fetcher))
        return made[-1]

    yield fetcher
    for one in made:
        one.close()


@pytest.fixture
def guarded(near: Callable[..., PhotoFetcher]) -> Callable[..., PhotoFetcher]:
    """Makes fetchers that may reach only public addresses, all of which lead to this machine."""

    def fetcher(resolver: Callable[[str, int], list[str]], sockets: Here | None = None, **changes: Any) -> PhotoFetcher:
        network = Network(resolver=resolver, sockets=sockets or Here())
        return near(network, allow_private=False, **changes)

    return fetcher
