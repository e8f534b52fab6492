"""From a backup to a store."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from pathlib import Path

from shoplens.errors import Refused, StoreError
from shoplens.index.disk_room import require_room
from shoplens.store.copies.backups import KEPT_FILES
from shoplens.store.files.atomic import (
    CHANGING,
    copy_tree,
    is_new_or_empty,
    replace_file,
    size_on_disk,
    sync_tree,
    translate_disk_errors,
)
from shoplens.store.generation import open_generation
from shoplens.store.layout import CURRENT, FEEDBACK, PARTIAL, is_store, live_folder
from shoplens.store.manifest import load_manifest
from shoplens.store.store import Store

_PARTS = {"LOCK", "OWNER", CHANGING, "generations", "photos", FEEDBACK, *KEPT_FILES}
"""What an interrupted restore may leave where there was no store."""


def restore(backup: Path, folder: Path, *, replace_store: bool = False, lock_wait: float = 5.0) -> None:
    """Make a store out of a backup: its live generation becomes the store's next one. Complete or not at all.

    Raises:
        StoreError: ``bad-backup``, ``disk``, or ``store-in-use``; a store at ``folder`` stays as it was.
        Refused: there is something at ``folder`` and ``replace_store`` is false, or it is no store; nothing was
            changed.
    """
    if not (backup / CURRENT).is_file():
        raise StoreError(
            f"{backup} is not a backup of a store.", "Give a folder made by `shoplens backup`.", code="bad-backup"
        )
    _check_contents(backup)
    try:
        load_manifest(live_folder(backup))
    except StoreError as problem:
        raise _bad_backup(backup, problem) from problem
    source, target = backup.resolve(), folder.resolve()
    if source.is_relative_to(target) or target.is_relative_to(source):
        raise Refused(f"{backup} and {folder} lie in one another.", "Give another --store, or move the backup out.")
    if is_store(folder):
        if not replace_store:
            raise Refused(f"There is already a store at {folder}.", "Give another --store, or --replace.")
    elif not is_new_or_empty(folder) and not _is_interrupted_restore(folder):
        raise Refused(f"{folder} exists and is not empty.", "Give a new folder.")
    with translate_disk_errors(folder), closing(Store(folder, create=True, rebuild=True, lock_wait=lock_wait)) as store:
        _adopt_backup(store, backup)


def _check_contents(backup: Path) -> None:
    """Raise an error for a folder that leads out of itself, by a link or by what it calls its live generation.

    Raises:
        StoreError: ``bad-backup``.
    """
    problem = ""
    if (name := (backup / CURRENT).read_text("utf-8", "replace").strip()) and not name.isdecimal():
        problem = f"CURRENT names {name[:100]!r}, which is no generation"
    for place, folders, files in os.walk(backup):
        for one in (*folders, *files):
            path = Path(place) / one
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                problem = problem or f"{path} is a link, or neither a file nor a folder"
    if problem:
        raise StoreError(
            f"The backup {backup} cannot be used: {problem}.",
            "Give a folder as `shoplens backup` made it.",
            code="bad-backup",
        )


def _adopt_backup(store: Store, backup: Path) -> None:
    """Make a backup's live generation the store's, and keep its photos; until then the store stays as it was."""
    with store.writing():
        folder = store.layout.next()
        partial = folder.with_name(folder.name + PARTIAL)
        try:
            require_room(store.folder, size_on_disk(backup))
            copy_tree(live_folder(backup), partial)
            manifest = load_manifest(partial)
            open_generation(partial, manifest).index.close()
            sync_tree(partial)
            if (backup / "photos").is_dir():
                copy_tree(backup / "photos", store.photos_folder)
                sync_tree(store.photos_folder)
            for name in (FEEDBACK, *KEPT_FILES):
                if (backup / name).is_file() and not (store.folder / name).exists():  # what is there is newer
                    replace_file(store.folder / name, (backup / name).read_bytes())
            partial.rename(folder)
        except StoreError as problem:
            raise _bad_backup(backup, problem) from problem
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        store.switch(open_generation(folder, manifest, store.engine))


def _bad_backup(backup: Path, problem: StoreError) -> StoreError:
    """Return the error for damage in a backup; other errors stay as they are."""
    if problem.code != "damaged-store":
        return problem
    return StoreError(
        f"The backup {backup} cannot be used. {problem.problem}",
        "Give another backup; the store is as it was.",
        code="bad-backup",
    )


def _is_interrupted_restore(folder: Path) -> bool:
    return (folder / "generations").is_dir() and {part.name for part in folder.iterdir()} <= _PARTS
