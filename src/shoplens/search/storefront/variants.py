"""The products of a group in their colours, for the dots on a card."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from shoplens.filters.dimensions.dimension import COLOR
from shoplens.index.conditions import OneOf
from shoplens.index.protocol import Index
from shoplens.types import Product
from shoplens.words.concepts import Concepts
from shoplens.words.swatches import swatch_of

MOST_VARIANTS = 12


@dataclass(frozen=True, slots=True)
class Variant:
    """A product of a group, for a dot on the card of another one: its colour as the shop calls it, and as a code."""

    product: Product
    color: str
    swatch: str


def find_variants(index: Index, groups: Iterable[str], concepts: Concepts) -> dict[str, list[Variant]]:
    """Return the products of each group that have a colour, by id: group id -> at most 12 variants."""
    wanted = tuple(sorted({group for group in groups if group}))
    found: dict[str, list[Variant]] = defaultdict(list)
    if not wanted:
        return found
    for record in index.all_records(OneOf("group_id", texts=wanted)):
        product = record.product
        for value in product.attributes.get(COLOR, ())[:1]:
            found[product.group_id].append(Variant(product, str(value), swatch_of(str(value), concepts)))
    return {group: sorted(held, key=lambda one: one.product.id)[:MOST_VARIANTS] for group, held in found.items()}
