"""What a generation ranks by, beside its filters: tuned static weights and a trained ranker, where they were adopted.

These files belong to the filters that they were trained with. The files before them are kept, so that one command goes
back.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from shoplens.errors import InvalidValue, ModelError, StoreError
from shoplens.filters.dimensions.dimension import CAPTION, TEXT
from shoplens.ranking.ranker import Ranker
from shoplens.ranking.strategies import STRATEGIES
from shoplens.store.calibration_file import delete_calibration
from shoplens.store.files.atomic import file_version, replace_file
from shoplens.store.generation import RANKER, Generation

WEIGHTS, CLICK_TRAINING = "weights.json", "clicks.json"
BEFORE = "before-"
"""Prefix of the files that ``undo_ranker`` goes back to."""
EMPTY = b""


def load_ranker(generation: Generation) -> Ranker | None:
    """Read the trained ranker; None where there is none.

    Raises:
        StoreError: ``damaged-ranker``.
    """
    path = generation.folder / RANKER
    try:
        return _ranker(path, file_version(path))
    except FileNotFoundError:
        return None


def load_static_weights(generation: Generation) -> dict[str, float]:
    """Read the static weights: dimension -> tuned weight on the scale of the fitted ones, or else the fitted weight.

    ``text`` and ``caption``, which count for queries with words, are among them where the generation compares words.

    Raises:
        InvalidValue: ``no-filters``.
        StoreError: ``damaged-filters``, ``damaged-weights``.
    """
    filters = generation.require_filters()
    fitted = {one.name: filters.weights.get(one.name, 1.0) for one in filters.dimensions}
    if generation.text is not None:
        fitted[TEXT] = generation.text.weight
    if generation.caption is not None and generation.caption.weight:
        fitted[CAPTION] = generation.caption.weight * fitted.get(TEXT, 1.0)
    path = generation.folder / WEIGHTS
    try:
        tuned = _weights(path, file_version(path))
    except FileNotFoundError:
        return fitted
    total = sum(weight for name, weight in fitted.items() if name not in (TEXT, CAPTION) or name in tuned) or 1.0
    return {name: tuned[name] * total if name in tuned else weight for name, weight in fitted.items()}


@dataclass(frozen=True, slots=True)
class ClickTrainingState:
    """Which answers the ranking was trained on by clicks, in seconds since 1970.

    Attributes:
        until: time of the newest answer that the ranking in use was trained on; 0 for none.
        after: time of the newest answer that is not used again, because training on it was undone; 0 for none.
    """

    until: float = 0.0
    after: float = 0.0


def load_click_training_state(generation: Generation) -> ClickTrainingState:
    """Read on which answers the ranking in use was trained.

    Raises:
        StoreError: ``damaged-weights``.
    """
    path = generation.folder / CLICK_TRAINING
    try:
        return ClickTrainingState(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return ClickTrainingState()
    except (ValueError, TypeError) as problem:
        raise _damage_error(path, repr(problem)) from None


def adopt_ranker(
    generation: Generation, weights: Mapping[str, float], ranker: Ranker | None, until: float | None = None
) -> None:
    """Rank by these weights and this ranker from now on, and keep the ones before for :func:`undo_ranker`.

    Args:
        weights: empty for the fitted ones.
        ranker: None for none.
        until: time of the newest answer that they were trained on; None where they were trained on none.
    """
    _keep_before(generation.folder)
    _write_click_training_state(
        generation, ClickTrainingState(until or 0.0, load_click_training_state(generation).after)
    )
    _write(generation.folder / WEIGHTS, f"{json.dumps(dict(weights))}\n".encode() if weights else EMPTY)
    _write(generation.folder / RANKER, EMPTY if ranker is None else ranker.network)
    _delete_calibrations(generation)


def undo_ranker(generation: Generation) -> None:
    """Rank again by the weights and the ranker before the last :func:`adopt_ranker`.

    Raises:
        InvalidValue: ``nothing-to-undo``.
    """
    before = [generation.folder / f"{BEFORE}{name}" for name in (WEIGHTS, RANKER)]
    undone = load_click_training_state(generation)
    if not all(file.is_file() for file in before):
        raise InvalidValue(
            "No ranker was trained since this generation was made.", "There is nothing to undo.", code="nothing-to-undo"
        )
    contents = [file.read_bytes() for file in before]
    for name, content in zip((WEIGHTS, RANKER), contents, strict=True):
        _write(generation.folder / name, content)
    for kept in before:
        kept.unlink()
    _write_click_training_state(generation, ClickTrainingState(undone.until, max(undone.after, undone.until)))
    _delete_calibrations(generation)


def copy_ranker(before: Generation, after: Generation) -> None:
    """Copy weights and ranker to the next generation, where both compare looks by the same vectors."""
    of = [(one.manifest.model, one.manifest.look) for one in (before, after)]
    if of[0] != of[1] or after.filters is None:
        return
    for name in (WEIGHTS, RANKER, CLICK_TRAINING):
        if (path := before.folder / name).is_file():
            _write(after.folder / name, path.read_bytes())


def _write_click_training_state(generation: Generation, state: ClickTrainingState) -> None:
    content = f"{json.dumps(asdict(state))}\n".encode()
    _write(generation.folder / CLICK_TRAINING, content if state != ClickTrainingState() else EMPTY)


def _delete_calibrations(generation: Generation) -> None:
    """Delete the calibrations of the strategies with filters, whose scores have changed."""
    for strategy in STRATEGIES.values():
        if strategy.filters:
            delete_calibration(generation, strategy.name)


def _keep_before(folder: Path) -> None:
    for name in (WEIGHTS, RANKER):
        path = folder / name
        replace_file(folder / f"{BEFORE}{name}", path.read_bytes() if path.is_file() else EMPTY)


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
        weights = {str(name): float(weight) for name, weight in json.loads(path.read_bytes()).items()}
    except (ValueError, TypeError, AttributeError) as problem:
        raise _damage_error(path, repr(problem)) from None
    if not all(math.isfinite(weight) and weight >= 0 for weight in weights.values()) or not sum(weights.values()) > 0:
        raise _damage_error(path, "no weights")
    return weights


def _damage_error(path: Path, problem: str) -> StoreError:
    return StoreError(f"{path} cannot be read: {problem}.", "Run `shoplens train ranker`.", code="damaged-weights")
