"""Copies of the live generation that commands work on while a service has the store.

::

    STORE/lent/writing/         for the one command that changes something; what it made is taken over
      LOCK, OWNER               which process has it
      CURRENT, generations/     as in a store
      NOTED                     ids of products that were written to the store meanwhile
      CHANGED                   there when the command wrote products of the live generation it got
    STORE/lent/reading-…/       for a command that only reads; removed by it
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from shoplens.errors import StoreError
from shoplens.index.lock import StoreLock

WRITING = "writing"
NOTED, CHANGED = "NOTED", "CHANGED"
ABANDONED_SECONDS = 60
"""After which a folder that nobody has locked is nobody's."""
_NAME = re.compile(rf"{WRITING}|reading-[0-9a-f]{{16}}")


@contextmanager
def borrowing(store: Path, *, writes: bool, wait: float) -> Iterator[Path]:
    """A folder to be lent a copy in, locked and empty; it is removed in the end.

    Args:
        store: its folder.
        writes: whether what becomes of the copy is to be taken over; only one such command runs at a time.
        wait: seconds to wait for that.

    Raises:
        StoreError: ``store-in-use``, naming the command that changes the store.
    """
    clear_lent(store)
    folder = store / "lent" / (WRITING if writes else f"reading-{secrets.token_hex(8)}")
    folder.mkdir(parents=True, exist_ok=True)
    folder.touch()  # it is not abandoned
    lock = StoreLock(folder, wait)
    try:
        for part in folder.iterdir():  # of one that died
            if part.is_dir():
                shutil.rmtree(part)
            elif part.name not in ("LOCK", "OWNER"):
                part.unlink()
        yield folder
    finally:
        shutil.rmtree(folder / "generations", ignore_errors=True)
        for name in ("CURRENT", NOTED, CHANGED):
            (folder / name).unlink(missing_ok=True)
        lock.close()
        if not writes:
            shutil.rmtree(folder, ignore_errors=True)


def lent_folder(store: Path, name: str) -> Path:
    """Where a command waits for a copy, or has one.

    Raises:
        StoreError: ``not-lent``.
    """
    folder = store / "lent" / name
    if not _NAME.fullmatch(name) or not folder.is_dir():
        raise StoreError(f"No command waits at {name!r}.", "Run the command again.", code="not-lent")
    return folder


def clear_lent(store: Path) -> None:
    """Remove what commands left that died."""
    for folder in store.glob("lent/*"):
        try:
            if not _NAME.fullmatch(folder.name) or time.time() - folder.stat().st_mtime < ABANDONED_SECONDS:
                continue
            with filelock.FileLock(folder / "LOCK", timeout=0, thread_local=False):
                shutil.rmtree(folder, ignore_errors=True)
        except (OSError, filelock.Timeout):
            continue


def begin_notes(store: Path) -> None:
    """From now on, note for the command that writes what is written to the store."""
    (store / "lent" / WRITING / NOTED).write_bytes(b"")


def note(store: Path, ids: Iterable[str]) -> None:
    """Note that products of a store are about to be written, if a command will give a changed copy back."""
    notes = store / "lent" / WRITING / NOTED
    with contextlib.suppress(FileNotFoundError):  # the command ended in between
        if notes.is_file():
            with notes.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(name) + "\n" for name in ids)


def noted(store: Path) -> list[str]:
    """Ids of products that were written since the copy was lent, each once."""
    text = (store / "lent" / WRITING / NOTED).read_text("utf-8")
    return list(dict.fromkeys(json.loads(line) for line in text.splitlines()))
