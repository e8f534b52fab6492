"""Serving: the application on a port, with logs, until a signal stops it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from types import FrameType
from typing import Literal

import uvicorn

from shoplens.errors import InvalidValue
from shoplens.service.app import application
from shoplens.service.auth import is_proxy
from shoplens.service.limits.connections import Connections
from shoplens.service.several_shops import SeveralShops
from shoplens.shop import Shop
from shoplens.types.blas import single_blas_thread

Logs = Literal["text", "json"]
LOGS: tuple[Logs, ...] = ("text", "json")
DRAIN_SECONDS = 20
KEEP_ALIVE_SECONDS = 15
INTERRUPTED = 130
"""Exit code of a process that Ctrl-C ended."""
SWITCH_SECONDS = 0.0005
"""Longest time that a thread waits for Python's lock after a forward pass; with the default, 5 ms, cores were idle."""
_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Address at which this machine reaches a service that listens on all addresses."""
_KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


def serve(
    shop: Shop,
    workers: int = 1,
    logs: Logs = "text",
    listening: Callable[[str], None] = lambda address: None,
    more_shops: Mapping[str, Shop] | None = None,
) -> None:
    """Answer requests until SIGTERM or SIGINT, and then finish those that have begun; a second SIGINT ends it at once.

    Args:
        shop: open; its settings say where to listen.
        workers: number of searches at the same time.
        logs: format of the lines on stderr.
        listening: called with the address when the service accepts connections.
        more_shops: host -> open shop that requests to this host are for; all other requests are for ``shop``.

    Raises:
        InvalidValue: ``bad-logs``; ``bad-address``, nothing can listen there.
    """
    if logs not in LOGS:
        raise InvalidValue(f"--logs is {logs!r}.", f"Choose one of: {', '.join(LOGS)}.", code="bad-logs")
    _log_to_stderr(logs)
    listener = _listener(shop.settings.host, shop.settings.port)
    host, port = listener.getsockname()[:2]
    secret = secrets.token_urlsafe(32)
    config = server_config(shop, workers, secret, more_shops)
    shop.snapshots.announce(_address(_HERE.get(host, host), port), secret)
    listening(_address(host, port))
    before = signal.signal(signal.SIGTERM, lambda *_: None)  # raised again at the end, to end the process
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        with contextlib.suppress(KeyboardInterrupt), single_blas_thread():
            _Server(config).run(sockets=[listener])
    finally:
        shop.snapshots.announce()  # from now on, commands wait for the lock
        sys.setswitchinterval(interval)
        signal.signal(signal.SIGTERM, before)


class _Server(uvicorn.Server):
    """Gives up what takes long when it is told to stop; told once more by Ctrl-C, it ends at once."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit and sig == signal.SIGINT:
            print("Stopped at once. Changes that were acknowledged are kept.", file=sys.stderr, flush=True)
            os._exit(INTERRUPTED)
        for one in getattr(self.config.app, "applications", (self.config.app,)):
            if (service := getattr(getattr(one, "state", None), "service", None)) is not None:
                service.map_cache.close()
        super().handle_exit(sig, frame)


def server_config(
    shop: Shop, workers: int = 1, secret: str = "", more_shops: Mapping[str, Shop] | None = None
) -> uvicorn.Config:
    """Return the configuration of the server: the application of a shop, or of several, and the limits of its
    connections."""
    settings = shop.settings
    connections = Connections(
        settings.request_seconds, settings.address_connections, partial(is_proxy, settings=settings)
    )
    main = application(shop, workers, secret, connections)
    others = {host: application(one, workers, "", connections) for host, one in (more_shops or {}).items()}
    return uvicorn.Config(
        SeveralShops(others, main) if others else main,
        http=connections.protocol_class(),
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        h11_max_incomplete_event_size=65_536,
        proxy_headers=False,
    )


def _address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _listener(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=512)
        # Connections inherit this; without it, an answer's last packet waits 40 ms for a confirmation.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, OverflowError) as problem:
        raise InvalidValue(
            f"Nothing can listen at {host}:{port}: {problem}.",
            "Give another --host, or another --port (0 takes any free port).",
            code="bad-address",
        ) from None


def _log_to_stderr(logs: Logs) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if logs == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("python_multipart").setLevel(logging.WARNING)


def _extra_fields(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields that were logged beside the message."""
    return {name: value for name, value in vars(record).items() if name not in _KNOWN}


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        more = " ".join(f"{name}={value}" for name, value in _extra_fields(record).items())
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        line = f"{time} {record.levelname.lower()} {record.getMessage()} {more}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        content = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **_extra_fields(record),
        }
        if record.exc_info:
            content["trace"] = self.formatException(record.exc_info)
        return json.dumps(content, default=str)
