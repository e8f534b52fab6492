"""The evaluation on one screen: queries -> embedded photos -> judged answers of every strategy -> numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shoplens.build.photo_features import feature_model
from shoplens.embedders import Embedder
from shoplens.errors import InvalidValue
from shoplens.evaluation.queries import HELD_OUT, JudgedQuery, holdout_queries, read_queries
from shoplens.evaluation.query_photos import QueryPhotos, open_query_vectors
from shoplens.evaluation.results import Evaluation, LeftOut
from shoplens.evaluation.runs import ABSENT, Gallery, JudgedRun, answerable, evaluate_query
from shoplens.evaluation.statistics.scores import Scores
from shoplens.feeds import Report
from shoplens.images import PhotoSource, decode_photo
from shoplens.index.protocol import Index
from shoplens.ranking.strategies import Strategy
from shoplens.search.prepared_strategy import PreparedStrategy, prepare_strategy
from shoplens.settings import Settings
from shoplens.store.files.atomic import disk_errors_told, timestamp
from shoplens.store.generation import Generation, check_model
from shoplens.store.store import Store
from shoplens.types import Pixels, Progress, Rejection
from shoplens.types.progress import ignore_progress

FOLDER, VECTORS = "evaluation", "query-vectors.sqlite"
LEARNED = "photo-that-was-learned"
THUMBNAIL = 220
"""Shortest side, in pixels, of a photo that is reduced for a report."""


@dataclass(frozen=True, slots=True)
class EvaluationContext:
    """What an evaluation works with.

    Attributes:
        store: to be evaluated; nothing that answers searches is changed.
        embedder: gives each photo one thread; a generation sees by :meth:`Generation.embedder_for` of it.
        source: of the photos' bytes.
        progress: told now and then how far it is.
    """

    store: Store
    embedder: Embedder
    source: PhotoSource
    settings: Settings
    progress: Progress = ignore_progress

    @contextmanager
    def reading(self) -> Iterator[Generation]:
        """The live generation, if it is of the embedder's model.

        Raises:
            StoreError: ``other-model``, ``unfinished-store``.
        """
        with self.store.reading() as generation:
            check_model(generation, self.embedder)
            yield generation

    def answering(self, strategy: Strategy, generation: Generation) -> PreparedStrategy:
        """The strategy with what this generation has for it.

        Raises:
            InvalidValue, StoreError: as :func:`~shoplens.search.prepared_strategy.prepare_strategy`.
        """
        return prepare_strategy(strategy, generation, self.settings.preferences)

    def picture(self, source: str) -> Pixels:
        """All pixels of a photo, for reports whose regions count them."""
        return decode_photo(self.source.bytes_of(source), self.settings).pixels

    def small_picture(self, source: str) -> Pixels:
        """The same, reduced."""
        return decode_photo(self.source.bytes_of(source), self.settings, shortest=THUMBNAIL).pixels


@dataclass(frozen=True, slots=True)
class QuerySet:
    """Where queries come from.

    Attributes:
        file: of :func:`~shoplens.evaluation.queries.read_queries`; None for held-out photos.
    """

    file: Path | None = None

    @classmethod
    def of(cls, queries: str | Path | None) -> QuerySet:
        """Those of a file, or held-out photos where none is given."""
        return cls(None if queries is None else Path(queries))

    @property
    def gallery(self) -> Gallery:
        """What is searched: without the further photos of products where these are the queries."""
        return "first-photos" if self.file is None else "all"

    @property
    def name(self) -> str:
        return HELD_OUT if self.file is None else str(self.file)

    def queries(self, index: Index) -> Iterator[JudgedQuery | Rejection]:
        return holdout_queries(index) if self.file is None else read_queries(self.file)


def evaluate(
    bench: EvaluationContext,
    queries: QuerySet,
    strategy: Strategy,
    seed: int = 0,
    watch: Callable[[JudgedRun], None] | None = None,
) -> Evaluation:
    """How often a strategy is right on these queries.

    Args:
        seed: of the resampling.
        watch: sees every judged answer.

    Raises:
        InvalidValue: ``no-queries``, ``queries-without-column``, or ``nothing-judged`` when no query could be used.
    """
    with bench.reading() as generation:
        scores, rejected = score_strategies([strategy], bench, queries, generation, seed, watch)
        mine, index = scores[strategy.name], generation.index
        bench.progress("Computing intervals", 0, 0)
        return Evaluation(
            store=str(bench.store.folder),
            queries_from=queries.name,
            strategy=strategy.name,
            model=bench.embedder.model,
            products=index.count(),
            queries=len(mine),
            absent=sum(one.times for one in rejected if one.kind == ABSENT),
            left_out=rejected,
            overall=mine.metrics(),
            categories=mine.categories(),
            curve=mine.curve(),
            worst=mine.worst(),
            confused=mine.confused(index),
            milliseconds=mine.milliseconds(),
            seed=seed,
        )


def score_strategies(
    strategies: Sequence[Strategy],
    bench: EvaluationContext,
    queries: QuerySet,
    generation: Generation,
    seed: int = 0,
    watch: Callable[[JudgedRun], None] | None = None,
) -> tuple[Mapping[str, Scores], Sequence[LeftOut]]:
    """Strategy -> scores over the same queries in the same order, and what was left out."""
    scores = {strategy.name: Scores(seed) for strategy in strategies}

    def take(run: JudgedRun, strategy: Strategy) -> None:
        scores[strategy.name].add(run)
        if watch is not None:
            watch(run)

    left_out = for_each_answer(strategies, bench, queries, generation, take, queries.gallery)
    if not any(map(len, scores.values())):
        told = "; ".join(f"{one.times} × {one.kind} ({one.example})" for one in left_out)
        raise InvalidValue(
            f"None of the queries of {queries.name} can be judged{': ' + told if told else ''}.",
            left_out[0].fix if left_out else "Give a file of queries; no product of the store has a second photo.",
            code="nothing-judged",
        )
    return scores, left_out


def for_each_answer(
    strategies: Sequence[Strategy],
    bench: EvaluationContext,
    queries: QuerySet,
    generation: Generation,
    take: Callable[[JudgedRun, Strategy], None],
    gallery: Gallery,
) -> Sequence[LeftOut]:
    """Answer every query by every strategy, give each judged answer to ``take``, and say what was left out.

    Raises:
        StoreError: ``disk``, when the store's folders cannot be written.
        InvalidValue: ``no-filters``, ``no-look``: a strategy needs what the generation does not have.
    """
    folder, index = bench.store.folder, generation.index
    answering = [bench.answering(strategy, generation) for strategy in strategies]
    embedder = generation.embedder_for(bench.embedder)
    for one in answering:
        embedder = one.embedder_for(embedder)
    total = sum(1 for _ in queries.queries(index))
    report = Report(folder / "reports" / f"{timestamp()}-queries.jsonl")
    with (
        disk_errors_told(folder),
        report,
        open_query_vectors(folder / FOLDER / VECTORS, feature_model(embedder)) as vectors,
    ):
        photos = QueryPhotos(index, embedder, bench.source, bench.settings, vectors)
        usable = answerable(index, queries.queries(index), report)
        for done, item in enumerate(photos.of(usable), start=1):
            if isinstance(item, Rejection):
                report.add(item)
                continue
            query, photo = item
            if any(one.has_learned(photo.content_hash) for one in answering):
                report.add(_training_photo_note(query))
            for one in answering:
                run = evaluate_query(index, one, *item, gallery)
                if run is not None:
                    take(run, one.strategy)
            bench.progress("Judging queries", done + report.rejected, total)
    return [LeftOut(row.kind, row.times, row.example, row.fix) for row in report.summary()]


def _training_photo_note(query: JudgedQuery) -> Rejection:
    return Rejection(
        LEARNED,
        "A trained network learned from this photo; it counts, and makes that network's figures too good.",
        "Ask with photos that it did not see. What it is worth on those is in the report of its training.",
        "note",
        query.row,
        field="photo",
        value=query.photo,
    )
