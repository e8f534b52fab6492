"""The quality gate: whether a store finds its own products in corrupted photos as often as in an earlier run.

A :class:`~shoplens.evaluation.regression.baseline.Baseline` holds, for some of the store's products, the rank of the
product for its photo in every kind of corruption. :func:`compare_with_baseline` compares two of them, cell by cell:
all, each kind, each category. The gate fails if the recall of any cell fell significantly after Holm's correction over
all cells.

With Holm's correction, an unchanged system fails with a probability of at most ``alpha``, however the cells depend on
each other. Fresh samples are all compared with one baseline, so they use :data:`FRESH_ALPHA`: 20 of them in a row all
pass with a probability of 0.9995^20 = 0.99 or more, over all baselines. For the same queries, equal ranks always pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue
from shoplens.evaluation.regression.baseline import MAKE_NEW, Baseline, GateQuery
from shoplens.evaluation.results import Estimate, GateCell, OmissionCount, to_json_values
from shoplens.evaluation.statistics import intervals
from shoplens.evaluation.statistics.holm import holm_rejections

Array = npt.NDArray[Any]
_CellName = tuple[str, str]  # kind and name of a cell

OTHER, FRESH_ALPHA = "other", 0.0005
"""Name of the pooled small categories, and alpha of fresh samples."""

OMISSION_FIXES: dict[str, str] = {
    "product-gone": "Make a new baseline if many are gone.",
    "photo-gone": "Put the photos back, or make a new baseline.",
    "photo-changed": "Make a new baseline if many have changed.",
    "photo-too-small": "Do nothing. So few pixels cannot be corrupted.",
    "not-searched": "Search for every query of the baseline, or give the reason why it was omitted.",
    "new-kind": "Make a new baseline to have this corruption checked.",
}
"""Why a query of the baseline, or a new kind of corruption, is not compared -> what to do."""


@dataclass(frozen=True, slots=True)
class GateOptions:
    """The options of the quality gate.

    Attributes:
        alpha: maximum probability that it fails although nothing changed, over all cells together.
        min_queries: number of queries that a category needs for a cell of its own.
        max_categories: maximum number of categories with cells of their own, those with the most queries.
        seed: seed of the resampling.
    """

    alpha: float = 0.003
    min_queries: int = 10
    max_categories: int = 15
    seed: int = 0


@dataclass(frozen=True, slots=True)
class GateReport:
    """The result of the quality gate.

    Attributes:
        cells: recall@1 of ``all``, of each corruption, and of each category.
        recall_at_5: recall@5 of ``all``, for information; the gate never fails by it.
        paired: whether the same queries were compared, and not two samples.
        left_out: queries of the baseline that were not compared, by reason, and kinds that the baseline does not have.
        alpha: as in :class:`GateOptions`.
    """

    cells: tuple[GateCell, ...]
    recall_at_5: GateCell
    paired: bool
    left_out: tuple[OmissionCount, ...]
    alpha: float

    @property
    def passed(self) -> bool:
        """Whether no cell fell."""
        return not any(cell.fell for cell in self.cells)

    def as_json(self) -> dict[str, Any]:
        """Return the documented object."""
        return {"passed": self.passed, **to_json_values(self)}

    def lines(self) -> list[str]:
        """Return the result as text: each cell that fell, the largest drop first, then the others and the omissions."""
        fell = sorted((cell for cell in self.cells if cell.fell), key=lambda cell: cell.difference.value)
        passed = len(self.cells) - len(fell)
        sample = "the same queries" if self.paired else "a fresh sample"
        rest = f"passed  {passed} of {len(self.cells)} figures, on {sample}"
        overall = [f"overall  {_describe_cell(cell)}" for cell in (self.cells[0], self.recall_at_5) if not cell.fell]
        omissions = [
            f"left out  {omission.times} x {omission.kind}: {omission.example}. {omission.fix}"
            for omission in self.left_out
        ]
        return [f"FELL  {_describe_cell(cell)}" for cell in fell] + [rest, *overall, *omissions]


def _describe_cell(cell: GateCell) -> str:
    low, change, high = (100 * share for share in (cell.difference.low, cell.difference.value, cell.difference.high))
    p = "< .0001" if cell.p < 1e-4 else f"{cell.p:.4f}".removeprefix("0")
    return (
        f"{cell.name}: {100 * cell.before.value:.1f} % -> {100 * cell.now.value:.1f} % "
        f"({change:+.1f}, interval {low:+.1f} to {high:+.1f}, p {p}, {cell.queries} queries)"
    )


def compare_with_baseline(
    baseline: Baseline,
    now: Baseline,
    options: GateOptions | None = None,
    omissions: Mapping[str, str] | None = None,
) -> GateReport:
    """Compare how often ``now`` and ``baseline`` find their products.

    If ``now`` has the seed of the baseline and only queries of the baseline, the two are compared query by query, for
    the queries that both have (:func:`~shoplens.evaluation.statistics.intervals.p_of_drop`). Otherwise they are two
    independent samples (:func:`~shoplens.evaluation.statistics.intervals.independent_drop`).

    Args:
        omissions: product id -> why it was not searched for now, one of :data:`OMISSION_FIXES`.

    Raises:
        InvalidValue: there is nothing to compare, a kind of the baseline was not searched for, a reason is unknown, or
            there are so many cells that no p could be small enough.
    """
    options = options or GateOptions()
    if missing := [kind for kind in baseline.ranks if kind not in now.ranks]:
        fix = f"Search for all of them, or {MAKE_NEW}."
        raise InvalidValue(f"Kinds of the baseline were not searched for: {', '.join(missing)}.", fix)
    kinds = tuple(baseline.ranks)
    is_paired = now.seed == baseline.seed and set(now.queries) <= set(baseline.queries)
    before_table = _build_table(baseline, now.queries if is_paired else baseline.queries, kinds)
    pair = _TablePair(_build_table(now, now.queries, kinds), before_table, is_paired).pool_small_categories(options)
    names = pair.cells()
    lowest_p = 1 / ((intervals.SIGN_FLIPS if is_paired else intervals.PERMUTATIONS) + 1)
    if options.alpha / len(names) < lowest_p:
        fix = f"Raise alpha to {len(names) * lowest_p:.4f} or more, or allow fewer categories."
        raise InvalidValue(f"With alpha {options.alpha} over {len(names)} cells the gate could not fail.", fix)
    cells = [pair.measure_cell(name, options.seed) for name in names]
    rejected = holm_rejections([cell.p for cell in cells], options.alpha)
    cells = [
        replace(cell, fell=is_rejected and cell.difference.value < 0)
        for cell, is_rejected in zip(cells, rejected, strict=True)
    ]
    at_5 = replace(pair.measure_cell(names[0], options.seed, k=5), name="recall@5")
    left_out = _count_omissions(baseline, now, omissions or {}, is_paired)
    return GateReport(tuple(cells), at_5, is_paired, left_out, options.alpha)


def estimate_power(
    baseline: Baseline, share: float, options: GateOptions | None = None, fresh: bool = False, trials: int = 100
) -> float:
    """Estimate by simulation the probability that the gate notices swapped vectors of a share of the products.

    In each trial every product is swapped with probability ``share``, and is then found for none of its photos; all
    other ranks stay. With ``fresh``, two samples are drawn from the baseline's clusters, with replacement.

    Raises:
        InvalidValue: ``share`` is not in [0, 1], or ``trials`` is below 1.
    """
    options = options or GateOptions()
    if not 0 <= share <= 1 or trials < 1:
        raise InvalidValue(
            f"The share is {share!r}, and the number of trials {trials!r}.",
            "Choose a share from 0 to 1, and 1 trial or more.",
        )
    table = _build_table(baseline, baseline.queries, tuple(baseline.ranks))
    generator = np.random.default_rng(options.seed)
    noticed = 0
    for _ in range(trials):
        before, now = (table.resample(generator), table.resample(generator)) if fresh else (table, table)
        is_swapped = generator.random(len(now.clusters)) < share
        swapped = replace(now, ranks=np.where(is_swapped, 0, now.ranks))
        pair = _TablePair(swapped, before, not fresh).pool_small_categories(options)
        names = pair.cells()
        noticed += any(pair.compare_cell(name, options.seed)[1] <= options.alpha / len(names) for name in names)
    return noticed / trials


@dataclass(frozen=True, slots=True)
class _RankTable:
    """The ranks of one run (kinds, queries), with the cluster and the category of each query."""

    kinds: tuple[str, ...]
    ranks: Array
    clusters: Array
    categories: Array

    def hits(self, cell: _CellName, k: int) -> tuple[Array, Array]:
        """Return 1 or 0 for every query and kind of the cell, and the cluster of each."""
        kind, name = cell
        rows = self.categories == name if kind == "category" else np.full(len(self.clusters), True)
        ranks = self.ranks[[self.kinds.index(name)] if kind == "corruption" else slice(None)][:, rows]
        return ((ranks > 0) & (ranks <= k)).astype(np.float64).ravel(), np.tile(self.clusters[rows], len(ranks))

    def resample(self, generator: np.random.Generator) -> _RankTable:
        """Draw as many clusters with replacement; a cluster that is drawn twice becomes two clusters."""
        _, owner, sizes = np.unique(self.clusters, return_inverse=True, return_counts=True)
        members = np.split(np.argsort(owner, kind="stable"), np.cumsum(sizes)[:-1])
        drawn = generator.integers(len(members), size=len(members))
        rows = np.concatenate([members[number] for number in drawn])
        clusters = np.repeat(np.arange(len(drawn)), sizes[drawn])
        return _RankTable(self.kinds, self.ranks[:, rows], clusters, self.categories[rows])


@dataclass(frozen=True, slots=True)
class _TablePair:
    """The tables of two runs; where ``paired``, their queries are the same in the same order."""

    now: _RankTable
    before: _RankTable
    paired: bool

    def pool_small_categories(self, options: GateOptions) -> _TablePair:
        """Return the pair with categories that are too small in either table pooled as :data:`OTHER`."""
        counts = [Counter(table.categories.tolist()) for table in (self.now, self.before)]
        smallest = {name: min(count[name] for count in counts) for name in counts[1]}
        largest = sorted(smallest, key=lambda name: (-smallest[name], name))[: options.max_categories]
        kept = [name for name in largest if smallest[name] >= options.min_queries]
        now, before = (
            replace(table, categories=np.where(np.isin(table.categories, kept), table.categories, OTHER))
            for table in (self.now, self.before)
        )
        return _TablePair(now, before, self.paired)

    def cells(self) -> list[_CellName]:
        """Return the names of the cells: ``all``, each corruption, and each category where there are several."""
        categories = sorted(set(self.now.categories.tolist()) & set(self.before.categories.tolist()))
        category_cells = [("category", name) for name in categories] if len(categories) > 1 else []
        return [("all", "all"), *(("corruption", kind) for kind in self.before.kinds), *category_cells]

    def compare_cell(self, cell: _CellName, seed: int, k: int = 1) -> tuple[Estimate, float]:
        """Return ``now`` minus ``before``, and the p of a drop this large or larger in a system that did not change."""
        (now, now_clusters), (before, clusters) = (table.hits(cell, k) for table in (self.now, self.before))
        if self.paired:
            difference = intervals.paired_difference(now, before, clusters, seed).difference
            return difference, intervals.p_of_drop(now, before, clusters, seed)
        return intervals.independent_drop(now, now_clusters, before, clusters, seed)

    def measure_cell(self, cell: _CellName, seed: int, k: int = 1) -> GateCell:
        """Measure both runs and their difference in a cell; ``fell`` is not decided yet."""
        values = len(self.now.hits(cell, k)[0])
        queries = values if cell[0] == "corruption" else values // len(self.now.kinds)
        before, now = (intervals.estimate(*table.hits(cell, k), seed) for table in (self.before, self.now))
        return GateCell(*cell, queries, before, now, *self.compare_cell(cell, seed, k), False)


def _build_table(run: Baseline, queries: Sequence[GateQuery], kinds: tuple[str, ...]) -> _RankTable:
    """Build the table of the run's ranks for ``queries``, in their order."""
    if not queries or not kinds:
        raise InvalidValue("There is nothing to compare.", f"Check on a fresh sample, or {MAKE_NEW}.")
    places = {query: place for place, query in enumerate(run.queries)}
    ranks = np.array([run.ranks[kind] for kind in kinds], dtype=np.int64)[:, [places[query] for query in queries]]
    clusters = np.unique([" ".join(query.cluster) for query in queries], return_inverse=True)[1]
    return _RankTable(kinds, ranks, clusters, np.array([query.category for query in queries], dtype=object))


def _count_omissions(
    baseline: Baseline, now: Baseline, omissions: Mapping[str, str], is_paired: bool
) -> tuple[OmissionCount, ...]:
    names: dict[str, list[str]] = {}
    for query in sorted(set(baseline.queries) - set(now.queries)) if is_paired else ():
        names.setdefault(omissions.get(query.product_id, "not-searched"), []).append(query.product_id)
    if new_kinds := [kind for kind in now.ranks if kind not in baseline.ranks]:
        names["new-kind"] = new_kinds
    if unknown := set(names) - set(OMISSION_FIXES):
        raise InvalidValue(
            f"The reason {min(unknown)!r} of an omission is unknown.", f"Choose from {', '.join(OMISSION_FIXES)}."
        )
    examples = {kind: ", ".join(ids[:3]) + (", …" if len(ids) > 3 else "") for kind, ids in names.items()}
    return tuple(OmissionCount(kind, len(ids), examples[kind], OMISSION_FIXES[kind]) for kind, ids in names.items())
