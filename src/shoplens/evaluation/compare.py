"""Compares all strategies: how often they find the right product, and what they cost."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from shoplens.build.filter_scoring import load_scorer
from shoplens.build.photo_features import feature_model
from shoplens.build.product_encoder import EncodingCaches, ProductEncoder
from shoplens.errors import ShoplensError
from shoplens.evaluation.evaluate import FOLDER, EvaluationContext, QuerySet, score_strategies
from shoplens.evaluation.queries import JudgedQuery
from shoplens.evaluation.query_photos import QueryPhotos
from shoplens.evaluation.results import Comparison, PairedDifference, RetrainingCost, StrategyRow
from shoplens.evaluation.statistics.intervals import paired_difference
from shoplens.evaluation.statistics.metrics import METRICS
from shoplens.evaluation.statistics.scores import Scores
from shoplens.ranking.strategies import BASELINE, Strategy, available_strategies
from shoplens.search.constraint import RankingConstraint
from shoplens.store.feature_cache import NAME as FEATURES
from shoplens.store.feature_cache import FeatureFile
from shoplens.store.files.atomic import size_on_disk
from shoplens.store.generation import Generation, open_index

TIMED_QUERIES, TIMED_RESULTS, ADDED_PRODUCTS = 50, 10, 20


def compare(context: EvaluationContext, queries: QuerySet, seed: int = 0) -> Comparison:
    """Evaluate every strategy on the same queries, and measure its costs.

    Raises:
        InvalidValue: as :func:`~shoplens.evaluation.evaluate.evaluate`.
    """
    with context.reading() as generation:
        index = generation.index
        strategies = available_strategies(generation.capabilities)
        scores, left_out = score_strategies(strategies, context, queries, generation, seed)
        adding = measure_adding_ms(context, generation)
        rows = [
            StrategyRow(
                name=strategy.name,
                about=strategy.about,
                metrics=scores[strategy.name].metrics(),
                against=_differences(scores[strategy.name], scores[BASELINE], seed)
                if strategy.name != BASELINE
                else {},
                query_ms=_median_and_p95(measure_query_ms(context, queries, generation, strategy)),
                bytes_per_product=size_on_disk(generation.folder) / max(index.count(), 1),
                adding=strategy.adding,
                **({"adding_ms": _median_and_p95(adding)} if strategy.grows else _retraining_cost(generation)),
            )
            for strategy in strategies
        ]
        return Comparison(
            store=str(context.store.folder),
            queries_from=queries.name,
            products=index.count(),
            queries=len(scores[BASELINE]),
            left_out=left_out,
            compared_with=BASELINE,
            rows=rows,
            seed=seed,
        )


def measure_query_ms(
    context: EvaluationContext, queries: QuerySet, generation: Generation, strategy: Strategy
) -> list[float]:
    """Measure the milliseconds of single queries in one thread, from a file's bytes to ranked results.

    The first query is not in the result, because it warms up the caches.
    """
    index, prepared = generation.index, context.prepare(strategy, generation)
    photos = QueryPhotos(
        index,
        prepared.embedder_for(generation.embedder_for(context.embedder)),
        context.source,
        context.settings,
        reader=context.text_reader(generation),
    )
    usable = (query for query in queries.queries(index) if isinstance(query, JudgedQuery) and query.region is None)
    durations = []
    for query in islice(usable, 4 * TIMED_QUERIES):
        try:
            data = context.source.bytes_of(query.photo)
            started = time.perf_counter()
            encoded = prepared.encode(photos.encode(data, features=bool(strategy.needs)))
            prepared.rank(index, encoded, RankingConstraint(TIMED_RESULTS))
        except ShoplensError:  # the evaluation has reported it
            continue
        durations.append((time.perf_counter() - started) * 1e3)
        if len(durations) > TIMED_QUERIES:
            break
    return durations[1:]


def measure_adding_ms(context: EvaluationContext, generation: Generation) -> list[float]:
    """Measure the milliseconds until one more product can be found: its photos are decoded, embedded and indexed.

    Products of the store are written to a temporary index beside it; the store does not change.
    """
    embedder = generation.embedder_for(context.embedder)
    scratch = Path(tempfile.mkdtemp(prefix="adding-", dir=context.store.folder / FOLDER))
    durations = []
    try:
        with (
            closing(open_index(scratch, generation.manifest)) as index,
            closing(FeatureFile(scratch / FEATURES, feature_model(embedder))) as features,
        ):
            caches = EncodingCaches(features, scorer=load_scorer(generation), look=generation.look)
            for record in islice(generation.index.all_records(), ADDED_PRODUCTS + 1):
                encoder = ProductEncoder(embedder, context.source, context.settings, caches)
                started = time.perf_counter()
                outcomes = encoder.outcomes([record.product])
                entries = [outcome.entry for outcome in outcomes if outcome.entry is not None]
                index.upsert(entries)
                if entries:
                    durations.append((time.perf_counter() - started) * 1e3)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return durations[1:]


def _retraining_cost(generation: Generation) -> dict[str, Any]:
    """Return the cost of one more product where all products are trained again: the duration of the last training."""
    card = generation.require_classifier().card
    durations = card.training_record.get("seconds", {})
    seconds = float(durations.get("training", 0)) + float(durations.get("all photos", 0))
    costs = card.training_record.get(
        "retraining_costs", card.training_record.get("growth", ())
    )  # the name in older cards is `growth`
    return {
        "adding_ms": _median_and_p95([1e3 * seconds]),
        "unknown": len(set(generation.index.ids()) - set(card.products)),
        "retraining_costs": [RetrainingCost(**cost) for cost in costs],
    }


def _differences(scores: Scores, reference: Scores, seed: int) -> dict[str, PairedDifference]:
    clusters = scores.table.clusters
    return {
        name: paired_difference(scores.table.values(name), reference.table.values(name), clusters, seed)
        for name in METRICS
    }


def _median_and_p95(durations: Sequence[float]) -> dict[str, float]:
    if not durations:
        return {}
    median, p95 = np.percentile(durations, [50, 95])
    return {"median": round(float(median), 3), "p95": round(float(p95), 3)}
