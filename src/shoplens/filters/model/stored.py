"""Saves and loads filters: the arrays in one file, their description in another."""

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
from shoplens.filters.fitting.crossfit import FOLDS, LinearHeads
from shoplens.filters.fitting.design import OBJECT_SIZE
from shoplens.filters.model.class_layout import ClassLayout, ClassTree, is_comparable
from shoplens.filters.model.filters import Filters
from shoplens.filters.model.fitted_models import FittedModels
from shoplens.filters.model.named_classes import NamedClasses
from shoplens.filters.model.principal_components import FeatureProjection, PrincipalComponents
from shoplens.filters.model.quality import Quality
from shoplens.filters.model.scoring import DENSE_SIZE, SKETCH_SIZE, Cohort, RetrievalSpace
from shoplens.filters.model.view_metric import ViewMetric
from shoplens.filters.photo_features.measurements import MEASURED_SIZE
from shoplens.filters.photo_features.pixels import Floats

VERSION = 2
"""Version of the format; a file of another version is refused."""
DESCRIPTION_FILE = "filters.json"
"""Name of the file that describes the arrays and names their file."""
_QUALITY_KEYS = {
    "photos": "photos",
    "accuracy": "accuracy",
    "balanced": "balanced_accuracy",
    "majority": "majority_accuracy",
    "calibration_error": "calibration_error",
    "seen": "is_visible",
    "average_precision": "average_precision",
}
"""Key in the file -> attribute of :class:`Quality`."""
_PROJECTIONS = ("basis.backbone", "basis.fine", "basis.outline", "design", "shape", "tint", "object")
"""Names of projections in the file; filters without objects lack the last one."""
_NAMED = ("columns", "vectors", "scale", "bias")
"""Arrays of the classes that are known by their names; filters without any lack them."""
_VIEWS = "views."
"""Begin of the names of the view metric's arrays, one per dimension; filters without a metric lack them."""
_HALVES = (
    "named.vectors",
    "basis.backbone.axes",
    "basis.fine.axes",
    "basis.outline.axes",
    "heads.weights",
    "design.axes",
    "shape.axes",
    "tint.axes",
    "object.axes",
    "views.look",
    "views.object",
    "cohort.look",
    "cohort.dense",
    "cohort.marks",
    "space.axes",
)
"""Arrays that were rounded to half precision when they were fitted, so that storing them so loses nothing."""


def save_filters(folder: Path, filters: Filters) -> None:
    """Write the filters into a folder, and replace those that are there.

    The file of arrays is named by its hash, ``filters-1f0c….npz``, and ``filters.json`` names it. ``filters.json`` is
    replaced last and atomically, so a reader finds either the old filters or the new ones, whatever dies in between.
    """
    arrays = _model_arrays(filters.models) | {
        "cohort.look": filters.cohort.look,
        "cohort.dense": filters.cohort.dense,
        "cohort.marks": filters.cohort.class_vectors,
        "space.axes": filters.space.sketch_axes,
    }
    buffer = io.BytesIO()
    stored = {name: array.astype(np.float16) if name in _HALVES else array for name, array in arrays.items()}
    np.savez(buffer, allow_pickle=False, **stored)
    array_file = f"filters-{hashlib.sha256(buffer.getvalue()).hexdigest()[:16]}.npz"
    _replace_file(folder / array_file, buffer.getvalue())
    description = {
        "version": VERSION,
        "model": filters.model,
        "backbone": filters.backbone,
        "measured": MEASURED_SIZE,
        "arrays": array_file,
        "dimensions": [dimension_json(dimension) for dimension in filters.dimensions],
        "temperatures": {name: tree.temperature for name, tree in filters.models.trees.items()},
        "starts": [projection.first_column for projection in _projections(filters.models)],
        "quality": {name: _quality_json(quality) for name, quality in filters.quality.items()},
        "spread": dict(filters.cohort.spreads),
        "usual": dict(filters.space.usual_weights),
        "weights": dict(filters.weights),
        "view_photos": filters.models.views.photos if filters.models.views is not None else 0,
    }
    text = json.dumps(description, ensure_ascii=False, indent=1) + "\n"
    _replace_file(folder / DESCRIPTION_FILE, text.encode())
    for old in folder.glob("filters-*.npz"):
        if old.name != array_file:
            old.unlink(missing_ok=True)


