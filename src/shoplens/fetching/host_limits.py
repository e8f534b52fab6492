"""How many photos are fetched from one host at once."""

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
    """A number of slots for every host; hosts that nobody uses are forgotten. Thread-safe."""

    def __init__(self, per_host: int) -> None:
        self._per_host = per_host
        self._hosts: dict[bytes, _Host] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many hosts are in use."""
        return len(self._hosts)

    @contextmanager
    def slot(self, host: bytes) -> Iterator[float]:
        """Holds one of the host's slots, and gives the seconds that were spent waiting for it."""
        with self._lock:
            entry = self._hosts.setdefault(host, _Host(threading.Semaphore(self._per_host)))
            entry.users += 1
        try:
            asked = time.monotonic()
            with entry.slots:
                yield time.monotonic() - asked
        finally:
            with self._lock:
                entry.users -= 1
                if not entry.users:
                    del self._hosts[host]
