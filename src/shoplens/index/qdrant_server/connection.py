"""The connection to a Qdrant server: errors of the client become errors of the store, and what may be repeated is
repeated."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from shoplens.errors import StoreError
from shoplens.index.qdrant_server.emulation import EmulatedQdrant
from shoplens.settings import Settings
from shoplens.settings.server_address import MEMORY, ServerAddress

P = ParamSpec("P")
R = TypeVar("R")
ATTEMPTS, FIRST_PAUSE = 3, 0.2
"""Attempts for one request, and seconds before the second; each further pause is twice as long."""
RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
"""Answers of a server after which the same request may succeed: another replica, or a leader, may answer."""
_RETRIED_GRPC = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "ABORTED", "RESOURCE_EXHAUSTED", "UNKNOWN"})
_memory_clients: dict[str, Any] = {}
_memory_lock = threading.Lock()


class ServerConnection:
    """A client of a Qdrant server. Thread-safe.

    Every request of Shoplens may be repeated: reads change nothing, and a write names the points that it writes, whose
    ids derive from product and photo.

    Args:
        address: of the store.
        client: of the server.
        attempts: for each request.
        pause: waits for some seconds.
    """

    def __init__(
        self,
        address: ServerAddress,
        client: Any,
        attempts: int = ATTEMPTS,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.address, self.client = address, client
        self._attempts, self._pause = attempts, pause

    def call(self, method: Callable[P, R], *args: P.args, **options: P.kwargs) -> R:
        """Call a method of the client, again where that may help.

        Raises:
            StoreError: ``no-collection``; ``server-unavailable``, no answer in time, or none from all shards;
                ``server-refused``, every other error.
        """
        for attempt in range(1, self._attempts + 1):
            try:
                return method(*args, **options)
            except Exception as problem:
                error, is_retried = translate_server_error(problem, self.address)
                if error is None:
                    raise
                if not is_retried or attempt == self._attempts:
                    raise error from problem
            self._pause(FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        """Close the connection; the emulation in memory stays, as a server would."""
        if self.address.host != MEMORY:
            self.client.close()


def connect(address: ServerAddress, settings: Settings) -> ServerConnection:
    """Connect to the server of a store.

    Raises:
        StoreError: ``store-in-use``, another process has the emulation in this folder open.
    """
    if address.host == MEMORY:
        with _memory_lock:  # one for the whole process, as a server is
            if MEMORY not in _memory_clients:
                _memory_clients[MEMORY] = EmulatedQdrant(None)
        return ServerConnection(address, _memory_clients[MEMORY])
    if address.folder is not None:
        address.folder.mkdir(parents=True, exist_ok=True)
        try:
            return ServerConnection(address, EmulatedQdrant(address.folder))
        except RuntimeError as problem:
            raise StoreError(
                f"Another process has {address.folder} open: {problem}", "Wait until it has ended.", code="store-in-use"
            ) from None
    return ServerConnection(address, _remote_client(address, settings))


def _remote_client(address: ServerAddress, settings: Settings) -> Any:
    from qdrant_client import QdrantClient

    uses_grpc = address.scheme == "qdrant"
    ports = {"grpc_port": address.port} if uses_grpc else {"port": address.port}
    options: Mapping[str, Any] = {"verify": settings.qdrant_ca} if settings.qdrant_tls and settings.qdrant_ca else {}
    return QdrantClient(
        host=address.host,
        **ports,
        prefer_grpc=uses_grpc,
        https=settings.qdrant_tls,
        api_key=settings.qdrant_key or None,
        timeout=max(1, round(settings.qdrant_timeout)),
        check_compatibility=False,
        **options,
    )


def translate_server_error(problem: Exception, address: ServerAddress) -> tuple[StoreError | None, bool]:
    """Return an error of the client as one of the store, and whether the request may be sent again.

    None stands for an error that does not come from the server.
    """
    status, text = _status_of(problem)
    if status is None:
        return None, False
    text = " ".join(text.split())[:300]
    missing = "doesn't exist" in text or ("ollection" in text and "not found" in text)
    if status in ("404", "NOT_FOUND") and missing:
        return (
            StoreError(
                f"The server {address} lacks a collection: {text}",
                "Build it with `shoplens index`, or bring it with `shoplens copy`.",
                code="no-collection",
            ),
            False,
        )
    if status in ("401", "403", "UNAUTHENTICATED", "PERMISSION_DENIED"):
        return (
            StoreError(
                f"The server {address} refused the key: {text}",
                "Set SHOPLENS_QDRANT_KEY to a key that may read and write its collections.",
                code="server-refused",
            ),
            False,
        )
    if status == "no-answer" or status in _RETRIED_GRPC or (status.isdecimal() and int(status) in RETRIED_STATUSES):
        return (
            StoreError(
                f"The server {address} does not answer for all of the store: {text}",
                "Check its nodes and shards, then try again; every write may be repeated.",
                code="server-unavailable",
            ),
            True,
        )
    return (
        StoreError(
            f"The server {address} refused a request: {text}",
            "Look into the server's log; its version must fit the client's, see docs/cluster.md.",
            code="server-refused",
        ),
        False,
    )


def _status_of(problem: Exception) -> tuple[str | None, str]:
    """Return the status of an error of the client, and its text; ``no-answer`` where nothing came back."""
    from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
    from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

    if isinstance(problem, UnexpectedResponse):
        return str(problem.status_code), problem.content.decode("utf-8", "replace")
    if isinstance(problem, ResponseHandlingException):
        return "no-answer", repr(problem.source)
    if isinstance(problem, ResourceExhaustedResponse):
        return "429", str(problem)
    if isinstance(problem, ValueError) and "Collection" in str(problem) and "not found" in str(problem):
        return "404", str(problem)
    code, details = getattr(problem, "code", None), getattr(problem, "details", None)
    if callable(code) and callable(details):  # an error of gRPC
        return str(code().name), str(details())
    return None, ""
