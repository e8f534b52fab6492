"""One build of a store's vectors by one model, on disk and open."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shoplens.filters.filters import Filters
from shoplens.filters.stored import stored_filters
from shoplens.index.manifest import Manifest
from shoplens.index.qdrant import QdrantIndex

SHARD = "shard"


@dataclass(eq=False)
class Generation:
    """One complete build, or one on its way to that.

    Attributes:
        filters: None while none have been fitted.
        end: what its last reader does with it, once it is no longer live.
    """

    folder: Path
    manifest: Manifest
    index: QdrantIndex
    filters: Filters | None = None
    readers: int = 0
    end: Callable[[], None] | None = None

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
        StoreError: as :func:`opened_index` and :func:`~shoplens.filters.stored.stored_filters`.
    """
    filters = stored_filters(folder)
    return Generation(folder, manifest, opened_index(folder, manifest), filters)


def opened_index(folder: Path, manifest: Manifest) -> QdrantIndex:
    """The index in a generation's folder; made when it does not exist.

    Raises:
        StoreError: as :class:`~shoplens.index.qdrant.QdrantIndex`.
    """
    return QdrantIndex(folder / SHARD, manifest.dimensions, manifest.dense)
