"""Copies of a store's live generation: to keep, to lend, and to take in."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from shoplens.errors import Refused, StoreError
from shoplens.store.copies.backups import CURRENT, FEEDBACK, bad_backup, live_folder
from shoplens.store.copies.snapshot import TAKEN, WRITING, begin_notes, changed_ids, snapshot_folder
from shoplens.store.files.atomic import copy_tree, disk_errors_told, replace_file, sync_tree, whole_folder
from shoplens.store.generation import Generation, open_generation, open_index
from shoplens.store.layout import PARTIAL, StoreLayout
from shoplens.store.manifest import manifest_in
from shoplens.store.renames import RENAMED


class Copies:
    """Of a store that is open."""

    folder: Path
    _place: StoreLayout
    _live: Generation | None

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
                if (self.folder / RENAMED).is_file():
                    shutil.copyfile(self.folder / RENAMED, copy / RENAMED)
                more(copy)
                (copy / CURRENT).write_text(generation.name + "\n", "utf-8")

    def take_in(self, backup: Path) -> None:
        """Make a backup's live generation this store's, and keep its photos; until then the store stays as it was.

        Raises:
            StoreError: ``bad-backup``, when it cannot be opened.
        """
        with self.writing():
            folder = self._place.next()
            partial = folder.with_name(folder.name + PARTIAL)
            try:
                copy_tree(live_folder(backup), partial)
                manifest = manifest_in(partial)
                open_index(partial, manifest).close()
                sync_tree(partial)
                if (backup / "photos").is_dir():
                    copy_tree(backup / "photos", self.photos_folder)
                    sync_tree(self.photos_folder)
                for name in (FEEDBACK, RENAMED):
                    if (backup / name).is_file() and not (self.folder / name).exists():  # what is there is newer
                        replace_file(self.folder / name, (backup / name).read_bytes())
                partial.rename(folder)
            except StoreError as problem:
                raise bad_backup(backup, problem) from problem
            finally:
                shutil.rmtree(partial, ignore_errors=True)
            self.switch(open_generation(folder, manifest))

    def lend(self, name: str, *, kept: bool = False) -> None:
        """Copy the live generation to where a command waits for it; from then on, what is written is noted for the one
        that will give a changed one back.

        Args:
            name: of the folder that the command has locked (:mod:`shoplens.store.copies.snapshot`).
            kept: generations that can be gone back to, too.

        Raises:
            StoreError: ``disk``; ``not-lent``, nobody waits there.
        """
        target = snapshot_folder(self.folder, name)
        with self.writing(), disk_errors_told(target):
            generation = self.live
            generation.index.flush()
            for folder in (generation.folder, *(self._place.kept() if kept else ())):
                copy_tree(folder, target / "generations" / folder.name)
            if name == WRITING:
                begin_notes(self.folder, generation.name)
            StoreLayout(target).make_current(generation.name)

    @contextmanager
    def adopt_snapshot(self) -> Iterator[tuple[Generation, list[str]]]:
        """The generation that a command made of what was lent to it, and ids of products that were written since; to be
        switched to. When the work on it is cut short, it lies where the command left it.

        Raises:
            StoreError: ``not-lent``; ``another-generation``, one took over that was not made of what was lent.
        """
        place = StoreLayout(snapshot_folder(self.folder, WRITING))
        written = changed_ids(
            self.folder, self.live.name
        )  # first: else what was being taken may have another name by now
        theirs, ours = self._theirs(place), self._place.next()
        replace_file(place.folder / TAKEN, ours.name)
        try:
            theirs.rename(ours)
        except FileNotFoundError:
            raise _not_lent() from None
        generation = None
        try:
            generation = open_generation(ours, manifest_in(ours))
            yield generation, written
        finally:
            if generation is not None and generation is not self._live:
                generation.index.close()
            if self._place.current() != ours.name:
                try:
                    ours.rename(theirs)
                except OSError:  # the command has ended
                    shutil.rmtree(ours, ignore_errors=True)

    def has_taken(self) -> bool:
        """Whether what the command made is live: another process that had the store took it over, and ended."""
        place = StoreLayout(self.folder / "lent" / WRITING)
        try:
            taken = (place.folder / TAKEN).read_text("utf-8") == self.live.name
        except FileNotFoundError:
            return False
        return taken and not (place.generations / (place.current() or "")).is_dir()

    def _theirs(self, place: StoreLayout) -> Path:
        """Where the generation lies that the command made, though a process ended that was taking it."""
        name = place.current()
        if name is None:
            raise _not_lent()
        theirs, taken = place.generations / name, place.folder / TAKEN
        if not theirs.is_dir() and taken.is_file():
            with contextlib.suppress(OSError):
                (self._place.generations / taken.read_text("utf-8")).rename(theirs)
        return theirs

    @property
    def photos_folder(self) -> Path:
        raise NotImplementedError

    @property
    def live(self) -> Generation:
        raise NotImplementedError

    def writing(self) -> AbstractContextManager[None]:
        raise NotImplementedError

    def switch(self, generation: Generation, *, keep: bool = False) -> None:
        raise NotImplementedError


def _not_lent() -> StoreError:
    return StoreError("Nothing was lent.", "Run the command again.", code="not-lent")
