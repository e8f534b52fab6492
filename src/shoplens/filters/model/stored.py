"""Filters in a folder: numbers in one file, what they mean in another."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from shoplens.errors import InvalidValue, StoreError
from shoplens.filters.dimensions.dimension_json import dimension_from_json, dimension_json
from shoplens.filters.fitting.crossfit import FOLDS, Heads
from shoplens.filters.model.class_layout import ClassLayout, Tree, is_compared
from shoplens.filters.model.filters import Filters, Models
from shoplens.filters.model.principal_components import Basis, Projection
from shoplens.filters.model.quality import Quality
from shoplens.filters.model.scoring import DENSE, SKETCH_SIZE, Cohort, Space
from shoplens.filters.photo_features.measurements import MEASURED
from shoplens.filters.photo_features.pixels import Floats

VERSION = 2
"""Of the format; a file of another one is refused."""
MEANING = "filters.json"
"""What the numbers mean, and the name of the file they are in."""
_PROJECTIONS = ("basis.backbone", "basis.fine", "basis.outline", "design", "shape", "tint")
_HALVES = (
    "basis.backbone.axes",
    "basis.fine.axes",
    "basis.outline.axes",
    "heads.weights",
    "design.axes",
    "shape.axes",
    "tint.axes",
    "cohort.look",
    "cohort.dense",
    "cohort.marks",
    "space.axes",
)
"""Arrays that were rounded to half precision when they were fitted, and so lose nothing by it."""


def save_filters(folder: Path, filters: Filters) -> None:
    """Write them into a folder, in place of those before.

    The numbers are named by their hash, ``filters-1f0c….npz``, and ``filters.json`` names them. It is replaced last and
    in one step, so whoever reads finds the old filters or the new, whatever dies in between.
    """
    arrays = _arrays(filters.models) | {
        "cohort.look": filters.cohort.look,
        "cohort.dense": filters.cohort.dense,
        "cohort.marks": filters.cohort.marks,
        "space.axes": filters.space.axes,
    }
    buffer = io.BytesIO()
    halved = {name: part.astype(np.float16) if name in _HALVES else part for name, part in arrays.items()}
    np.savez(buffer, allow_pickle=False, **halved)
    name = f"filters-{hashlib.sha256(buffer.getvalue()).hexdigest()[:16]}.npz"
    _write(folder / name, buffer.getvalue())
    meaning = {
        "version": VERSION,
        "model": filters.model,
        "backbone": filters.backbone,
        "measured": MEASURED,
        "arrays": name,
        "dimensions": [dimension_json(dimension) for dimension in filters.dimensions],
        "temperatures": {name: tree.temperature for name, tree in filters.models.trees.items()},
        "starts": [one.first for one in _projections(filters.models)],
        "quality": {name: dataclasses.asdict(quality) for name, quality in filters.quality.items()},
        "spread": dict(filters.cohort.spread),
        "usual": dict(filters.space.usual),
        "weights": dict(filters.weights),
    }
    _write(folder / MEANING, (json.dumps(meaning, ensure_ascii=False, indent=1) + "\n").encode())
    for old in folder.glob("filters-*.npz"):
        if old.name != name:
            old.unlink(missing_ok=True)


def load_filters(folder: Path) -> Filters | None:
    """What :func:`save_filters` wrote; None where nothing was.

    Raises:
        StoreError: ``damaged-filters``, when a file is missing, changed, or of another version.
    """
    path = folder / MEANING
    try:
        meaning = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as problem:
        raise _damage_error(path, str(problem)) from None
    try:
        if meaning["version"] != VERSION or meaning["measured"] != MEASURED:
            raise ValueError(
                f"it is of version {meaning['version']!r} for {meaning['measured']!r} measured numbers, "
                f"not {VERSION} for {MEASURED}"
            )
        return _filters(meaning, _read(folder, meaning["arrays"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, InvalidValue) as problem:
        raise _damage_error(path, str(problem) or type(problem).__name__) from None


def _arrays(models: Models) -> dict[str, Floats]:
    """Every array by its name in the file."""
    heads = {"heads.weights": models.heads.weights, "heads.bias": models.heads.bias, "heads.floor": models.heads.floor}
    return heads | {
        f"{name}.{part}": array
        for name, one in zip(_PROJECTIONS, _projections(models), strict=True)
        for part, array in (("mean", one.mean), ("axes", one.axes))
    }


def _projections(models: Models) -> tuple[Projection, ...]:
    """In the order of their names."""
    return (*models.basis.blocks, models.design, models.shape, models.tint)


def _read(folder: Path, name: str) -> dict[str, Floats]:
    content = (folder / Path(name).name).read_bytes()
    if name != f"filters-{hashlib.sha256(content).hexdigest()[:16]}.npz":
        raise ValueError(f"{name} is not what was written")
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return {key: stored[key].astype(np.float32) for key in stored.files}


def _filters(meaning: Mapping[str, Any], arrays: Mapping[str, Floats]) -> Filters:
    """What was stored, without dimensions in which nothing can be compared: an earlier version had such ones."""
    stored = [dimension_from_json(one) for one in meaning["dimensions"]]
    left_out = {dimension.name for dimension in stored if not is_compared(dimension)}
    dimensions = tuple(dimension for dimension in stored if dimension.name not in left_out)
    layout = ClassLayout.of(dimensions)
    by_name = {dimension.name: dimension for dimension in dimensions}
    trees = {
        name: dataclasses.replace(Tree.of(by_name[name].classes), temperature=float(temperature))
        for name, temperature in meaning["temperatures"].items()
        if name not in left_out
    }
    heads = Heads(arrays["heads.weights"], arrays["heads.bias"], arrays["heads.floor"])
    backbone, fine, outline, *projections = (
        Projection(int(first), arrays[f"{name}.mean"], arrays[f"{name}.axes"])
        for name, first in zip(_PROJECTIONS, meaning["starts"], strict=True)
    )
    basis = Basis((backbone, fine, outline))
    if (
        heads.weights.shape != (FOLDS + 1, basis.size, len(layout.learned))
        or sum(one.axes.shape[1] for one in projections) != DENSE
        or arrays["space.axes"].shape != (layout.size, SKETCH_SIZE)
    ):
        raise ValueError("the numbers do not fit the dimensions")
    return Filters(
        dimensions,
        layout,
        Models(basis, heads, trees, *projections),
        {name: Quality(**known) for name, known in meaning["quality"].items() if name not in left_out},
        Cohort(arrays["cohort.look"], arrays["cohort.dense"], arrays["cohort.marks"], meaning["spread"]),
        Space(layout, meaning["usual"], arrays["space.axes"]),
        {name: weight for name, weight in meaning["weights"].items() if name not in left_out},
        int(meaning["backbone"]),
        str(meaning["model"]),
    )


def _write(path: Path, content: bytes) -> None:
    """All of it or none, and durably."""
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _damage_error(path: Path, problem: str) -> StoreError:
    return StoreError(
        f"{path} cannot be used: {problem}.", "Fit them again: shoplens train filters.", code="damaged-filters"
    )
