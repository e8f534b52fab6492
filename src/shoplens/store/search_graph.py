"""Building the search graph of a generation, for the live one without a stop."""

from __future__ import annotations

import shutil

from shoplens.index.disk_room import require_room
from shoplens.index.qdrant.optimize import optimize
from shoplens.store.copies.write_log import rename_base_generation
from shoplens.store.files.atomic import break_seal, copy_tree, size_on_disk, sync_tree
from shoplens.store.generation import SHARD, Generation, open_generation, open_index
from shoplens.store.layout import PARTIAL
from shoplens.store.store import Store

GRAPH_SHARE = 3
"""Room that a build needs, as a multiple of what the generation takes: a copy, and segments with graphs beside it."""


def build_graph(store: Store, generation: Generation) -> None:
    """Build the search graph where enough products lack one.

    The live generation answers meanwhile: the graph is built over a copy, which then replaces it.
    """
    if not generation.index.needs_graph():
        return
    generation.index.flush()
    require_room(store.folder, GRAPH_SHARE * size_on_disk(generation.folder))
    if store.is_live(generation):
        copy = _copy_with_graph(store, generation)
        store.switch(copy)
        rename_base_generation(store.folder, generation.name, copy.name)
        return
    generation.index.close()
    try:
        optimize(generation.shard, generation.manifest.sizes)
    finally:
        generation.index = open_index(generation.folder, generation.manifest, store.engine)


def _copy_with_graph(store: Store, generation: Generation) -> Generation:
    folder = store.layout.next()
    partial = folder.with_name(folder.name + PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    copy_tree(generation.folder, partial)
    break_seal(partial)
    optimize(partial / SHARD, generation.manifest.sizes)
    sync_tree(partial)
    partial.rename(folder)
    return open_generation(folder, generation.manifest, store.engine)
