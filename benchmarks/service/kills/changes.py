"""Changes of files: what differs between two moments, and, told by the kernel, when the first one comes."""

from __future__ import annotations

import ctypes
import os
import select
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

CREATE, CLOSE_WRITE, MOVED_FROM, MOVED_TO, DELETE = 0x100, 0x8, 0x40, 0x80, 0x200
"""Kinds of changes, as `inotify` (Linux) numbers them."""
KINDS = CREATE | CLOSE_WRITE | MOVED_FROM | MOVED_TO | DELETE
LOCKS = {"LOCK", "OWNER", "CHANGING", ".lock"}
"""Files that say who works, and hold nothing."""
_HEAD = struct.Struct("iIII")


def is_lock(name: str) -> bool:
    """Whether a file holds nothing."""
    return name in LOCKS or name.startswith("OWNER")


def file_versions(roots: Iterable[Path]) -> dict[str, tuple[int, int, int]]:
    """Return the version of every file under these folders, locks left out."""
    found = {}
    for root in roots:
        for path in root.rglob("*"):
            if not is_lock(path.name):
                with suppress(OSError):
                    status = path.stat()
                    found[str(path)] = (status.st_mtime_ns, status.st_size, status.st_blocks)
    return found


class ChangeWatch:
    """Counts changes in the folders that are there now, from now on; a context manager.

    Attributes:
        count: changes until now.
        first, last: moments of the first and of the last, as :func:`time.monotonic` tells them.
    """

    def __init__(self, roots: Iterable[Path]) -> None:
        system = ctypes.CDLL(None, use_errno=True)
        self._handle = system.inotify_init1(os.O_NONBLOCK)
        self.count, self.first, self.last = 0, 0.0, 0.0
        for root in roots:
            for folder, _, _ in os.walk(root):
                if system.inotify_add_watch(self._handle, os.fsencode(folder), KINDS) < 0:
                    raise OSError(ctypes.get_errno(), f"{folder} cannot be watched")

    def __enter__(self) -> ChangeWatch:
        return self

    def __exit__(self, *problem: object) -> None:
        os.close(self._handle)

    def read(self, seconds: float = 0.0) -> None:
        """Wait so long for changes, and count those that came."""
        if not select.select([self._handle], [], [], seconds)[0]:
            return
        now, content, start = time.monotonic(), os.read(self._handle, 1 << 20), 0
        while start < len(content):
            _, kind, _, length = _HEAD.unpack_from(content, start)
            start += _HEAD.size + length
            name = os.fsdecode(content[start - length : start].rstrip(b"\0"))
            if kind & KINDS and not is_lock(name):
                self.count += 1
                self.first, self.last = self.first or now, now

    def wait_for_first(self, process: BaseProcess) -> bool:
        """Wait for the first change, or until a process ends; return whether there was one."""
        while not self.count and process.exitcode is None:
            self.read(0.02)
        return self.count > 0
