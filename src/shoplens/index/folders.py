"""Which folders of a store are generations."""

from __future__ import annotations

from pathlib import Path

from shoplens.index.backups import CURRENT

PARTIAL = ".partial"
"""Ends the name of a copy that is not whole yet."""


def is_store(folder: Path) -> bool:
    """Whether a store, finished or not, lies there."""
    return (folder / CURRENT).is_file() or any(part.suffix != PARTIAL for part in generation_folders(folder))


def generation_folders(store: Path) -> list[Path]:
    """Generations, and what a copy of one that was cut off left; nothing else that may lie there."""
    found = store.glob("generations/*")
    return [path for path in found if path.name.removesuffix(PARTIAL).isdecimal() and path.is_dir()]
