"""The lock of a store: one process owns it, and another one gets an error that names the owner."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import filelock

from shoplens.errors import StoreError, disk_error


class StoreLock:
    """A lock that is held until it is closed or the process ends.

    Args:
        folder: of the store.
        wait: seconds to wait for another process to release the lock.
        store: whose snapshot lies in the folder; the folder itself when omitted.

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
                f"The store {store or folder} is in use by {self._describe_owner()}.",
                "Wait until it has finished, or stop it. One process at a time owns a store, and one changes it.",
                code="store-in-use",
            ) from None
        try:
            self.announce()
        except BaseException:
            self._lock.release()
            raise

    def announce(self, address: str = "", secret: str = "") -> None:
        """Write down the owner; a service adds its address and the secret by which it recognises commands."""
        owner = {"pid": os.getpid(), "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200]}
        content = owner | ({"address": address, "secret": secret} if address else {})
        new = self._owner.with_name(f"OWNER.{os.getpid()}")
        try:
            new.touch(mode=0o600)  # the secret is nobody else's
            new.write_text(json.dumps(content), "utf-8")
            new.replace(self._owner)
        except OSError as problem:
            new.unlink(missing_ok=True)
            if disk_error(problem) is None:
                raise  # on a full disk, the store can be read all the same

    def close(self) -> None:
        """Release the lock."""
        self._owner.unlink(missing_ok=True)
        self._lock.release()

    def _describe_owner(self) -> str:
        try:
            owner = json.loads(self._owner.read_text("utf-8"))
            return f"process {owner['pid']} (`{owner['command']}`)"
        except (OSError, ValueError, KeyError):
            return "another process"


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """The service that has a store.

    Attributes:
        address: of its API.
        secret: by which it recognises commands of the store's user.
    """

    address: str
    secret: str


def find_service(store: Path, wait: float = 5.0) -> ServiceAddress | None:
    """Read from the lock where the store's service is; None where no running service has the store.

    Args:
        wait: seconds to wait for a service that is starting.
    """
    end = time.monotonic() + wait
    while True:
        try:
            owner = json.loads((store / "OWNER").read_text("utf-8"))
            with filelock.FileLock(store / "LOCK", timeout=0, thread_local=False):
                return None
        except filelock.Timeout:
            if "address" in owner:
                return ServiceAddress(owner["address"], owner["secret"])
            if " serve" not in owner["command"] or time.monotonic() > end:
                return None
            time.sleep(0.1)
        except (OSError, ValueError, KeyError, TypeError):
            return None
