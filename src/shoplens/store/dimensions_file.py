"""The file with the dimensions of a generation, beside its filters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shoplens.errors import InvalidValue, StoreError
from shoplens.filters.dimensions.derivation import Dimensions
from shoplens.filters.dimensions.dimension_json import dimensions_from_json
from shoplens.filters.dimensions.labels import Labels

DIMENSIONS = "dimensions.json"


def read_tuning(folder: Path, part: str = "tuning") -> dict[str, Any]:
    """Read how the weights of the generation in ``folder`` were chosen, or, as the part ``views``, whether it helps to
    know how photos of one product differ; empty where they were not, or where the file cannot be read."""
    try:
        tuning: dict[str, Any] = json.loads((folder / DIMENSIONS).read_text("utf-8")).get(part, {})
    except (OSError, ValueError, AttributeError):
        return {}
    return tuning


def read_dimensions(folder: Path) -> tuple[Dimensions, Labels | None]:
    """Read the dimensions of the generation in ``folder``, why other attributes are none, and the labels they use.

    Raises:
        StoreError: ``damaged-filters``.
    """
    path = folder / DIMENSIONS
    try:
        content = json.loads(path.read_text("utf-8"))
        labels = {
            photo: {name: tuple(values) for name, values in given.items()} for photo, given in content["labels"].items()
        }
        return dimensions_from_json(content["dimensions"]), Labels(labels) if labels else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InvalidValue) as problem:
        raise StoreError(
            f"{path} cannot be read: {problem!r}.", "Run `shoplens train filters`.", code="damaged-filters"
        ) from problem
