"""All strategies side by side: how often they are right, and what they cost."""

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
from shoplens.evaluation.results import Comparison, RetrainingCost, Paired, StrategyRow
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


def compare(bench: EvaluationContext, queries: QuerySet, seed: int = 0) -> Comparison:
    """Every strategy on the same queries.

    Raises:
        InvalidValue: as :func:`~shoplens.evaluation.evaluate.evaluate`.
    """
    with bench.reading() as generation:
        index = generation.index
        strategies = available_strategies(generation.capabilities)
        scores, left_out = score_strategies(strategies, bench, queries, generation, seed)
        adding = adding_ms(bench, generation)
        rows = [
            StrategyRow(
                name=strategy.name,
                about=strategy.about,
                metrics=scores[strategy.name].metrics(),
                against=_against(scores[strategy.name], scores[BASELINE], seed) if strategy.name != BASELINE else {},
                query_ms=_median_and_p95(query_ms(bench, queries, generation, strategy)),
                bytes_per_product=size_on_disk(generation.folder) / max(index.count(), 1),
                adding=strategy.adding,
                **({"adding_ms": _median_and_p95(adding)} if strategy.grows else _retraining_cost(generation)),
            )
            for strategy in strategies
        ]
        return Comparison(
            store=str(bench.store.folder),
            queries_from=queries.name,
            products=index.count(),
            queries=len(scores[BASELINE]),
            left_out=left_out,
            compared_with=BASELINE,
            rows=rows,
            seed=seed,
        )


def query_ms(bench: EvaluationContext, queries: QuerySet, generation: Generation, strategy: Strategy) -> list[float]:
    """Milliseconds of single queries, one thread, from a file's bytes to ranked results; the first one is not kept."""
    index, answering = generation.index, bench.answering(strategy, generation)
    photos = QueryPhotos(
        index, answering.embedder_for(generation.embedder_for(bench.embedder)), bench.source, bench.settings
    )
    usable = (query for query in queries.queries(index) if isinstance(query, JudgedQuery) and query.region is None)
    took = []
    for query in islice(usable, 4 * TIMED_QUERIES):
        try:
            data = bench.source.bytes_of(query.photo)
            started = time.perf_counter()
            encoded = answering.encode(photos.encode(data, features=bool(strategy.needs)))
            answering.rank(index, encoded, RankingConstraint(TIMED_RESULTS))
        except ShoplensError:  # the evaluation has told of it
            continue
        took.append((time.perf_counter() - started) * 1e3)
        if len(took) > TIMED_QUERIES:
            break
    return took[1:]


def adding_ms(bench: EvaluationContext, generation: Generation) -> list[float]:
    """Milliseconds until one more product is found: its photos decoded and embedded, and its points written.

    Measured on products of the store, which are written to a scratch index beside it; the store is left as it is.
    """
    embedder = generation.embedder_for(bench.embedder)
    scratch = Path(tempfile.mkdtemp(prefix="adding-", dir=bench.store.folder / FOLDER))
    took = []
    try:
        with (
            closing(open_index(scratch, generation.manifest)) as index,
            closing(FeatureFile(scratch / FEATURES, feature_model(embedder))) as features,
        ):
            known = EncodingCaches(features, scorer=load_scorer(generation), look=generation.look)
            for record in islice(generation.index.all_records(), ADDED_PRODUCTS + 1):
                maker = ProductEncoder(embedder, bench.source, bench.settings, known)
                started = time.perf_counter()
                entries = [one.entry for one in maker.outcomes([record.product]) if one.entry is not None]
                index.upsert(entries)
                if entries:
                    took.append((time.perf_counter() - started) * 1e3)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return took[1:]


def _retraining_cost(generation: Generation) -> dict[str, Any]:
    """What one more product costs where all are learned again: as long as it took the last time."""
    card = generation.require_classifier().card
    took = card.made.get("seconds", {})
    seconds = float(took.get("training", 0)) + float(took.get("all photos", 0))
    costs = card.made.get("retraining_costs", card.made.get("growth", ()))  # older cards call them `growth`
    return {
        "adding_ms": _median_and_p95([1e3 * seconds]),
        "unknown": len(set(generation.index.ids()) - set(card.products)),
        "retraining_costs": [RetrainingCost(**cost) for cost in costs],
    }


def _against(mine: Scores, theirs: Scores, seed: int) -> dict[str, Paired]:
    clusters = mine.tally.clusters
    return {
        name: paired_difference(mine.tally.values(name), theirs.tally.values(name), clusters, seed) for name in METRICS
    }


def _median_and_p95(took: Sequence[float]) -> dict[str, float]:
    if not took:
        return {}
    median, p95 = np.percentile(took, [50, 95])
    return {"median": round(float(median), 3), "p95": round(float(p95), 3)}
