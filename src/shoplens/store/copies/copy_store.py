"""Copies the live generation of a store into another store, between a folder and a server in either direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from shoplens.embedders.look import load_look
from shoplens.errors import Refused, StoreError
from shoplens.filters.model.caption import load_caption_model
from shoplens.filters.model.stored import load_filters
from shoplens.index.protocol import IndexedProduct, StoredIndex
from shoplens.reading.text_model import load_text_model
from shoplens.store.files.atomic import BROKEN_SEAL, NEW, SEAL, replace_file
from shoplens.store.generation import SHARD, Generation
from shoplens.store.manifest import NAME as MANIFEST
from shoplens.store.search_graph import build_graph
from shoplens.store.store import Store
from shoplens.types import Progress
from shoplens.types.iteration import batches

BATCH = 64
"""Products per write."""
_OWN_FILES = {MANIFEST, SEAL, BROKEN_SEAL}


def copy_store(source: Store, target: Store, progress: Progress, *, replace_live: bool = False) -> int:
    """Copy the live generation: vectors, records, filters, rankers, calibrations, and old ids. An interrupted copy is
    continued. Photos that were fetched, feedback and kept generations stay where they are.

    Args:
        progress: called with how far the work is.
        replace_live: whether the target may have a live generation; it is kept, to go back to.

    Returns:
        Number of products.

    Raises:
        Refused: ``store-exists``.
        StoreError: ``store-changed``, products were written to the source meanwhile.
    """
    if target.has_live and not replace_live:
        raise Refused(
            f"The target already holds {target.live.index.count()} products.",
            "Give --replace to put the copy in their place; the present ones are kept, to go back to.",
            code="store-exists",
        )
    with source.writing(), source.reading() as live, target.writing():
        manifest = replace(live.manifest, complete=False, kept=False)
        with target.new_generation(manifest) as generation:
            _copy_files(live.folder, generation.folder)
            generation.filters, generation.text = load_filters(generation.folder), load_text_model(generation.folder)
            generation.caption = load_caption_model(generation.folder)
            generation.look = load_look(generation.folder, manifest.look)
            products = _copy_products(live, generation, progress)
            build_graph(target, generation)
            target.switch(generation, keep=True)
        target.add_renames(source.renames())
    return products


def _copy_files(source: Path, target: Path) -> None:
    """Copy the files of a generation but those of its index; files that the target has beyond them are removed."""
    names = set()
    for path in source.iterdir():
        if path.is_file() and path.name not in _OWN_FILES and not path.name.endswith(NEW):
            names.add(path.name)
            replace_file(target / path.name, path.read_bytes())
    for path in target.iterdir():
        if path.is_file() and path.name not in names | _OWN_FILES:
            path.unlink()
    if folders := [path.name for path in source.iterdir() if path.is_dir() and path.name != SHARD]:
        raise StoreError(
            f"{source} has the folders {', '.join(folders)}, which this version does not copy.",
            "Upgrade: pip install --upgrade shoplens.",
            code="newer-store",
        )


def _copy_products(live: Generation, generation: Generation, progress: Progress) -> int:
    total, copied = live.index.count(), set[str]()
    for batch in batches(live.index.entries(), BATCH):
        generation.index.upsert(_missing_entries(generation.index, batch))
        copied.update(entry.product.id for entry in batch)
        progress("Copying the products", len(copied), total)
    generation.index.remove(set(generation.index.ids()) - copied)
    if not len(copied) == generation.index.count() == live.index.count():
        raise StoreError(
            f"{len(copied)} products were copied, and now the source has {live.index.count()} and the copy "
            f"{generation.index.count()}.",
            "Stop what writes to the source, and run the same command again; it continues.",
            code="store-changed",
        )
    return len(copied)


def _missing_entries(index: StoredIndex, entries: Sequence[IndexedProduct]) -> list[IndexedProduct]:
    """Return the entries that an interrupted copy has not written."""
    present = {entry.product.id: entry for entry in index.entries(entry.product.id for entry in entries)}
    return [entry for entry in entries if not _is_equal(present.get(entry.product.id), entry)]


def _is_equal(stored: IndexedProduct | None, entry: IndexedProduct) -> bool:
    return (
        stored is not None
        and (stored.product, stored.photos) == (entry.product, entry.photos)
        and stored.vectors.tobytes() == entry.vectors.tobytes()
        and (stored.scores is None) == (entry.scores is None)
        and (stored.scores is None or entry.scores is None or stored.scores.predicted == entry.scores.predicted)
    )
