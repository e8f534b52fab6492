"""A copy of a store's live generation for a command, and the way back of what the command made of it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shoplens.index.disk_room import require_room
from shoplens.store.copies.snapshot_folders import ADOPTED_AS, SNAPSHOTS, WRITING, snapshot_folder
from shoplens.store.copies.write_log import logged_ids, no_snapshot, start_write_log
from shoplens.store.files.atomic import break_seal, copy_tree, replace_file, size_on_disk, translate_disk_errors
from shoplens.store.generation import Generation, open_generation
from shoplens.store.layout import StoreLayout
from shoplens.store.manifest import load_manifest
from shoplens.store.store import Store


def write_snapshot(store: Store, name: str, *, kept: bool = False) -> None:
    """Copy the live generation to the folder of a command that waits for it.

    From then on, what is written to the store is logged for the one command that will hand a changed copy back.

    Args:
        name: of the folder, which the command has locked (:mod:`shoplens.store.copies.snapshot_folders`).
        kept: whether to copy the kept generations, too.

    Raises:
        StoreError: ``disk``; ``no-snapshot``, no command waits there.
    """
    target = snapshot_folder(store.folder, name)
    with store.writing(), translate_disk_errors(target):
        generation = store.live
        generation.flush()
        folders = (generation.folder, *(store.kept_generations() if kept else ()))
        require_room(target, sum(map(size_on_disk, folders)))
        for folder in folders:
            copy_tree(folder, target / "generations" / folder.name)
        if name == WRITING:
            start_write_log(store.folder, generation.name)
        StoreLayout(target).make_current(generation.name)


@contextmanager
def adopt_snapshot(store: Store) -> Iterator[tuple[Generation, list[str]]]:
    """Give the generation that a command made of its copy, and the ids of products that were written since.

    The caller switches to it. When the work on it is cut short, it lies where the command left it.

    Raises:
        StoreError: ``no-snapshot``; ``another-generation``, the live generation is not the one that was copied.
    """
    layout = StoreLayout(snapshot_folder(store.folder, WRITING))
    ids = logged_ids(store.folder, store.live.name)  # first, since what is adopted may have another name afterwards
    theirs, ours = _generation_of_command(store, layout), store.layout.next()
    replace_file(layout.folder / ADOPTED_AS, ours.name)
    try:
        theirs.rename(ours)
    except FileNotFoundError:
        raise no_snapshot() from None
    generation = None
    try:
        generation = open_generation(ours, load_manifest(ours), store.engine)
        break_seal(ours)
        yield generation, ids
    finally:
        if generation is not None and not store.is_live(generation):
            generation.index.close()
        if store.layout.current() != ours.name:
            try:
                ours.rename(theirs)
            except OSError:  # the command has ended
                shutil.rmtree(ours, ignore_errors=True)


def is_snapshot_adopted(store: Store) -> bool:
    """Whether what the command made is live: another process that had the store adopted it, and ended."""
    layout = StoreLayout(store.folder / SNAPSHOTS / WRITING)
    try:
        is_live = (layout.folder / ADOPTED_AS).read_text("utf-8") == store.live.name
    except FileNotFoundError:
        return False
    return is_live and not (layout.generations / (layout.current() or "")).is_dir()


def _generation_of_command(store: Store, layout: StoreLayout) -> Path:
    """Return where the generation lies that the command made, even if a process ended while it adopted it."""
    name = layout.current()
    if name is None:
        raise no_snapshot()
    folder, adopted_as = layout.generations / name, layout.folder / ADOPTED_AS
    if not folder.is_dir() and adopted_as.is_file():
        with contextlib.suppress(OSError):
            (store.layout.generations / adopted_as.read_text("utf-8")).rename(folder)
    return folder
