"""How long the stages of something take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class StageTimer:
    """Milliseconds per stage, and in total since it was made."""

    def __init__(self) -> None:
        self._started, self._stages = time.perf_counter(), dict[str, float]()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure what is done inside."""
        started = time.perf_counter()
        yield
        self._stages[name] = (time.perf_counter() - started) * 1e3

    def stages(self) -> dict[str, float]:
        """Stage -> milliseconds, and ``total``."""
        total = (time.perf_counter() - self._started) * 1e3
        return {name: round(took, 3) for name, took in {**self._stages, "total": total}.items()}
