"""Reads the values of products field by field: from the feed, with the shop's merges, and from labels where the feed
gives none."""

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
"""Fields of a product; an attribute with such a name is named ``attributes.<name>``."""
ATTRIBUTES = "attributes."

ValuePath = tuple[str, ...]
"""A value, trimmed and as the feed writes it: in a tree the steps from the root down, else one text."""
_NUMBER = re.compile(r"[+-]?\d{1,300}([.,]\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class FieldContent:
    """The values of a product in one field.

    Attributes:
        field: the name of the field in conditions; empty where the values are from labels.
        name: the name of the dimension unless a rule renames it.
        values: values after merging, no two of which are equal when folded.
        are_numbers: whether all values are numbers.
        from_labels: whether the values are from labels, because the feed gives none.
    """

    field: str
    name: str
    values: tuple[ValuePath, ...]
    are_numbers: bool = False
    from_labels: bool = False


class FeedReader:
    """Reads the values of one product after another, from the feed, and from labels where the feed gives none.

    Args:
        rules: the shop's rules.
        labels: labels of photos; None for none.
        only: keys of the fields to read; None for all.
    """

    def __init__(
        self, rules: DimensionRules, labels: Labels | None = None, only: Collection[str] | None = None
    ) -> None:
        by_key = {fold_name(name): rule for name, rule in rules.rules.items() if rule.use is not False}
        kinds = {CATEGORY: "tree", **{key: rule.kind for key, rule in by_key.items() if rule.kind}}
        self._trees = {key for key, kind in kinds.items() if kind == "tree"}
        self._merges = {
            key: _parse_merges(rule.merge, key in self._trees) for key, rule in by_key.items() if rule.merge
        }
        self._labels = labels
        self._only = only
        self._unused = {
            (key, start)
            for key, merges in self._merges.items()
            for start, target in merges.items()
            if fold_path(target) != start
        }

    def unused_merges(self) -> list[tuple[str, str]]:
        """Return (key of a field, folded value) of the merges that no product has needed so far."""
        return sorted(self._unused)

    def is_tree(self, key: str) -> bool:
        """Return whether the values of a field are paths."""
        return key in self._trees

    def read(self, product: Product) -> dict[str, FieldContent]:
        """Return key of a field (its name, folded) -> its values; fields without values are left out."""
        contents: dict[str, FieldContent] = {}
        for field, name, texts in _product_fields(product):
            key = fold_name(name)
            if (self._only is None or key in self._only) and (values := self._values(key, texts)):
                same = contents.get(key)  # an attribute whose name differs in case only
                contents[key] = FieldContent(
                    field, name, _deduplicate([*same.values, *values]) if same else values, _are_numbers(texts)
                )
        for name, label_values in self._labels.values_of(product.photos).items() if self._labels else ():
            key = fold_name(name)
            texts = tuple((value,) for value in label_values)
            is_missing = key not in contents and (self._only is None or key in self._only)
            if is_missing and (values := self._values(key, texts)):
                contents[key] = FieldContent("", name, values, _are_numbers(texts), from_labels=True)
        return contents

    def _values(self, key: str, values: Iterable[ValuePath]) -> tuple[ValuePath, ...]:
        if key in self._trees:
            values = [tuple(step for part in value for step in _split_path(part)) for value in values]
        elif key == CATEGORY:
            values = [(PATH.join(value),) for value in values]
        merges = self._merges.get(key)
        return _deduplicate([self._apply_merges(key, value, merges) for value in values] if merges else values)

    def _apply_merges(self, key: str, value: ValuePath, merges: Mapping[str, ValuePath]) -> ValuePath:
        for length in range(len(value), 0, -1):
            start = fold_path(value[:length])
            if start in merges:
                self._unused.discard((key, start))
                return merges[start] + value[length:]
        return value


def fold_path(steps: ValuePath) -> str:
    """Return a value, or a node of a tree, in the form in which it is compared."""
    return fold(PATH.join(steps))


def path_nodes(steps: ValuePath) -> Iterator[str]:
    """Yield every node on a path, root first."""
    return (fold_path(steps[:length]) for length in range(1, len(steps) + 1))


def _product_fields(product: Product) -> Iterator[tuple[str, str, tuple[ValuePath, ...]]]:
    """Yield field, name and values of everything that could be a dimension."""
    if steps := tuple(step for step in map(str.strip, product.category) if step):
        yield CATEGORY, CATEGORY, (steps,)
    if brand := product.brand.strip():
        yield BRAND, BRAND, ((brand,),)
    for attribute, values in product.attributes.items():
        own = fold_name(attribute) in OWN_FIELDS
        name = ATTRIBUTES + attribute if own or fold_name(attribute) in RESERVED_NAMES else attribute
        texts = tuple((text,) for text in (value_text(value).strip() for value in values) if text)
        yield (ATTRIBUTES + attribute if attribute in OWN_FIELDS else attribute), name, texts


def _parse_merges(merge: Mapping[str, tuple[str, ...]], is_tree: bool) -> dict[str, ValuePath]:
    """Return folded value -> path of the value that replaces it; each target is replaced by itself."""

    def parse(text: str) -> ValuePath:
        return tuple(_split_path(text)) if is_tree else (text.strip(),)

    merges = {fold_path(parse(value)): parse(target) for target, values in merge.items() for value in values}
    return merges | {fold_path(parse(target)): parse(target) for target in merge}


def _split_path(path: str) -> Iterator[str]:
    return (step for step in map(str.strip, path.split(PATH.strip())) if step)


def _deduplicate(values: Iterable[ValuePath]) -> tuple[ValuePath, ...]:
    by_folded: dict[str, ValuePath] = {}
    for value in values:
        if value:
            by_folded.setdefault(fold_path(value), value)
    return tuple(by_folded.values())


def _are_numbers(texts: Collection[ValuePath]) -> bool:
    return all(_NUMBER.fullmatch(text[-1]) for text in texts)
