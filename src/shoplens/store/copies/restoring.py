"""A copy of a store -> a store."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from shoplens.errors import Refused, StoreError
from shoplens.store.copies.backups import CURRENT, FEEDBACK, bad_backup, live_folder
from shoplens.store.files.atomic import disk_errors_told, is_free
from shoplens.store.layout import is_store
from shoplens.store.manifest import manifest_in
from shoplens.store.renames import RENAMED
from shoplens.store.store import Store

_PARTS = {"LOCK", "OWNER", "generations", "photos", FEEDBACK, RENAMED}
"""What a restore that was cut off may leave where there was no store."""


def restore(backup: Path, folder: Path, *, replace_store: bool = False, lock_wait: float = 5.0) -> None:
    """Make a store out of a backup: its live generation becomes the store's next one. Complete or not at all.

    Raises:
        StoreError: ``bad-backup``, ``disk``, or ``store-in-use``; a store at ``folder`` stays as it was.
        Refused: when there is something at ``folder`` and ``replace_store`` is false, or it is no store; nothing was
            changed.
    """
    if not (backup / CURRENT).is_file():
        raise StoreError(
            f"{backup} is not a backup of a store.", "Give a folder made by `shoplens backup`.", code="bad-backup"
        )
    try:
        manifest_in(live_folder(backup))
    except StoreError as problem:
        raise bad_backup(backup, problem) from problem
    here, there = backup.resolve(), folder.resolve()
    if here.is_relative_to(there) or there.is_relative_to(here):
        raise Refused(f"{backup} and {folder} lie in one another.", "Give another --store, or move the backup out.")
    if is_store(folder):
        if not replace_store:
            raise Refused(f"There is already a store at {folder}.", "Give another --store, or --replace.")
    elif not is_free(folder) and not _is_cut_off_restore(folder):
        raise Refused(f"{folder} exists and is not empty.", "Give a new folder.")
    with disk_errors_told(folder), closing(Store(folder, create=True, rebuild=True, lock_wait=lock_wait)) as store:
        store.take_in(backup)


def _is_cut_off_restore(folder: Path) -> bool:
    return (folder / "generations").is_dir() and {part.name for part in folder.iterdir()} <= _PARTS
