"""Requests at a fixed rate, whatever the answers, each on a connection of its own; one process, one event loop."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

BURST = 3.0
"""Seconds of a rate before it is measured: a burst that comes first is worked off, and may wait."""
LIMIT = 60.0
"""Seconds after which an answer no longer counts."""


@dataclass(slots=True)
class Offered:
    """What came back.

    Attributes:
        statuses: number of answers of each status; 0 for none.
        took: milliseconds of the accepted ones, from the attempt to connect to the last byte.
        late: milliseconds by which each request was sent later than planned: what the sender itself adds.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)

    @property
    def other(self) -> int:
        """Number of answers that are neither accepted nor refused."""
        return self.statuses.total() - self.statuses[200] - self.statuses[503]

    def percentiles(self, *shares: float) -> list[float]:
        """Return percentiles of what accepted requests took, in milliseconds."""
        return [float(np.percentile(self.took or [np.nan], share)) for share in shares]


def offer(host: str, port: int, requests: Sequence[bytes], rate: float, seconds: float) -> Offered:
    """Send requests at a fixed rate, first for :data:`BURST` seconds that are not counted.

    Args:
        requests: whole requests, that ask the service to close the connection.
        rate: requests a second.
    """
    return asyncio.run(_offer(host, port, requests, rate, seconds))


async def _offer(host: str, port: int, requests: Sequence[bytes], rate: float, seconds: float) -> Offered:
    offered, begun = Offered(), time.perf_counter()

    async def ask(number: int) -> None:
        due, started = begun + number / rate, time.perf_counter()
        try:
            status = await asyncio.wait_for(_send(host, port, requests[number % len(requests)]), LIMIT)
        except (OSError, ValueError, TimeoutError):
            status = 0
        if number >= rate * BURST:
            offered.statuses[status] += 1
            offered.late.append((started - due) * 1e3)
            if status == 200:
                offered.took.append((time.perf_counter() - started) * 1e3)

    pending = set[asyncio.Task[None]]()
    for number in range(int(rate * (seconds + BURST))):
        await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
        pending.add(task := asyncio.create_task(ask(number)))
        task.add_done_callback(pending.discard)
    await asyncio.gather(*pending)
    return offered


async def _send(host: str, port: int, request: bytes) -> int:
    """Send a request, and return the status of the answer, which may come before all of the request was read."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(request)
        head = await reader.readline()
        status = int(head.split()[1]) if head else 0
        try:
            await reader.read()
        except ConnectionError:  # a refusal comes before all of the request was read
            return status if status != 200 else 0
        return status
    finally:
        writer.transport.abort()
