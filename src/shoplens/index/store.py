"""A store: everything on disk for one catalogue.

::

    STORE/
      CURRENT                 name of the live generation; replaced atomically
      LOCK, OWNER             which process has it open
      generations/000001/     manifest.json, the engine's shard, the filters, a calibration per strategy
      features.sqlite         what filters work on, by photo content; can be made again
      feedback.sqlite         what answers showed, and what shoppers did with them
      evaluation/             vectors of query photos, the baseline of the quality gate
      photos/                 fetched photos, by content
      reports/                what each run rejected, JSON Lines; pages of evaluations
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from shoplens.errors import InvalidValue, Refused, StoreError
from shoplens.index.backups import CURRENT, FEEDBACK, bad_backup, live_folder
from shoplens.index.durable import copy_tree, disk_errors_told, replace_file, sync_folder, sync_tree, whole_folder
from shoplens.index.folders import PARTIAL, generation_folders, is_store
from shoplens.index.generation import SHARD, Generation, opened, opened_index
from shoplens.index.lock import StoreLock
from shoplens.index.manifest import Manifest, is_kept, manifest_in
from shoplens.index.optimize import optimize

MOST_KEPT = 2
"""Generations that stay on disk after the next has taken over, so that they can be gone back to."""


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
            self._lock = StoreLock(self.folder, lock_wait)
        except OSError as problem:
            raise StoreError(
                f"{folder} cannot hold a store: {problem.strerror}.",
                "Give another folder with --store.",
                code="no-store",
            ) from None
        self._writing, self._leases, self._closed = threading.RLock(), threading.Condition(), False
        self._live: Generation | None = None
        self._open = set[Generation]()  # the live one, and those before it that are still read
        try:
            self._live = self._opened_live()
            self._open.update([self._live] if self._live else [])
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
        with self._leased(generation):
            yield generation

    @contextmanager
    def _leased(self, generation: Generation) -> Iterator[None]:
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
                if found.kept:
                    continue
                if (found.model, found.sizes, found.look) == (manifest.model, manifest.sizes, manifest.look):
                    index = opened_index(folder, manifest)
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
        return Generation(folder, manifest, opened_index(folder, manifest))

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
            optimize(generation.shard, generation.manifest.sizes)
        finally:
            generation.index = opened_index(generation.folder, generation.manifest)

    def _optimized_copy(self, generation: Generation) -> Generation:
        folder = self._next_folder()
        partial = folder.with_name(folder.name + PARTIAL)
        shutil.rmtree(partial, ignore_errors=True)
        copy_tree(generation.folder, partial)
        optimize(partial / SHARD, generation.manifest.sizes)
        partial.rename(folder)
        return opened(folder, generation.manifest)

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
        sync_folder(self._generations_folder)
        replace_file(self.folder / CURRENT, generation.name + "\n")
        with self._leases:
            before, self._live = self._live, generation
            self._open.add(generation)
            if before is None:
                return
            before.end = before.close if keep else before.discard
        self._end_unread(before)
        for folder in self.kept()[MOST_KEPT:]:
            if all(one.folder != folder for one in self._open):  # else the next switch removes it
                shutil.rmtree(folder, ignore_errors=True)

    def kept(self) -> list[Path]:
        """Folders of generations that can be gone back to, the latest first."""
        live = self._current()
        return [folder for folder in reversed(self._generations()) if folder.name != live and is_kept(folder)]

    @contextmanager
    def returning(self, name: str = "") -> Iterator[Generation]:
        """A kept generation, to be brought up to date and switched to; the latest where none is named.

        It gets the next number, so that generations are in the order in which they served. When the work on it is cut
        short, it is closed and stays kept.

        Raises:
            InvalidValue: ``no-generation``.
        """
        kept = {folder.name: folder for folder in self.kept()}
        folder = kept.get(name or next(iter(kept), ""))
        if folder is None:
            which = f"named {name!r} " if name else ""
            there = f"Kept are: {', '.join(kept)}." if kept else "One is kept whenever a trained look takes over."
            raise InvalidValue(f"No generation {which}can be gone back to.", there, code="no-generation")
        renamed = self._next_folder()
        with self._leases:  # who reads it still has it open
            self._leases.wait_for(lambda: all(one.folder != folder for one in self._open))
        folder.rename(renamed)
        sync_folder(self._generations_folder)
        generation = opened(renamed, manifest_in(renamed))
        try:
            yield generation
        finally:
            if generation is not self._live:
                generation.index.close()

    @contextmanager
    def reading_kept(self, name: str) -> Iterator[Generation]:
        """A kept generation or the live one by its name, to be asked as it was.

        Raises:
            InvalidValue: ``no-generation``.
        """
        if name in ("", self.live.name):
            with self.reading() as generation:
                yield generation
            return
        kept = {folder.name: folder for folder in self.kept()}
        if name not in kept:
            there = f"There are: {', '.join([self.live.name, *kept])}."
            raise InvalidValue(f"There is no generation {name!r}.", there, code="no-generation")
        with self._leases:
            self._leases.wait_for(lambda: all(one.name != name for one in self._open))
            generation = opened(kept[name], manifest_in(kept[name]))
            generation.readers, generation.end = 1, generation.close
            self._open.add(generation)
        with self._leased(generation):
            yield generation

    def backup(self, folder: Path, more: Callable[[Path], None] = lambda copy: None) -> None:
        """Copy the live generation and the kept photos to a new folder, complete or not at all.

        Writers wait meanwhile; readers do not.

        Args:
            more: copies what others keep in the store.

        Raises:
            Refused: when the folder exists and is not empty, or lies in the store.
            StoreError: ``disk``, when it cannot be written.
        """
        if folder.resolve().is_relative_to(self.folder.resolve()):
            raise Refused(f"{folder} lies in the store {self.folder}.", "Give a folder outside it.")
        with self.writing():
            generation = self.live
            generation.index.flush()
            with disk_errors_told(folder), whole_folder(folder, last=CURRENT) as copy:
                copy_tree(generation.folder, copy / "generations" / generation.name)
                if self.photos_folder.is_dir():
                    copy_tree(self.photos_folder, copy / "photos")
                more(copy)
                (copy / CURRENT).write_text(generation.name + "\n", "utf-8")

    def take_in(self, backup: Path) -> None:
        """Make a backup's live generation this store's, and keep its photos; until then the store stays as it was.

        Raises:
            StoreError: ``bad-backup``, when it cannot be opened.
        """
        with self.writing():
            folder = self._next_folder()
            partial = folder.with_name(folder.name + PARTIAL)
            try:
                copy_tree(live_folder(backup), partial)
                manifest = manifest_in(partial)
                opened_index(partial, manifest).close()
                sync_tree(partial)
                if (backup / "photos").is_dir():
                    copy_tree(backup / "photos", self.photos_folder)
                    sync_tree(self.photos_folder)
                if (backup / FEEDBACK).is_file() and not (self.folder / FEEDBACK).exists():  # what is there is newer
                    replace_file(self.folder / FEEDBACK, (backup / FEEDBACK).read_bytes())
                partial.rename(folder)
            except StoreError as problem:
                raise bad_backup(backup, problem) from problem
            finally:
                shutil.rmtree(partial, ignore_errors=True)
            self.switch(opened(folder, manifest))

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
                self._lock.close()
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
                self._lock.close()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreError(f"The store {self.folder} was closed.", "Open it again.", code="closed-store")

    def _next_folder(self) -> Path:
        """One that nobody writes to, not even a graph build that outlived its process."""
        numbers = [int(folder.name.removesuffix(PARTIAL)) for folder in generation_folders(self.folder)]
        return self._generations_folder / f"{max(numbers, default=0) + 1:06d}"

    def _generations(self) -> list[Path]:
        return sorted(folder for folder in generation_folders(self.folder) if folder.suffix != PARTIAL)

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
        for other in generation_folders(self.folder):
            # left by a switch or a copy that was cut off
            if other.suffix == PARTIAL or (other.name < name and not is_kept(other)):
                shutil.rmtree(other, ignore_errors=True)  # a graph build that outlived its process may still write
        return opened(folder, manifest)
