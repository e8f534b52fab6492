"""What a person should know about an answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shoplens.index.conditions import Condition, leaves
from shoplens.index.protocol import Index
from shoplens.ranking.match_probability import Calibration, claims_anything
from shoplens.store.generation import Generation
from shoplens.types import Query, Result


def notes_on(
    query: Query,
    found: Sequence[Result],
    condition: Condition | None,
    generation: Generation,
    calibration: Calibration | None,
) -> tuple[str, ...]:
    """Why an answer is empty, why it claims nothing, and why another strategy answered than would have."""
    notes = [] if found else [*_on_emptiness(condition, generation.index)]
    if calibration is not None and not claims_anything(calibration, query.precision):
        notes.append(
            f"Nothing is claimed at a precision of {query.precision:g}: the photos calibrated on do not prove it."
        )
    if not query.strategy and generation.damage is not None:
        notes.append(str(generation.damage))
    return tuple(notes)


def _on_emptiness(condition: Condition | None, index: Index) -> Iterator[str]:
    """Why an answer is empty, and what could be asked instead."""
    if condition is None or index.count(condition):
        yield "No product is left to show."
        return
    yield "No product meets the condition."
    for field in dict.fromkeys(leaf.field for leaf in leaves(condition)):
        values = index.facet(field, 8)
        if values:
            yield f"{field} has: {', '.join(f'{value} ({count})' for value, count in values)}."
