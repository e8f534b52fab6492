"""Filters in the types of the embedded engine."""

from __future__ import annotations

import qdrant_edge as engine

from shoplens.index.qdrant.condition_filter import FilterTypes, stored_forms

ENGINE_TYPES = FilterTypes(
    engine.Filter,
    lambda path, texts: engine.FieldCondition(
        path, match=engine.MatchValue(texts[0]) if len(texts) == 1 else engine.MatchAny(texts)
    ),
    lambda path, bounds: engine.FieldCondition(path, range=engine.RangeFloat(**bounds)),
    engine.HasIdCondition,
    stored_forms,
)


def both(one: engine.FieldCondition | engine.Filter, other: engine.Filter | None) -> engine.Filter:
    """Return the filter that both meet, or the first alone."""
    return engine.Filter(must=[one] if other is None else [one, other])
