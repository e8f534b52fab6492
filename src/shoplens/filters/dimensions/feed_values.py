"""What the feed says of a product, field by field: with the shop's merges, and with labels where the feed is silent."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from shoplens.filters.dimensions.dimension import PATH
from shoplens.filters.dimensions.labels import Labels
from shoplens.settings import RESERVED_NAMES, DimensionRules, fold_name
from shoplens.types import Product, fold, value_text

CATEGORY, BRAND = "category", "brand"
OWN_FIELDS = frozenset({"id", BRAND, CATEGORY, "currency", "group_id", "in_stock", "price"})
"""Fields of a product; an attribute that bears such a name is reached as ``attributes.<name>``."""
ATTRIBUTES = "attributes."

Steps = tuple[str, ...]
"""A value, trimmed and as the feed writes it: of a tree the steps from the root down, else one text."""
_NUMBER = re.compile(r"[+-]?\d{1,300}([.,]\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class FeedValue:
    """What is said of a product in one field.

    Attributes:
        field: as conditions call it; empty where only labels speak.
        name: what the dimension is called unless a rule renames it.
        values: no two the same when folded; after merging.
        numbers: whether all values are numbers.
        from_labels: whether the feed is silent.
    """

    field: str
    name: str
    values: tuple[Steps, ...]
    numbers: bool = False
    from_labels: bool = False


class FeedReader:
    """Reads what the feed, and the labels where it is silent, say of one product after another."""

    def __init__(
        self, rules: DimensionRules, labels: Labels | None = None, only: Collection[str] | None = None
    ) -> None:
        """``only``: keys of the fields to read; None for all."""
        by_key = {fold_name(name): rule for name, rule in rules.rules.items() if rule.use is not False}
        kinds = {CATEGORY: "tree", **{key: rule.kind for key, rule in by_key.items() if rule.kind}}
        self._trees = {key for key, kind in kinds.items() if kind == "tree"}
        self._merges = {key: _merges(rule.merge, key in self._trees) for key, rule in by_key.items() if rule.merge}
        self._labels = labels
        self._only = only
        self._unused = {
            (key, start)
            for key, merges in self._merges.items()
            for start, target in merges.items()
            if node(target) != start
        }

    def unused_merges(self) -> list[tuple[str, str]]:
        """(Key of a field, folded value) of those merges that no product needed so far."""
        return sorted(self._unused)

    def is_tree(self, key: str) -> bool:
        """Whether the values of a field are paths."""
        return key in self._trees

    def said(self, product: Product) -> dict[str, FeedValue]:
        """Key of a field (its name, folded) -> what is said in it; nothing for fields that say nothing."""
        found: dict[str, FeedValue] = {}
        for field, name, texts in _fields(product):
            key = fold_name(name)
            if (self._only is None or key in self._only) and (values := self._values(key, texts)):
                before = found.get(key)  # two attributes whose names differ in case only
                found[key] = FeedValue(
                    field, name, _distinct([*before.values, *values]) if before else values, _are_numbers(texts)
                )
        for name, written in self._labels.of(product.photos).items() if self._labels else ():
            key = fold_name(name)
            texts = tuple((value,) for value in written)
            wanted = key not in found and (self._only is None or key in self._only)
            if wanted and (values := self._values(key, texts)):
                found[key] = FeedValue("", name, values, _are_numbers(texts), from_labels=True)
        return found

    def _values(self, key: str, values: Iterable[Steps]) -> tuple[Steps, ...]:
        if key in self._trees:
            values = [tuple(step for part in value for step in _steps(part)) for value in values]
        elif key == CATEGORY:
            values = [(PATH.join(value),) for value in values]
        merges = self._merges.get(key)
        return _distinct([self._apply_merges(key, value, merges) for value in values] if merges else values)

    def _apply_merges(self, key: str, value: Steps, merges: Mapping[str, Steps]) -> Steps:
        for length in range(len(value), 0, -1):
            start = node(value[:length])
            if start in merges:
                self._unused.discard((key, start))
                return merges[start] + value[length:]
        return value


def node(steps: Steps) -> str:
    """A value, or a node of a tree, as it is compared."""
    return fold(PATH.join(steps))


def nodes(steps: Steps) -> Iterator[str]:
    """Every node on a path, root first."""
    return (node(steps[:length]) for length in range(1, len(steps) + 1))


def _fields(product: Product) -> Iterator[tuple[str, str, tuple[Steps, ...]]]:
    """Field, name and values of everything that could be a dimension."""
    if steps := tuple(step for step in map(str.strip, product.category) if step):
        yield CATEGORY, CATEGORY, (steps,)
    if brand := product.brand.strip():
        yield BRAND, BRAND, ((brand,),)
    for attribute, values in product.attributes.items():
        own = fold_name(attribute) in OWN_FIELDS
        name = ATTRIBUTES + attribute if own or fold_name(attribute) in RESERVED_NAMES else attribute
        texts = tuple((text,) for text in (value_text(value).strip() for value in values) if text)
        yield (ATTRIBUTES + attribute if attribute in OWN_FIELDS else attribute), name, texts


def _merges(merge: Mapping[str, tuple[str, ...]], tree: bool) -> dict[str, Steps]:
    def steps(text: str) -> Steps:
        return tuple(_steps(text)) if tree else (text.strip(),)

    found = {node(steps(value)): steps(target) for target, values in merge.items() for value in values}
    return found | {node(steps(target)): steps(target) for target in merge}


def _steps(path: str) -> Iterator[str]:
    return (step for step in map(str.strip, path.split(PATH.strip())) if step)


def _distinct(values: Iterable[Steps]) -> tuple[Steps, ...]:
    found: dict[str, Steps] = {}
    for value in values:
        if value:
            found.setdefault(node(value), value)
    return tuple(found.values())


def _are_numbers(texts: Collection[Steps]) -> bool:
    return all(_NUMBER.fullmatch(text[-1]) for text in texts)
