"""What a generation ranks by, beside its filters: tuned static weights and a trained ranker, where they were taken.

Files that come and go with the filters they speak of. What was there before is kept beside them, so that one command
goes back.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from shoplens.errors import InvalidValue, ModelError, StoreError
from shoplens.ranking.ranker import Ranker
from shoplens.ranking.strategies import STRATEGIES
from shoplens.store.calibration_file import forget_calibration
from shoplens.store.files.atomic import file_version, replace_file
from shoplens.store.generation import RANKER, Generation

WEIGHTS, TAUGHT = "weights.json", "clicks.json"
BEFORE = "before-"
"""Begins the names of what one command goes back to."""
NOTHING = b""


def ranker_of(generation: Generation) -> Ranker | None:
    """The trained ranker; None where none was taken.

    Raises:
        StoreError: ``damaged-ranker``.
    """
    path = generation.folder / RANKER
    try:
        return _ranker(path, file_version(path))
    except FileNotFoundError:
        return None


def static_weights(generation: Generation) -> dict[str, float]:
    """Dimension -> static weight: as it was tuned, where it was, in the scale of the fitted ones; else as fitted.

    Raises:
        InvalidValue: ``no-filters``.
        StoreError: ``damaged-filters``, ``damaged-weights``.
    """
    filters = generation.fitted
    fitted = {one.name: filters.weights.get(one.name, 1.0) for one in filters.dimensions}
    path = generation.folder / WEIGHTS
    try:
        tuned = _weights(path, file_version(path))
    except FileNotFoundError:
        return fitted
    total = sum(fitted.values()) or 1.0
    return {name: tuned[name] * total if name in tuned else weight for name, weight in fitted.items()}


@dataclass(frozen=True, slots=True)
class ClickTrainingState:
    """Which answers clicks were learned from, in seconds since 1970.

    Attributes:
        until: the newest one that taught what ranks now; 0 for none.
        after: the newest one that teaches no more, since what it taught was undone; 0 for none.
    """

    until: float = 0.0
    after: float = 0.0


def taught(generation: Generation) -> ClickTrainingState:
    """Of what ranks.

    Raises:
        StoreError: ``damaged-weights``.
    """
    path = generation.folder / TAUGHT
    try:
        return ClickTrainingState(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return ClickTrainingState()
    except (ValueError, TypeError) as problem:
        raise _damage_error(path, repr(problem)) from None


def take_ranker(
    generation: Generation, weights: Mapping[str, float], ranker: Ranker | None, until: float | None = None
) -> None:
    """Rank by these from now on; what was ranked by so far can be gone back to.

    Args:
        weights: empty for those that were fitted.
        ranker: None for none.
        until: the newest answer that taught them; None where no answers did.
    """
    _keep_before(generation.folder)
    _write_taught(generation, ClickTrainingState(until or 0.0, taught(generation).after))
    _write(generation.folder / WEIGHTS, f"{json.dumps(dict(weights))}\n".encode() if weights else NOTHING)
    _write(generation.folder / RANKER, NOTHING if ranker is None else ranker.network)
    _forget_calibrations(generation)


def undo_ranker(generation: Generation) -> None:
    """Rank by what was ranked by before.

    Raises:
        InvalidValue: ``nothing-to-undo``.
    """
    before = [generation.folder / f"{BEFORE}{name}" for name in (WEIGHTS, RANKER)]
    undone = taught(generation)
    if not all(file.is_file() for file in before):
        raise InvalidValue(
            "No ranker was trained since this generation was made.", "There is nothing to undo.", code="nothing-to-undo"
        )
    contents = [file.read_bytes() for file in before]
    for name, content in zip((WEIGHTS, RANKER), contents, strict=True):
        _write(generation.folder / name, content)
    for kept in before:
        kept.unlink()
    _write_taught(generation, ClickTrainingState(undone.until, max(undone.after, undone.until)))
    _forget_calibrations(generation)


def keep_ranker(before: Generation, after: Generation) -> None:
    """Take over weights and ranker, where looks are compared by the same vectors."""
    of = [(one.manifest.model, one.manifest.look) for one in (before, after)]
    if of[0] != of[1] or after.filters is None:
        return
    for name in (WEIGHTS, RANKER, TAUGHT):
        if (path := before.folder / name).is_file():
            _write(after.folder / name, path.read_bytes())


def _write_taught(generation: Generation, found: ClickTrainingState) -> None:
    content = f"{json.dumps(asdict(found))}\n".encode()
    _write(generation.folder / TAUGHT, content if found != ClickTrainingState() else NOTHING)


def _forget_calibrations(generation: Generation) -> None:
    """Scores of the strategies with filters mean something else from now on."""
    for strategy in STRATEGIES.values():
        if strategy.filters:
            forget_calibration(generation, strategy.name)


def _keep_before(folder: Path) -> None:
    for name in (WEIGHTS, RANKER):
        path = folder / name
        replace_file(folder / f"{BEFORE}{name}", path.read_bytes() if path.is_file() else NOTHING)


def _write(path: Path, content: bytes) -> None:
    if content:
        replace_file(path, content)
    else:
        path.unlink(missing_ok=True)


@lru_cache(maxsize=4)
def _ranker(path: Path, version: tuple[int, ...]) -> Ranker:
    try:
        return Ranker(path.read_bytes())
    except ModelError as problem:
        raise StoreError(
            f"{path} cannot be read: {problem}.", "Run `shoplens train ranker`.", code="damaged-ranker"
        ) from None


@lru_cache(maxsize=8)
def _weights(path: Path, version: tuple[int, ...]) -> Mapping[str, float]:
    try:
        found = {str(name): float(weight) for name, weight in json.loads(path.read_bytes()).items()}
    except (ValueError, TypeError, AttributeError) as problem:
        raise _damage_error(path, repr(problem)) from None
    if not all(math.isfinite(weight) and weight >= 0 for weight in found.values()) or not sum(found.values()) > 0:
        raise _damage_error(path, "no weights")
    return found


def _damage_error(path: Path, problem: str) -> StoreError:
    return StoreError(f"{path} cannot be read: {problem}.", "Run `shoplens train ranker`.", code="damaged-weights")
