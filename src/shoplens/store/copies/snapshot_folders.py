"""Folders in which commands work on a copy of the live generation while a service has the store.

::

    STORE/snapshots/writing/    for the one command that changes something; the service adopts what it made
      LOCK, OWNER               which process has it
      CURRENT, generations/     as in a store
      WRITE_LOG                 ids of the products that were written to the store meanwhile
      CHANGED                   exists when the command wrote products of the generation that was copied
      BASE_GENERATION           present name of the store's generation that was copied
      ADOPTED_AS                name under which the store has adopted what the command made
    STORE/snapshots/reading-…/  for a command that only reads; the command removes it
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from shoplens.errors import StoreError
from shoplens.store.files.atomic import translate_disk_errors
from shoplens.store.files.lock import StoreLock

SNAPSHOTS, WRITING = "snapshots", "writing"
CHANGED, ADOPTED_AS = "CHANGED", "ADOPTED_AS"
ABANDONED_SECONDS = 60
"""Age from which on a folder that no process has locked is removed."""
_NAME = re.compile(rf"{WRITING}|reading-[0-9a-f]{{16}}")


@contextmanager
def open_snapshot_folder(store: Path, *, writes: bool, wait: float) -> Iterator[Path]:
    """Lock an empty folder for a copy of the live generation, and remove the folder in the end.

    Args:
        store: folder of the store.
        writes: whether the store is to adopt what becomes of the copy; only one such command runs at a time.
        wait: seconds to wait for that command.

    Raises:
        StoreError: ``store-in-use``, with the name of the command that changes the store.
    """
    remove_abandoned_snapshots(store)
    folder = store / SNAPSHOTS / (WRITING if writes else f"reading-{secrets.token_hex(8)}")
    with translate_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        folder.touch()  # it is not abandoned
        lock = StoreLock(folder, wait, store)
    try:
        _clear(folder)  # what a command left that was killed
        yield folder
    finally:
        _clear(folder)
        lock.close()
        if not writes:
            shutil.rmtree(folder, ignore_errors=True)


def _clear(folder: Path) -> None:
    """Remove all but the lock; generations in one step, since the service may be about to adopt one."""
    with contextlib.suppress(FileNotFoundError):
        (folder / "generations").rename(folder / f"old-{secrets.token_hex(4)}")
    for part in folder.iterdir():
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        elif part.name not in ("LOCK", "OWNER"):
            part.unlink(missing_ok=True)


def snapshot_folder(store: Path, name: str) -> Path:
    """Return the folder in which a command waits for a copy, or has one.

    Raises:
        StoreError: ``no-snapshot``.
    """
    folder = store / SNAPSHOTS / name
    if not _NAME.fullmatch(name) or not folder.is_dir():
        raise StoreError(f"No command waits for a copy at {name!r}.", "Run the command again.", code="no-snapshot")
    return folder


def remove_abandoned_snapshots(store: Path) -> None:
    """Remove the folders of commands that were killed."""
    for folder in store.glob(f"{SNAPSHOTS}/*"):
        try:
            if not _NAME.fullmatch(folder.name) or time.time() - folder.stat().st_mtime < ABANDONED_SECONDS:
                continue
            with filelock.FileLock(folder / "LOCK", timeout=0, thread_local=False):
                shutil.rmtree(folder, ignore_errors=True)
        except (OSError, filelock.Timeout):
            continue
