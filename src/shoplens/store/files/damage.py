"""Looks for damage in all files of a store, without opening it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shoplens.errors import StoreError
from shoplens.index.qdrant.engine_errors import REPAIR
from shoplens.store.files.checked_json import parse_checked
from shoplens.store.files.seal import check_seal, read_seal

State = Literal["sound", "damaged", "unsealed"]
_DISPOSABLE = "Delete it; Shoplens makes it again."
_FILES = {
    "feedback.sqlite": "Put the one of a backup in its place, or delete it; clicks are lost then.",
    "features.sqlite": _DISPOSABLE,
    "texts.sqlite": _DISPOSABLE,
    "training/views.sqlite": _DISPOSABLE,
    "evaluation/query-vectors.sqlite": _DISPOSABLE,
    "evaluation/baseline.json": "Make a new baseline: shoplens check make-baseline.",
    "renamed.json": "Put the one of a backup in its place. Without the file, ids that products had before are unknown.",
    "keys.json": "Move it away, and create new keys with `shoplens keys add`.",
    "merchandising.json": "Put the one of a backup in its place, or move it away, and set the rules again.",
    "not-found.json": _DISPOSABLE,
}
"""File of a store beside the generations -> what to do where it is damaged."""
_GENERATION = re.compile(r"\d{6,}")


@dataclass(frozen=True, slots=True)
class FileState:
    """The state of a generation, or of another file of a store.

    Attributes:
        path: in the folder of the store.
        state: ``unsealed`` for a generation that changes just now, or whose process was killed: its checksums cannot be
            compared.
        problem, fix: what is wrong, and what to do; empty for what is sound.
    """

    path: str
    state: State
    problem: str = ""
    fix: str = ""


def check_files(store: Path) -> list[FileState]:
    """Check every generation against its seal, and every other file by reading it.

    Args:
        store: folder of the store, which a service may have open.
    """
    return [*_check_generations(store), *_check_other_files(store)]


def generation_damage(folder: Path) -> StoreError | None:
    """Return how the files of a generation differ from its seal; None also where it changes meanwhile."""
    try:
        before = read_seal(folder)
    except StoreError as problem:
        return problem
    try:
        check_seal(folder, limit=None)
    except StoreError as problem:
        return problem if read_seal(folder) == before else None
    return None


def _check_generations(store: Path) -> Iterator[FileState]:
    try:
        live = (store / "CURRENT").read_text("utf-8").strip()
        if not (store / "generations" / live / "manifest.json").is_file() or not _GENERATION.fullmatch(live):
            yield FileState("CURRENT", "damaged", f"It names {live[:100]!r}, which is no generation.", REPAIR)
    except FileNotFoundError:
        yield FileState("CURRENT", "damaged", "There is no such file.", "Run the same `shoplens index` again.")
    except ValueError:
        yield FileState("CURRENT", "damaged", "It cannot be read.", REPAIR)
    for folder in sorted(store.glob("generations/*")):
        if not (_GENERATION.fullmatch(folder.name) and folder.is_dir()):
            continue
        name = f"generations/{folder.name}"
        if (problem := generation_damage(folder)) is not None:
            yield FileState(name, "damaged", problem.problem, problem.fix)
        elif (folder / "seal.json").is_file():
            yield FileState(name, "sound")
        else:
            yield FileState(name, "unsealed", "It is being changed, or its process was killed.", "Open and close it.")


def _check_other_files(store: Path) -> Iterator[FileState]:
    for name, fix in _FILES.items():
        path = store / name
        if path.is_file():
            problem = (_sqlite_problem if path.suffix == ".sqlite" else _json_problem)(path)
            yield FileState(name, "damaged", problem, fix) if problem else FileState(name, "sound")


def _sqlite_problem(path: Path) -> str:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
            found = str(file.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as problem:
        return f"{problem}."
    return "" if found == "ok" else f"{found}."


def _json_problem(path: Path) -> str:
    try:
        parse_checked(path.read_bytes())
    except (OSError, ValueError) as problem:
        return f"{problem}."
    return ""
