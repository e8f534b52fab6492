"""Fixtures for tests that fetch."""

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
from tests.fetching.fetchers import LocalSockets
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
def make_fetcher(pauses: list[float]) -> Iterator[Callable[..., PhotoFetcher]]:
    """Create fetchers that may connect to this machine and record their pauses without sleeping; close them at last."""
    fetchers: list[PhotoFetcher] = []

    def create(network: Network | None = None, **changes: Any) -> PhotoFetcher:
        network = network or Network()
        if network.certificates is None:  # an empty context trusts no certificate and is fast to create
            network = replace(network, certificates=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        settings = replace(Settings(allow_private=True, fetch_timeout=5.0), **changes)
        fetcher = Fetcher(settings, network=network, sleep=pauses.append, jitter=lambda: 1.0)
        fetchers.append(PhotoFetcher(settings, fetcher))
        return fetchers[-1]

    yield create
    for fetcher in fetchers:
        fetcher.close()


@pytest.fixture
def make_guarded_fetcher(make_fetcher: Callable[..., PhotoFetcher]) -> Callable[..., PhotoFetcher]:
    """Create fetchers that may connect to public addresses only, all of which lead to this machine."""

    def create(
        resolver: Callable[[str, int], list[str]], sockets: LocalSockets | None = None, **changes: Any
    ) -> PhotoFetcher:
        network = Network(resolver=resolver, sockets=sockets or LocalSockets())
        return make_fetcher(network, allow_private=False, **changes)

    return create
