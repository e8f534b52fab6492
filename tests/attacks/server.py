"""A service on a port of its own in a thread, and raw connections to it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from shoplens import Shop
from shoplens.service.serve import server_config


@dataclass(frozen=True)
class Server:
    """A running service.

    Attributes:
        port: on which it answers.
    """

    port: int

    def connect(self, timeout: float = 10.0, source: str = "127.0.0.1") -> socket.socket:
        """Open a connection from an address of this machine."""
        return socket.create_connection(("127.0.0.1", self.port), timeout, (source, 0))

    def send(self, request: bytes, timeout: float = 10.0) -> tuple[int, Any]:
        """Send a raw request on a connection of its own, and return status and JSON of the answer."""
        with self.connect(timeout) as connection:
            connection.sendall(request)
            return read_answer(connection)

    def status(self, path: str = "/healthz") -> int:
        """Return the status of a GET request."""
        return self.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())[0]


def read_answer(connection: socket.socket) -> tuple[int, Any]:
    """Read one answer; its status is 0 where the connection ends before."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(1 << 16)
        if not part:
            return 0, None
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
    )
    while len(body) < length and (part := connection.recv(1 << 16)):
        body += part
    return int(head.split()[1]), json.loads(body) if body.startswith(b"{") else body


@contextmanager
def run_server(shop: Shop) -> Iterator[Server]:
    """Serve a shop with its settings on a free port."""
    config = server_config(shop)
    config.install_signal_handlers = False  # type: ignore[attr-defined]
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield Server(listener.getsockname()[1])
    finally:
        server.should_exit = server.force_exit = True
        thread.join()
        listener.close()