def load_filters(folder: Path) -> Filters | None:
    """Read the filters that :func:`save_filters` wrote; return None where the folder has none.

    Raises:
        StoreError: ``damaged-filters``: a file is missing, was changed, or is of another version.
    """
    path = folder / DESCRIPTION_FILE
    try:
        description = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as problem:
        raise _damage_error(path, str(problem)) from None
    try:
        if description["version"] != VERSION or description["measured"] != MEASURED_SIZE:
            raise ValueError(
                f"it is of version {description['version']!r} for {description['measured']!r} measured numbers, "
                f"not {VERSION} for {MEASURED_SIZE}"
            )
        return _build_filters(description, _read_arrays(folder, description["arrays"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, InvalidValue) as problem:
        raise _damage_error(path, str(problem) or type(problem).__name__) from None


def _model_arrays(models: FittedModels) -> dict[str, Floats]:
    """Return name in the file -> array."""
    heads = {"heads.weights": models.heads.weights, "heads.bias": models.heads.bias, "heads.floor": models.heads.floor}
    named = {}
    if models.named is not None:
        named = {f"named.{part}": np.asarray(getattr(models.named, part), np.float32) for part in _NAMED}
    views = {} if models.views is None else {f"{_VIEWS}{name}": each for name, each in models.views.matrices.items()}
    return (
        heads
        | named
        | views
        | {
            f"{name}.{part}": array
            for name, projection in zip(_PROJECTIONS, _projections(models), strict=False)
            for part, array in (("mean", projection.mean), ("axes", projection.axes))
        }
    )


def _projections(models: FittedModels) -> tuple[FeatureProjection, ...]:
    """Return the projections in the order of their names."""
    objects = () if models.object is None else (models.object,)
    return (*models.components.blocks, models.design, models.shape, models.tint, *objects)


def _read_arrays(folder: Path, name: str) -> dict[str, Floats]:
    content = (folder / Path(name).name).read_bytes()
    if name != f"filters-{hashlib.sha256(content).hexdigest()[:16]}.npz":
        raise ValueError(f"{name} was changed after it was written")
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return {key: stored[key].astype(np.float32) for key in stored.files}


def _build_filters(description: Mapping[str, Any], arrays: Mapping[str, Floats]) -> Filters:
    """Return the stored filters, without dimensions that cannot be compared, which an earlier version stored."""
    stored = [dimension_from_json(dimension) for dimension in description["dimensions"]]
    left_out = {dimension.name for dimension in stored if not is_comparable(dimension)}
    dimensions = tuple(dimension for dimension in stored if dimension.name not in left_out)
    layout = ClassLayout.from_dimensions(dimensions)
    by_name = {dimension.name: dimension for dimension in dimensions}
    trees = {
        name: dataclasses.replace(ClassTree.from_nodes(by_name[name].classes), temperature=float(temperature))
        for name, temperature in description["temperatures"].items()
        if name not in left_out
    }
    heads = LinearHeads(arrays["heads.weights"], arrays["heads.bias"], arrays["heads.floor"])
    backbone, fine, outline, design, shape, tint, *objects = (
        FeatureProjection(int(first_column), arrays[f"{name}.mean"], arrays[f"{name}.axes"])
        for name, first_column in zip(_PROJECTIONS, description["starts"], strict=False)
    )
    components = PrincipalComponents((backbone, fine, outline))
    if (
        heads.weights.shape != (FOLDS + 1, components.size, len(layout.predicted_entries))
        or len(objects) > 1
        or sum(projection.axes.shape[1] for projection in (design, shape, tint)) != DENSE_SIZE
        or any(projection.axes.shape[1] != OBJECT_SIZE for projection in objects)
        or arrays["space.axes"].shape != (layout.size, SKETCH_SIZE)
    ):
        raise ValueError("the arrays do not fit the dimensions")
    models = FittedModels(
        components,
        heads,
        trees,
        design,
        shape,
        tint,
        objects[0] if objects else None,
        _read_named(arrays),
        _read_views(arrays, int(description.get("view_photos", 0))),
    )
    return Filters(
        dimensions,
        layout,
        models,
        {name: _quality_from_json(entry) for name, entry in description["quality"].items() if name not in left_out},
        Cohort(arrays["cohort.look"], arrays["cohort.dense"], arrays["cohort.marks"], description["spread"]),
        RetrievalSpace(layout, description["usual"], arrays["space.axes"], models.dense_size),
        {name: weight for name, weight in description["weights"].items() if name not in left_out},
        int(description["backbone"]),
        str(description["model"]),
    )


def _read_named(arrays: Mapping[str, Floats]) -> NamedClasses | None:
    if "named.columns" not in arrays:
        return None
    columns, *others = (arrays[f"named.{part}"] for part in _NAMED)
    return NamedClasses(columns.astype(np.int64), *others)


def _read_views(arrays: Mapping[str, Floats], photos: int) -> ViewMetric | None:
    matrices = {name.removeprefix(_VIEWS): each for name, each in arrays.items() if name.startswith(_VIEWS)}
    return ViewMetric(matrices, photos) if matrices else None


def _quality_json(quality: Quality) -> dict[str, Any]:
    return {key: getattr(quality, attribute) for key, attribute in _QUALITY_KEYS.items()}


def _quality_from_json(stored: Mapping[str, Any]) -> Quality:
    return Quality(**{_QUALITY_KEYS[key]: value for key, value in stored.items()})


def _replace_file(path: Path, content: bytes) -> None:
    """Write a file atomically and durably."""
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _damage_error(path: Path, problem: str) -> StoreError:
    return StoreError(
        f"{path} cannot be used: {problem}.", "Fit the filters again: shoplens train filters.", code="damaged-filters"
    )
