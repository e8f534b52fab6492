"""What a shop wants to be alike: the tables ``[dimensions]``, ``[weights]``, ``[profiles]`` and ``[merchandising]``.

Everything here is pure: from the dicts that ``shoplens.toml`` holds to frozen values. A contradiction is a
:class:`~shoplens.errors.SettingsError` that names the table and the key. Names and values are compared folded
(:func:`fold_name`), and shown as they were written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

from shoplens.errors import SettingsError
from shoplens.types import fold

FeedKind = Literal["single", "multi", "tree"]
"""How a product stands in a dimension of the feed."""
FEED_KINDS: tuple[FeedKind, ...] = ("single", "multi", "tree")
RESERVED = ("look", "design", "shape")
"""Dimensions that need no feed; no attribute may take their names."""
PARTS = ("pin", "boost", "bury", "not", "context")
"""Parts of a score that are no dimensions; no attribute may take their names either."""
TAKEN = (*RESERVED, *PARTS)
"""Names that a dimension of the feed cannot have; an attribute that bears one is called ``attributes.<name>``."""
MAX_WEIGHT = 1e6
LONGEST_NAME = 128
CATEGORIES = "categories"
_STEP = ">"

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class DimensionRule:
    """What ``[dimensions.NAME]`` says of one attribute of the feed.

    Attributes:
        name: what the dimension is called instead; empty to keep the feed's name.
        use: False drops it; True takes it even if its values are numbers or nearly unique; None lets the feed decide.
        merge: class -> the feed's values that it swallows; of a tree, paths ``A > B``.
        kind: how a product stands in it; None lets the feed decide.
        labels: CSV file of ``photo,dimension,value`` rows that speaks where the feed is silent.
    """

    name: str = ""
    use: bool | None = None
    merge: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kind: FeedKind | None = None
    labels: Path | None = None

    def __post_init__(self) -> None:
        if self.name:
            _check_name(self.name)
        if self.kind is not None and self.kind not in FEED_KINDS:
            _refuse(f"kind is {self.kind!r}", f"Choose {', '.join(FEED_KINDS)}, or leave it out.")
        with _inside("merge"):
            _check_merge(self.merge)


@dataclass(frozen=True, slots=True)
class DimensionRules:
    """What ``[dimensions]`` says.

    Attributes:
        min_products: a class with fewer products is untrained; at least 2, one to learn from and one to test on.
        max_classes: an attribute with more values (after merging) is no dimension.
        rules: the feed's name of an attribute -> what is said of it.
    """

    min_products: int = 5
    max_classes: int = 200
    rules: Mapping[str, DimensionRule] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, number in (("min_products", self.min_products), ("max_classes", self.max_classes)):
            if isinstance(number, bool) or not isinstance(number, int) or number < 2:
                _refuse(f"{name} is {number!r}", "Give a whole number of 2 or more.")
        _check_no_repeats(self.rules)
        taken: dict[str, str] = {}
        for attribute, rule in self.rules.items():
            _check_reserved(attribute, rule)
            if rule.use is False:
                continue
            name = rule.name or attribute
            if other := taken.get(fold_name(name)):
                problem = f"{other!r} and {attribute!r} would both be called {name!r}"
                _refuse(problem, "Give them two names, or drop one with use = false.")
            taken[fold_name(name)] = attribute

    def rule(self, attribute: str) -> DimensionRule:
        """What is said of an attribute, its name compared folded; an empty rule where nothing is."""
        wanted = fold_name(attribute)
        return next((rule for name, rule in self.rules.items() if fold_name(name) == wanted), DimensionRule())


@dataclass(frozen=True, slots=True)
class Profile:
    """Named weights, ``[profiles.NAME]``; dimensions that they do not name keep their default weights.

    Attributes:
        weights: dimension -> number of 0 to a million.
        by_category: path ``A > B`` -> weights that replace those of ``weights`` in that category and below it.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    by_category: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_weights(self.weights)
        with _inside(CATEGORIES):
            _check_no_repeats(self.by_category)
            for path, weights in self.by_category.items():
                with _inside(repr(path)):
                    _check_weights(weights)


@dataclass(frozen=True, slots=True)
class Merchandising:
    """What a merchandiser sets by hand, by product id, or by what else names a product.

    Attributes:
        pins: products that come first, in this order, when they are among the candidates.
        boosts: product -> what is added to its score, above 0, at most 1.
        buries: product -> what is taken off its score, above 0, at most 1.
    """

    pins: tuple[str, ...] = ()
    boosts: Mapping[str, float] = field(default_factory=dict)
    buries: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, pin in enumerate(self.pins):
            if not pin.strip() or pin in self.pins[:number]:
                _refuse(f"pins names {pin!r} {'twice' if pin.strip() else ''}".rstrip(), "Name each product id once.")
        for name, amounts in (("boosts", self.boosts), ("buries", self.buries)):
            for product, amount in amounts.items():
                if not product.strip() or not _is_number(amount) or not 0 < amount <= 1:
                    _refuse(f"{name} gives {product!r} {amount!r}", "Give a product id a number above 0, at most 1.")
        for name, others in (("boosts", self.boosts), ("pins", self.pins)):
            if both := [product for product in self.buries if product in others]:
                _refuse(f"{', '.join(both)} is in {name} and in buries", f"Take it out of {name} or out of buries.")


