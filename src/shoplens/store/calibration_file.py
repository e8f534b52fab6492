"""A generation's calibrations, one per strategy: files that come and go with the vectors they speak of."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from shoplens.errors import StoreError
from shoplens.ranking.match_probability import Calibration
from shoplens.ranking.strategies import STRATEGIES
from shoplens.store.files.atomic import file_version, replace_file
from shoplens.store.generation import Generation


def write_calibration(generation: Generation, calibration: Calibration) -> None:
    """Keep it with the generation, in place of the one before."""
    replace_file(_path(generation, calibration.strategy), calibration.as_json())


def calibration_of(generation: Generation, strategy: str) -> Calibration | None:
    """The generation's calibration of a strategy; None when there is none, or it is of another model.

    Raises:
        StoreError: ``bad-calibration``.
    """
    path = _path(generation, strategy)
    try:
        found = _read(path, file_version(path))
    except FileNotFoundError:
        return None
    return found if found.model == generation.manifest.model else None


def forget_calibration(generation: Generation, strategy: str) -> None:
    """Remove it: scores mean something else from now on."""
    _path(generation, strategy).unlink(missing_ok=True)


def keep_calibrations(before: Generation, after: Generation) -> None:
    """Take over the calibrations of strategies whose scores no filter has a part in, where the vectors are the same."""
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
