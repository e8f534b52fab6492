"""Filters in the types of the server's client."""

from __future__ import annotations

from typing import Any

from qdrant_client import models as api

from shoplens.index.qdrant.condition_filter import FilterTypes
from shoplens.types import fold

SERVER_TYPES = FilterTypes(
    api.Filter,
    lambda path, texts: api.FieldCondition(key=path, match=api.MatchAny(any=texts)),
    lambda path, bounds: api.FieldCondition(key=path, range=api.Range(**bounds)),
    lambda points: api.HasIdCondition(has_id=points),
    lambda text: {fold(text)},
)


def every(*conditions: Any) -> api.Filter | None:
    """Return the filter that meets all of these conditions and filters; None where there is none."""
    present = [one for one in conditions if one is not None]
    return api.Filter(must=present) if present else None