@dataclass(frozen=True, slots=True)
class Preferences:
    """The five tables; empty where ``shoplens.toml`` has none.

    Attributes:
        feed: ``[feed.map]``, field of a product -> columns of the shop's feed.
        weights: default static weights, dimension -> number of 0 to a million.
        profiles: name -> weights to choose with ``--profile``.
    """

    dimensions: DimensionRules = field(default_factory=DimensionRules)
    weights: Mapping[str, float] = field(default_factory=dict)
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    merchandising: Merchandising = field(default_factory=Merchandising)
    feed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with _inside("weights"):
            _check_weights(self.weights)


def preferences_from(tables: Mapping[str, Any], folder: Path = Path()) -> Preferences:
    """Preferences from the tables of :data:`TABLES`; labels files are relative to ``folder``.

    Raises:
        SettingsError: an unknown key, a wrong type, or settings that contradict each other.
    """
    _check_keys(tables, TABLES)
    read: dict[str, Any] = {}
    for name, table in tables.items():
        with _inside(name):
            read[name] = _READERS[name](_table(table), folder)
    return Preferences(**read)


def fold_name(text: str) -> str:
    """A name or value as it is compared: trimmed, without regard to case, letters composed (NFC)."""
    return fold(text.strip())


def _dimensions(table: Mapping[str, Any], folder: Path) -> DimensionRules:
    numbers: dict[str, int] = {}
    rules = {}
    for name, value in table.items():
        if name in ("min_products", "max_classes"):
            numbers[name] = value
            continue
        with _inside(name):
            if not isinstance(value, dict):
                _refuse(f"it is {value!r}", f"Write a table [dimensions.{name}], or set min_products or max_classes.")
            rules[name] = _rule(value, folder)
    return DimensionRules(**numbers, rules=rules)


def _rule(table: Mapping[str, Any], folder: Path) -> DimensionRule:
    _check_keys(table, ("name", "use", "merge", "kind", "labels"))
    for key, kind, what in (("name", str, "text"), ("use", bool, "true or false"), ("kind", str, "text")):
        if key in table and not (isinstance(table[key], kind) and table[key] != ""):
            _refuse(f"{key} is {table[key]!r}", f"Write {what}, or leave it out.")
    labels = table.get("labels")
    if labels is not None and not (isinstance(labels, str) and labels.strip()):
        _refuse(f"labels is {labels!r}", "Name a CSV file with the columns photo, dimension and value.")
    with _inside("merge"):
        merge = {name: _texts(values) for name, values in _table(table.get("merge", {})).items()}
    file = folder / Path(labels).expanduser() if labels else None
    return DimensionRule(table.get("name", ""), table.get("use"), merge, table.get("kind"), file)


def _weights(table: Mapping[str, Any], _: Path) -> dict[str, float]:
    _check_weights(table)
    return dict(table)


def _profiles(table: Mapping[str, Any], folder: Path) -> dict[str, Profile]:
    profiles = {}
    for name, value in table.items():
        with _inside(name):
            weights = dict(_table(value))
            with _inside(CATEGORIES):
                by_category = {_path(path): dict(_table(some)) for path, some in _paths(weights.pop(CATEGORIES, {}))}
            profiles[name] = Profile(_weights(weights, folder), by_category)
    return profiles


def _paths(table: object) -> Iterator[tuple[str, object]]:
    seen: dict[str, str] = {}
    for path, value in _table(table).items():
        if not _path(path):
            _refuse(f"it names {path!r}", "Write a category from the root down, e.g. 'Women > Tops'.")
        if other := seen.get(fold_name(_path(path))):
            _refuse(f"{other!r} and {path!r} are one category", "Write it once.")
        seen[fold_name(_path(path))] = path
        yield path, value


def _merchandising(table: Mapping[str, Any], _: Path) -> Merchandising:
    _check_keys(table, ("pins", "boosts", "buries"))
    with _inside("pins"):
        pins = _texts(table.get("pins", []))
    amounts = {}
    for name in ("boosts", "buries"):
        with _inside(name):
            amounts[name] = dict(_table(table.get(name, {})))
    return Merchandising(pins, **amounts)


