"""Derives the dimensions of a shop from its feed, its labels and ``[dimensions]`` of ``shoplens.toml``.

Values are compared folded (trimmed, without regard to case, letters composed) and shown in their most frequent
spelling. One pass over the products suffices: memory grows with the number of different values, not of products, but
for eight bytes per id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from shoplens.errors import InvalidValue
from shoplens.filters.dimensions.dimension import COLOR, DESIGN, LOOK, OBJECT, SHAPE, Dimension
from shoplens.filters.dimensions.feed_counts import MIN_GROUPS, FieldCounter, GroupCounter, most_frequent
from shoplens.filters.dimensions.feed_values import ATTRIBUTES, BRAND, CATEGORY, OWN_FIELDS, FeedReader, path_nodes
from shoplens.filters.dimensions.identifiers import ProductNames
from shoplens.filters.dimensions.labels import Labels
from shoplens.filters.dimensions.skipped import CandidateField, SkippedDimension, find_skip_reason
from shoplens.settings import (
    FEED_KINDS,
    PHOTO_DIMENSIONS,
    RESERVED_NAMES,
    DimensionRule,
    DimensionRules,
    FeedKind,
    fold_name,
)
from shoplens.types import Product, fold

MAX_MULTI_VALUED_SHARE = 0.02
"""Where a larger share of products holds several values, a dimension is ``multi``."""
MAX_NODES = 20_000
"""Most nodes of a tree that are counted."""


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The dimensions of a shop.

    Attributes:
        used: ``look``, ``object``, ``design`` and ``shape`` first, then ``color``, ``category``, ``brand`` and the
            others as they first appear in the feed.
        skipped: the fields that became no dimension, with their reasons.
        notes: messages for people, e.g. about a merged value that no product has.
        rules: the rules from which they were derived.
    """

    used: tuple[Dimension, ...]
    skipped: tuple[SkippedDimension, ...] = ()
    notes: tuple[str, ...] = ()
    rules: DimensionRules = field(default_factory=DimensionRules)

    def find(self, name: str) -> Dimension:
        """Return the dimension of that name; names are compared folded.

        Raises:
            InvalidValue: ``unknown-dimension``, with the names of all dimensions, and the reason where it was skipped.
        """
        folded = fold_name(name)
        for dimension in self.used:
            if fold_name(dimension.name) == folded:
                return dimension
        reason = next((f" {skipped.reason}" for skipped in self.skipped if fold_name(skipped.name) == folded), "")
        names = ", ".join(dimension.name for dimension in self.used)
        raise InvalidValue(f"There is no dimension {name!r}.{reason}", f"There are: {names}.", code="unknown-dimension")


def derive_dimensions(
    products: Iterable[Product],
    rules: DimensionRules | None = None,
    labels: Labels | None = None,
    *,
    has_object: bool = False,
) -> Dimensions:
    """Derive the dimensions of the products, which are iterated once.

    An attribute with two or more classes of ``min_products`` products, not more than ``max_classes`` values, and more
    than three products per value is a dimension: ``single`` where at most 2 % of the products that have it hold
    several values, else ``multi``. Attributes of links, codes, ids of other products or numbers are not, unless a rule
    sets ``use = true``, which also admits nearly unique values. ``category`` is a ``tree``. An attribute that
    distinguishes no two products is never a dimension.

    Args:
        has_object: whether objects are found in photos, and compared.

    Raises:
        InvalidValue: ``unknown-dimension``: a rule is for an attribute that no product has; ``no-labels``: the labels
            file of a rule has no label for it; ``duplicate-dimension``: two attributes have one name.
    """
    rules = rules or DimensionRules()
    reader = FeedReader(rules, labels)
    counters: dict[str, FieldCounter] = {CATEGORY: FieldCounter(), BRAND: FieldCounter()}
    groups, product_names = GroupCounter(), ProductNames()
    for product in products:
        groups.add(product)
        product_names.add(product)
        for key, content in reader.read(product).items():
            max_values = MAX_NODES if reader.is_tree(key) else rules.max_classes
            counters.setdefault(key, FieldCounter()).add(content, reader.is_tree(key), max_values)
    counters = {key: counter for key, counter in counters.items() if counter.products}
    _check_rules(rules, counters)
    of_feed = [
        _derive_dimension(counter, rules.rule(key), rules, product_names)
        for key, counter in counters.items()
        if not rules.rule(key).classes
    ]
    of_feed += _derive_named_dimensions(rules, counters)
    results = [*_photo_dimensions(rules, groups, has_object=has_object), *_put_color_first(of_feed, rules)]
    used = tuple(dimension for dimension in results if isinstance(dimension, Dimension))
    _check_names(used)
    notes = tuple(
        f"shoplens.toml merges {value!r} of {key!r} into another class, but no product has it."
        for key, value in reader.unused_merges()
    )
    skipped = tuple(dimension for dimension in results if isinstance(dimension, SkippedDimension))
    return Dimensions(used, skipped, notes, rules)


