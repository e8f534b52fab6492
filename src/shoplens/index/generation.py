"""One build of a store's vectors by one model, on disk and open."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shoplens.index.manifest import Manifest
from shoplens.index.qdrant import QdrantIndex


@dataclass(eq=False)
class Generation:
    """One complete build, or one on its way to that.

    Attributes:
        end: what its last reader does with it, once it is no longer live.
    """

    folder: Path
    manifest: Manifest
    index: QdrantIndex
    readers: int = 0
    end: Callable[[], None] | None = None

    @property
    def shard(self) -> Path:
        return self.folder / "shard"

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
