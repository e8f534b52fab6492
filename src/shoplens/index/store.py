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
from shoplens.index.durable import copy_tree, replace_file, sync_folder, sync_tree
from shoplens.index.lock import StoreLock
from shoplens.index.manifest import Manifest, manifest_in
from shoplens.index.optimize import optimize
from shoplens.index.qdrant import QdrantIndex

CURRENT, PARTIAL = "CURRENT", ".partial"


@dataclass(eq=False)
class Generation:
    """One complete build, or one on its way to that."""

    folder: Path
    manifest: Manifest
    index: QdrantIndex
    readers: int = 0
    retired: bool = False

    @property
    def shard(self) -> Path:
        return self.folder / "shard"

    @property
    def name(self) -> str:
        return self.folder.name

    def discard(self) -> None:
        """Close it and remove it from disk."""
        self.index.close()
        shutil.rmtree(self.folder)


class Store:
    """A store that this process owns until it is closed. Reads may run in parallel; writers hold ``writing()``.

    Args:
        folder: the store's.
        create: make it where there is none.
        rebuild: open it even when the live generation is damaged, as if there were none.
        lock_wait: seconds to wait for another process to let go.

    Raises:
        StoreError: ``no-store`` when there is none and ``create`` is false; ``store-in-use``; ``damaged-store``.
    """

    def __init__(self, folder: Path, *, create: bool = False, rebuild: bool = False, lock_wait: float = 5.0) -> None:
        self.folder = folder.absolute()
        if not create and not is_store(self.folder):
            raise StoreError(f"There is no store at {folder}.", "Make one: shoplens index FEED.", code="no-store")
        try:
            self._generations_folder.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise StoreError(
                f"{folder} cannot hold a store: {problem.strerror}.",
                "Give another folder with --store.",
                code="no-store",
            ) from None
        self._lock = StoreLock(self.folder, lock_wait)
        self._writing, self._leases, self._closed = threading.RLock(), threading.Lock(), False
        self._live: Generation | None = None
        try:
            self._live = self._opened_live()
        except BaseException as problem:
            if not (rebuild and isinstance(problem, StoreError) and problem.code == "damaged-store"):
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
        """The generation that answers queries; readers beside a writer take it by :meth:`reading`.

        Raises:
            StoreError: ``unfinished-store`` when the first build never ended; ``closed-store``.
        """
        if self._closed:
            raise StoreError(f"The store {self.folder} was closed.", "Open it again.", code="closed-store")
        if self._live is None:
            raise StoreError(
                f"The store {self.folder} was never finished.",
                "Run the same `shoplens index` again; it continues where it was.",
                code="unfinished-store",
            )
        return self._live

    @contextmanager
    def reading(self) -> Iterator[Generation]:
        """The live generation, which stays open for this block even when another becomes live meanwhile."""
        with self._leases:
            generation = self.live
            generation.readers += 1
        try:
            yield generation
        finally:
            with self._leases:
                generation.readers -= 1
                last = generation.retired and not generation.readers
            if last:
                generation.discard()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One writer at a time; a backup is a writer too."""
        with self._writing:
            yield

    @contextmanager
    def filling(self, manifest: Manifest) -> Iterator[Generation]:
        """A generation to fill: the unfinished one if it is of the same model, else a new one.

        When the work on it is cut short, it is closed and left for the next time, or removed if it is still empty.
        """
        generation = self._unfinished(manifest) or self._new(manifest)
        try:
            yield generation
        except BaseException:
            if generation is not self._live:
                empty = not generation.index.count()
                generation.index.close()
                if empty:
                    shutil.rmtree(generation.folder)
            raise

    def _unfinished(self, manifest: Manifest) -> Generation | None:
        """What an interrupted build left, if it can be continued; what cannot is removed."""
        current = self._current() or ""
        for folder in self._generations():
            if folder.name <= current:
                continue
            try:
                found = manifest_in(folder)
                if found.model == manifest.model:
                    index = QdrantIndex(folder / "shard", manifest.dimensions)
                    manifest = replace(manifest, created=found.created)
                    manifest.write(folder)
                    return Generation(folder, manifest, index)
            except StoreError as problem:
                if problem.code != "damaged-store":
                    raise
            shutil.rmtree(folder)
        return None

    def _new(self, manifest: Manifest) -> Generation:
        folder = self._next_folder()
        folder.mkdir()
        manifest.write(folder)
        return Generation(folder, manifest, QdrantIndex(folder / "shard", manifest.dimensions))

    def optimize(self, generation: Generation) -> None:
        """Build the search graph where enough products lack one.

        The live generation answers meanwhile: the graph is built over a copy, which then takes its place.
        """
        generation.index.flush()
        if not generation.index.graph_is_due():
            return
        if generation is self._live:
            self.switch(self._optimized_copy(generation))
            return
        generation.index.close()
        try:
            optimize(generation.shard)
        finally:
            generation.index = QdrantIndex(generation.shard, generation.manifest.dimensions)

    def _optimized_copy(self, generation: Generation) -> Generation:
        folder = self._next_folder()
        partial = folder.with_name(folder.name + PARTIAL)
        shutil.rmtree(partial, ignore_errors=True)
        copy_tree(generation.folder, partial)
        optimize(partial / "shard")
        partial.rename(folder)
        return Generation(folder, generation.manifest, QdrantIndex(folder / "shard", generation.manifest.dimensions))

    def switch(self, generation: Generation) -> None:
        """Make a filled generation the live one, in one atomic step, and remove the one before."""
        generation.index.flush()
        generation.manifest = replace(generation.manifest, complete=True)
        generation.manifest.write(generation.folder)
        sync_folder(self._generations_folder)
        replace_file(self.folder / CURRENT, generation.name + "\n")
        with self._leases:
            before, self._live = self._live, generation
            if before is None:
                return
            before.retired, read = True, before.readers
        if not read:
            before.discard()

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
                copy_tree(generation.folder, copy / "generations" / generation.name)
                if self.photos_folder.is_dir():
                    copy_tree(self.photos_folder, copy / "photos")
                (copy / CURRENT).write_text(generation.name + "\n", "utf-8")

    def close(self) -> None:
        """Flush, and let the next process in."""
        if self._live is not None:
            self._live.index.flush()
            self._live.index.close()
            self._live = None
        self._closed = True
        self._lock.close()

    def _next_folder(self) -> Path:
        names = [int(folder.name) for folder in self._generations()]
        return self._generations_folder / f"{max(names, default=0) + 1:06d}"

    def _generations(self) -> list[Path]:
        return sorted(path for path in self._generations_folder.iterdir() if path.name.isdigit())

    def _current(self) -> str | None:
        """Name of the live generation; None when no build ever ended."""
        try:
            return (self.folder / CURRENT).read_text("utf-8", "replace").strip()
        except FileNotFoundError:
            return None

    def _opened_live(self) -> Generation | None:
        name = self._current()
        if name is None:
            return None
        folder = self._generations_folder / name
        manifest = manifest_in(folder)
        for other in self._generations_folder.iterdir():
            if other.name < name or other.name.endswith(PARTIAL):  # left by a switch or a copy that was cut off
                shutil.rmtree(other)
        return Generation(folder, manifest, QdrantIndex(folder / "shard", manifest.dimensions))


def is_store(folder: Path) -> bool:
    """Whether a store, finished or not, lies there."""
    generations = folder / "generations"
    return (folder / CURRENT).is_file() or (generations.is_dir() and any(generations.iterdir()))


def restore(backup: Path, folder: Path, *, replace_store: bool = False, lock_wait: float = 5.0) -> None:
    """Make a store out of a backup.

    Raises:
        StoreError: when ``backup`` is not one, or another process uses the store at ``folder``.
        Refused: when there is something at ``folder`` and ``replace_store`` is false, or it is no store; nothing was
            changed.
    """
    if not (backup / CURRENT).is_file():
        raise StoreError(f"{backup} is not a backup of a store.", "Give a folder made by `shoplens backup`.")
    manifest_in(backup / "generations" / (backup / CURRENT).read_text("utf-8").strip())
    folder = folder.absolute()
    if not is_store(folder):
        with _whole(folder) as copy:
            copy_tree(backup, copy)
        return
    if not replace_store:
        raise Refused(f"There is already a store at {folder}.", "Give another --store, or --replace.")
    StoreLock(folder, lock_wait).close()
    new = folder.with_name(f"{folder.name}.restored-{timestamp()}")
    old = folder.with_name(f"{folder.name}.replaced-{timestamp()}")
    with _whole(new) as copy:
        copy_tree(backup, copy)
    folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old)


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A temporary sibling to fill, which becomes ``folder`` when all of it is on disk."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"{folder} exists and is not empty.", "Give a new folder.")
    partial = folder.with_name(folder.name + PARTIAL)
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
