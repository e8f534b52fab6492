"""Atomic changes of files and folders: a reader sees the old or the new content, even after a crash."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import filelock

from shoplens.errors import Refused, StoreError

SEAL, BROKEN_SEAL = "seal.json", "seal-broken.json"
"""Files with the checksums of a generation: see :mod:`shoplens.store.files.seal`."""
CHANGING, CHANGE_WAIT = "CHANGING", 10.0
"""Lock of a folder in which a file is read, changed and written, and seconds to wait for it."""
NEW = ".new"
"""Suffix of a file that is about to take the place of another."""
ABANDONED_SECONDS = 3_600.0
"""Age from which such a file was left by a process that was killed."""
_BLOCK = 65_536
_HOLE = bytes(_BLOCK)


def replace_file(path: Path, content: str | bytes, mode: int = 0o666) -> None:
    """Replace a file so that a reader, or a restart after loss of power, sees all of the new content or none.

    The seal of a generation whose file it is is broken first. What killed processes left beside it is removed.
    """
    break_seal(path.parent)
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}{NEW}")  # several processes may replace one file
    try:
        with open(new, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    for left in path.parent.glob(f"{glob.escape(path.name)}.*{NEW}"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                left.unlink()


def change_file(path: Path, change: Callable[[bytes | None], str | bytes], mode: int = 0o666) -> None:
    """Read a file, change it, and replace it, while no other process or thread does.

    Args:
        path: of the file, in the folder of a store.
        change: returns the new content for the present one; for None where there is no file.
        mode: permissions of the new file, less those that the process denies.

    Raises:
        StoreError: ``store-in-use``, another process has been changing files of the folder for too long.
    """
    try:
        with filelock.FileLock(path.parent / CHANGING, timeout=CHANGE_WAIT, thread_local=False):
            replace_file(path, change(path.read_bytes() if path.is_file() else None), mode)
    except filelock.Timeout:
        raise StoreError(
            f"Another process is changing {path}.", "Wait until it has finished.", code="store-in-use"
        ) from None


def break_seal(folder: Path) -> None:
    """Break the seal of a folder that is about to change, durably; nothing is done where there is none."""
    with contextlib.suppress(FileNotFoundError):
        (folder / SEAL).replace(folder / BROKEN_SEAL)
        sync_folder(folder)


def file_version(path: Path) -> tuple[int, ...]:
    """Return a value that differs for every file that was ever at a path; a time alone does not, on coarse clocks.

    Raises:
        FileNotFoundError: there is none.
    """
    status = path.stat()
    return status.st_mtime_ns, status.st_ino, status.st_size


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that files created or removed in it survive loss of power."""
    if os.name == "nt":  # folders cannot be opened there, and renames are durable
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Sync all files and folders of a folder, so that a copy survives loss of power."""
    for place, _, names in os.walk(folder):
        for name in names:
            handle = os.open(Path(place) / name, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        sync_folder(Path(place))


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder; sparse files, as most of the engine's are, stay sparse."""
    shutil.copytree(source, target, dirs_exist_ok=True, copy_function=_copy_file)


def is_new_or_empty(folder: Path) -> bool:
    """Whether there is nothing at a path, or an empty folder."""
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


@contextmanager
def atomic_folder(folder: Path, *, last: str) -> Iterator[Path]:
    """Give a temporary folder to fill; its contents become those of ``folder`` when all of them are on disk.

    Args:
        folder: new or empty. An empty folder is not replaced, since a disk may be mounted there.
        last: name of the file that is moved last into an empty folder, and marks it as complete.

    Raises:
        Refused: there is something at ``folder``.
    """
    folder = folder.resolve()
    if not is_new_or_empty(folder):
        raise Refused(f"{folder} exists and is not empty.", "Give a new folder.")
    exists = folder.exists()
    home = folder if exists else folder.parent
    home.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=home))
    copy = temporary / "copy"  # with the usual permissions, which the temporary folder lacks
    try:
        copy.mkdir()
        yield copy
        sync_tree(copy)
        if exists:
            for part in sorted(copy.iterdir(), key=lambda part: part.name == last):
                part.rename(folder / part.name)
        else:
            copy.rename(folder)
        sync_folder(home)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def size_on_disk(folder: Path, without: str = "") -> int:
    """Return the bytes that a folder's files occupy on disk, without those of one of its folders."""
    total = 0
    for path in folder.rglob("*"):
        if path.relative_to(folder).parts[0] != without:
            with contextlib.suppress(FileNotFoundError):  # it was removed meanwhile
                status = path.lstat()
                size = status.st_blocks * 512 if hasattr(status, "st_blocks") else status.st_size
                total += size if path.is_file() else 0
    return total


def _copy_file(source: str, target: str) -> str:
    with Path(source).open("rb") as old, Path(target).open("wb") as new:
        while block := old.read(_BLOCK):
            if block == _HOLE[: len(block)]:
                new.seek(len(block), os.SEEK_CUR)
            else:
                new.write(block)
        new.truncate(old.tell())
    shutil.copystat(source, target)
    return target


@contextmanager
def translate_disk_errors(folder: Path) -> Iterator[None]:
    """Turn the system's errors about files into a :class:`StoreError`, ``disk``."""
    try:
        yield
    except OSError as problem:
        reason = problem.args[0][0][2] if isinstance(problem, shutil.Error) else problem.strerror or problem
        raise StoreError(
            f"{folder} could not be written: {reason}.",
            "Check the free space on the disk and your permission to write there, and run the command again.",
            code="disk",
        ) from problem


def timestamp() -> str:
    """Return the present time, UTC, for file names that sort by time: ``20260131T235959123456Z``."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
