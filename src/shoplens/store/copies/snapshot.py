"""Copies of the live generation that commands work on while a service has the store.

::

    STORE/lent/writing/         for the one command that changes something; what it made is taken over
      LOCK, OWNER               which process has it
      CURRENT, generations/     as in a store
      NOTED                     ids of products that were written to the store meanwhile
      CHANGED                   there when the command wrote products of the live generation it got
      FROM                      the store's generation that is the copy's, as it is called now
      TAKEN                     the name under which the store has taken over what the command made
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
from shoplens.store.files.atomic import disk_errors_told
from shoplens.store.files.lock import StoreLock

WRITING = "writing"
NOTED, CHANGED, FROM, TAKEN = "NOTED", "CHANGED", "FROM", "TAKEN"
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
    with disk_errors_told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        folder.touch()  # it is not abandoned
        lock = StoreLock(folder, wait, store)
    try:
        _empty(folder)  # of one that died
        yield folder
    finally:
        _empty(folder)
        lock.close()
        if not writes:
            shutil.rmtree(folder, ignore_errors=True)


def _empty(folder: Path) -> None:
    """Remove all but the lock; a generation in one step, since the service may be about to take it."""
    with contextlib.suppress(FileNotFoundError):
        (folder / "generations").rename(folder / f"old-{secrets.token_hex(4)}")
    for part in folder.iterdir():
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        elif part.name not in ("LOCK", "OWNER"):
            part.unlink(missing_ok=True)


def snapshot_folder(store: Path, name: str) -> Path:
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


def begin_notes(store: Path, generation: str) -> None:
    """From now on, note for the command that writes what is written to this generation of the store."""
    (store / "lent" / WRITING / NOTED).write_bytes(b"")
    (store / "lent" / WRITING / FROM).write_text(generation, "utf-8")


def follow(store: Path, before: str, after: str) -> None:
    """The same products are in a generation of another name now."""
    told = store / "lent" / WRITING / FROM
    with contextlib.suppress(FileNotFoundError):
        if told.read_text("utf-8") == before:
            told.write_text(after, "utf-8")


def note(store: Path, ids: Iterable[str]) -> None:
    """Note that products of a store are about to be written, if a command will give a changed copy back."""
    notes = store / "lent" / WRITING / NOTED
    with contextlib.suppress(FileNotFoundError):  # the command ended in between
        if notes.is_file():
            with notes.open("ab", buffering=0) as file:
                file.write("".join(f"\n{json.dumps(name)}" for name in ids).encode())


def changed_ids(store: Path, live: str) -> list[str]:
    """Ids of products that were written since the copy was lent, each once.

    Args:
        live: name of the live generation.

    Raises:
        StoreError: ``not-lent``; ``another-generation``, which is not the one that was lent.
    """
    try:
        lent = (store / "lent" / WRITING / FROM).read_text("utf-8")
        lines = (store / "lent" / WRITING / NOTED).read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        raise StoreError("Nothing was lent.", "Run the command again.", code="not-lent") from None
    if lent != live:
        raise StoreError(
            f"Generation {live} has taken over since the command got a copy of {lent}.",
            "Run the command again; it begins with what answers now.",
            code="another-generation",
        )
    found = dict[str, None]()
    for line in lines:
        with contextlib.suppress(ValueError):  # cut off, and then nothing was written
            found[json.loads(line)] = None
    return list(found)
