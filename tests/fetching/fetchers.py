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


def error_of(fetcher: PhotoFetcher, url: str) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        fetcher.fetch(url)
    assert caught.value.fix
    return caught.value
