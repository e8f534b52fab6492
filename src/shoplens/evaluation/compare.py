"""All strategies side by side: how often they are right, and what they cost."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from itertools import islice

import numpy as np

from shoplens.entries import EntryMaker
from shoplens.errors import ShoplensError
from shoplens.evaluation.evaluate import FOLDER, Bench, QuerySet, judged_by
from shoplens.evaluation.intervals import paired
from shoplens.evaluation.metrics import METRICS
from shoplens.evaluation.queries import JudgedQuery
from shoplens.evaluation.query_photos import QueryPhotos
from shoplens.evaluation.results import Comparison, Paired, StrategyRow
from shoplens.evaluation.runs import judged
from shoplens.evaluation.scores import Scores
from shoplens.index.durable import size_on_disk
from shoplens.index.entry import Index
from shoplens.index.generation import Generation
from shoplens.index.qdrant import QdrantIndex
from shoplens.ranking.strategies import DEFAULT, STRATEGIES, Strategy

TIMED_QUERIES, ADDED_PRODUCTS = 50, 20


def compared(bench: Bench, queries: QuerySet, seed: int = 0) -> Comparison:
    """Every strategy on the same queries.

    Raises:
        InvalidValue: as :func:`~shoplens.evaluation.evaluate.evaluated`.
    """
    with bench.reading() as generation:
        index, strategies = generation.index, list(STRATEGIES.values())
        scores, left_out = judged_by(strategies, bench, queries, index, seed)
        adding = adding_ms(bench, generation)
        rows = [
            StrategyRow(
                name=strategy.name,
                about=strategy.about,
                metrics=scores[strategy.name].metrics(),
                against=_against(scores[strategy.name], scores[DEFAULT], seed) if strategy.name != DEFAULT else {},
                query_ms=_spread(query_ms(bench, queries, index, strategy)),
                bytes_per_product=size_on_disk(generation.folder) / index.count(),
                adding_ms=_spread(adding),
                adding=strategy.adding,
            )
            for strategy in strategies
        ]
        return Comparison(
            store=str(bench.store.folder),
            queries_from=queries.name,
            products=index.count(),
            queries=len(scores[DEFAULT]),
            left_out=left_out,
            compared_with=DEFAULT,
            rows=rows,
            seed=seed,
        )


def query_ms(bench: Bench, queries: QuerySet, index: Index, strategy: Strategy) -> list[float]:
    """Milliseconds of single queries, one thread, from a file's bytes to ranked results; the first one is not kept."""
    photos = QueryPhotos(index, bench.embedder, bench.source, bench.settings)
    usable = (query for query in queries.queries(index) if isinstance(query, JudgedQuery) and query.region is None)
    took = []
    for query in islice(usable, 4 * TIMED_QUERIES):
        if not index.records(query.grades):
            continue
        there = {record.product.id: 1.0 for record in index.records(query.grades)}
        asked = JudgedQuery(query.photo, there, excluded=query.excluded - set(there))
        try:
            data = bench.source.bytes_of(query.photo)
            started = time.perf_counter()
            judged(index, strategy, asked, photos.made(data), first_photos=queries.first_photos)
        except ShoplensError:  # the judging has told of it
            continue
        took.append((time.perf_counter() - started) * 1e3)
        if len(took) > TIMED_QUERIES:
            break
    return took[1:]


def adding_ms(bench: Bench, generation: Generation) -> list[float]:
    """Milliseconds until one more product is found: its photos decoded and embedded, and its points written.

    Measured on products of the store, which are written to a scratch index beside it; the store is left as it is.
    """
    scratch = bench.store.folder / FOLDER / "adding"  # a fixed name, so that one that was killed leaves one at most
    shutil.rmtree(scratch, ignore_errors=True)
    took = []
    try:
        index = QdrantIndex(scratch / "shard", generation.manifest.dimensions)
        for record in islice(generation.index.all_records(), ADDED_PRODUCTS + 1):
            maker = EntryMaker(bench.embedder, bench.source, bench.settings)
            started = time.perf_counter()
            entries = [one.entry for one in maker.outcomes([record.product]) if one.entry is not None]
            index.upsert(entries)
            if entries:
                took.append((time.perf_counter() - started) * 1e3)
        index.close()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return took[1:]


def _against(mine: Scores, theirs: Scores, seed: int) -> dict[str, Paired]:
    clusters = mine.tally.clusters
    return {name: paired(mine.tally.values(name), theirs.tally.values(name), clusters, seed) for name in METRICS}


def _spread(took: Sequence[float]) -> dict[str, float]:
    if not took:
        return {}
    median, p95 = np.percentile(took, [50, 95])
    return {"median": round(float(median), 3), "p95": round(float(p95), 3)}
