"""Files and folders that are either old or new, never half, whatever dies in between."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from shoplens.errors import Refused, StoreError

_BLOCK = 65_536
_HOLE = bytes(_BLOCK)


def replace_file(path: Path, content: str | bytes) -> None:
    """Write text or bytes so that a reader, or a restart after loss of power, sees all of it or none."""
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)


def file_version(path: Path) -> tuple[int, ...]:
    """Differs for every file that was ever there; its time alone does not, where clocks tick coarsely.

    Raises:
        FileNotFoundError: there is none.
    """
    told = path.stat()
    return told.st_mtime_ns, told.st_ino, told.st_size


def sync_folder(folder: Path) -> None:
    """Make names created or removed in a folder survive loss of power."""
    if os.name == "nt":  # folders cannot be opened there, and renames are durable
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Make a whole copied folder survive loss of power."""
    for place, _, names in os.walk(folder):
        for name in names:
            handle = os.open(Path(place) / name, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        sync_folder(Path(place))


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder; the engine's files are mostly holes, and holes stay holes."""
    shutil.copytree(source, target, dirs_exist_ok=True, copy_function=_copy_file)


def is_free(folder: Path) -> bool:
    """Whether nothing is there, or an empty folder."""
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


@contextmanager
def whole_folder(folder: Path, *, last: str) -> Iterator[Path]:
    """A temporary folder to fill, whose contents become those of ``folder`` when all of them are on disk.

    Args:
        folder: new or empty. An empty one stays: it may be where a disk is mounted, or where the user is.
        last: name of the file that comes last into an empty one, and says that all of it is there.

    Raises:
        Refused: when there is something at ``folder``.
    """
    folder = folder.resolve()
    if not is_free(folder):
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
    """Bytes that the files of a folder occupy, but for those in one of its folders; holes occupy nothing."""
    found = 0
    for path in folder.rglob("*"):
        if path.relative_to(folder).parts[0] != without:
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                told = path.lstat()
                size = told.st_blocks * 512 if hasattr(told, "st_blocks") else told.st_size
                found += size if path.is_file() else 0
    return found


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
def disk_errors_told(folder: Path) -> Iterator[None]:
    """Turns the system's errors about files into a :class:`StoreError`, ``disk``."""
    try:
        yield
    except OSError as problem:
        reason = problem.args[0][0][2] if isinstance(problem, shutil.Error) else problem.strerror or problem
        raise StoreError(
            f"{folder} could not be written: {reason}.",
            "See that there is room on the disk and that you may write there, and run the command again.",
            code="disk",
        ) from problem


def timestamp() -> str:
    """Now, UTC, fit for file names and in order: ``20260131T235959123456Z``."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
