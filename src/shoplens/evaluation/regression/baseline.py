"""The baseline of the quality gate: a sample of photos, and the ranks of their products in corrupted photos."""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import astuple, dataclass
from types import MappingProxyType
from typing import Any, Self

from shoplens.errors import InvalidValue

FORMAT = "shoplens-gate"
VERSION = 1
MAX_RANK = 10
"""Ranks are recorded up to this one; a lower rank is recorded as 0."""


@dataclass(frozen=True, slots=True, order=True)
class GateQuery:
    """A product's own photo, to be corrupted and searched for.

    Attributes:
        product_id: id of the right product.
        photo: source of the photo, as in :attr:`~shoplens.types.Product.photos`.
        content_hash: hash of the photo's bytes, by which a replaced photo is detected.
        group: group of the product, whose members are one cluster; empty where there is none.
        category: category of the product, its levels joined by `` / ``.
    """

    product_id: str
    photo: str
    content_hash: str
    group: str = ""
    category: str = ""

    @property
    def cluster(self) -> tuple[str, str]:
        """The cluster, which is sampled and resampled as a whole: the group, or the product where there is none."""
        return ("group", self.group) if self.group else ("product", self.product_id)


@dataclass(frozen=True, slots=True)
class Baseline:
    """The ranks of one run, to be compared with another run.

    Attributes:
        model, strategy: the model and the strategy that answered.
        products: number of products that were searched.
        created: date and time, ISO 8601.
        seed: seed of the sample and of the corruptions.
        queries: the queries, each photo of a product once.
        ranks: kind of corruption -> rank of the right product per query, 1 to 10, or 0 for a lower rank.
        version: version of the file format.

    Raises:
        InvalidValue: the ranks do not fit the queries, or a query occurs twice.
    """

    model: str
    strategy: str
    products: int
    created: str
    seed: int
    queries: tuple[GateQuery, ...]
    ranks: Mapping[str, tuple[int, ...]]
    version: int = VERSION

    def __post_init__(self) -> None:
        if len(set(self.queries)) != len(self.queries):
            raise InvalidValue("A query occurs twice in the baseline.", "Give each photo of a product once.")
        for kind, ranks in self.ranks.items():
            if len(ranks) != len(self.queries) or not all(0 <= rank <= MAX_RANK for rank in ranks):
                raise InvalidValue(
                    f"The ranks of {kind!r} do not fit {len(self.queries)} queries.",
                    f"Give one per query: 1 to {MAX_RANK}, or 0 for a lower rank.",
                )
        object.__setattr__(self, "ranks", MappingProxyType(dict(self.ranks)))

    def as_json(self) -> str:
        """Return the text of the file, which is one line of about 200 bytes per query."""
        fields = {name: getattr(self, name) for name in _FIELDS}
        queries = [astuple(query) for query in self.queries]
        document = {"format": FORMAT, **fields, "queries": queries, "ranks": dict(self.ranks)}
        return json.dumps(document, separators=(",", ":")) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read the baseline that :meth:`as_json` wrote.

        Raises:
            InvalidValue: the text is damaged, of another format, or of a newer version.
        """
        try:
            document = json.loads(text)
            if document.get("format") != FORMAT:
                raise TypeError("it has another format")
            version = _validate_type(document["version"], int)
            if version != VERSION:
                raise TypeError(f"its format is {version}; for a newer one than {VERSION}, upgrade Shoplens")
            queries = tuple(GateQuery(*(_validate_type(text, str) for text in row)) for row in document["queries"])
            ranks = {kind: tuple(_validate_type(rank, int) for rank in row) for kind, row in document["ranks"].items()}
            fields = {name: _validate_type(document[name], kind) for name, kind in _FIELDS.items()}
            return cls(queries=queries, ranks=ranks, **fields)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as problem:
            raise InvalidValue(
                f"The file is no usable baseline of the quality gate: {problem}.",
                f"Restore the file, name another one, or {MAKE_NEW}.",
            ) from None


_TEXTS, _NUMBERS = ("model", "strategy", "created"), ("version", "products", "seed")
_FIELDS: dict[str, type[Any]] = {**dict.fromkeys(_TEXTS, str), **dict.fromkeys(_NUMBERS, int)}
MAKE_NEW = "make a new baseline from a store known to be good (shoplens check --help)"


def _validate_type(value: Any, kind: type[Any]) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r} is not of the type {kind.__name__}")
    return value


def sample_queries(candidates: Iterable[GateQuery], count: int, seed: int) -> tuple[GateQuery, ...]:
    """Draw a sample that hardly changes with the catalogue: the candidates with the ``count`` smallest hashes of ids.

    At most one per group is drawn, unless there are fewer groups than ``count``; then others fill the sample. A product
    that is added or removed changes at most one query of the sample. Memory grows only with ``count``.

    Args:
        candidates: one query per product, in any order.
        count: size of the sample, 1 or more; it is smaller if there are fewer candidates.
        seed: seed of the sample.

    Raises:
        InvalidValue: ``count`` is below 1.
    """
    if count < 1:
        raise InvalidValue(f"A sample of {count!r} queries is empty.", "Choose 1 or more.")
    groups: dict[Hashable, tuple[bytes, GateQuery]] = {}
    singles: dict[Hashable, tuple[bytes, GateQuery]] = {}
    secret = hashlib.sha256(str(seed).encode()).digest()
    for query in candidates:
        ticket = hashlib.blake2b(query.product_id.encode(), digest_size=8, key=secret).digest(), query
        for kept, key in ((groups, query.cluster), (singles, query)):
            kept[key] = min(ticket, kept.get(key, ticket))
            if len(kept) > 2 * count + 64:  # the others cannot be drawn any more
                smallest = heapq.nsmallest(count, kept.items(), key=lambda item: item[1])
                kept.clear()
                kept.update(smallest)
    selected = set(heapq.nsmallest(count, groups.values()))
    others = heapq.nsmallest(count, set(singles.values()) - selected)
    return tuple(query for _, query in sorted([*selected, *others[: count - len(selected)]]))
