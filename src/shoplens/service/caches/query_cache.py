"""Photos that were searched for a moment ago, as they were encoded: to rank them anew without another upload.

Held in memory only, for some minutes, and never as pixels.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from shoplens.errors import InvalidValue
from shoplens.ranking.strategies import EncodedQuery

MOST, SECONDS = 2_000, 1_800.0


class Recent:
    """Query id -> the encoded photo. Thread-safe.

    Args:
        most: that are held; the oldest one goes.
        seconds: that each is held, after it was last asked for.
        clock: seconds.
    """

    def __init__(self, most: int = MOST, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._lock = threading.Lock()
        self._held: OrderedDict[str, tuple[float, EncodedQuery, str]] = OrderedDict()

    def hold(self, query_id: str, seen: EncodedQuery, generation: str) -> None:
        """Hold one, and which generation answered."""
        with self._lock:
            self._held[query_id] = self._clock(), seen, generation
            self._held.move_to_end(query_id)
            while len(self._held) > self._most or self._is_old(next(iter(self._held.values()))[0]):
                self._held.popitem(last=False)

    def of(self, query_id: str) -> tuple[EncodedQuery, str]:
        """The one of a query, and the generation that answered.

        Raises:
            InvalidValue: ``unknown-query``.
        """
        with self._lock:
            held = self._held.get(query_id)
            if held is None or self._is_old(held[0]):
                raise InvalidValue(
                    f"The photo of query {query_id[:64]!r} is not at hand any more.",
                    f"Send the photo again; it is remembered for {self._seconds / 60:g} minutes.",
                    code="unknown-query",
                )
            self._held[query_id] = self._clock(), *held[1:]
            self._held.move_to_end(query_id)
            return held[1:]

    def forget(self) -> None:
        """Let go of all."""
        with self._lock:
            self._held.clear()

    def _is_old(self, then: float) -> bool:
        return self._clock() - then > self._seconds
