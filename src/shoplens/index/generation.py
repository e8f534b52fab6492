"""One build of a store's vectors by one model, on disk and open."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shoplens.errors import InvalidValue, StoreError
from shoplens.filters.filters import Filters
from shoplens.filters.stored import stored_filters
from shoplens.index.manifest import Manifest
from shoplens.index.qdrant import QdrantIndex

SHARD = "shard"


@dataclass(eq=False)
class Generation:
    """One complete build, or one on its way to that.

    Attributes:
        filters: None while none have been fitted, or those that were are damaged.
        damage: why the filters cannot be used; searches that need none go on.
        end: what its last reader does with it, once it is no longer live.
    """

    folder: Path
    manifest: Manifest
    index: QdrantIndex
    filters: Filters | None = None
    damage: StoreError | None = None
    readers: int = 0
    end: Callable[[], None] | None = None

    @property
    def fitted(self) -> Filters:
        """The filters.

        Raises:
            StoreError: ``damaged-filters``.
            InvalidValue: ``no-filters``, none have been fitted.
        """
        if self.filters is not None:
            return self.filters
        raise self.damage or InvalidValue(
            "The store has no filters yet.",
            "Run `shoplens train filters`, which fits them to its products.",
            code="no-filters",
        )

    @property
    def shard(self) -> Path:
        return self.folder / SHARD

    @property
    def name(self) -> str:
        return self.folder.name

    def close(self) -> None:
        """Flush and close it."""
        self.index.flush()
        self.index.close()

    def discard(self) -> None:
        """Close it and remove it from disk."""
        self.index.close()
        shutil.rmtree(self.folder)


def opened(folder: Path, manifest: Manifest) -> Generation:
    """A generation as it lies on disk, with its filters.

    Raises:
        StoreError: as :func:`opened_index`.
    """
    filters, damage = None, None
    try:
        filters = stored_filters(folder)
    except StoreError as problem:
        damage = problem
    return Generation(folder, manifest, opened_index(folder, manifest), filters, damage)


def opened_index(folder: Path, manifest: Manifest) -> QdrantIndex:
    """The index in a generation's folder; made when it does not exist.

    Raises:
        StoreError: as :class:`~shoplens.index.qdrant.QdrantIndex`.
    """
    return QdrantIndex(folder / SHARD, manifest.dimensions, manifest.placed)
