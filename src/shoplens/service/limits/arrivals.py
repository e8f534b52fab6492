"""Limits how many bodies of requests arrive at the same time: each of them takes memory until it is complete."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from shoplens.service.failures import RequestRefused
from shoplens.service.limits.queue import RETRY_SECONDS

MOST, PER_ADDRESS = 32, 8
"""Bodies that arrive at the same time, of all clients and of one address."""
PATIENCE = 2.0
"""Seconds after which a body gives way to another client's where too many arrive."""


class Arrivals:
    """The bodies that are arriving; used on the event loop only.

    Args:
        patience: seconds after which a body gives way.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._all = list[_Arrival]()  # in the order in which they began

    @contextlib.contextmanager
    def reserve_place(self, address: str) -> Iterator[None]:
        """Reserve a place while a body is read.

        Args:
            address: of the client.

        Raises:
            RequestRefused: ``busy``, too many bodies arrive; ``too-slow``, this one gave way to another one.
        """
        self._make_room(address)
        arrival = _Arrival(address)
        self._all.append(arrival)
        try:
            yield
        except asyncio.CancelledError:
            if not arrival.gave_way or arrival.task is None:
                raise
            arrival.task.uncancel()
            raise RequestRefused(
                "The body arrived slowly, and others waited.", "Send it faster, or send less.", code="too-slow"
            ) from None
        finally:
            self._all.remove(arrival)

    def _make_room(self, address: str) -> None:
        arriving = [one for one in self._all if not one.gave_way]
        if sum(one.address == address for one in arriving) >= PER_ADDRESS:
            raise _busy_error(f"{PER_ADDRESS} requests of your address are arriving.")
        if len(arriving) < MOST:
            return
        oldest = arriving[0]
        if time.monotonic() - oldest.began < self._patience or oldest.task is None:
            raise _busy_error(f"{len(arriving)} requests are arriving.")
        oldest.gave_way = True
        oldest.task.cancel()


@dataclass(eq=False, slots=True)
class _Arrival:
    """A body that is arriving.

    Attributes:
        task: that reads it.
        gave_way: whether the task was told to end.
    """

    address: str
    began: float = field(default_factory=time.monotonic)
    task: asyncio.Task[object] | None = field(default_factory=asyncio.current_task)
    gave_way: bool = False


def _busy_error(problem: str) -> RequestRefused:
    return RequestRefused(problem, "Try again shortly.", code="busy", wait=RETRY_SECONDS)
