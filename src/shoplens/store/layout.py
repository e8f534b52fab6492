"""Where the generations of a store lie, and which of them is live."""

from __future__ import annotations

import shutil
from pathlib import Path

from shoplens.store.files.atomic import replace_file
from shoplens.store.manifest import is_kept

CURRENT = "CURRENT"
"""File of a store, and of a backup, that names the live generation."""
FEEDBACK = "feedback.sqlite"
"""File of a store, and of a backup, with what shoppers did."""
PARTIAL = ".partial"
"""Suffix of a copy that is not complete yet."""


class StoreLayout:
    """A folder with generations, and a file that names the live one: a store's own, or a snapshot of it.

    Attributes:
        folder: the whole.
        generations: the folder in which the generations lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.generations = folder, folder / "generations"

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
