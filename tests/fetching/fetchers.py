"""Host names, sockets and photos for the fetcher's tests."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpcore
import pytest

from shoplens.errors import PhotoError
from shoplens.images.photo_fetcher import PhotoFetcher

PUBLIC, OTHER_PUBLIC = "93.184.215.14", "2606:4700:4700::1111"
PHOTO = b"\xff\xd8\xff photo"
CERTIFICATE = Path(__file__).with_name("shop.example.pem")


class LocalSockets(httpcore.SyncBackend):
    """Sockets that lead to this machine, whatever the address; ``connected`` lists the requested addresses."""

    def __init__(self, unreachable: tuple[str, ...] = ()) -> None:
        self.connected: list[str] = []
        self._dead = unreachable

    def connect_tcp(self, host: str, port: int, *rest: Any, **more: Any) -> httpcore.NetworkStream:
        self.connected.append(host)
        if host in self._dead:
            raise httpcore.ConnectError("unreachable")
        return super().connect_tcp("127.0.0.1", port, *rest, **more)


def resolver_for(**addresses: list[str]) -> Callable[[str, int], list[str]]:
    """Return a resolver with the addresses of some hosts; the keyword ``shop`` stands for shop.example."""

    def resolver(host: str, port: int) -> list[str]:
        if (host_addresses := addresses.get(host.removesuffix(".example"))) is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return host_addresses

    return resolver


def fetch_error(fetcher: PhotoFetcher, url: str) -> PhotoError:
    """Fetch a URL and return the error that is raised."""
    with pytest.raises(PhotoError) as caught:
        fetcher.fetch(url)
    assert caught.value.fix
    return caught.value
