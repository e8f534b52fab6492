"""Which dimensions a shop has: derived from its feed, its labels and ``[dimensions]`` of ``shoplens.toml``.

Values are compared folded (trimmed, without regard to case, letters composed) and shown as most often written. One pass
over the products: memory grows with the number of different values, not of products, but for eight bytes per id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from shoplens.errors import InvalidValue
from shoplens.filters.dimensions.dimension import COLOR, DESIGN, LOOK, SHAPE, Dimension
from shoplens.filters.dimensions.feed_counts import MIN_GROUPS, FieldCount, Groups, most_often
from shoplens.filters.dimensions.feed_values import ATTRIBUTES, BRAND, CATEGORY, OWN_FIELDS, FeedReader, nodes
from shoplens.filters.dimensions.identifiers import Identifiers
from shoplens.filters.dimensions.labels import Labels
from shoplens.filters.dimensions.skipped import Field, SkippedDimension, find_reason
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

MULTI_ABOVE = 0.02
"""Where a larger share of products holds several values, a dimension is ``multi``."""
MOST_NODES = 20_000
"""Nodes of a tree that are counted."""


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The dimensions of a shop.

    Attributes:
        used: ``look``, ``design`` and ``shape`` first, then ``color``, ``category``, ``brand`` and the others as they
            first appear in the feed.
        skipped: why others are none.
        notes: what a person should know, e.g. a merged value that no product has.
        rules: those that made them.
    """

    used: tuple[Dimension, ...]
    skipped: tuple[SkippedDimension, ...] = ()
    notes: tuple[str, ...] = ()
    rules: DimensionRules = field(default_factory=DimensionRules)

    def find(self, name: str) -> Dimension:
        """The dimension of that name, compared folded.

        Raises:
            InvalidValue: ``unknown-dimension``, with those there are, or why it is none.
        """
        wanted = fold_name(name)
        for dimension in self.used:
            if fold_name(dimension.name) == wanted:
                return dimension
        why = next((f" {one.reason}" for one in self.skipped if fold_name(one.name) == wanted), "")
        known = ", ".join(one.name for one in self.used)
        raise InvalidValue(f"There is no dimension {name!r}.{why}", f"There are: {known}.", code="unknown-dimension")


def dimensions_from(
    products: Iterable[Product], rules: DimensionRules | None = None, labels: Labels | None = None
) -> Dimensions:
    """The dimensions of the products; they are gone through once.

    An attribute with two or more classes of ``min_products`` products, not more than ``max_classes`` values, and more
    than three products per value is a dimension: ``single`` where at most 2 % of the products that have it hold
    several values, else ``multi``. Links, codes, ids of other products and numbers are none, unless a rule says
    ``use = true``, which also admits nearly unique values. ``category`` is a ``tree``. What tells no two products apart
    is none in any case.

    Raises:
        InvalidValue: ``unknown-dimension``, a rule for an attribute that no product has; ``no-labels``, a rule whose
            labels file has none for it; ``duplicate-dimension``, two attributes of one name.
    """
    rules = rules or DimensionRules()
    reader = FeedReader(rules, labels)
    counts: dict[str, FieldCount] = {CATEGORY: FieldCount(), BRAND: FieldCount()}
    groups, identifiers = Groups(), Identifiers()
    for product in products:
        groups.add(product)
        identifiers.add(product)
        for key, said in reader.said(product).items():
            most = MOST_NODES if reader.is_tree(key) else rules.max_classes
            counts.setdefault(key, FieldCount()).add(said, reader.is_tree(key), most)
    counts = {key: count for key, count in counts.items() if count.products}
    _check_rules(rules, counts)
    derived = [_derive(count, rules.rule(key), rules, identifiers) for key, count in counts.items()]
    found = [*_own(rules, groups), *_with_color(derived, rules)]
    used = tuple(one for one in found if isinstance(one, Dimension))
    _check_names(used)
    notes = tuple(
        f"shoplens.toml merges {value!r} of {key!r} into another class, but no product has it."
        for key, value in reader.unused_merges()
    )
    return Dimensions(used, tuple(one for one in found if isinstance(one, SkippedDimension)), notes, rules)


class _Lookup(NamedTuple):
    name: str
    key: str
    classes: Mapping[str, str]


class ClassReader:
    """Looks up the trained classes of one product after another; made once for all dimensions.

    Args:
        dimensions: those to read; the ones that are not of the feed (``look``, ``shape``, …) are passed over.
        rules, labels: those that made the dimensions.
    """

    def __init__(
        self, dimensions: Iterable[Dimension], rules: DimensionRules | None = None, labels: Labels | None = None
    ) -> None:
        rules = rules or DimensionRules()
        self._lookups = tuple(
            _Lookup(one.name, _key(one, rules), {fold(name): name for name in one.classes})
            for one in dimensions
            if one.kind in FEED_KINDS
        )
        self._reader = FeedReader(rules, labels, only={lookup.key for lookup in self._lookups})

    def of(self, product: Product) -> dict[str, tuple[str, ...]]:
        """Dimension -> trained classes of the product; without those dimensions in which the feed (and the labels)
        are silent, or name untrained classes only.

        Of a tree all trained nodes on the product's path, root first. A ``single`` dimension gives several classes
        where the feed does.
        """
        said = self._reader.said(product)
        found = {}
        for name, key, classes in self._lookups:
            if one := said.get(key):
                held = (node for steps in one.values for node in nodes(steps))
                if known := tuple(dict.fromkeys(classes[node] for node in held if node in classes)):
                    found[name] = known
        return found

    def silent(self, product: Product) -> tuple[str, ...]:
        """The dimensions in which neither feed nor labels say anything of the product."""
        said = self._reader.said(product)
        return tuple(name for name, key, _ in self._lookups if key not in said)


