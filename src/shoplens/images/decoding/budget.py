"""Limits on the time and memory that decoding takes, shared by all threads of the process.

A file of some kilobytes can say that it has a hundred million pixels, or that all of them come in a thousand scans.
Most photos are small, and are decoded at once. Large ones take their memory from a budget, in threads that can be given
up: such a thread goes on until the decoder returns, and keeps its share of the budget until then. A photo that would
take more than the whole budget is refused.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from shoplens.errors import PhotoError

T = TypeVar("T")
SMALL_WORK = 16_000_000
"""Pixels, times scans, that are decoded without asking; about a fifth of a second."""
SMALL_MEMORY = 128_000_000
"""Bytes that are taken without asking."""
BUDGET = 1_000_000_000
"""Bytes that large photos which are decoded at the same time take together."""
SECONDS = 10.0
"""In which a large photo must be decoded, including the wait for its turn."""
MAX_SCANS, MAX_SCAN_WORK = 200, 1_500_000_000
"""Scans of a JPEG, and scans times pixels; cameras and encoders write at most some dozens."""
_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
FEW_SCANS = 12
_SCAN, _END = 0xDA, 0xD9
_WITHOUT_LENGTH = {0x01, 0xD8}


class DecodingBudget:
    """Memory that large photos share.

    Args:
        memory: bytes that they may take together.
        seconds: in which a photo must be decoded.
    """

    def __init__(self, memory: int = BUDGET, seconds: float = SECONDS) -> None:
        self._most = self._free = memory
        self._seconds = seconds
        self._changed = threading.Condition()

    def run(self, decode: Callable[[], T], pixels: int, share: int, scans: int = 1) -> T:
        """Decode a photo, and return the result.

        Args:
            pixels, scans: of the photo, as its header says.
            share: bytes that decoding takes.

        Raises:
            PhotoError: ``photo-too-many-pixels``, ``photo-too-slow``; whatever ``decode`` raises.
        """
        if pixels * scans <= SMALL_WORK and share <= SMALL_MEMORY:
            return decode()
        if share > self._most:
            raise PhotoError(
                f"Decoding the photo of {pixels:,} pixels would take {share / 1e6:,.0f} MB of memory; at most "
                f"{self._most / 1e6:,.0f} MB are allowed.",
                "Save it as a JPEG, or give a smaller one.",
                code="photo-too-many-pixels",
            )
        end = time.monotonic() + self._seconds
        with self._changed:
            if not self._changed.wait_for(lambda: self._free >= share, self._seconds):
                raise self._slow_error()
            self._free -= share
        job = _Job(decode, lambda: self._give_back(share))
        if not job.done.wait(max(0.0, end - time.monotonic())):
            raise self._slow_error()
        return job.result()

    def _give_back(self, share: int) -> None:
        with self._changed:
            self._free += share
            self._changed.notify_all()

    def _slow_error(self) -> PhotoError:
        return PhotoError(
            f"The photo was not decoded within {self._seconds:g} s.",
            "Give a smaller photo, saved as a JPEG that is not progressive.",
            code="photo-too-slow",
        )


class _Job(Generic[T]):
    """A call in a thread of its own, which nobody has to wait for.

    Args:
        call: to run.
        end: called when it has ended, however long that took.
    """

    def __init__(self, call: Callable[[], T], end: Callable[[], None]) -> None:
        self._call, self._end = call, end
        self._outcome: tuple[T] | BaseException | None = None
        self.done = threading.Event()
        threading.Thread(target=self._run, name="decoding", daemon=True).start()

    def _run(self) -> None:
        try:
            self._outcome = (self._call(),)
        except BaseException as problem:  # raised where the result is waited for
            self._outcome = problem
        finally:
            self.done.set()
            self._end()

    def result(self) -> T:
        """Return the result of the call that has ended, or raise its error."""
        if isinstance(self._outcome, tuple):
            return self._outcome[0]
        assert self._outcome is not None
        raise self._outcome


def count_scans(data: bytes) -> int:
    """Return the number of scans of a JPEG, without decoding any; 1 where it cannot be told.

    The number is exact where it is above :data:`FEW_SCANS`; below, it may be too high.

    >>> count_scans(bytes.fromhex("ffd8 ffda0003ff 00 ffda0003ff 00 ffd9"))
    2
    """
    if (most := _count_scan_markers(data)) <= FEW_SCANS:
        return max(1, most)
    scans, place = 0, 2
    while (found := _MARKER.search(data, place)) is not None:
        marker, place = found[1][0], found.end()
        if marker == _END:
            break
        scans += marker == _SCAN
        if marker not in _WITHOUT_LENGTH:
            place += max(2, int.from_bytes(data[place : place + 2], "big"))
    return max(1, scans)


def _count_scan_markers(data: bytes) -> int:
    """Return how often the marker of a scan occurs, also in metadata.

    It compares the pairs from every even and from every odd byte on, which takes a tenth of the time of ``count``.
    """
    marker = _SCAN << 8 | 0xFF
    pairs = (np.frombuffer(data, "<u2", (len(data) - start) // 2, start) for start in (0, 1))
    return sum(int(np.count_nonzero(one == marker)) for one in pairs)


def check_scans(scans: int, pixels: int) -> None:
    """Raise an error for a JPEG that is made to be slow.

    Raises:
        PhotoError: ``photo-too-many-scans``.
    """
    if scans > MAX_SCANS or scans * pixels > MAX_SCAN_WORK:
        raise PhotoError(
            f"The photo has {scans:,} scans of {pixels:,} pixels.",
            "Save it as a JPEG that is not progressive.",
            code="photo-too-many-scans",
        )


BUDGET_OF_PROCESS = DecodingBudget()
"""The budget that all threads share."""
