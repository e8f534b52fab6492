"""The calibrations of a generation, one file per strategy; they are deleted when its scores change."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from shoplens.errors import StoreError
from shoplens.ranking.match_probability import Calibration
from shoplens.ranking.strategies import STRATEGIES
from shoplens.store.files.atomic import file_version, replace_file
from shoplens.store.generation import Generation


def write_calibration(generation: Generation, calibration: Calibration) -> None:
    """Write a calibration to the generation's folder, in place of the one before."""
    replace_file(_path(generation, calibration.strategy), calibration.as_json())


def load_calibration(generation: Generation, strategy: str) -> Calibration | None:
    """Read the calibration of a strategy; None when there is none, or it is of another model.

    Raises:
        StoreError: ``bad-calibration``.
    """
    path = _path(generation, strategy)
    try:
        calibration = _read(path, file_version(path))
    except FileNotFoundError:
        return None
    return calibration if calibration.model == generation.manifest.model else None


def delete_calibration(generation: Generation, strategy: str) -> None:
    """Delete the calibration of a strategy whose scores have changed."""
    _path(generation, strategy).unlink(missing_ok=True)


def copy_calibrations(before: Generation, after: Generation) -> None:
    """Copy the calibrations of strategies without filters to the next generation, where the vectors are the same."""
    changed = {"filters"} if before.manifest.look == after.manifest.look else {"filters", "look"}
    for strategy in STRATEGIES.values():
        if strategy.needs.isdisjoint(changed) and (path := _path(before, strategy.name)).is_file():
            replace_file(_path(after, strategy.name), path.read_text("utf-8"))


def _path(generation: Generation, strategy: str) -> Path:
    return generation.folder / f"calibration-{strategy}.json"


@lru_cache(maxsize=8)
def _read(path: Path, version: tuple[int, ...]) -> Calibration:
    try:
        return Calibration.from_json(path.read_bytes())
    except StoreError as problem:
        raise StoreError(f"{path}: {problem.problem}", problem.fix, code=problem.code) from None
