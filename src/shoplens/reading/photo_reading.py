"""Reads the words in a query photo on a thread of its own, for a limited time."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread

from shoplens.reading.text_reader import QUERY, ReadingEffort, TextReader
from shoplens.types import Pixels

VERSION = 3
"""Version of how query photos are read; what was stored of another one is read again."""
_LAST_LINE = 0.02
"""Seconds before the end of the time in which no further line is begun."""


class PhotoReading:
    """The words in a photo, which are read while other things are done.

    Args:
        reader: reads them.
        photo: uint8 (h, w, 3).
        sharpen: as of :meth:`~shoplens.reading.text_reader.TextReader.read`.
        seconds: longest time from now until :meth:`result` returns.
        effort: how thoroughly it is read.
    """

    def __init__(
        self,
        reader: TextReader,
        photo: Pixels,
        sharpen: Callable[[], Pixels] | None,
        seconds: float,
        effort: ReadingEffort = QUERY,
    ) -> None:
        self._end = time.monotonic() + seconds
        self._words: Future[str] = Future()

        def read() -> None:
            try:
                self._words.set_result(reader.read(photo, effort, sharpen, self._end - _LAST_LINE))
            except BaseException as problem:
                self._words.set_exception(problem)

        Thread(target=read, name="reading", daemon=True).start()

    def result(self) -> str:
        """Return the words that were read; empty where there are none, or where the time was up before any was read.

        Raises:
            InvalidValue: ``no-text-reader``.
        """
        try:
            return self._words.result(max(0.0, self._end - time.monotonic()))
        except TimeoutError:
            return ""
