"""The generation that a build fills: the one that an interrupted build left, or a new one."""

from __future__ import annotations

from dataclasses import replace

from shoplens.errors import StoreError
from shoplens.index.disk_room import require_room
from shoplens.index.protocol import OpenIndex
from shoplens.store.files.atomic import break_seal
from shoplens.store.generation import Generation, open_index
from shoplens.store.layout import Layout
from shoplens.store.manifest import Manifest, load_manifest

LOST = frozenset({"damaged-store", "no-collection"})
"""Errors of a generation that cannot be opened any more, which a build replaces."""


def resume_or_create(layout: Layout, manifest: Manifest, engine: OpenIndex) -> Generation:
    """Open the unfinished generation if it is of the same encoding, else a new one.

    Args:
        manifest: of what is to be built.

    Raises:
        StoreError: ``disk``, and what the engine raises.
    """
    return _resume_unfinished(layout, manifest, engine) or _create(layout, manifest, engine)


def _resume_unfinished(layout: Layout, manifest: Manifest, engine: OpenIndex) -> Generation | None:
    """Open what an interrupted build left, if it can be continued; remove it if not."""
    current = layout.current() or ""
    for folder in layout.complete():
        if folder.name <= current:
            continue
        try:
            left = load_manifest(folder)
            if left.kept:
                continue
            if (left.encoding, left.sizes, left.look) == (manifest.encoding, manifest.sizes, manifest.look):
                break_seal(folder)
                index = open_index(folder, manifest, engine)
                manifest = replace(manifest, created=left.created)
                manifest.write(folder)
                return Generation(folder, manifest, index)
        except StoreError as problem:
            if problem.code not in LOST:
                raise
        layout.remove(folder)
    return None


def _create(layout: Layout, manifest: Manifest, engine: OpenIndex) -> Generation:
    require_room(layout.generations)
    folder = layout.next()
    folder.mkdir()
    manifest.write(folder)
    layout.publish(folder)
    return Generation(folder, manifest, open_index(folder, manifest, engine))
