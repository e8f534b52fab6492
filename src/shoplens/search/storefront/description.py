"""What a search page shows before a search: fields to filter by, sample photos, and prices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from statistics import median

from shoplens.filters.dimensions.dimension import COLOR
from shoplens.index.predicted_values import PREDICTED
from shoplens.search.storefront.catalogue_facets import MOST_LOOKED_AT, PriceRange, field_trees, price_range
from shoplens.store.generation import Generation
from shoplens.types import Product
from shoplens.words.concepts import Concepts
from shoplens.words.swatches import swatch_of

MOST_FIELDS, MOST_VALUES = 8, 100
SAMPLES = 6
_FIRST = ("category", COLOR, "brand")
_LEFT_OUT = ("group_id", "in_stock", "currency")
_NAMED_COLORS = 0.6
"""Share of a field's values that must name colours, so that it is shown as colours."""


@dataclass(frozen=True, slots=True)
class FilterField:
    """A field that shoppers filter by.

    Attributes:
        name: of the field, as in conditions.
        tree: its paths ``A > B`` in their order, if its values form a tree; else empty.
        swatches: folded value -> ``#rrggbb``, if its values name colours; else empty.
    """

    name: str
    tree: tuple[str, ...] = ()
    swatches: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Storefront:
    """What a search page needs to know of a shop before a search.

    Attributes:
        fields: to filter by, category, colour and brand first.
        samples: products of different categories whose photos shoppers can try.
        price: None where no product has a price.
        currency: of most products; empty where the feed has none.
        photo_ratio: usual width of a first photo, divided by its height, from 2/3 to 4/3.
    """

    fields: tuple[FilterField, ...]
    samples: tuple[Product, ...]
    price: PriceRange | None
    currency: str
    photo_ratio: float


def describe_storefront(generation: Generation, concepts: Concepts) -> Storefront:
    """Describe what a search page shows of a shop before a search."""
    index = generation.index
    stored = list(islice(index.all_records(), MOST_LOOKED_AT))
    records = sorted((record.product for record in stored), key=lambda product: product.id)
    ratios = [record.photos[0].width / record.photos[0].height for record in stored]
    currencies = [product.currency for product in records if product.currency]
    return Storefront(
        _filter_fields(generation, concepts),
        _choose_samples(records),
        price_range(records),
        max(set(currencies), key=lambda one: (currencies.count(one), one), default=""),
        min(4 / 3, max(2 / 3, median(ratios or [1.0]))),
    )


def _filter_fields(generation: Generation, concepts: Concepts) -> tuple[FilterField, ...]:
    index = generation.index
    trees = field_trees(generation)
    names = [
        name
        for name, kinds in index.field_kinds().items()
        if "text" in kinds and name not in ("id", *_LEFT_OUT) and not name.startswith(PREDICTED)
    ]
    fields = []
    is_coarse = {}
    for name in sorted(names):
        values = [value for value, _ in index.facet(name, MOST_VALUES)]
        if not 2 <= len(values) < MOST_VALUES and name not in _FIRST:
            continue
        is_coarse[name] = len(values) == 2  # yes or no, for example
        swatches = {value: code for value in values if (code := swatch_of(value, concepts))}
        is_color = name == COLOR or len(swatches) >= _NAMED_COLORS * len(values)
        fields.append(FilterField(name, trees.get(name, ()), swatches if is_color else {}))
    order = {name: number for number, name in enumerate(_FIRST)}
    fields.sort(key=lambda one: (order.get(one.name, len(order)), is_coarse[one.name]))
    return tuple(fields[:MOST_FIELDS])


def _choose_samples(products: Iterable[Product]) -> tuple[Product, ...]:
    """Choose products of the largest categories, of different groups and, as far as possible, colours."""
    by_category: dict[tuple[str, ...], list[Product]] = defaultdict(list)
    for product in products:
        if product.in_stock is not False:
            by_category[product.category].append(product)
    order = sorted(by_category.values(), key=lambda held: (-len(held), held[0].id))
    chosen: list[Product] = []
    colors: set[object] = set()
    rounds = max((len(held) for held in order), default=0)
    for turn in range(rounds):
        for held in order:
            if len(chosen) == SAMPLES:
                return tuple(chosen)
            groups = {one.group_id or one.id for one in chosen}
            rest = [one for one in held[turn:] if (one.group_id or one.id) not in groups]
            if rest:
                chosen.append(min(rest, key=lambda one: one.attributes.get(COLOR, ("",))[0] in colors))
                colors.add(chosen[-1].attributes.get(COLOR, ("",))[0])
    return tuple(chosen)
