"""One process owns a store. Whoever comes second is told who the first is."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import filelock

from shoplens.errors import StoreError


class StoreLock:
    """Held until closed, or until the process dies.

    Args:
        folder: the store's.
        wait: seconds to wait for another process to let go.

    Raises:
        StoreError: ``store-in-use``, naming the process that holds it.
    """

    def __init__(self, folder: Path, wait: float) -> None:
        self._owner = folder / "OWNER"
        self._lock = filelock.FileLock(folder / "LOCK", thread_local=False)
        try:
            self._lock.acquire(timeout=wait, poll_interval=0.05)
        except filelock.Timeout:
            raise StoreError(
                f"The store {folder} is in use by {self._owner_in_words()}.",
                "Wait until it is done, or end it. One process owns a store at a time.",
                code="store-in-use",
            ) from None
        command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200]
        try:
            self._owner.write_text(json.dumps({"pid": os.getpid(), "command": command}), "utf-8")
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Lets the next process in."""
        self._owner.unlink(missing_ok=True)
        self._lock.release()

    def _owner_in_words(self) -> str:
        try:
            owner = json.loads(self._owner.read_text("utf-8"))
            return f"process {owner['pid']} (`{owner['command']}`)"
        except (OSError, ValueError, KeyError):
            return "another process"
