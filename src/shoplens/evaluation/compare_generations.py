"""Compares the live generation with the kept ones on the same photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shoplens.errors import InvalidValue, StoreError
from shoplens.evaluation.evaluate import EvaluationContext, QuerySet, score_strategies
from shoplens.evaluation.query_runs import JudgedRun
from shoplens.evaluation.results import Estimate, OmissionCount, PairedDifference, to_json_values
from shoplens.evaluation.statistics.intervals import estimate, paired_difference
from shoplens.evaluation.statistics.metrics import METRICS
from shoplens.ranking.strategies import default_strategy, strategy_named
from shoplens.store.generation import check_model
from shoplens.store.manifest import Manifest


@dataclass(frozen=True, slots=True)
class GenerationMetrics:
    """How well one generation answers.

    Attributes:
        name: name of the generation.
        model: id of its embedder.
        look: id of its trained extractor; empty for the pretrained one.
        strategy: the strategy that answered.
        products: number of its products.
        metrics: name of a metric -> its mean over the photos that all generations have answered.
        change: name of a metric -> the live generation minus this one; empty for the live one itself.
    """

    name: str
    model: str
    look: str
    strategy: str
    products: int
    metrics: Mapping[str, Estimate]
    change: Mapping[str, PairedDifference]


@dataclass(frozen=True, slots=True)
class GenerationComparison:
    """The results of all generations.

    Attributes:
        queries_from: the file of the queries, or a description of their origin.
        queries: number of photos that every generation has answered, because their product is in all generations.
        rows: a row per generation, the live one first.
        left_out: what was not used, of all generations.
        skipped: name of a generation -> why it was skipped.
        seed: seed of the resampling.
    """

    queries_from: str
    queries: int
    rows: Sequence[GenerationMetrics]
    left_out: Sequence[OmissionCount]
    skipped: Mapping[str, str]
    seed: int

    def as_json(self) -> dict[str, Any]:
        """Return the documented object."""
        fields: dict[str, Any] = to_json_values(self)
        return fields


def compare_generations(
    context: EvaluationContext, queries: QuerySet, strategy: str = "", seed: int = 0
) -> GenerationComparison:
    """Evaluate the live generation and the kept ones on the same photos, each with the products that it has.

    Args:
        strategy: the strategy that answers; where none is named, the one that searches of the generation use.
        seed: seed of the resampling.

    Raises:
        InvalidValue: ``nothing-judged``, as :func:`~shoplens.evaluation.evaluate.evaluate`.
        StoreError: ``other-model``, if the live generation is of another model.
    """
    store, answers, skipped = context.store, dict[str, GenerationAnswers](), dict[str, str]()
    omissions: dict[tuple[str, str], OmissionCount] = {}
    live = store.live.name
    for name in (live, *(folder.name for folder in store.kept_generations())):
        try:
            with store.reading_generation(name) as generation:
                own = context.for_generation(generation)
                check_model(generation, own.embedder)
                chosen = strategy_named(strategy) if strategy else default_strategy(generation.capabilities)
                collected = GenerationAnswers(generation.manifest, chosen.name, generation.index.count())
                _, left_out = score_strategies([chosen], own, queries, generation, seed, collected.add)
        except (InvalidValue, StoreError) as problem:
            if name == live:
                raise
            skipped[name] = problem.problem
            continue
        answers[name] = collected
        omissions.update({(omission.kind, omission.example): omission for omission in left_out})
    common = set.intersection(*(set(collected.metrics) for collected in answers.values()))
    keys = [key for key in answers[live].metrics if key in common]
    if not keys:
        raise InvalidValue(
            "No photo was answered by all generations, because no product of the queries is in all of them.",
            "Give photos of products that are in every generation.",
            code="nothing-judged",
        )
    rows = [_compare_with_live(name, collected, answers[live], keys, seed) for name, collected in answers.items()]
    return GenerationComparison(queries.name, len(keys), rows, list(omissions.values()), skipped, seed)


class GenerationAnswers:
    """Collects the metrics of one generation per query."""

    def __init__(self, manifest: Manifest, strategy: str, products: int) -> None:
        self.model, self.look, self.strategy, self.products = manifest.model, manifest.look, strategy, products
        self.metrics: dict[tuple[str, str], dict[str, float]] = {}
        self.clusters: dict[tuple[str, str], str] = {}

    def add(self, run: JudgedRun) -> None:
        key = (f"{run.query.row} {run.query.photo}", str(run.query.region or ""))
        self.metrics[key], self.clusters[key] = run.metrics, run.cluster

    def values(self, metric: str, keys: Sequence[tuple[str, str]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array([self.metrics[key][metric] for key in keys])


def _compare_with_live(
    name: str, answers: GenerationAnswers, live: GenerationAnswers, keys: Sequence[tuple[str, str]], seed: int
) -> GenerationMetrics:
    clusters = [live.clusters[key] for key in keys]
    metrics = {metric: estimate(answers.values(metric, keys), clusters, seed) for metric in METRICS}
    change = {
        metric: paired_difference(live.values(metric, keys), answers.values(metric, keys), clusters, seed)
        for metric in METRICS
        if answers != live
    }
    return GenerationMetrics(name, answers.model, answers.look, answers.strategy, answers.products, metrics, change)
