"""Small files that are either old or new, never half, whatever dies in between."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_BLOCK = 65_536


def replace_file(path: Path, text: str) -> None:
    """Write text so that a reader, or a restart after loss of power, sees all of it or none."""
    new = path.with_name(path.name + ".new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)


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


def size_on_disk(folder: Path) -> int:
    """Bytes that the files of a folder occupy; holes occupy nothing."""
    told = [path.lstat() for path in folder.rglob("*") if path.is_file()]
    return sum(one.st_blocks * 512 if hasattr(one, "st_blocks") else one.st_size for one in told)


def _copy_file(source: str, target: str) -> str:
    with Path(source).open("rb") as old, Path(target).open("wb") as new:
        while block := old.read(_BLOCK):
            if block.count(0) == len(block):
                new.seek(len(block), os.SEEK_CUR)
            else:
                new.write(block)
        new.truncate(old.tell())
    shutil.copystat(source, target)
    return target
