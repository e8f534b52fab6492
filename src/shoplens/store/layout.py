"""Where the generations of a store lie, and which of them is live.

::

    STORE/
      CURRENT                 name of the live generation; replaced atomically
      LOCK, OWNER             which process has it open
      generations/000001/     manifest.json, the engine's shard, the filters, a calibration per strategy
      features.sqlite         cache of photos' features, by content
      texts.sqlite            cache of what was read in the catalogue's photos, by content
      feedback.sqlite         log of answers, and of what shoppers did with them
      renamed.json            ids that products had before, and their present ids
      snapshots/              copies that commands work on while a service has the store
      evaluation/             vectors of query photos, the baseline of the quality gate
      photos/                 fetched photos, by content
      reports/                what each run rejected, JSON Lines; pages of evaluations
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

from shoplens.errors import InvalidValue
from shoplens.store.files.atomic import replace_file, sync_folder
from shoplens.store.manifest import is_kept

CURRENT = "CURRENT"
"""File of a store, and of a backup, that names the live generation."""
FEEDBACK = "feedback.sqlite"
"""File of a store, and of a backup, with what shoppers did."""
PARTIAL = ".partial"
"""Suffix of a copy that is not complete yet."""


class Layout(Protocol):
    """Where the generations of a store are; see :class:`StoreLayout` for the methods."""

    folder: Path
    generations: Path
    is_shared: bool
    """Whether other processes, on other machines too, search and write the store."""

    def exists(self) -> bool: ...
    def current(self) -> str | None: ...
    def make_current(self, name: str) -> None: ...
    def complete(self) -> list[Path]: ...
    def kept_folders(self) -> list[Path]: ...
    def next(self) -> Path: ...
    def remove(self, folder: Path) -> None: ...
    def publish(self, folder: Path) -> None: ...
    def publish_shared(self) -> None: ...
    def pull_shared(self) -> None: ...
    def reuse(self, folder: Path) -> Path: ...
    def building(self) -> AbstractContextManager[None]: ...
    def close_write_log(self) -> list[str]: ...
    def confirm_writes(self, live: str, ids: Iterable[str]) -> bool: ...
    def version(self) -> tuple[str | None, int]: ...
    def close(self) -> None: ...
    def tidy(self, live: str) -> None: ...


class StoreLayout:
    """A folder with generations, and a file that names the live one: a store's own, or a snapshot of it.

    Attributes:
        folder: the whole.
        generations: the folder in which the generations lie.
    """

    is_shared = False

    def __init__(self, folder: Path) -> None:
        self.folder, self.generations = folder, folder / "generations"

    def exists(self) -> bool:
        """Whether a store, finished or not, lies there."""
        return is_store(self.folder)

    def current(self) -> str | None:
        """Return the name of the live generation; None when no build ever ended."""
        try:
            return (self.folder / CURRENT).read_text("utf-8", "replace").strip()
        except FileNotFoundError:
            return None

    def make_current(self, name: str) -> None:
        """Name the live generation, in one atomic step."""
        replace_file(self.folder / CURRENT, name + "\n")

    def complete(self) -> list[Path]:
        """Return the folders of generations, in the order in which they served; without incomplete copies."""
        return sorted(folder for folder in generation_folders(self.folder) if folder.suffix != PARTIAL)

    def kept_folders(self) -> list[Path]:
        """Return the folders of generations that were kept to go back to, the latest first."""
        live = self.current()
        return [folder for folder in reversed(self.complete()) if folder.name != live and is_kept(folder)]

    def next(self) -> Path:
        """Return a new folder, to which no process writes, not even a graph build that outlived its process."""
        numbers = [int(folder.name.removesuffix(PARTIAL)) for folder in generation_folders(self.folder)]
        return self.generations / f"{max(numbers, default=0) + 1:06d}"

    def remove(self, folder: Path) -> None:
        """Remove a generation; what remains of it is removed when the store is opened next."""
        shutil.rmtree(folder, ignore_errors=True)

    def publish(self, folder: Path) -> None:
        """Tell other machines that files of a generation changed: there are none."""

    def publish_shared(self) -> None:
        """Tell other machines that files of the whole store changed: there are none."""

    def pull_shared(self) -> None:
        """Fetch such files that other machines changed: there are none."""

    def reuse(self, folder: Path) -> Path:
        """Make a generation that was kept the next one, so that names go by the order in which they served."""
        renamed = self.next()
        folder.rename(renamed)
        sync_folder(self.generations)
        return renamed

    def building(self) -> AbstractContextManager[None]:
        """Keep other processes from building; the lock of the store does so already."""
        return nullcontext()

    def close_write_log(self) -> list[str]:
        """Return the ids of products that other processes wrote during a build: there are none."""
        return []

    def confirm_writes(self, live: str, ids: Iterable[str]) -> bool:
        """Return whether products were written to the live generation: no other process makes another one live."""
        return True

    def version(self) -> tuple[str | None, int]:
        """Return the live generation, and the version of its files: 0, since only the owner changes them."""
        return self.current(), 0

    def close(self) -> None:
        """Close connections: there are none."""

    def tidy(self, live: str) -> None:
        """Remove what an interrupted switch or copy left."""
        for other in generation_folders(self.folder):
            if other.suffix == PARTIAL or (other.name < live and not is_kept(other)):
                shutil.rmtree(other, ignore_errors=True)  # a graph build that outlived its process may still write


def is_store(folder: Path) -> bool:
    """Whether a store, finished or not, lies there."""
    return (folder / CURRENT).is_file() or any(part.suffix != PARTIAL for part in generation_folders(folder))


def generation_folders(store: Path) -> list[Path]:
    """Generations, and what a copy of one that was cut off left; nothing else that may lie there."""
    found = store.glob("generations/*")
    return [path for path in found if path.name.removesuffix(PARTIAL).isdecimal() and path.is_dir()]


def live_folder(store: Path) -> Path:
    """Return the folder of the live generation of a store, or of a backup of one."""
    return store / "generations" / (store / CURRENT).read_text("utf-8", "replace").strip()


def kept_folder(layout: Layout, name: str = "") -> Path:
    """Return the folder of a generation that was kept to go back to; of the latest where none is named.

    Raises:
        InvalidValue: ``no-generation``.
    """
    kept = {folder.name: folder for folder in layout.kept_folders()}
    folder = kept.get(name or next(iter(kept), ""))
    if folder is None:
        which = f"named {name!r} " if name else ""
        names = (
            f"These were kept: {', '.join(kept)}."
            if kept
            else "A generation is kept whenever a trained look takes over, and by `index --replace --keep`."
        )
        raise InvalidValue(f"No generation {which}can be gone back to.", names, code="no-generation")
    return folder
