"""Facets: per value of a field, the number of products that are relevant to a query, and of all products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from shoplens.errors import ConditionError
from shoplens.filters.dimensions.dimension import PATH
from shoplens.index.conditions import AllOf, Condition, field_comparisons, field_values
from shoplens.index.predicted_values import PREDICTED
from shoplens.index.protocol import Index
from shoplens.ranking.strategies import EncodedQuery
from shoplens.search.constraint import RankingConstraint
from shoplens.search.prepared_strategy import PreparedStrategy
from shoplens.types import Facet, Product, Value, fold, normalize_nfc, value_text

MOST_RELEVANT = 1_000
"""Number of products, the best of the ranking, among which relevant ones are counted."""
MOST_VALUES = 100
"""Largest number of values of a facet."""


@dataclass(frozen=True, slots=True, eq=False)
class FacetRequest:
    """A request for facets.

    Attributes:
        index, prepared, query, constraint: of the search.
        fields: names of the fields whose values are counted.
    """

    index: Index
    prepared: PreparedStrategy
    query: EncodedQuery
    constraint: RankingConstraint
    fields: tuple[str, ...]


def count_facets(request: FacetRequest) -> tuple[Facet, ...]:
    """Count the facets of a search.

    A product is relevant when its score, without merchandising, is nearer to the best score than to that of the shop's
    average product; for a strategy of the look alone, when it reaches .75. A facet with ticks is counted without its
    own condition, so that a shopper sees what ticking another value would add.

    Raises:
        ConditionError: ``unknown-field``.
    """
    relevant: dict[Condition | None, tuple[list[Product], bool]] = {}
    found = []
    kinds = request.index.field_kinds()
    for field in map(normalize_nfc, request.fields):
        if "text" not in kinds.get(field, ()):
            there = ", ".join(sorted(name for name, held in kinds.items() if "text" in held and name != "id"))
            raise ConditionError(f"There is no field {field!r} to count.", f"There are: {there}.", code="unknown-field")
        others = _without_field(request.constraint, field)
        if others not in relevant:
            relevant[others] = _relevant(request, others)
        found.append(_facet(request, field, *relevant[others], request.index.facet(field, MOST_VALUES, others)))
    return tuple(found)


def count_values(
    index: Index, fields: Iterable[str], condition: Condition | None, limit: int
) -> dict[str, dict[str, int]]:
    """Count products by value: field -> value -> number of products, most first.

    Args:
        fields: to count; all that hold text where none is named.
        condition: that products meet.

    Raises:
        ConditionError: ``unknown-field``.
    """
    there = sorted(name for name, held in index.field_kinds().items() if "text" in held and name != "id")
    wanted = list(dict.fromkeys(map(normalize_nfc, fields))) or [
        name for name in there if not name.startswith(PREDICTED)
    ]
    for field in wanted:
        if field not in there:
            raise ConditionError(
                f"There is no field {field!r} to count.", f"There are: {', '.join(there)}.", code="unknown-field"
            )
    return {field: dict(index.facet(field, limit, condition)) for field in wanted}


def remove_field(condition: Condition | None, field: str) -> Condition | None:
    """Remove from a condition the parts that are about this field alone."""
    if condition is None:
        return None
    parts = condition.conditions if isinstance(condition, AllOf) else (condition,)
    about = {field, f"{PREDICTED}{field}"}
    kept = [part for part in parts if not _is_about(part, about)]
    inner = [remove_field(part, field) if isinstance(part, AllOf) else part for part in kept]
    rest = tuple(part for part in inner if part is not None)
    return None if not rest else rest[0] if len(rest) == 1 else AllOf(rest)


def _without_field(constraint: RankingConstraint, field: str) -> Condition | None:
    """Return the condition of a search without what is about this field; hidden products stay hidden."""
    others, shown = remove_field(constraint.photos.condition, field), constraint.shown
    if shown is None or (isinstance(others, AllOf) and shown in others.conditions) or others == shown:
        return others
    return shown if others is None else AllOf((others, shown))


def _is_about(condition: Condition, fields: set[str]) -> bool:
    """Whether a condition is about these fields alone."""
    used = {leaf.field for leaf in field_comparisons(condition)}
    return bool(used) and used <= fields


def _relevant(request: FacetRequest, condition: Condition | None) -> tuple[list[Product], bool]:
    """Return the relevant products, and whether these are all there are."""
    query, strategy = request.query, request.prepared.strategy
    if query.filtered is not None:
        query = replace(query, filtered=replace(query.filtered, explain=False))
    constraint = replace(
        request.constraint.with_condition(condition), k=MOST_RELEVANT, per_group=None, in_one_block=True
    )
    ranked = request.prepared.rank(request.index, query, constraint).results
    names = strategy.weights(query)
    alike = [sum(result.parts[name] for name in names) for result in ranked]
    bar = strategy.similarity_threshold(query, max(alike, default=0.0))
    products = [result.product for result, score in zip(ranked, alike, strict=True) if score >= bar]
    return products, len(products) < len(ranked) or len(ranked) < MOST_RELEVANT


def _facet(
    request: FacetRequest, field: str, products: list[Product], complete: bool, everywhere: list[tuple[str, int]]
) -> Facet:
    relevant: Counter[str] = Counter()
    filters = request.query.filtered.filters if request.query.filtered is not None else None
    shown = {
        fold(name.rsplit(PATH, 1)[-1]): name.rsplit(PATH, 1)[-1]
        for dimension in (filters.dimensions if filters is not None else ())
        if normalize_nfc(dimension.field) == field
        for name in (*dimension.classes, *dimension.untrained)
    }
    for product in products:
        held = field_values(product).get(field)
        relevant.update(held.texts if held else ())
        shown.update({fold(text): text for text in original_values(product, field)})
    counts = {value: (relevant[value], most) for value, most in everywhere}
    order = sorted(counts, key=lambda value: (-counts[value][0], -counts[value][1], value))
    return Facet(field, {shown.get(value, value): counts[value] for value in order}, len(products), complete)


def original_values(product: Product, field: str) -> list[str]:
    """Return the values of a field as the shop writes them."""
    own: dict[str, tuple[Value, ...]] = {"category": product.category, "brand": (product.brand,)}
    name = field.removeprefix("attributes.")
    values = own.get(field) or (
        one for key, held in product.attributes.items() if normalize_nfc(key) == name for one in held
    )
    return [normalize_nfc(value_text(value)) for value in values]
