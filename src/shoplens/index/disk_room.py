"""Free space on a disk: it is checked before anything is written, since the engine dies of a full disk.

The engine maps its files into memory. Most of a file is a hole at first, and where the disk is full when a hole is
written, the system ends the process (SIGBUS).
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from shoplens.errors import StoreError

RESERVE = 64 << 20
"""Free bytes below which nothing is written: a write and a flush need less."""
FLUSH_RESERVE = 16 << 20
"""Free bytes below which what was written is not flushed; the write-ahead log keeps it."""
PLENTY = 1 << 30
"""Free bytes from which on holes are not allocated: nobody else writes so much during one write."""
_AHEAD, _LARGE_AHEAD = 1 << 16, 1 << 20
"""Bytes that are allocated behind the data of a file of at most, and of more than, ``_SMALL`` bytes."""
_SMALL = 4 << 20
FIX = "Make room on that disk. Searches go on, and nothing that was written is lost."


def free_bytes(folder: Path) -> int:
    """Return the free bytes of the disk that holds a folder, or will hold it."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def require_room(folder: Path, needed: int = 0, reserve: int = RESERVE) -> None:
    """Raise an error if a disk has too little room.

    Args:
        folder: on that disk.
        needed: bytes that are about to be written.
        reserve: bytes that must stay free.

    Raises:
        StoreError: ``disk``.
    """
    if problem := room_problem(folder, needed, reserve):
        raise StoreError(problem, FIX, code="disk")


def room_problem(folder: Path, needed: int = 0, reserve: int = RESERVE) -> str:
    """Return why nothing can be written; empty where there is room. For the arguments see :func:`require_room`."""
    free = free_bytes(folder)
    if free >= needed + reserve:
        return ""
    return f"The disk of {folder} has {_megabytes(free)} free, and {_megabytes(needed + reserve)} are needed."


def prepare_reading(folder: Path) -> None:
    """Prepare a folder of the engine's files for being opened: in memory (tmpfs), reading a hole takes room, too.

    Raises:
        StoreError: ``disk``.
    """
    if free_bytes(folder) < PLENTY and _is_in_memory(folder):
        require_room(folder, reserve=FLUSH_RESERVE)
        allocate_holes(folder)


def allocate_holes(folder: Path) -> None:
    """Where a disk is getting full, allocate the holes that the engine will write next in the files of a folder.

    Raises:
        StoreError: ``disk``.
    """
    if not hasattr(os, "posix_fallocate") or free_bytes(folder) >= PLENTY:
        return
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.suffix in (".dat", ".mmap", "") and path.is_file():
                _allocate_behind_data(path)


def _is_in_memory(folder: Path) -> bool:
    device = folder.stat().st_dev
    name = f"{os.major(device)}:{os.minor(device)}"
    with contextlib.suppress(OSError):
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines()
        return any(line.split()[2] == name and " - tmpfs " in line for line in mounts)
    return False


def _allocate_behind_data(path: Path) -> None:
    with path.open("r+b", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        ahead = _AHEAD if size <= _SMALL else _LARGE_AHEAD
        for start, end in _holes(file.fileno(), size):
            length = min(end - start, ahead)
            try:
                os.posix_fallocate(file.fileno(), start, length)
            except OSError as problem:
                raise StoreError(f"{path} cannot be extended: {problem.strerror}.", FIX, code="disk") from problem


def _holes(handle: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of every hole of a file."""
    end = 0
    while end < size:
        start = os.lseek(handle, end, os.SEEK_HOLE)
        try:
            end = os.lseek(handle, start, os.SEEK_DATA)
        except OSError:  # no data follow
            end = size
        if start < end:
            yield start, end


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
