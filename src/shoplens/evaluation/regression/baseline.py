"""The quality gate: does the store still find its own products in made-bad photos as often as when it was good?

A :class:`Baseline` holds, for some of the store's products, at which rank the product came for its photo in every kind
of corruption. :func:`gate` compares two of them, cell by cell: all, each kind, each category. The gate fails by a cell
when recall fell and the drop is significant after Holm's correction over all cells.

Holm keeps the chance that an unchanged system fails at ``alpha`` or less, whatever the cells have in common. Fresh
samples share the luck of one baseline, so they are compared at :data:`FRESH_ALPHA`: 20 of them in a row all pass with
a chance of 0.9995^20 = 0.99 or more, over all baselines. On the same queries, the same ranks always pass.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue
from shoplens.evaluation.results import Estimate, GateCell, LeftOut, plain
from shoplens.evaluation.statistics import intervals
from shoplens.evaluation.statistics.holm import holm

Array = npt.NDArray[Any]
_Name = tuple[str, str]  # kind and name of a cell

FORMAT = "shoplens-gate"
VERSION = 1
DEEPEST = 10
"""Ranks are looked at up to here; one that came later is 0."""
OTHER, FRESH_ALPHA = "other", 0.0005

GONE: dict[str, str] = {
    "product-gone": "Make a new baseline when many are gone.",
    "photo-gone": "Put the photos back, or make a new baseline.",
    "photo-changed": "Make a new baseline when many have changed.",
    "photo-too-small": "Nothing: so few pixels cannot be corrupted.",
    "not-searched": "Search for every query of the baseline, or say why one cannot be searched for.",
    "new-kind": "Make a new baseline to have this corruption checked.",
}
"""Why a query of the baseline, or a kind that it does not know, is not compared -> what to do."""


@dataclass(frozen=True, slots=True, order=True)
class GateQuery:
    """A product's own photo, to be corrupted and searched for.

    Attributes:
        product_id: the one right answer.
        photo: source, as in :attr:`~shoplens.types.Product.photos`.
        content_hash: of the photo's bytes, so that a photo that was replaced is seen.
        group: of the product; its members are alike, so they count as one cluster. Empty when alone.
        category: for the cells; its levels joined by `` / ``.
    """

    product_id: str
    photo: str
    content_hash: str
    group: str = ""
    category: str = ""

    @property
    def cluster(self) -> tuple[str, str]:
        """Name of what is drawn and resampled as a whole: the group, or the product that has none."""
        return ("group", self.group) if self.group else ("product", self.product_id)


@dataclass(frozen=True, slots=True)
class Baseline:
    """One run over the queries, to be compared with another.

    Attributes:
        model, strategy: that answered.
        products: how many there were to be found.
        created: date and time, ISO 8601.
        seed: of the sample and the corruptions.
        queries: what was searched for, each photo of a product once.
        ranks: kind of corruption -> rank of the right product per query, 1 to 10, and 0 when it came later.
        version: of the file format.

    Raises:
        InvalidValue: ranks that do not fit the queries, or a query that comes twice.
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
            raise InvalidValue("A query comes twice in the baseline.", "Give each photo of a product once.")
        for kind, ranks in self.ranks.items():
            if len(ranks) != len(self.queries) or not all(0 <= rank <= DEEPEST for rank in ranks):
                raise InvalidValue(
                    f"The ranks of {kind!r} do not fit {len(self.queries)} queries.",
                    f"Give one per query: 1 to {DEEPEST}, or 0 when the product came later.",
                )
        object.__setattr__(self, "ranks", MappingProxyType(dict(self.ranks)))

    def as_json(self) -> str:
        """The file's text, on one line; about 200 bytes per query."""
        told = {name: getattr(self, name) for name in _FIELDS}
        queries = [astuple(query) for query in self.queries]
        whole = {"format": FORMAT, **told, "queries": queries, "ranks": dict(self.ranks)}
        return json.dumps(whole, separators=(",", ":")) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The baseline that :meth:`as_json` wrote.

        Raises:
            InvalidValue: the text is something else, damaged, or of a newer version.
        """
        try:
            told = json.loads(text)
            if told.get("format") != FORMAT:
                raise TypeError("it is something else")
            if _validate_type(told["version"], int) != VERSION:
                raise TypeError(f"its format is {told['version']}; for a newer one than {VERSION}, upgrade Shoplens")
            queries = tuple(GateQuery(*(_validate_type(one, str) for one in row)) for row in told["queries"])
            ranks = {kind: tuple(_validate_type(rank, int) for rank in row) for kind, row in told["ranks"].items()}
            fields = {name: _validate_type(told[name], kind) for name, kind in _FIELDS.items()}
            return cls(queries=queries, ranks=ranks, **fields)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as problem:
            what = f"The file is no baseline of the quality gate that can be used: {problem}."
            raise InvalidValue(what, f"Restore the file, name another one, or {_ANEW}.") from None


_TEXTS, _NUMBERS = ("model", "strategy", "created"), ("version", "products", "seed")
_FIELDS: dict[str, type[Any]] = {**dict.fromkeys(_TEXTS, str), **dict.fromkeys(_NUMBERS, int)}
_ANEW = "make a new baseline from a store known to be good (shoplens check --help)"


def _validate_type(value: Any, kind: type[Any]) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r} stands where a value of type {kind.__name__} belongs")
    return value


def sample_queries(candidates: Iterable[GateQuery], count: int, seed: int) -> tuple[GateQuery, ...]:
    """A sample that stays the same when the catalogue changes a little: the ``count`` smallest hashes of ids.

    At most one per group is drawn, unless there are fewer groups than ``count``; then others fill it up. A product
    that is added or removed changes at most one of the sample. Memory grows with ``count`` alone.

    Args:
        candidates: one per product, in any order.
        count: how many, 1 or more; fewer come when there are fewer candidates.
        seed: another one is another sample.
    """
    if count < 1:
        raise InvalidValue(f"A sample of {count!r} queries is none.", "Choose 1 or more.")
    groups: dict[Hashable, tuple[bytes, GateQuery]] = {}
    every: dict[Hashable, tuple[bytes, GateQuery]] = {}
    secret = hashlib.sha256(str(seed).encode()).digest()
    for query in candidates:
        ticket = hashlib.blake2b(query.product_id.encode(), digest_size=8, key=secret).digest(), query
        for kept, key in ((groups, query.cluster), (every, query)):
            kept[key] = min(ticket, kept.get(key, ticket))
            if len(kept) > 2 * count + 64:  # the rest can never be drawn
                smallest = heapq.nsmallest(count, kept.items(), key=lambda item: item[1])
                kept.clear()
                kept.update(smallest)
    chosen = set(heapq.nsmallest(count, groups.values()))
    others = heapq.nsmallest(count, set(every.values()) - chosen)
    return tuple(query for _, query in sorted([*chosen, *others[: count - len(chosen)]]))


@dataclass(frozen=True, slots=True)
class GateOptions:
    """What the gate asks for.

    Attributes:
        alpha: chance, at most, that it fails although nothing changed, over all cells together.
        least: query products that a category needs for a cell of its own.
        categories: cells of their own at most, those with the most query products.
        seed: of the resampling.
    """

    alpha: float = 0.003
    least: int = 10
    categories: int = 15
    seed: int = 0


@dataclass(frozen=True, slots=True)
class GateReport:
    """What the gate says.

    Attributes:
        cells: recall@1 of ``all``, of each corruption, of each category.
        recall_at_5: of ``all``, to be read beside; the gate never fails by it.
        paired: the same queries were compared, rather than two samples.
        left_out: queries of the baseline that were not compared, by reason, and kinds that it does not have.
        alpha: as in :class:`GateOptions`.
    """

    cells: tuple[GateCell, ...]
    recall_at_5: GateCell
    paired: bool
    left_out: tuple[LeftOut, ...]
    alpha: float

    @property
    def passed(self) -> bool:
        return not any(cell.fell for cell in self.cells)

    def as_json(self) -> dict[str, Any]:
        return {"passed": self.passed, **plain(self)}

    def lines(self) -> list[str]:
        """For people: each cell that fell, the largest drop first, then a line for the rest and for what is missing."""
        fell = sorted((cell for cell in self.cells if cell.fell), key=lambda cell: cell.difference.value)
        held = len(self.cells) - len(fell)
        how = "the same queries" if self.paired else "a fresh sample"
        rest = f"held  {held} of {len(self.cells)} figures, on {how}"
        overall = [f"told  {_describe_cell(cell)}" for cell in (self.cells[0], self.recall_at_5) if not cell.fell]
        missing = [f"left out  {one.times} x {one.kind}: {one.example}. {one.fix}" for one in self.left_out]
        return [f"FELL  {_describe_cell(cell)}" for cell in fell] + [rest, *overall, *missing]


def _describe_cell(cell: GateCell) -> str:
    low, change, high = (100 * one for one in (cell.difference.low, cell.difference.value, cell.difference.high))
    p = "< .0001" if cell.p < 1e-4 else f"{cell.p:.4f}".removeprefix("0")
    return (
        f"{cell.name}: {100 * cell.before.value:.1f} % -> {100 * cell.now.value:.1f} % "
        f"({change:+.1f}, interval {low:+.1f} to {high:+.1f}, p {p}, {cell.queries} queries)"
    )


def gate(
    baseline: Baseline, now: Baseline, options: GateOptions | None = None, gone: Mapping[str, str] | None = None
) -> GateReport:
    """Whether ``now`` finds its products as often as ``baseline`` did.

    With the seed of the baseline and none but its queries, the two are compared query by query, over those that both
    have (:func:`~shoplens.evaluation.statistics.intervals.p_of_drop`). Anything else is a sample of its own
    (:func:`~shoplens.evaluation.statistics.intervals.independent_drop`).

    Args:
        gone: id of a product -> why it was not searched for now, of :data:`GONE`.

    Raises:
        InvalidValue: nothing to compare, a kind of the baseline that was not searched for, an unknown reason, or so
            many cells that no p could be small enough.
    """
    options = options or GateOptions()
    if absent := [kind for kind in baseline.ranks if kind not in now.ranks]:
        fix = f"Search for all of them, or {_ANEW}."
        raise InvalidValue(f"Kinds of the baseline were not searched for: {', '.join(absent)}.", fix)
    is_paired = now.seed == baseline.seed and set(now.queries) <= set(baseline.queries)
    queries = now.queries if is_paired else baseline.queries
    before, later = (_side(run, rows, tuple(baseline.ranks)) for run, rows in ((baseline, queries), (now, now.queries)))
    sides = _Sides(later, before, is_paired).pool_small_categories(options)
    names = sides.cells()
    if options.alpha / len(names) < (lowest := 1 / ((intervals.REARRANGEMENTS if is_paired else intervals.DEALS) + 1)):
        fix = f"Raise alpha to {len(names) * lowest:.4f} or more, or allow fewer categories."
        raise InvalidValue(f"With alpha {options.alpha} over {len(names)} cells the gate could not fail.", fix)
    cells = [sides.measured(name, options.seed) for name in names]
    fell = holm([cell.p for cell in cells], options.alpha)
    cells = [replace(cell, fell=bad and cell.difference.value < 0) for cell, bad in zip(cells, fell, strict=True)]
    at_5 = replace(sides.measured(names[0], options.seed, k=5), name="recall@5")
    return GateReport(
        tuple(cells), at_5, is_paired, _collect_left_out(baseline, now, gone or {}, is_paired), options.alpha
    )


def power(
    baseline: Baseline, share: float, options: GateOptions | None = None, fresh: bool = False, trials: int = 100
) -> float:
    """Probability that the gate notices when the vectors of a share of the products are swapped, by simulation.

    In each trial every product is swapped with probability ``share``, and is then found in none of its photos; all
    other ranks stay. With ``fresh``, the two samples are drawn anew from the baseline's clusters, with replacement.
    """
    options = options or GateOptions()
    if not 0 <= share <= 1 or trials < 1:
        raise InvalidValue(f"Share {share!r} in {trials!r} trials.", "Choose a share from 0 to 1, and 1 trial or more.")
    whole = _side(baseline, baseline.queries, tuple(baseline.ranks))
    generator = np.random.default_rng(options.seed)
    noticed = 0
    for _ in range(trials):
        before, now = (whole.resample(generator), whole.resample(generator)) if fresh else (whole, whole)
        swapped = generator.random(len(now.clusters)) < share
        sides = _Sides(replace(now, ranks=np.where(swapped, 0, now.ranks)), before, not fresh).pool_small_categories(
            options
        )
        names = sides.cells()
        noticed += any(sides.compare_cell(name, options.seed)[1] <= options.alpha / len(names) for name in names)
    return noticed / trials


@dataclass(frozen=True, slots=True)
class _Side:
    """One run: ranks (kinds, queries), and of each query the cluster and the category."""

    kinds: tuple[str, ...]
    ranks: Array
    clusters: Array
    categories: Array

    def hits(self, cell: _Name, k: int) -> tuple[Array, Array]:
        """1 or 0 for every query and kind that the cell is about, and the cluster of each."""
        kind, name = cell
        rows = self.categories == name if kind == "category" else np.full(len(self.clusters), True)
        ranks = self.ranks[[self.kinds.index(name)] if kind == "corruption" else slice(None)][:, rows]
        return ((ranks > 0) & (ranks <= k)).astype(np.float64).ravel(), np.tile(self.clusters[rows], len(ranks))

    def resample(self, generator: np.random.Generator) -> _Side:
        """As many clusters, drawn with replacement; one that is drawn twice is two."""
        _, owner, sizes = np.unique(self.clusters, return_inverse=True, return_counts=True)
        members = np.split(np.argsort(owner, kind="stable"), np.cumsum(sizes)[:-1])
        picks = generator.integers(len(members), size=len(members))
        rows = np.concatenate([members[pick] for pick in picks])
        clusters = np.repeat(np.arange(len(picks)), sizes[picks])
        return _Side(self.kinds, self.ranks[:, rows], clusters, self.categories[rows])


@dataclass(frozen=True, slots=True)
class _Sides:
    """Two runs; where ``paired``, their queries are the same in the same order."""

    now: _Side
    before: _Side
    paired: bool

    def pool_small_categories(self, options: GateOptions) -> _Sides:
        """With the categories that are too small, on either side, in :data:`OTHER`."""
        counts = [Counter(side.categories.tolist()) for side in (self.now, self.before)]
        least = {name: min(count[name] for count in counts) for name in counts[1]}
        largest = sorted(least, key=lambda name: (-least[name], name))[: options.categories]
        kept = [name for name in largest if least[name] >= options.least]
        now, before = (
            replace(side, categories=np.where(np.isin(side.categories, kept), side.categories, OTHER))
            for side in (self.now, self.before)
        )
        return _Sides(now, before, self.paired)

    def cells(self) -> list[_Name]:
        """``all``, each corruption, and each category where there is more than one."""
        categories = sorted(set(self.now.categories.tolist()) & set(self.before.categories.tolist()))
        told = [("category", name) for name in categories] if len(categories) > 1 else []
        return [("all", "all"), *(("corruption", kind) for kind in self.before.kinds), *told]

    def compare_cell(self, cell: _Name, seed: int, k: int = 1) -> tuple[Estimate, float]:
        """``now`` less ``before``, and p of a drop this large or larger in a system that did not change."""
        (now, now_clusters), (before, clusters) = (side.hits(cell, k) for side in (self.now, self.before))
        if self.paired:
            difference = intervals.paired_difference(now, before, clusters, seed).difference
            return difference, intervals.p_of_drop(now, before, clusters, seed)
        return intervals.independent_drop(now, now_clusters, before, clusters, seed)

    def measured(self, cell: _Name, seed: int, k: int = 1) -> GateCell:
        values = len(self.now.hits(cell, k)[0])
        queries = values if cell[0] == "corruption" else values // len(self.now.kinds)
        before, now = (intervals.estimate(*side.hits(cell, k), seed) for side in (self.before, self.now))
        return GateCell(*cell, queries, before, now, *self.compare_cell(cell, seed, k), False)


def _side(run: Baseline, queries: Sequence[GateQuery], kinds: tuple[str, ...]) -> _Side:
    """The run's ranks for ``queries``, in their order."""
    if not queries or not kinds:
        raise InvalidValue("There is nothing to compare.", f"Check on a fresh sample, or {_ANEW}.")
    place = {query: n for n, query in enumerate(run.queries)}
    ranks = np.array([run.ranks[kind] for kind in kinds], dtype=np.int64)[:, [place[query] for query in queries]]
    clusters = np.unique([" ".join(query.cluster) for query in queries], return_inverse=True)[1]
    return _Side(kinds, ranks, clusters, np.array([query.category for query in queries], dtype=object))


def _collect_left_out(baseline: Baseline, now: Baseline, gone: Mapping[str, str], paired: bool) -> tuple[LeftOut, ...]:
    names: dict[str, list[str]] = {}
    for query in sorted(set(baseline.queries) - set(now.queries)) if paired else ():
        names.setdefault(gone.get(query.product_id, "not-searched"), []).append(query.product_id)
    if new := [kind for kind in now.ranks if kind not in baseline.ranks]:
        names["new-kind"] = new
    if unknown := set(names) - set(GONE):
        raise InvalidValue(f"Queries were left out because of {min(unknown)!r}.", f"Choose of {', '.join(GONE)}.")
    shown = {kind: ", ".join(ids[:3]) + (", …" if len(ids) > 3 else "") for kind, ids in names.items()}
    return tuple(LeftOut(kind, len(ids), shown[kind], GONE[kind]) for kind, ids in names.items())