class _Lookup(NamedTuple):
    name: str
    key: str
    classes: Mapping[str, str]


class ClassReader:
    """Looks up the trained classes of one product after another; create it once for all dimensions.

    Args:
        dimensions: the dimensions to read; those that are not from the feed (``look``, ``shape``, …) are ignored.
        rules, labels: those from which the dimensions were derived.
    """

    def __init__(
        self, dimensions: Iterable[Dimension], rules: DimensionRules | None = None, labels: Labels | None = None
    ) -> None:
        rules = rules or DimensionRules()
        self._lookups = tuple(
            _Lookup(dimension.name, _field_key(dimension, rules), {fold(name): name for name in dimension.classes})
            for dimension in dimensions
            if dimension.kind in FEED_KINDS
        )
        self._reader = FeedReader(rules, labels, only={lookup.key for lookup in self._lookups})

    def read_classes(self, product: Product) -> dict[str, tuple[str, ...]]:
        """Return dimension -> trained classes of the product, without the dimensions in which feed and labels give no
        value, or only untrained classes.

        In a tree these are all trained nodes on the product's path, root first. A ``single`` dimension gives several
        classes where the feed does.
        """
        contents = self._reader.read(product)
        classes_by_name = {}
        for name, key, classes in self._lookups:
            if content := contents.get(key):
                nodes = (node for steps in content.values for node in path_nodes(steps))
                if trained := tuple(dict.fromkeys(classes[node] for node in nodes if node in classes)):
                    classes_by_name[name] = trained
        return classes_by_name

    def missing_dimensions(self, product: Product) -> tuple[str, ...]:
        """Return the dimensions in which neither feed nor labels give a value for the product."""
        contents = self._reader.read(product)
        return tuple(name for name, key, _ in self._lookups if key not in contents)


def read_classes(
    dimension: Dimension, product: Product, rules: DimensionRules | None = None, labels: Labels | None = None
) -> tuple[str, ...]:
    """Return the trained classes of one product in one dimension; for many products create a :class:`ClassReader`."""
    return ClassReader([dimension], rules, labels).read_classes(product).get(dimension.name, ())


def _photo_dimensions(
    rules: DimensionRules, groups: GroupCounter, *, has_object: bool
) -> Iterator[Dimension | SkippedDimension]:
    yield Dimension(LOOK, "embedding")
    if has_object:
        yield _skip_disabled(OBJECT) if rules.rule(OBJECT).use is False else Dimension(OBJECT, "embedding")
    if rules.rule(DESIGN).use is False:
        yield _skip_disabled(DESIGN)
    elif groups.count < MIN_GROUPS:
        reason = f"{groups.count} groups have two or more products; {MIN_GROUPS} are needed."
        yield SkippedDimension(DESIGN, reason, "too-few-groups")
    else:
        yield Dimension(DESIGN, "design")
    yield _skip_disabled(SHAPE) if rules.rule(SHAPE).use is False else Dimension(SHAPE, "measured", is_measured=True)


def _put_color_first(
    of_feed: Sequence[Dimension | SkippedDimension], rules: DimensionRules
) -> Iterator[Dimension | SkippedDimension]:
    """Yield ``color``, which is also measured, before the others; where the feed has none, it is only measured."""
    colors = [one for one in of_feed if isinstance(one, Dimension) and fold_name(one.name) == COLOR]
    if colors:
        yield from (replace(color, name=COLOR, is_measured=True) for color in colors)
    elif rules.rule(COLOR).use is not False:
        yield Dimension(COLOR, "measured", is_measured=True)
    elif all(fold_name(one.name) != COLOR for one in of_feed):
        yield _skip_disabled(COLOR)
    yield from (one for one in of_feed if one not in colors)