def _feed_map(table: Mapping[str, Any], folder: Path) -> dict[str, tuple[str, ...]]:
    """``[feed.map]``; whether the fields exist is for the reader of feeds to say."""
    _check_keys(table, ("map",))
    with _inside("map"):
        columns = _table(table.get("map", {}))
        return {name: (some,) if isinstance(some, str) else _texts(some) for name, some in columns.items()}


_READERS: Mapping[str, Callable[[Mapping[str, Any], Path], object]] = {
    "dimensions": _dimensions,
    "weights": _weights,
    "profiles": _profiles,
    "merchandising": _merchandising,
    "feed": _feed_map,
}
TABLES = tuple(_READERS)
"""The tables of ``shoplens.toml`` that are read here."""


def _table(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        _refuse(f"it is {value!r}", "Write a table of names and values.")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        _refuse(f"{value!r} is no list of texts", 'Write a list of quoted texts, e.g. ["A", "B"].')
    return tuple(value)


def _check_keys(table: Mapping[str, Any], known: Iterable[str]) -> None:
    known = tuple(known)
    for key in table:
        if key not in known:
            _refuse(f"there is no {key!r}", f"There are: {', '.join(known)}.")


def _check_no_repeats(names: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        if not name.strip():
            _refuse(f"it names {name!r}", "Write a name that can be read.")
        if other := seen.get(fold_name(name)):
            _refuse(f"{other!r} and {name!r} are one name", "Write it once.")
        seen[fold_name(name)] = name


def _check_reserved(attribute: str, rule: DimensionRule) -> None:
    if fold_name(rule.name) in TAKEN:
        problem = f"{attribute!r} would be called {rule.name!r}, which is reserved"
        _refuse(problem, f"Choose another name than {', '.join(TAKEN)}.")
    if fold_name(attribute) in PARTS:
        fix = f'Write [dimensions."attributes.{fold_name(attribute)}"] for the attribute of that name.'
        _refuse(f"{attribute!r} is a part of every score and no dimension", fix)
    if fold_name(attribute) not in RESERVED:
        return
    if fold_name(attribute) == "look" and rule.use is False:
        _refuse("'look' cannot be dropped", "Give it the weight 0 in [weights] instead.")
    if rule.name or rule.merge or rule.kind or rule.labels:
        fix = f'Say use = false, or nothing. An attribute of that name is "attributes.{fold_name(attribute)}".'
        _refuse(f"{attribute!r} is read off the photos and can only be dropped", fix)


def _check_name(name: str) -> None:
    if not name.isprintable() or name != name.strip() or "=" in name or len(name) > LONGEST_NAME:
        fix = f"Give 1 to {LONGEST_NAME} printable characters without '=', no spaces around them."
        _refuse(f"name is {name!r}", fix)


def _check_merge(merge: Mapping[str, tuple[str, ...]]) -> None:
    _check_no_repeats(merge)
    targets = {fold_name(name): name for name in merge}
    swallowed: dict[str, str] = {}
    for name, values in merge.items():
        if not values or not all(value.strip() for value in values):
            _refuse(f"{name!r} swallows {list(values)!r}", "Name the feed's values that it stands for.")
        for value in map(fold_name, values):
            if value in swallowed and swallowed[value] != name:
                _refuse(f"{value!r} is swallowed by {swallowed[value]!r} and by {name!r}", "Name it once.")
            if value in targets and targets[value] != name:
                fix = f"Let {name!r} swallow the values of {targets[value]!r} directly."
                _refuse(f"{name!r} swallows {targets[value]!r}, which swallows values itself", fix)
            swallowed[value] = name


def _check_weights(weights: Mapping[str, Any]) -> None:
    _check_no_repeats(weights)
    for name, weight in weights.items():
        if isinstance(weight, Mapping):
            _refuse(f"{name} is a table", f'Give a number. Put quotes around a name with dots: "{name}.…" = 2.')
        if not _is_number(weight) or not 0 <= weight <= MAX_WEIGHT:
            _refuse(f"{name} is {weight!r}", f"Give a number of 0 to {MAX_WEIGHT:,.0f}.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _path(text: str) -> str:
    return f" {_STEP} ".join(step.strip() for step in text.split(_STEP) if step.strip())


@contextmanager
def _inside(table: str) -> Iterator[None]:
    """Errors from within say in which table they are."""
    try:
        yield
    except SettingsError as odd:
        place, colon, problem = odd.problem.partition("]: ")
        inner = f".{place[1:]}" if colon and place[:1] == "[" else ""
        raise SettingsError(f"[{table}{inner}]: {problem if inner else odd.problem}", odd.fix, code=odd.code) from None


def _refuse(problem: str, fix: str) -> NoReturn:
    raise SettingsError(f"{problem}.", fix)
