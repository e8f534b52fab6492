"""Who builds a store on a server, and which products others write meanwhile.

One document says both. A builder holds a lease, which it renews; one that died loses it. A process that has written
products adds their ids while a lease is held. Just before the switch, the builder closes the log, and copies these
products; whoever writes after that waits for the switch, and writes again, to the new generation.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from shoplens.errors import StoreError
from shoplens.store.server.objects import ObjectStore

LEASE_SECONDS, RENEW_SECONDS = 60.0, 15.0
"""Seconds for which a lease is held, and after which it is renewed; the clocks of machines differ by less."""
SWITCH_SECONDS = 0.2
"""Seconds between two looks of a writer that waits for a switch."""


class WriteLog:
    """The lease of a builder, and the log of what others write.

    Args:
        objects: hold the document.
        prefix: of the store.
        clock: returns seconds since 1970.
        pause: waits for some seconds.
    """

    def __init__(
        self,
        objects: ObjectStore,
        prefix: str,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._objects, self._document = objects, f"{prefix}/build"
        self._clock, self._pause = clock, pause
        self._owner = f"{socket.gethostname()} {os.getpid()} {secrets.token_hex(4)}"

    @contextmanager
    def building(self) -> Iterator[None]:
        """Hold the lease for this block.

        Raises:
            StoreError: ``store-in-use``.
        """
        self._objects.change(self._document, self._begin)
        ended = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(ended,), daemon=True)
        renewing.start()
        try:
            yield
        finally:
            ended.set()
            renewing.join()
            self._objects.change(self._document, lambda state: {} if state.get("owner") == self._owner else state)

    def require_lease(self) -> None:
        """Raise an error unless this process may switch: it holds the lease, or nobody does.

        Raises:
            StoreError: ``store-in-use``, the lease was lost.
        """
        _, state = self._objects.read(self._document)
        if self._is_held(state) and state["owner"] != self._owner:
            raise self._in_use_error(state)

    def close(self) -> list[str]:
        """Close the log of this builder, and return the ids in it."""
        self._objects.change(self._document, self._close)
        return list(self._objects.read(self._document)[1]["ids"])

    def add(self, ids: Iterable[str]) -> None:
        """Tell a builder, if there is one, that products have been written.

        Where the builder has closed its log, wait until it has switched or given up.
        """
        written = list(ids)
        while True:
            _, state = self._objects.read(self._document)
            if not self._is_held(state) or state["owner"] == self._owner:
                return
            if not state.get("closed") and self._note(str(state["owner"]), written):
                return
            self._pause(SWITCH_SECONDS)

    def _note(self, owner: str, ids: list[str]) -> bool:
        """Add ids to the log of this builder; return False where it is closed, or where another one builds."""
        noted = False

        def note(state: dict[str, Any]) -> dict[str, Any]:
            nonlocal noted
            noted = state.get("owner") == owner and not state.get("closed")
            return {**state, "ids": [*dict.fromkeys([*state["ids"], *ids])]} if noted else state

        self._objects.change(self._document, note)
        return noted

    def _begin(self, state: dict[str, Any]) -> dict[str, Any]:
        if self._is_held(state) and state["owner"] != self._owner:
            raise self._in_use_error(state)
        return {"owner": self._owner, "until": self._clock() + LEASE_SECONDS, "closed": False, "ids": []}

    def _close(self, state: dict[str, Any]) -> dict[str, Any]:
        if state.get("owner") != self._owner:
            raise self._in_use_error(state)
        return {**state, "closed": True, "until": self._clock() + LEASE_SECONDS}

    def _renew(self, ended: threading.Event) -> None:
        while not ended.wait(RENEW_SECONDS):
            with contextlib.suppress(StoreError):  # the next time, or the lease is lost, which the switch finds
                self._objects.change(self._document, self._extend)

    def _extend(self, state: dict[str, Any]) -> dict[str, Any]:
        return {**state, "until": self._clock() + LEASE_SECONDS} if state.get("owner") == self._owner else state

    def _is_held(self, state: dict[str, Any]) -> bool:
        return bool(state.get("owner")) and float(state.get("until", 0)) > self._clock()

    def _in_use_error(self, state: dict[str, Any]) -> StoreError:
        return StoreError(
            f"Another process builds this store: {state.get('owner', 'one that took the lease')}.",
            f"Wait until it has finished; one that has died is forgotten after {LEASE_SECONDS:g} seconds.",
            code="store-in-use",
        )
