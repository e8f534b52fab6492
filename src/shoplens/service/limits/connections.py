"""Limits of connections: how many an address may have, and how long one may be silent.

A connection on which no whole request has arrived gives way: to a newer one of the same address where that has too
many, and to anybody's where the service has too many. So silent connections shut out nobody.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

from shoplens.service.failures import RequestRefused

HEALTH = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths that are answered on the spare connections, too."""
MOST, SPARE = 1_000, 100
"""Connections of the service, and those beyond them on which only questions about its health are answered."""
GRACE = 5.0
"""Seconds beyond a limit, so that a request that is too slow gets an answer that says so."""


class Connections:
    """The connections of a service; used on its event loop only.

    Args:
        seconds: in which a whole request must arrive, and in which a client must read what fills a buffer.
        per_address: connections of one address.
        is_proxy: whether an address may have any number.
    """

    def __init__(
        self, seconds: float, per_address: int, is_proxy: Callable[[str], bool] = lambda address: False
    ) -> None:
        self.seconds = seconds
        self._per_address, self._is_proxy, self._most = per_address, is_proxy, MOST
        self._all = dict[_GuardedProtocol, str]()  # in the order in which they came
        self._counts = Counter[str]()

    def protocol_class(self) -> type[H11Protocol]:
        """Return the class of the protocol that keeps these limits, for the HTTP server."""

        class Protocol(_GuardedProtocol):
            guard = self

        return Protocol

    @property
    def is_full(self) -> bool:
        """Whether only questions about health are answered."""
        return len(self._all) > self._most

    def refuse_if_full(self, scope: Scope) -> None:
        """Raise RequestRefused ``busy`` for requests on a spare connection, except those about health."""
        if self.is_full and scope["path"] not in HEALTH:
            raise RequestRefused("Too many connections are open.", "Try again shortly.", code="busy", wait=1.0)

    def add(self, connection: _GuardedProtocol, address: str) -> None:
        """Add a connection; one that gives way, perhaps this one, is closed."""
        self._all[connection] = address
        self._counts[address] += 1
        if self._counts[address] > self._per_address and not self._is_proxy(address):
            self._close_one(address, or_else=connection)
        elif len(self._all) > self._most:
            self._close_one(None, or_else=connection if len(self._all) > self._most + SPARE else None)

    def discard(self, connection: _GuardedProtocol) -> None:
        """Forget a connection that has ended."""
        address = self._all.pop(connection, None)
        if address is not None:
            self._counts[address] -= 1
            if not self._counts[address]:
                del self._counts[address]

    def _close_one(self, address: str | None, or_else: _GuardedProtocol | None) -> None:
        """Close the oldest connection without a whole request; of this address, if one is given."""
        oldest = (
            one
            for one, its_address in self._all.items()
            if one.is_silent and one is not or_else and address in (None, its_address)
        )
        victim = next(oldest, or_else)
        if victim is not None:
            self.discard(victim)
            victim.transport.abort()


class _GuardedProtocol(H11Protocol):
    """HTTP on one connection, with limits of time."""

    guard: Connections
    _silence: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    @property
    def is_silent(self) -> bool:
        """Whether no whole request has arrived that is not answered."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.guard.add(self, self.client[0] if self.client else "")
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self.guard.discard(self)
        self._stop_watching()
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.is_silent:
            self._stop_watching()
        elif self._silence is None:
            self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stop_waiting()
        self._unread = self.loop.call_later(self.guard.seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_waiting()
        super().resume_writing()

    def on_response_complete(self) -> None:
        self._stop_watching()  # from here on, the time limit of an idle connection holds
        super().on_response_complete()
        if self.transport.is_closing():
            self._abort_later()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._abort_later()

    def _watch(self) -> None:
        self._silence = self.loop.call_later(self.guard.seconds + GRACE, self.transport.abort)

    def _stop_watching(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _stop_waiting(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _abort_later(self) -> None:
        """End a closed connection whose client does not read the rest."""
        self._stop_waiting()
        self._unread = self.loop.call_later(self.guard.seconds, self.transport.abort)
