"""A backup of a store: a folder with its live generation and photos, and with what else must not be lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from shoplens.errors import Refused
from shoplens.index.disk_room import require_room
from shoplens.store.files.atomic import atomic_folder, copy_tree, size_on_disk, translate_disk_errors
from shoplens.store.files.merchandising import NAME as MERCHANDISING
from shoplens.store.layout import CURRENT
from shoplens.store.renames import RENAMED
from shoplens.store.store import Store

KEPT_FILES = (RENAMED, MERCHANDISING)
"""Files beside the generations that a backup has, too."""


def write_backup(store: Store, folder: Path, copy_more: Callable[[Path], None] = lambda copy: None) -> None:
    """Copy the live generation and the kept photos to a new folder, complete or not at all.

    Writers wait meanwhile; readers do not.

    Args:
        copy_more: copies what others keep in the store to the folder that it is given.

    Raises:
        Refused: the folder exists and is not empty, or lies in the store; the store is on a server.
        StoreError: ``disk``, the folder cannot be written.
    """
    if store.layout.is_shared:
        raise Refused(
            "The products of this store are on a server.",
            f"Copy the store to a folder with `shoplens copy`, here {folder}, or make snapshots with the server.",
        )
    if folder.resolve().is_relative_to(store.folder.resolve()):
        raise Refused(f"{folder} lies in the store {store.folder}.", "Give a folder outside it.")
    with store.writing():
        generation = store.live
        generation.flush()
        photos = size_on_disk(store.photos_folder) if store.photos_folder.is_dir() else 0
        require_room(folder, size_on_disk(generation.folder) + photos)
        with translate_disk_errors(folder), atomic_folder(folder, last=CURRENT) as copy:
            copy_tree(generation.folder, copy / "generations" / generation.name)
            if store.photos_folder.is_dir():
                copy_tree(store.photos_folder, copy / "photos")
            for name in KEPT_FILES:
                if (store.folder / name).is_file():
                    shutil.copyfile(store.folder / name, copy / name)
            copy_more(copy)
            (copy / CURRENT).write_text(generation.name + "\n", "utf-8")
