"""What a catalogue can be filtered by, counted without a query: values of fields, trees of values, and prices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from shoplens.filters.dimensions.dimension import PATH
from shoplens.index.conditions import AllOf, Condition, OneOf
from shoplens.index.protocol import Index
from shoplens.search.facets import count_values
from shoplens.store.generation import Generation
from shoplens.types import Product

MOST_LOOKED_AT, PRICE_BINS = 2_000, 16


@dataclass(frozen=True, slots=True)
class PriceRange:
    """Prices of products: the lowest, the highest, and the number of products in equal steps between them.

    They are of at most 2,000 products, so a larger shop may have a lower or a higher one.
    """

    min: float
    max: float
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CatalogueFacets:
    """What products can be filtered by.

    Attributes:
        facets: field -> value -> number of products, most first.
        trees: field whose values form a tree -> path ``A > B`` -> number of products; each after the one above it.
        price: None where no product has a price.
    """

    facets: Mapping[str, Mapping[str, int]]
    trees: Mapping[str, Mapping[str, int]]
    price: PriceRange | None


def count_catalogue(
    generation: Generation, fields: Iterable[str], condition: Condition | None, limit: int
) -> CatalogueFacets:
    """Count products by value, by path of a tree, and by price.

    Args:
        fields: to count; all that hold text where none is named.
        condition: that products meet.
        limit: values of a field; trees are always whole.

    Raises:
        ConditionError: ``unknown-field``.
    """
    index = generation.index
    facets = count_values(index, fields, condition, limit)
    trees = {name: paths for name, paths in field_trees(generation).items() if name in facets}
    products = (record.product for record in islice(index.all_records(condition), MOST_LOOKED_AT))
    counted = {name: _count_paths(index, name, paths, condition) for name, paths in trees.items()}
    return CatalogueFacets(facets, counted, price_range(products))


def field_trees(generation: Generation) -> dict[str, tuple[str, ...]]:
    """Return field whose values form a tree -> its paths, each after the one above it; siblings keep their order."""
    dimensions = () if generation.filters is None else generation.filters.dimensions
    trees = {one.field: (*one.classes, *one.untrained) for one in dimensions if one.kind == "tree" and one.field}
    return {name: _order_paths(paths) for name, paths in trees.items()}


def price_range(products: Iterable[Product]) -> PriceRange | None:
    """Return the range of the prices that there are."""
    prices = [product.price for product in products if product.price is not None]
    if not prices:
        return None
    low, high = min(prices), max(prices)
    width = (high - low) / PRICE_BINS or 1.0
    counts = [0] * PRICE_BINS
    for price in prices:
        counts[min(PRICE_BINS - 1, int((price - low) / width))] += 1
    return PriceRange(low, high, tuple(counts))


def _order_paths(given: tuple[str, ...]) -> tuple[str, ...]:
    place = {path: number for number, path in enumerate(given)}

    def key(path: str) -> list[int]:
        steps = path.split(PATH)
        return [place.get(PATH.join(steps[: depth + 1]), len(given)) for depth in range(len(steps))]

    return tuple(sorted(given, key=key))


def _count_paths(index: Index, field: str, paths: Iterable[str], condition: Condition | None) -> dict[str, int]:
    """Count the products that have all steps of each path."""
    given = () if condition is None else (condition,)
    return {
        path: index.count(AllOf((*given, *(OneOf(field, texts=(step,)) for step in path.split(PATH)))))
        for path in paths
    }
