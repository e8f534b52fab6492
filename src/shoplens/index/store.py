"""A store: everything on disk for one catalogue.

::

    STORE/
      CURRENT                 name of the live generation; replaced atomically
      LOCK, OWNER             which process has it open
      generations/000001/     manifest.json and the engine's shard
      photos/                 fetched photos, by content
      reports/                what each run rejected, JSON Lines
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from shoplens.errors import Refused, StoreError
from shoplens.index.durable import replace_file, sync_folder, sync_tree
from shoplens.index.lock import StoreLock
from shoplens.index.manifest import Manifest, manifest_in
from shoplens.index.optimize import optimize
from shoplens.index.qdrant import QdrantIndex

CURRENT = "CURRENT"
GRAPH_DUE = 10_000
"""Products without a graph over them at which building one pays; fewer are searched exactly in about a millisecond."""


@dataclass
class Generation:
    """One complete build, or one on its way to that. ``index`` is None while its graph is built."""

    folder: Path
    manifest: Manifest
    index: QdrantIndex

    @property
    def shard(self) -> Path:
        return self.folder / "shard"

    @property
    def name(self) -> str:
        return self.folder.name


class Store:
    """A store that this process owns until it is closed. Reads may run in parallel; writers hold ``writing()``.

    Raises:
        StoreError: ``no-store`` when there is none and ``create`` is false; ``store-in-use``; ``damaged-store``.
    """

    def __init__(self, folder: Path, *, create: bool = False, lock_wait: float = 5.0) -> None:
        self.folder = folder.absolute()
        if not create and not (self.folder / CURRENT).is_file() and not self._generations():
            raise StoreError(f"There is no store at {folder}.", "Make one: shoplens index FEED.", code="no-store")
        self._generations_folder.mkdir(parents=True, exist_ok=True)
        self._lock = StoreLock(self.folder, lock_wait)
        self._writing = threading.RLock()
        try:
            self._live = self._opened_live()
        except BaseException:
            self._lock.close()
            raise

    @property
    def _generations_folder(self) -> Path:
        return self.folder / "generations"

    @property
    def photos_folder(self) -> Path:
        return self.folder / "photos"

    @property
    def has_live(self) -> bool:
        return self._live is not None

    @property
    def live(self) -> Generation:
        """The generation that answers queries.

        Raises:
            StoreError: ``unfinished-store`` when the first build never ended.
        """
        if self._live is None:
            raise StoreError(
                f"The store {self.folder} was never finished.",
                "Run the same `shoplens index` again; it continues where it was.",
                code="unfinished-store",
            )
        return self._live

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One writer at a time; a backup is a writer too."""
        with self._writing:
            yield

    def filling(self, manifest: Manifest) -> Generation:
        """A generation to fill: the unfinished one if it is of the same model, else a new one."""
        for folder in self._generations():
            if self._live is not None and folder.name <= self._live.name:
                continue
            found = manifest_in(folder) if (folder / "manifest.json").is_file() else None
            if found is not None and found.model == manifest.model:
                manifest = replace(manifest, created=found.created)
                manifest.write(folder)
                return Generation(folder, manifest, QdrantIndex(folder / "shard", manifest.dimensions))
            shutil.rmtree(folder)
        names = [int(folder.name) for folder in self._generations()]
        folder = self._generations_folder / f"{max(names, default=0) + 1:06d}"
        folder.mkdir()
        manifest.write(folder)
        return Generation(folder, manifest, QdrantIndex(folder / "shard", manifest.dimensions))

    def optimize(self, generation: Generation) -> None:
        """Build the search graph where enough products lack one. Nothing else may use the generation meanwhile."""
        due = generation.index.unoptimized() >= GRAPH_DUE
        generation.index.flush()
        if due:
            generation.index.close()
            try:
                optimize(generation.shard)
            finally:
                generation.index = QdrantIndex(generation.shard, generation.manifest.dimensions)

    def switch(self, generation: Generation) -> None:
        """Make a filled generation the live one, in one atomic step, and remove the one before."""
        generation.index.flush()
        generation.manifest = replace(generation.manifest, complete=True)
        generation.manifest.write(generation.folder)
        sync_folder(self._generations_folder)
        replace_file(self.folder / CURRENT, generation.name + "\n")
        before, self._live = self._live, generation
        if before is not None:
            before.index.close()
            shutil.rmtree(before.folder)

    def backup(self, folder: Path) -> None:
        """Copy the live generation and the kept photos to a new folder, complete or not at all.

        Writers wait meanwhile; readers do not.

        Raises:
            Refused: when the folder exists and is not empty.
        """
        generation = self.live
        with self.writing():
            generation.index.flush()
            with _whole(folder) as copy:
                shutil.copytree(generation.folder, copy / "generations" / generation.name)
                if self.photos_folder.is_dir():
                    shutil.copytree(self.photos_folder, copy / "photos")
                (copy / CURRENT).write_text(generation.name + "\n", "utf-8")

    def close(self) -> None:
        """Flush, and let the next process in."""
        if self._live is not None:
            self._live.index.flush()
            self._live.index.close()
            self._live = None
        self._lock.close()

    def _generations(self) -> list[Path]:
        folder = self._generations_folder
        return sorted(path for path in folder.iterdir() if path.name.isdigit()) if folder.is_dir() else []

    def _opened_live(self) -> Generation | None:
        try:
            name = (self.folder / CURRENT).read_text("utf-8").strip()
        except FileNotFoundError:
            return None
        folder = self._generations_folder / name
        manifest = manifest_in(folder)
        for other in self._generations():
            if other.name < name:  # left by a switch that was cut off
                shutil.rmtree(other)
        return Generation(folder, manifest, QdrantIndex(folder / "shard", manifest.dimensions))


def restore(backup: Path, folder: Path, *, replace_store: bool = False, lock_wait: float = 5.0) -> None:
    """Make a store out of a backup.

    Raises:
        StoreError: when ``backup`` is not one.
        Refused: when there is a store at ``folder`` and ``replace_store`` is false; nothing was changed.
    """
    if not (backup / CURRENT).is_file():
        raise StoreError(f"{backup} is not a backup of a store.", "Give a folder made by `shoplens backup`.")
    manifest_in(backup / "generations" / (backup / CURRENT).read_text("utf-8").strip())
    if folder.exists() and any(folder.iterdir()):
        if not replace_store:
            raise Refused(f"There is already something at {folder}.", "Give another --store, or --replace.")
        lock = StoreLock(folder, lock_wait)
        lock.close()
        old = folder.with_name(f"{folder.name}.replaced-{timestamp()}")
        with _whole(folder.with_name(folder.name + ".restored")) as copy:
            shutil.copytree(backup, copy, dirs_exist_ok=True)
        folder.rename(old)
        folder.with_name(folder.name + ".restored").rename(folder)
        shutil.rmtree(old)
    else:
        with _whole(folder) as copy:
            shutil.copytree(backup, copy, dirs_exist_ok=True)


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A temporary sibling to fill, which becomes ``folder`` when all of it is on disk."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"{folder} exists and is not empty.", "Give a new folder.")
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        sync_tree(partial)
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def timestamp() -> str:
    """Now, UTC, fit for file names and in order: ``20260131T235959123456Z``."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
