"""Generations side by side: the same photos asked of the live one and of those that can be gone back to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shoplens.errors import InvalidValue, StoreError
from shoplens.evaluation.evaluate import EvaluationContext, QuerySet, score_strategies
from shoplens.evaluation.results import Estimate, LeftOut, Paired, plain
from shoplens.evaluation.runs import JudgedRun
from shoplens.evaluation.statistics.intervals import estimate, paired_difference
from shoplens.evaluation.statistics.metrics import METRICS
from shoplens.ranking.strategies import default_strategy, strategy_named
from shoplens.store.generation import check_model


@dataclass(frozen=True, slots=True)
class GenerationFigures:
    """What one generation answers.

    Attributes:
        name: of the generation.
        look: id of its trained extractor; empty for the untouched one.
        strategy: that answered.
        products: it holds.
        metrics: name -> mean over the photos that all generations were asked with.
        change: name -> the live generation less this one; empty for the live one itself.
    """

    name: str
    look: str
    strategy: str
    products: int
    metrics: Mapping[str, Estimate]
    change: Mapping[str, Paired]


@dataclass(frozen=True, slots=True)
class GenerationsCompared:
    """The live generation first.

    Attributes:
        queries: photos that every generation could be asked with: the product in them is in all.
        left_out: what was not used, of all generations.
        skipped: generation -> why it was not asked.
    """

    queries_from: str
    queries: int
    rows: Sequence[GenerationFigures]
    left_out: Sequence[LeftOut]
    skipped: Mapping[str, str]
    seed: int

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = plain(self)
        return told


def compare_generations(
    bench: EvaluationContext, queries: QuerySet, strategy: str = "", seed: int = 0
) -> GenerationsCompared:
    """The live generation and the kept ones on the same photos; each as it is, with the products that it had.

    Args:
        strategy: that answers; where none is named, what searches of that generation use.

    Raises:
        InvalidValue: ``nothing-judged``, as :func:`~shoplens.evaluation.evaluate.evaluate`.
        StoreError: ``other-model``, of the live generation.
    """
    store, answers, told, skipped = bench.store, dict[str, _Answers](), dict[tuple[str, str], LeftOut](), {}
    live = store.live.name
    for name in (live, *(folder.name for folder in store.kept())):
        try:
            with store.reading_kept(name) as generation:
                check_model(generation, bench.embedder)
                chosen = strategy_named(strategy) if strategy else default_strategy(generation.has)
                mine = _Answers(generation.manifest.look, chosen.name, generation.index.count())
                _, left_out = score_strategies([chosen], bench, queries, generation, seed, mine.add)
        except (InvalidValue, StoreError) as problem:
            if name == live:
                raise
            skipped[name] = problem.problem
            continue
        answers[name] = mine
        told.update({(one.kind, one.example): one for one in left_out})
    common = set.intersection(*(set(one.numbers) for one in answers.values()))
    asked = [key for key in answers[live].numbers if key in common]
    if not asked:
        raise InvalidValue(
            "No photo could be asked of all generations: they have no product in common that is asked for.",
            "Ask with photos of products that were there all along.",
            code="nothing-judged",
        )
    rows = [_figures(name, one, answers[live], asked, seed) for name, one in answers.items()]
    return GenerationsCompared(queries.name, len(asked), rows, list(told.values()), skipped, seed)


class _Answers:
    """One generation's numbers per query."""

    def __init__(self, look: str, strategy: str, products: int) -> None:
        self.look, self.strategy, self.products = look, strategy, products
        self.numbers: dict[tuple[str, str], dict[str, float]] = {}
        self.clusters: dict[tuple[str, str], str] = {}

    def add(self, run: JudgedRun) -> None:
        key = (f"{run.query.row} {run.query.photo}", str(run.query.region or ""))
        self.numbers[key], self.clusters[key] = run.numbers, run.cluster

    def values(self, metric: str, asked: Sequence[tuple[str, str]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array([self.numbers[key][metric] for key in asked])


def _figures(
    name: str, mine: _Answers, live: _Answers, asked: Sequence[tuple[str, str]], seed: int
) -> GenerationFigures:
    clusters = [live.clusters[key] for key in asked]
    metrics = {one: estimate(mine.values(one, asked), clusters, seed) for one in METRICS}
    change = {
        one: paired_difference(live.values(one, asked), mine.values(one, asked), clusters, seed)
        for one in METRICS
        if mine != live
    }
    return GenerationFigures(name, mine.look, mine.strategy, mine.products, metrics, change)
