"""A store: everything on disk for one catalogue.

::

    STORE/
      CURRENT                 name of the live generation; replaced atomically
      LOCK, OWNER             which process has it open
      generations/000001/     manifest.json, the engine's shard, the filters, a calibration per strategy
      features.sqlite         what filters work on, by photo content; can be made again
      feedback.sqlite         what answers showed, and what shoppers did with them
      renamed.json            ids that products had before, and what they are called now
      snapshots/              copies that commands work on while a service has the store
      evaluation/             vectors of query photos, the baseline of the quality gate
      photos/                 fetched photos, by content
      reports/                what each run rejected, JSON Lines; pages of evaluations
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from shoplens.errors import InvalidValue, StoreError
from shoplens.index.qdrant.optimize import optimize
from shoplens.store.copies.snapshot_folders import CHANGED, remove_abandoned_snapshots
from shoplens.store.copies.write_log import log_writes, rename_base_generation
from shoplens.store.files.atomic import copy_tree, disk_errors_told, sync_folder, sync_tree
from shoplens.store.files.lock import StoreLock
from shoplens.store.generation import SHARD, Generation, open_generation, open_index
from shoplens.store.layout import PARTIAL, StoreLayout, is_store
from shoplens.store.manifest import FORMAT, Manifest, format_in, manifest_in
from shoplens.store.renames import RENAMED, RenameFile, follow_renames

MOST_KEPT = 2
"""Generations that stay on disk after the next has taken over, so that they can be gone back to."""


class Store:
    """A store that this process owns until it is closed. Reads may run in parallel; writers hold ``writing()``.

    Args:
        folder: the store's.
        create: make it where there is none.
        rebuild: open it even when the live generation is damaged, as if there were none.
        lock_wait: seconds to wait for another process to let go.
        snapshot: folder with a copy of the live generation to work on; the store's own is left to its owner.

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
    ) -> None:
        self.folder, self.is_snapshot = folder.absolute(), snapshot is not None
        self.layout = StoreLayout(self.folder if snapshot is None else snapshot)
        self._renames = RenameFile(self.folder / RENAMED)
        if not create and not is_store(self.folder):
            raise StoreError(f"There is no store at {folder}.", "Make one: shoplens index FEED.", code="no-store")
        try:
            self.layout.generations.mkdir(parents=True, exist_ok=True)
            self._lock = StoreLock(self.folder, lock_wait) if snapshot is None else None  # the borrower has it
        except OSError as problem:
            raise StoreError(
                f"{folder} cannot hold a store: {problem.strerror}.",
                "Give another folder with --store.",
                code="no-store",
            ) from None
        self._writing, self._leases, self._closed = threading.RLock(), threading.Condition(), False
        self._live: Generation | None = None
        self._is_of_before = False
        self._open = set[Generation]()  # the live one, and those before it that are still read
        try:
            if snapshot is None:
                remove_abandoned_snapshots(self.folder)
            self._live = self._open_live()
            if self._live is not None:
                self._open.add(self._live)
                self._connect(self._live)
        except BaseException as problem:
            if not (rebuild and isinstance(problem, StoreError) and problem.code == "damaged-store"):
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
        """The generation that answers queries; readers beside a writer take it by :meth:`reading`.

        Raises:
            StoreError: ``unfinished-store`` when the first build never ended; ``closed-store``.
        """
        self._refuse_if_closed()
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
        with self._lease(generation):
            yield generation

    @contextmanager
    def _lease(self, generation: Generation) -> Iterator[None]:
        """Ends the lease of one of its readers."""
        try:
            yield
        finally:
            with self._leases:
                generation.readers -= 1
            self._end_unread(generation)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One writer at a time; a backup is a writer too.

        Raises:
            StoreError: ``closed-store``.
        """
        with self._writing:
            self._refuse_if_closed()
            yield

    @contextmanager
    def new_generation(self, manifest: Manifest) -> Iterator[Generation]:
        """A generation to fill: the unfinished one if it is of the same model, else a new one.

        When the work on it is cut short, it is closed and left for the next time, or removed if it is still empty.
        """
        generation = self._resume_unfinished(manifest) or self._new(manifest)
        try:
            yield generation
        except BaseException:
            if generation is not self._live:
                empty = not generation.index.count()
                generation.index.close()
                if empty:
                    shutil.rmtree(generation.folder)
            raise

    def _resume_unfinished(self, manifest: Manifest) -> Generation | None:
        """What an interrupted build left, if it can be continued; what cannot is removed."""
        current = self.layout.current() or ""
        for folder in self.layout.complete():
            if folder.name <= current:
                continue
            try:
                found = manifest_in(folder)
                if found.kept:
                    continue
                if (found.model, found.sizes, found.look) == (manifest.model, manifest.sizes, manifest.look):
                    index = open_index(folder, manifest)
                    manifest = replace(manifest, created=found.created)
                    manifest.write(folder)
                    return Generation(folder, manifest, index)
            except StoreError as problem:
                if problem.code != "damaged-store":
                    raise
            shutil.rmtree(folder)
        return None

    def _new(self, manifest: Manifest) -> Generation:
        folder = self.layout.next()
        folder.mkdir()
        manifest.write(folder)
        return Generation(folder, manifest, open_index(folder, manifest))

    def optimize(self, generation: Generation) -> None:
        """Build the search graph where enough products lack one.

        The live generation answers meanwhile: the graph is built over a copy, which then takes its place.
        """
        if not generation.index.graph_is_due():
            return
        generation.index.flush()
        if generation is self._live:
            self.switch(copy := self._optimize_copy(generation))
            rename_base_generation(self.folder, generation.name, copy.name)
            return
        generation.index.close()
        try:
            optimize(generation.shard, generation.manifest.sizes)
        finally:
            generation.index = open_index(generation.folder, generation.manifest)

    def _optimize_copy(self, generation: Generation) -> Generation:
        folder = self.layout.next()
        partial = folder.with_name(folder.name + PARTIAL)
        shutil.rmtree(partial, ignore_errors=True)
        copy_tree(generation.folder, partial)
        optimize(partial / SHARD, generation.manifest.sizes)
        sync_tree(partial)
        partial.rename(folder)
        return open_generation(folder, generation.manifest)

    def switch(self, generation: Generation, *, keep: bool = False) -> None:
        """Make a filled generation the live one, in one atomic step.

        Args:
            keep: leave the one before on disk, and of older ones the last; it is removed otherwise.
        """
        generation.index.flush()
        generation.manifest = replace(generation.manifest, complete=True, kept=False)
        generation.manifest.write(generation.folder)
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
            before.end = before.close if keep else before.discard
        self._end_unread(before)
        for folder in self.kept_generations()[MOST_KEPT:]:
            if all(one.folder != folder for one in self._open):  # else the next switch removes it
                shutil.rmtree(folder, ignore_errors=True)

    def kept_generations(self) -> list[Path]:
        """Folders of generations that can be gone back to, the latest first."""
        return self.layout.kept()

    @contextmanager
    def rollback_to(self, name: str = "") -> Iterator[Generation]:
        """A kept generation, to be brought up to date and switched to; the latest where none is named.

        It gets the next number, so that generations are in the order in which they served. When the work on it is cut
        short, it is closed and stays kept.

        Raises:
            InvalidValue: ``no-generation``.
        """
        kept = {folder.name: folder for folder in self.kept_generations()}
        folder = kept.get(name or next(iter(kept), ""))
        if folder is None:
            which = f"named {name!r} " if name else ""
            there = f"Kept are: {', '.join(kept)}." if kept else "One is kept whenever a trained look takes over."
            raise InvalidValue(f"No generation {which}can be gone back to.", there, code="no-generation")
        renamed = self.layout.next()
        with self._leases:  # who reads it still has it open
            self._leases.wait_for(lambda: all(one.folder != folder for one in self._open))
        folder.rename(renamed)
        sync_folder(self.layout.generations)
        generation = open_generation(renamed, manifest_in(renamed))
        try:
            yield generation
        finally:
            if generation is not self._live:
                generation.index.close()

    @contextmanager
    def reading_generation(self, name: str) -> Iterator[Generation]:
        """A kept generation or the live one by its name, to be asked as it was.

        Raises:
            InvalidValue: ``no-generation``.
        """
        if name in ("", self.live.name):
            with self.reading() as generation:
                yield generation
            return
        kept = {folder.name: folder for folder in self.kept_generations()}
        if name not in kept:
            there = f"There are: {', '.join([self.live.name, *kept])}."
            raise InvalidValue(f"There is no generation {name!r}.", there, code="no-generation")
        with self._leases:
            self._leases.wait_for(lambda: all(one.name != name for one in self._open))
            generation = open_generation(kept[name], manifest_in(kept[name]))
            generation.index.renames = self.renames
            generation.readers, generation.end = 1, generation.close
            self._open.add(generation)
        with self._lease(generation):
            yield generation

    def close(self) -> None:
        """Flush, and let the next process in.

        Waits for a writer in another thread. Readers are not waited for: the last of them closes what it reads, and
        only then comes the next process in.
        """
        with self._writing:
            with self._leases:
                if self._closed:
                    return
                self._closed, live, self._live = True, self._live, None
                if live is not None:
                    live.end = live.close
            if live is None:
                self._unlock()
            else:
                self._end_unread(live)

    def _end_unread(self, generation: Generation) -> None:
        """End a generation that is neither live nor read; with the last one of a closed store goes the lock."""
        with self._leases:
            if generation.readers or generation.end is None:
                return
            end, generation.end = generation.end, None
        try:
            end()
        finally:
            with self._leases:
                self._open.remove(generation)
                self._leases.notify_all()
                free = self._closed and not self._open
            if free:
                self._unlock()

    def renames(self) -> Mapping[str, str]:
        """Old id -> id of the products whose ids changed.

        Raises:
            StoreError: ``damaged-renames``.
        """
        return self._renames.read()

    def add_renames(self, renames: Mapping[str, str]) -> None:
        """Remember, durably, what products are called now; what was remembered of an id that a product has again is
        forgotten.

        Call it before products with old ids are removed: an id that a product has leads to that product all the same.

        Args:
            renames: old id -> id.

        Raises:
            StoreError: ``damaged-renames``, ``disk``.
        """
        with self.writing(), disk_errors_told(self.folder):
            known = self.renames()
            there = {record.product.id for record in self.live.index.records(known)}
            gone = {old: new for old, new in known.items() if old not in there}
            self._renames.write(follow_renames(gone, renames))

    def announce(self, address: str = "", secret: str = "") -> None:
        """Say in the lock where the service is that has this store, if one has, and how commands are told from
        clients."""
        if self._lock is not None:
            self._lock.announce(address, secret)

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()

    def _connect(self, generation: Generation) -> None:
        """Have the live generation tell what is written to it, and know what products were called before."""
        generation.index.written, generation.index.renames = self._on_write, self.renames

    def _on_write(self, ids: Iterable[str]) -> None:
        """Products of the live generation are about to change; from then on it is of this format."""
        if self._is_of_before and self._live is not None:
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
        manifest = manifest_in(folder)
        self._is_of_before = format_in(folder) < FORMAT
        self.layout.tidy(name)
        return open_generation(folder, manifest)
