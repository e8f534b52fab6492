"""Serving: the application on a port, with logs, until it is told to stop."""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import uvicorn
from threadpoolctl import threadpool_limits

from shoplens.errors import InvalidValue
from shoplens.service.app import application
from shoplens.shop import Shop

Logs = Literal["text", "json"]
LOGS: tuple[Logs, ...] = ("text", "json")
DRAIN_SECONDS = 20
MOST_CONNECTIONS = 1_000
SWITCH_SECONDS = 0.0005
"""A thread that comes out of the network waits so long for the others at most; with Python's 5 ms cores stood idle."""
_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where this machine reaches a service that listens on all addresses."""
_KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


def serve(
    shop: Shop, workers: int = 1, logs: Logs = "text", listening: Callable[[str], None] = lambda address: None
) -> None:
    """Answer requests until SIGTERM or SIGINT; those that have begun are ended first.

    Args:
        shop: open; its settings say where to listen.
        workers: searches at the same time.
        logs: how lines are written to stderr.
        listening: told the address, once it can be connected to.

    Raises:
        InvalidValue: ``bad-logs``; ``bad-address``, nothing can listen there.
    """
    if logs not in LOGS:
        raise InvalidValue(f"--logs is {logs!r}.", f"Choose one of: {', '.join(LOGS)}.", code="bad-logs")
    _log_to_stderr(logs)
    listener = _listener(shop.settings.host, shop.settings.port)
    host, port = listener.getsockname()[:2]
    secret = secrets.token_urlsafe(32)
    app = application(shop, workers, secret)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        limit_concurrency=MOST_CONNECTIONS,
        h11_max_incomplete_event_size=65_536,
        proxy_headers=False,
    )
    shop.snapshots.announce(_address(_HERE.get(host, host), port), secret)
    listening(_address(host, port))
    before = signal.signal(signal.SIGTERM, lambda *_: None)  # raised once more when all has ended, to end the process
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        # Threads of one search's small matrices would wait for each other, and for those of the others.
        with contextlib.suppress(KeyboardInterrupt), threadpool_limits(1, user_api="blas"):
            uvicorn.Server(config).run(sockets=[listener])
    finally:
        shop.snapshots.announce()  # commands wait for the lock now
        sys.setswitchinterval(interval)
        signal.signal(signal.SIGTERM, before)


def _address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _listener(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=512)
        # Connections inherit it; else an answer's last packet waits 40 ms for the client to confirm the one before.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, OverflowError) as problem:
        raise InvalidValue(
            f"Nothing can listen at {host}:{port}: {problem}.",
            "Give another --host, or --port (0: any that is free).",
            code="bad-address",
        ) from None


def _log_to_stderr(logs: Logs) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if logs == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("python_multipart").setLevel(logging.WARNING)


def _more(record: logging.LogRecord) -> dict[str, object]:
    """What was said beside the message."""
    return {name: value for name, value in vars(record).items() if name not in _KNOWN}


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        more = " ".join(f"{name}={value}" for name, value in _more(record).items())
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        told = f"{time} {record.levelname.lower()} {record.getMessage()} {more}".rstrip()
        return f"{told}\n{self.formatException(record.exc_info)}" if record.exc_info else told


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        found = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **_more(record),
        }
        if record.exc_info:
            found["trace"] = self.formatException(record.exc_info)
        return json.dumps(found, default=str)
