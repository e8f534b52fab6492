"""A store: everything on disk for one catalogue. :mod:`shoplens.store.layout` shows what lies where."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from shoplens.errors import InvalidValue, StoreError, disk_error
from shoplens.index.protocol import OpenIndex
from shoplens.index.qdrant.qdrant_index import QdrantIndex
from shoplens.store.copies.snapshot_folders import CHANGED, remove_abandoned_snapshots
from shoplens.store.copies.write_log import log_writes
from shoplens.store.files.atomic import break_seal, sync_folder, translate_disk_errors
from shoplens.store.files.lock import StoreLock
from shoplens.store.generation import Generation, close_on_error, open_generation
from shoplens.store.layout import Layout, StoreLayout, kept_folder
from shoplens.store.manifest import FORMAT, Manifest, load_manifest, stored_format
from shoplens.store.new_generation import LOST, resume_or_create
from shoplens.store.renames import RENAMED, RenameFile, follow_renames

Result = TypeVar("Result")
MOST_SWITCHES = 5
"""Times that a change is made again because another process has made another generation live."""
MOST_KEPT = 2
"""Number of generations that stay on disk after the next has taken over, for a roll-back."""


class Store:
    """A store that this process owns until it is closed. Reads may run in parallel; writers hold :meth:`writing`.

    Args:
        folder: of the store.
        create: whether to create it where there is none.
        rebuild: whether to open it even if the live generation is damaged, as if there were none.
        lock_wait: seconds to wait for another process to release the store.
        snapshot: folder with a copy of the live generation to work on; the store's own is left to its owner.
        engine: opens indexes; a service has each in a process of its own.
        layout: where the generations are; None for the folder. Of a store on a server, the folder is a working folder.

    Raises:
        StoreError: ``no-store`` when there is none and ``create`` is false; ``store-in-use``; ``damaged-store``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        create: bool = False,
        rebuild: bool = False,
        lock_wait: float = 5.0,
        snapshot: Path | None = None,
        engine: OpenIndex = QdrantIndex,
        layout: Layout | None = None,
    ) -> None:
        self.engine = engine
        self.folder, self.is_snapshot = folder.absolute(), snapshot is not None
        self.layout: Layout = layout or StoreLayout(self.folder if snapshot is None else snapshot)
        self._renames = RenameFile(self.folder / RENAMED)
        if not create and not (layout or StoreLayout(self.folder)).exists():
            raise StoreError(f"There is no store at {folder}.", "Make one: shoplens index FEED.", code="no-store")
        try:
            self.layout.generations.mkdir(parents=True, exist_ok=True)
            self._lock = StoreLock(self.folder, lock_wait) if snapshot is None else None  # the borrower has it
        except OSError as problem:
            told = f"{folder} cannot hold a store: {problem.strerror}.", "Give it write rights, or another --store."
            raise disk_error(problem) or StoreError(*told, code="no-store") from None
        self._writing, self._leases, self._closed = threading.RLock(), threading.Condition(), False
        self._live: Generation | None = None
        self._is_of_before, self._written = False, set[str]()
        self._open = set[Generation]()  # the live one, and those before it that are still read
        self._closing = ThreadPoolExecutor(1, "close-generation")
        try:
            if snapshot is None:
                remove_abandoned_snapshots(self.folder)
            self._version = self.layout.version()
            self._live = self._open_live()
            if self._live is not None:
                self._open.add(self._live)
                self._connect(self._live)
        except BaseException as problem:
            if not (rebuild and isinstance(problem, StoreError) and problem.code in LOST):
                self._unlock()
                raise

    @property
    def photos_folder(self) -> Path:
        return self.folder / "photos"

    @property
    def has_live(self) -> bool:
        """Whether a generation answers queries."""
        return self._live is not None

    def is_live(self, generation: Generation) -> bool:
        """Whether this is the generation that answers queries."""
        return generation is self._live

    @property
    def live(self) -> Generation:
        """The generation that answers queries; readers beside a writer get it from :meth:`reading`.

        Raises:
            StoreError: ``unfinished-store``, the first build never ended; ``closed-store``.
        """
        self._refuse_if_closed()
        if self._live is None:
            raise StoreError(
                f"The store {self.folder} was never finished.",
                "Run the same `shoplens index` again; it continues where it stopped.",
                code="unfinished-store",
            )
        return self._live

    @contextmanager
    def reading(self) -> Iterator[Generation]:
        """Give the live generation, which stays open for this block even if another becomes live meanwhile."""
        with self._leases:
            generation = self.live
            generation.readers += 1
        with self._lease(generation):
            yield generation

    @contextmanager
    def _lease(self, generation: Generation) -> Iterator[None]:
        """End the lease of one reader when the block ends; a search does not wait until what it read last is closed."""
        try:
            yield
        finally:
            with self._leases:
                generation.readers -= 1
                if not (is_closed := self._closed) and generation.on_unread is not None:
                    self._closing.submit(self._end_unread, generation)
            if is_closed:
                self._end_unread(generation)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the store for one writer; a backup is a writer, too.

        Raises:
            StoreError: ``closed-store``.
        """
        with self._writing:
            self._refuse_if_closed()
            yield

    @contextmanager
    def new_generation(self, manifest: Manifest) -> Iterator[Generation]:
        """Give a generation to fill: the unfinished one if it is of the same model, else a new one.

        If the block fails, the generation is closed and left for the next time, or removed if it is still empty.
        """
        with self.layout.building():
            generation = resume_or_create(self.layout, manifest, self.engine)
            try:
                yield generation
            except BaseException:
                if generation is not self._live:
                    empty = not generation.index.count()
                    generation.index.close()
                    if empty:
                        self.layout.remove(generation.folder)
                raise

    def switch(self, generation: Generation, *, keep: bool = False) -> None:
        """Make a filled generation the live one, in one atomic step.

        Args:
            keep: whether to keep the generation before on disk, and the latest older one; otherwise it is removed. One
                that other processes may still search is always kept.
        """
        keep = keep or self.layout.is_shared
        generation.manifest = replace(generation.manifest, complete=True, kept=False)
        generation.manifest.write(generation.folder)
        generation.flush()
        if keep and self._live is not None:
            replace(self._live.manifest, kept=True).write(self._live.folder)
        sync_folder(self.layout.generations)
        self.layout.make_current(generation.name)
        with self._leases:
            before, self._live = self._live, generation
            self._open.add(generation)
            self._connect(generation)
            if before is None:
                return
            before.on_unread = before.close if keep else partial(self._discard, before)
        self._end_unread(before)
        for folder in self.kept_generations()[MOST_KEPT:]:
            if all(one.folder != folder for one in self._open):  # else the next switch removes it
                self.layout.remove(folder)

    def _discard(self, generation: Generation) -> None:
        generation.index.close()
        self.layout.remove(generation.folder)

    def kept_generations(self) -> list[Path]:
        """Return the folders of the generations that were kept for a roll-back, the latest first."""
        return self.layout.kept_folders()

    @contextmanager
    def rollback_to(self, name: str = "") -> Iterator[Generation]:
        """Give a kept generation, to be brought up to date and switched to; the latest where none is named.

        It gets the next number, so that generations are numbered in the order in which they served. If the block fails,
        the generation is closed and stays kept.

        Raises:
            InvalidValue: ``no-generation``.
        """
        folder = kept_folder(self.layout, name)
        with self._leases:  # wait for readers that still have it open
            self._leases.wait_for(lambda: all(one.folder != folder for one in self._open))
        with self.layout.building():
            renamed = self.layout.reuse(folder)
            generation = open_generation(renamed, load_manifest(renamed), self.engine)
            break_seal(renamed)
            try:
                yield generation
            finally:
                if generation is not self._live:
                    generation.index.close()

    @contextmanager
    def reading_generation(self, name: str) -> Iterator[Generation]:
        """Give a kept generation or the live one by its name, to be read as it is.

        Raises:
            InvalidValue: ``no-generation``.
        """
        if name in ("", self.live.name):
            with self.reading() as generation:
                yield generation
            return
        kept = {folder.name: folder for folder in self.kept_generations()}
        if name not in kept:
            names = f"There are: {', '.join([self.live.name, *kept])}."
            raise InvalidValue(f"There is no generation {name!r}.", names, code="no-generation")
        with self._leases:
            self._leases.wait_for(lambda: all(one.name != name for one in self._open))
            generation = open_generation(kept[name], load_manifest(kept[name]), self.engine)
            generation.index.renames = self.renames
            generation.readers, generation.on_unread = 1, generation.close
            self._open.add(generation)
        with self._lease(generation):
            yield generation

    def flush(self) -> None:
        """Make all changes of the live generation survive loss of power, and seal its files."""
        with self.writing():
            self.live.flush()
            self.layout.publish(self.live.folder)

    def refresh(self, prepare: Callable[[Generation], object] = lambda generation: None) -> bool:
        """Open the generation that another process has made live, or whose files changed; return whether one did.

        Searches that have begun end in the generation in which they began. If it raises an error, all stays as it was.
        ``prepare`` is called with the generation before searches get it.
        """
        with self.writing():
            self.layout.pull_shared()
            version = self.layout.version()
            if version == self._version or (generation := self._open_live()) is None:
                return False
            with close_on_error(generation):
                prepare(generation)
            with self._leases:
                before, self._live, self._version = self._live, generation, version
                self._open.add(generation)
                self._connect(generation)
                if before is not None:
                    before.on_unread = before.index.close
            if before is not None:
                self._end_unread(before)
            return True

    def write(self, change: Callable[[], Result]) -> Result:
        """Make a change of the live generation's products, again where another process has made another one live."""
        for _ in range(MOST_SWITCHES):
            with self.writing():
                self._written.clear()
                result = change()
                if self.layout.confirm_writes(self.live.name, self._written):
                    return result
            self.refresh()
        raise StoreError("Generations follow each other too fast.", "Try again.", code="store-changed")

    def close(self) -> None:
        """Flush, and release the store for the next process.

        It waits for a writer in another thread, not for readers: the last one closes what it reads, and releases it.
        """
        with self._writing:
            with self._leases:
                if self._closed:
                    return
                self._closed, live, self._live = True, self._live, None
                if live is not None:
                    live.on_unread = partial(self._close_live, live)
            self._closing.shutdown()
            if live is None:
                self._unlock()
            else:
                self._end_unread(live)

    def _close_live(self, generation: Generation) -> None:
        generation.close()
        self.layout.publish(generation.folder)

    def _end_unread(self, generation: Generation) -> None:
        """Close a generation that is neither live nor read; with the last one of a closed store, release the lock."""
        with self._leases:
            if generation.readers or generation.on_unread is None:
                return
            on_unread, generation.on_unread = generation.on_unread, None
        try:
            on_unread()
        finally:
            with self._leases:
                self._open.remove(generation)
                self._leases.notify_all()
                free = self._closed and not self._open
            if free:
                self._unlock()

    def renames(self) -> Mapping[str, str]:
        """Return old id -> present id of the products whose ids changed.

        Raises:
            StoreError: ``damaged-renames``.
        """
        return self._renames.read()

    def add_renames(self, renames: Mapping[str, str]) -> None:
        """Store the present ids of products, durably; an old id that a product has again is deleted.

        Call it before products with old ids are removed: an id that a product has always leads to that product.

        Args:
            renames: old id -> id.

        Raises:
            StoreError: ``damaged-renames``, ``disk``.
        """
        with self.writing(), translate_disk_errors(self.folder):
            known = self.renames()
            there = {record.product.id for record in self.live.index.records(known)}
            gone = {old: new for old, new in known.items() if old not in there}
            self._renames.write(follow_renames(gone, renames))
            self.layout.publish_shared()

    def announce(self, address: str = "", secret: str = "") -> None:
        """Write into the lock where the service is that has this store, and the secret of its commands."""
        if self._lock is not None:
            self._lock.announce(address, secret)

    def _unlock(self) -> None:
        self.layout.close()
        if self._lock is not None:
            self._lock.close()

    def _connect(self, generation: Generation) -> None:
        """Connect the live generation's index with the write log and with the renames."""
        generation.index.on_write, generation.index.renames = self._on_write, self.renames

    def _on_write(self, ids: Iterable[str]) -> None:
        """Log that products of the live generation are about to change; from then on it is of this format."""
        ids = list(ids)
        if self.layout.is_shared:
            self._written.update(ids)
        if self._live is not None:
            self._live.written = time.monotonic()
            break_seal(self._live.folder)
            if self._is_of_before:
                self._live.manifest.write(self._live.folder)
                self._is_of_before = False
        if self.is_snapshot:
            (self.layout.folder / CHANGED).touch()
        else:
            log_writes(self.folder, ids)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreError(f"The store {self.folder} was closed.", "Open it again.", code="closed-store")

    def _open_live(self) -> Generation | None:
        name = self.layout.current()
        if name is None:
            return None
        folder = self.layout.generations / name
        manifest = load_manifest(folder)
        self._is_of_before = stored_format(folder) < FORMAT
        self.layout.tidy(name)
        return open_generation(folder, manifest, self.engine)
