"""The cache of encoded query photos, so that a search can be refined without sending the photo again.

It is in memory only, for some minutes, and never holds pixels.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from shoplens.errors import InvalidValue
from shoplens.ranking.strategies import EncodedQuery

MOST, SECONDS = 2_000, 1_800.0


class EncodedQueries(Protocol):
    """Keeps encoded photos for some time."""

    def add(self, query_id: str, photo: EncodedQuery, generation: str) -> None: ...
    def get(self, query_id: str) -> tuple[EncodedQuery, str]: ...
    def latest(self, most: int) -> list[str]: ...
    def clear(self) -> None: ...


class QueryCache:
    """Query id -> encoded photo; thread-safe.

    Args:
        most: number of photos; the oldest is dropped.
        seconds: for which a photo is kept after its last use.
        clock: returns seconds.
    """

    def __init__(self, most: int = MOST, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._lock = threading.Lock()
        self._photos: OrderedDict[str, tuple[float, EncodedQuery, str]] = OrderedDict()

    def add(self, query_id: str, photo: EncodedQuery, generation: str) -> None:
        """Add the photo of a query, with the generation that answered it."""
        with self._lock:
            self._photos[query_id] = self._clock(), photo, generation
            self._photos.move_to_end(query_id)
            while len(self._photos) > self._most or self._is_old(next(iter(self._photos.values()))[0]):
                self._photos.popitem(last=False)

    def get(self, query_id: str) -> tuple[EncodedQuery, str]:
        """Return the photo of a query, with the generation that answered it.

        Raises:
            InvalidValue: ``unknown-query``.
        """
        with self._lock:
            entry = self._photos.get(query_id)
            if entry is None or self._is_old(entry[0]):
                raise unknown_query_error(query_id, self._seconds)
            self._photos[query_id] = self._clock(), *entry[1:]
            self._photos.move_to_end(query_id)
            return entry[1:]

    def latest(self, most: int) -> list[str]:
        """Return the ids of the latest queries, the latest first."""
        with self._lock:
            return [name for name, (then, *_) in reversed(self._photos.items()) if not self._is_old(then)][:most]

    def clear(self) -> None:
        """Drop all photos."""
        with self._lock:
            self._photos.clear()

    def _is_old(self, then: float) -> bool:
        return self._clock() - then > self._seconds


def unknown_query_error(query_id: str, seconds: float) -> InvalidValue:
    """Return the error for a query whose photo is not kept any more.

    Args:
        seconds: for which photos are kept.
    """
    return InvalidValue(
        f"The photo of query {query_id[:64]!r} is not available any more.",
        f"Send the photo again; it is kept for {seconds / 60:g} minutes.",
        code="unknown-query",
    )