def classes_of(
    dimension: Dimension, product: Product, rules: DimensionRules | None = None, labels: Labels | None = None
) -> tuple[str, ...]:
    """The trained classes of one product in one dimension; for many products make a :class:`ClassReader` once."""
    return ClassReader([dimension], rules, labels).of(product).get(dimension.name, ())


def _own(rules: DimensionRules, groups: Groups) -> Iterator[Dimension | SkippedDimension]:
    yield Dimension(LOOK, "embedding")
    if rules.rule(DESIGN).use is False:
        yield _skip_disabled(DESIGN)
    elif groups.count < MIN_GROUPS:
        reason = f"{groups.count} groups have two or more products; {MIN_GROUPS} are needed."
        yield SkippedDimension(DESIGN, reason, "too-few-groups")
    else:
        yield Dimension(DESIGN, "design")
    yield _skip_disabled(SHAPE) if rules.rule(SHAPE).use is False else Dimension(SHAPE, "measured", is_measured=True)


def _with_color(
    derived: Sequence[Dimension | SkippedDimension], rules: DimensionRules
) -> Iterator[Dimension | SkippedDimension]:
    """``color``, measured too, before the others; where the feed has no such dimension it is measured only."""
    colors = [one for one in derived if isinstance(one, Dimension) and fold_name(one.name) == COLOR]
    if colors:
        yield from (replace(one, name=COLOR, is_measured=True) for one in colors)
    elif rules.rule(COLOR).use is not False:
        yield Dimension(COLOR, "measured", is_measured=True)
    elif all(fold_name(one.name) != COLOR for one in derived):
        yield _skip_disabled(COLOR)
    yield from (one for one in derived if one not in colors)


def _derive(
    count: FieldCount, rule: DimensionRule, rules: DimensionRules, identifiers: Identifiers
) -> Dimension | SkippedDimension:
    name = rule.name or count.name
    if rule.use is False:
        return _skip_disabled(name)
    of_feed = any(count.fields.values())
    kind = rule.kind or ("tree" if count.tree else _kind(count))
    least = rules.min_products
    trained = {one: held for one, held in count.nodes.items() if held >= least}
    field = Field(count, kind, bool(rule.use or rule.kind or not of_feed), trained, least, identifiers)
    if (none := find_reason(name, field)) is not None:
        return none
    shown = sorted((-held, count.shown(one)) for one, held in count.nodes.items())
    classes = {text: -held for held, text in shown if -held >= least}
    return Dimension(
        name,
        kind,
        most_often(+count.fields) if of_feed else "",
        tuple(classes),
        tuple(classes.values()),
        {text: -held for held, text in shown if -held < least},
    )


def _kind(count: FieldCount) -> FeedKind:
    return "multi" if count.several > count.products * MULTI_ABOVE else "single"


def _skip_disabled(name: str) -> SkippedDimension:
    return SkippedDimension(name, "shoplens.toml drops it.", "dropped")


def _check_rules(rules: DimensionRules, counts: Mapping[str, FieldCount]) -> None:
    for attribute, rule in rules.rules.items():
        key = fold_name(attribute)
        only_use = rule in (DimensionRule(use=False), DimensionRule(use=True))
        measured = key in PHOTO_DIMENSIONS or (key == COLOR and only_use)
        if key in counts or measured:
            continue
        if rule.labels:
            problem = f"No row of {rule.labels} says of a product's photo what its {attribute!r} is."
            raise InvalidValue(problem, "Mend the file, or take [dimensions.…] out.", code="no-labels")
        known = dict.fromkeys([LOOK, DESIGN, SHAPE, COLOR, *(one.name for one in counts.values())])
        raise InvalidValue(
            f"shoplens.toml has [dimensions.{attribute}], but no product has {attribute!r}.",
            f"There are: {', '.join(known)}.",
            code="unknown-dimension",
        )


def _check_names(used: Iterable[Dimension]) -> None:
    seen: dict[str, Dimension] = {}
    for dimension in used:
        if other := seen.get(fold_name(dimension.name)):
            raise InvalidValue(
                f"{other.field!r} and {dimension.field!r} of the feed are both called {dimension.name!r}.",
                "Give one of them another name in shoplens.toml, or drop it with use = false.",
                code="duplicate-dimension",
            )
        seen[fold_name(dimension.name)] = dimension


def _key(dimension: Dimension, rules: DimensionRules) -> str:
    """Key of the field that a dimension comes from."""
    field = fold_name(dimension.field)
    if field in RESERVED_NAMES or (field in OWN_FIELDS and dimension.field not in OWN_FIELDS):
        return ATTRIBUTES + field
    wanted = fold_name(dimension.name)
    kept = ((attribute, rule) for attribute, rule in rules.rules.items() if rule.use is not False)
    renamed = (fold_name(attribute) for attribute, rule in kept if fold_name(rule.name) == wanted)
    return field or next(renamed, wanted)
