"""The limit on simultaneous requests to one host."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class _Host:
    slots: threading.Semaphore
    users: int = 0


class HostLimits:
    """Gives every host a fixed number of slots, and forgets hosts without users. Thread-safe."""

    def __init__(self, per_host: int) -> None:
        self._per_host = per_host
        self._hosts: dict[bytes, _Host] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return the number of hosts in use."""
        return len(self._hosts)

    @contextmanager
    def slot(self, host: bytes) -> Iterator[float]:
        """Hold one of the host's slots in a ``with`` statement; yield the seconds that were spent waiting for it."""
        with self._lock:
            entry = self._hosts.setdefault(host, _Host(threading.Semaphore(self._per_host)))
            entry.users += 1
        try:
            started = time.monotonic()
            with entry.slots:
                yield time.monotonic() - started
        finally:
            with self._lock:
                entry.users -= 1
                if not entry.users:
                    del self._hosts[host]
