"""The dimensions of a generation with filters, on disk beside them."""

from __future__ import annotations

import json
from pathlib import Path

from shoplens.errors import InvalidValue, StoreError
from shoplens.filters.dimensions.derivation import Dimensions
from shoplens.filters.dimensions.dimension_json import dimensions_from_json
from shoplens.filters.dimensions.labels import Labels

DIMENSIONS = "dimensions.json"


def read_dimensions(folder: Path) -> tuple[Dimensions, Labels | None]:
    """The dimensions of the generation in ``folder``, why others are none, and the labels they were made with.

    Raises:
        StoreError: ``damaged-filters``.
    """
    path = folder / DIMENSIONS
    try:
        told = json.loads(path.read_text("utf-8"))
        labels = {
            photo: {name: tuple(values) for name, values in given.items()} for photo, given in told["labels"].items()
        }
        return dimensions_from_json(told["dimensions"]), Labels(labels) if labels else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InvalidValue) as problem:
        raise StoreError(
            f"{path} cannot be read: {problem!r}.", "Run `shoplens train filters`.", code="damaged-filters"
        ) from problem