def _derive_dimension(
    counter: FieldCounter, rule: DimensionRule, rules: DimensionRules, product_names: ProductNames
) -> Dimension | SkippedDimension:
    name = rule.name or counter.name
    if rule.use is False:
        return _skip_disabled(name)
    is_of_feed = any(counter.fields.values())
    kind = rule.kind or ("tree" if counter.is_tree else _infer_kind(counter))
    min_products = rules.min_products
    classes = {node: count for node, count in counter.nodes.items() if count >= min_products}
    is_requested = bool(rule.use or rule.kind or not is_of_feed)
    field = CandidateField(counter, kind, is_requested, classes, min_products, product_names)
    if (skipped := find_skip_reason(name, field)) is not None:
        return skipped
    ordered = sorted((-count, counter.display_name(node)) for node, count in counter.nodes.items())
    products = {text: -negative for negative, text in ordered if -negative >= min_products}
    return Dimension(
        name,
        kind,
        most_frequent(+counter.fields) if is_of_feed else "",
        tuple(products),
        tuple(products.values()),
        {text: -negative for negative, text in ordered if -negative < min_products},
    )


def _derive_named_dimensions(rules: DimensionRules, counters: Mapping[str, FieldCounter]) -> Iterator[Dimension]:
    """Yield the dimensions whose classes the shop names, with the number of products that the feed gives each."""
    for attribute, rule in rules.rules.items():
        if not rule.classes or rule.use is False:
            continue
        counter = counters.get(fold_name(attribute))
        nodes = {} if counter is None else {fold(counter.display_name(node)): n for node, n in counter.nodes.items()}
        is_of_feed = counter is not None and any(counter.fields.values())
        yield Dimension(
            rule.name or attribute,
            "single",
            most_frequent(+counter.fields) if counter is not None and is_of_feed else attribute,
            rule.classes,
            tuple(nodes.get(fold(name), 0) for name in rule.classes),
            is_named=True,
        )


def _infer_kind(counter: FieldCounter) -> FeedKind:
    return "multi" if counter.multi_valued > counter.products * MAX_MULTI_VALUED_SHARE else "single"


def _skip_disabled(name: str) -> SkippedDimension:
    return SkippedDimension(name, "shoplens.toml drops it.", "dropped")


def _check_rules(rules: DimensionRules, counters: Mapping[str, FieldCounter]) -> None:
    for attribute, rule in rules.rules.items():
        key = fold_name(attribute)
        only_use = rule in (DimensionRule(use=False), DimensionRule(use=True))
        is_measured = key in PHOTO_DIMENSIONS or (key == COLOR and only_use)
        if key in counters or is_measured or rule.classes:
            continue
        if rule.labels:
            problem = f"No row of {rule.labels} labels a product's photo in {attribute!r}."
            raise InvalidValue(problem, "Correct the file, or remove [dimensions.…].", code="no-labels")
        known = dict.fromkeys([LOOK, OBJECT, DESIGN, SHAPE, COLOR, *(counter.name for counter in counters.values())])
        raise InvalidValue(
            f"shoplens.toml has [dimensions.{attribute}], but no product has {attribute!r}.",
            f"There are: {', '.join(known)}.",
            code="unknown-dimension",
        )


def _check_names(used: Iterable[Dimension]) -> None:
    by_name: dict[str, Dimension] = {}
    for dimension in used:
        if other := by_name.get(fold_name(dimension.name)):
            raise InvalidValue(
                f"{other.field!r} and {dimension.field!r} of the feed are both called {dimension.name!r}.",
                "Give one of them another name in shoplens.toml, or drop it with use = false.",
                code="duplicate-dimension",
            )
        by_name[fold_name(dimension.name)] = dimension


def _field_key(dimension: Dimension, rules: DimensionRules) -> str:
    """Return the key of the field from which a dimension is derived."""
    field = fold_name(dimension.field)
    if field in RESERVED_NAMES or (field in OWN_FIELDS and dimension.field not in OWN_FIELDS):
        return ATTRIBUTES + field
    name = fold_name(dimension.name)
    used = ((attribute, rule) for attribute, rule in rules.rules.items() if rule.use is not False)
    renamed = (fold_name(attribute) for attribute, rule in used if fold_name(rule.name) == name)
    return field or next(renamed, name)
