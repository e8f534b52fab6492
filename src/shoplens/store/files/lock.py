"""One process owns a store. Whoever comes second is told who the first is."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import filelock

from shoplens.errors import StoreError


class StoreLock:
    """Held until closed, or until the process dies.

    Args:
        folder: the store's.
        wait: seconds to wait for another process to let go.
        store: whose copy lies in the folder; itself when omitted.

    Raises:
        StoreError: ``store-in-use``, naming the process that holds it.
    """

    def __init__(self, folder: Path, wait: float, store: Path | None = None) -> None:
        self._owner = folder / "OWNER"
        self._lock = filelock.FileLock(folder / "LOCK", thread_local=False)
        try:
            self._lock.acquire(timeout=wait, poll_interval=0.05)
        except filelock.Timeout:
            raise StoreError(
                f"The store {store or folder} is in use by {self._owner_in_words()}.",
                "Wait until it is done, or end it. One process owns a store at a time, and one changes it.",
                code="store-in-use",
            ) from None
        try:
            self.announce()
        except BaseException:
            self._lock.release()
            raise

    def announce(self, address: str = "", secret: str = "") -> None:
        """Say who has it; of a service, its address and the secret by which it knows commands of this store's user."""
        owner = {"pid": os.getpid(), "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200]}
        told = owner | ({"address": address, "secret": secret} if address else {})
        new = self._owner.with_name(f"OWNER.{os.getpid()}")
        new.touch(mode=0o600)  # the secret is nobody else's
        new.write_text(json.dumps(told), "utf-8")
        new.replace(self._owner)

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


@dataclass(frozen=True, slots=True)
class ServedAt:
    """Where the service is that has a store.

    Attributes:
        address: of its API.
        secret: by which it knows commands of this store's user.
    """

    address: str
    secret: str


def find_service(store: Path, wait: float = 5.0) -> ServedAt | None:
    """What the lock says of a service; None where no service has the store, or none that runs.

    Args:
        wait: seconds to wait for one that starts.
    """
    end = time.monotonic() + wait
    while True:
        try:
            told = json.loads((store / "OWNER").read_text("utf-8"))
            with filelock.FileLock(store / "LOCK", timeout=0, thread_local=False):
                return None
        except filelock.Timeout:
            if "address" in told:
                return ServedAt(told["address"], told["secret"])
            if " serve" not in told["command"] or time.monotonic() > end:
                return None
            time.sleep(0.1)
        except (OSError, ValueError, KeyError, TypeError):
            return None
