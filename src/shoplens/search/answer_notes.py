"""Notes of an answer, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shoplens.index.conditions import Condition, field_comparisons
from shoplens.index.protocol import Index
from shoplens.ranking.match_probability import Calibration, claims_anything
from shoplens.search.text_meanings import contradictions
from shoplens.settings import fold_name
from shoplens.store.generation import Generation
from shoplens.types import Query, Result

OTHER_WEIGHTS = "There is no verdict: [weights] in shoplens.toml changed since `shoplens calibrate`. Run it again."
"""Note of an answer whose scores the calibration does not know."""


def answer_notes(
    query: Query,
    results: Sequence[Result],
    condition: Condition | None,
    generation: Generation,
    calibration: Calibration | None,
) -> tuple[str, ...]:
    """Return notes that say why an answer is empty, why it claims nothing, or why not the usual strategy answered."""
    notes = [] if results else [*_emptiness_notes(condition, generation.index)]
    if query.steering.meanings:
        notes += contradictions(query, generation, is_empty=not results)
    notes += _note_uncalibrated(query, condition, generation)
    if calibration is not None and not claims_anything(calibration, query.precision):
        notes.append(f"No verdict reaches a precision of {query.precision:g} on the photos of the calibration.")
    if not query.strategy and generation.damage is not None:
        notes.append(str(generation.damage))
    return tuple(notes)


def _note_uncalibrated(query: Query, condition: Condition | None, generation: Generation) -> Iterator[str]:
    """Say which dimensions of the query are scored by the names of their classes without any labels."""
    if generation.filters is None:
        return
    fields = set() if condition is None else {leaf.field for leaf in field_comparisons(condition)}
    wanted = {name for meaning in query.steering.meanings for name in meaning.classes}
    wanted |= {fold_name(name) for name, weight in query.steering.weights.items() if weight}
    for one in generation.filters.dimensions:
        is_used = one.name in wanted or fold_name(one.name) in wanted or one.field in fields
        if one.is_named and is_used and not generation.filters.quality[one.name].photos:
            yield f"The classes of {one.name} are guessed by their names, and not calibrated: the feed labels too few."


def _emptiness_notes(condition: Condition | None, index: Index) -> Iterator[str]:
    """Say why an answer is empty, and which values the fields of the condition have."""
    if condition is None or index.count(condition):
        yield "No product is left to show."
        return
    yield "No product meets the condition."
    for field in dict.fromkeys(leaf.field for leaf in field_comparisons(condition)):
        values = index.facet(field, 8)
        if values:
            yield f"{field} has: {', '.join(f'{value} ({count})' for value, count in values)}."
