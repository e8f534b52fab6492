"""Measurement of how long the stages of a task take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class StageTimer:
    """Measures the milliseconds of each stage, and the total since the timer was created."""

    def __init__(self) -> None:
        self._started, self._stages = time.perf_counter(), dict[str, float]()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the time that the body of the ``with`` statement takes."""
        started = time.perf_counter()
        yield
        self._stages[name] = self._stages.get(name, 0.0) + (time.perf_counter() - started) * 1e3

    def stages(self) -> dict[str, float]:
        """Return the milliseconds of each stage, of all between the stages under ``other``, and of the whole under
        ``total``, which is their sum."""
        whole = (time.perf_counter() - self._started) * 1e3
        durations = {**self._stages, "other": max(whole - sum(self._stages.values()), 0.0)}
        rounded = {name: round(duration, 3) for name, duration in durations.items()}
        return {**rounded, "total": round(sum(rounded.values()), 3)}
