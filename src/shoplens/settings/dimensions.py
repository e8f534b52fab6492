"""The table ``[dimensions]``: which attributes of the feed become dimensions, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from shoplens.settings.names import MAX_NAME_LENGTH, PHOTO_DIMENSIONS, RESERVED_NAMES, SCORE_PARTS, fold_name
from shoplens.settings.tables import check_keys, check_names, in_table, open_table, read_texts, refuse

FeedKind = Literal["single", "multi", "tree"]
"""How many values a product has in a dimension of the feed: one, several, or a path in a tree."""
FEED_KINDS: tuple[FeedKind, ...] = ("single", "multi", "tree")
_COUNTS = ("min_products", "max_classes")
_CHOOSE_KIND = f"Choose one of {', '.join(FEED_KINDS)}, or leave it out."
_KEYS: Mapping[str, tuple[type, str]] = {
    "name": (str, "Write a text, or leave it out."),
    "use": (bool, "Write true or false, or leave it out."),
    "merge": (dict, "Write a table of names and lists of values."),
    "kind": (str, _CHOOSE_KIND),
    "classes": (list, 'Write a list of names, such as ["boho", "minimal"].'),
    "template": (str, 'Write a text with {} in the place of the name, such as "a photo of a {} product".'),
    "labels": (str, "Name a CSV file with the columns photo, dimension and value."),
}
"""Keys of ``[dimensions.NAME]``: the type of the value, and what to do about another one."""


@dataclass(frozen=True, slots=True)
class DimensionRule:
    """Settings of one attribute of the feed, from ``[dimensions.NAME]``.

    Attributes:
        name: name of the dimension; empty to keep the attribute's name.
        use: False drops the attribute; True makes it a dimension even if its values are numbers or nearly unique;
            None lets the feed decide.
        merge: class -> the feed's values that it stands for; paths ``A > B`` if the values form a tree.
        kind: how many values a product has; None lets the feed decide.
        classes: names of classes that nobody need have labelled: photos are scored by the text vectors of the names.
        template: text with ``{}`` in the place of the name, whose vector is taken.
        labels: CSV file of ``photo,dimension,value`` rows that gives values where the feed has none.
    """

    name: str = ""
    use: bool | None = None
    merge: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kind: FeedKind | None = None
    labels: Path | None = None
    classes: tuple[str, ...] = ()
    template: str = "a photo of a {} product"

    def __post_init__(self) -> None:
        name = self.name
        if not name.isprintable() or name != name.strip() or "=" in name or len(name) > MAX_NAME_LENGTH:
            characters = f"1 to {MAX_NAME_LENGTH} printable characters"
            refuse(f"name is {name!r}", f"Write {characters}, without '=' and without spaces around them.")
        if self.kind is not None and self.kind not in FEED_KINDS:
            refuse(f"kind is {self.kind!r}", _CHOOSE_KIND)
        self._check_classes()
        with in_table("merge"):
            _check_merge(self.merge)

    def _check_classes(self) -> None:
        """Check the names of classes, and the text that they are put in."""
        if not self.classes:
            return
        names = [fold_name(name) for name in self.classes]
        if len(set(names)) != len(names) or len(names) < 2 or not all(names):
            refuse(f"classes is {list(self.classes)!r}", "Give two or more different names.")
        if self.template.count("{}") != 1:
            refuse(f"template is {self.template!r}", 'Put {} once in the place of the name: "a photo of a {} product".')
        if self.merge or self.kind not in (None, "single"):
            refuse("classes was given with merge or kind", "Leave these out: a product has one of the classes.")


@dataclass(frozen=True, slots=True)
class DimensionRules:
    """Settings of all dimensions of the feed, from ``[dimensions]``.

    Attributes:
        min_products: a class with fewer products is not trained; at least 2, one to learn from and one to test on.
        max_classes: an attribute with more values (after merging) does not become a dimension.
        rules: the feed's name of an attribute -> its settings.
    """

    min_products: int = 5
    max_classes: int = 200
    rules: Mapping[str, DimensionRule] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key in _COUNTS:
            count = getattr(self, key)
            if isinstance(count, bool) or not isinstance(count, int) or count < 2:
                refuse(f"{key} is {count!r}", "Give a whole number of 2 or more.")
        check_names(self.rules)
        attributes: dict[str, str] = {}
        for attribute, rule in self.rules.items():
            _check_reserved_names(attribute, rule)
            if rule.use is False:
                continue
            name = rule.name or attribute
            if other := attributes.get(fold_name(name)):
                problem = f"{other!r} and {attribute!r} would both have the name {name!r}"
                refuse(problem, "Give them different names, or drop one of them with use = false.")
            attributes[fold_name(name)] = attribute

    def rule(self, attribute: str) -> DimensionRule:
        """Return the settings of an attribute, whose name is compared folded; the defaults if it has none."""
        wanted = fold_name(attribute)
        return next((rule for name, rule in self.rules.items() if fold_name(name) == wanted), DimensionRule())


def read_dimensions(tables: Mapping[str, Any], folder: Path) -> DimensionRules:
    """Read ``[dimensions]``; the paths of labels files are relative to ``folder``."""
    with open_table(tables, "dimensions") as table:
        counts = {key: table[key] for key in _COUNTS if key in table}
        return DimensionRules(
            **counts, rules={name: _read_rule(table, name, folder) for name in table if name not in counts}
        )


def _read_rule(dimensions: Mapping[str, Any], name: str, folder: Path) -> DimensionRule:
    if not isinstance(dimensions[name], dict):
        fix = f"Write a table [dimensions.{name}], or set min_products or max_classes."
        refuse(f"{name} is {dimensions[name]!r}", fix)
    with open_table(dimensions, name) as table:
        check_keys(table, _KEYS)
        for key, value in table.items():
            kind, fix = _KEYS[key]
            if not isinstance(value, kind) or (isinstance(value, str) and not value.strip()):
                refuse(f"{key} is {value!r}", fix)
        values = dict(table)
        if "classes" in values:
            values["classes"] = read_texts(table, "classes")
        with open_table(table, "merge") as merge:
            values["merge"] = {target: read_texts(merge, target) for target in merge}
        if "labels" in values:
            values["labels"] = folder / Path(values["labels"]).expanduser()
        return DimensionRule(**values)


def _check_reserved_names(attribute: str, rule: DimensionRule) -> None:
    if fold_name(rule.name) in RESERVED_NAMES:
        problem = f"{attribute!r} would have the name {rule.name!r}, which is reserved"
        refuse(problem, f"Choose a name other than {', '.join(RESERVED_NAMES)}.")
    name = fold_name(attribute)
    own_attribute = f'[dimensions."attributes.{name}"]'
    if name in SCORE_PARTS:
        problem = f"{attribute!r} is a part of every score, not a dimension"
        refuse(problem, f"Write {own_attribute} for the feed's attribute with that name.")
    if name not in PHOTO_DIMENSIONS:
        return
    if name == "look" and rule.use is False:
        refuse("'look' cannot be dropped", "Give it the weight 0 in [weights] instead.")
    if rule.name or rule.merge or rule.kind or rule.labels or rule.classes:
        problem = f"{attribute!r} is computed from the photos and accepts only the key use"
        refuse(problem, f"Remove the other keys, or write {own_attribute} for the feed's attribute with that name.")


def _check_merge(merge: Mapping[str, tuple[str, ...]]) -> None:
    check_names(merge)
    targets = {fold_name(name): name for name in merge}
    target_by_value: dict[str, str] = {}
    for name, values in merge.items():
        if not values or not all(value.strip() for value in values):
            refuse(f"{name!r} merges {list(values)!r}", f"List the feed's values that {name!r} stands for.")
        for value in map(fold_name, values):
            if target_by_value.setdefault(value, name) != name:
                refuse(f"{target_by_value[value]!r} and {name!r} both merge {value!r}", "Keep it in one of them only.")
            if targets.get(value, name) != name:
                problem = f"{name!r} merges {targets[value]!r}, which merges other values itself"
                refuse(problem, f"List the values of {targets[value]!r} under {name!r} instead.")
