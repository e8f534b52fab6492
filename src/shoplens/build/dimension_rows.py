"""The dimensions of a generation as a table: classes, how well the photos show them, and weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shoplens.filters.dimensions.dimension import CAPTION, COLOR, DESIGN, LOOK, OBJECT, SHAPE, TEXT, Dimension
from shoplens.filters.model.quality import Quality
from shoplens.store.generation import Generation
from shoplens.store.ranker_file import load_static_weights

_SCORED = {
    LOOK: "cosine of the embeddings",
    OBJECT: "cosine of the objects alone, halfway whitened",
    DESIGN: "cosine after whitening within groups",
    SHAPE: "cosine of the outlines",
}


TEXT_NOTE = "counts only for queries with words"


@dataclass(frozen=True, slots=True)
class DimensionRow:
    """One dimension, or an attribute that is none.

    Attributes:
        name: as in weights.
        kind: of the dimension; ``none`` for an attribute that is no dimension.
        scored: how similarity is computed, in words.
        classes: class -> number of products.
        untrained: class -> number of products, of classes with too few to train on; they are never predicted.
        quality: measured on photos of groups that the heads were not fitted to; None for what is not fitted.
        weight: default weight, tuned or fitted.
        note: for people.
    """

    name: str
    kind: str
    scored: str = ""
    classes: Mapping[str, int] | None = None
    untrained: Mapping[str, int] | None = None
    quality: Quality | None = None
    weight: float | None = None
    note: str = ""


def dimension_rows(generation: Generation) -> list[DimensionRow]:
    """Return every dimension, then every attribute that is none.

    Raises:
        InvalidValue: ``no-filters``.
        StoreError: ``damaged-filters``, ``damaged-weights``.
    """
    filters, weights = generation.require_filters(), load_static_weights(generation)
    dimensions, _ = generation.dimensions
    used = [
        DimensionRow(
            one.name,
            one.kind,
            _scoring_method(one),
            dict(zip(one.classes, one.products, strict=True)),
            dict(one.untrained),
            filters.quality.get(one.name),
            weights[one.name],
            _note(one, filters.quality.get(one.name), one.name in filters.models.constant_dimensions),
        )
        for one in filters.dimensions
    ]
    if TEXT in weights:
        used.append(DimensionRow(TEXT, TEXT, "agreement of words", weight=weights[TEXT], note=TEXT_NOTE))
    if generation.caption is not None:
        note, weight = f"{TEXT_NOTE}; {generation.caption.reason}", weights.get(CAPTION, 0.0)
        used.append(DimensionRow(CAPTION, CAPTION, "cosine of words and photos", weight=weight, note=note))
    return used + [DimensionRow(one.name, "none", note=one.reason) for one in dimensions.skipped]


def _scoring_method(dimension: Dimension) -> str:
    if dimension.name in _SCORED:
        return _SCORED[dimension.name]
    palette = "palettes" if dimension.name == COLOR and dimension.is_measured else ""
    heads = "class probabilities" if dimension.classes else ""
    return f"agreement of {' and '.join(filter(None, (heads, palette)))}"


def _note(dimension: Dimension, quality: Quality | None, flat: bool) -> str:
    notes = []
    if dimension.is_named:
        labeled = 0 if quality is None else quality.photos
        by = f"calibrated by {labeled} labelled photos" if labeled else "not calibrated, since the feed labels too few"
        notes.append(f"scored by the names of its classes, {by}")
    notes += ["all photos are the same in this dimension"] if flat else []
    if quality is not None and not quality.is_visible:
        notes.append("the photos do not show its classes")
    if dimension.untrained:
        notes.append(f"{len(dimension.untrained)} classes are untrained because they have too few products")
    return "; ".join(notes)
