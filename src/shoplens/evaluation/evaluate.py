"""Evaluates strategies: queries -> encoded photos -> judged answers of every strategy -> metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from shoplens.build.photo_features import feature_model
from shoplens.embedders import Embedder
from shoplens.embedders.embedder import finds_objects
from shoplens.errors import InvalidValue
from shoplens.evaluation.queries import HELD_OUT, JudgedQuery, holdout_queries, read_queries
from shoplens.evaluation.query_photos import QueryPhotos, open_query_vectors
from shoplens.evaluation.query_runs import ABSENT, Gallery, JudgedRun, evaluate_query, select_answerable
from shoplens.evaluation.results import Evaluation, OmissionCount
from shoplens.evaluation.statistics.scores import Scores
from shoplens.feeds import Report
from shoplens.images import PhotoSource, decode_photo
from shoplens.images.objects import cut_out, find_object, is_blank
from shoplens.index.protocol import Index
from shoplens.ranking.strategies import Strategy
from shoplens.reading.photo_reading import VERSION
from shoplens.reading.text_reader import TextReader, select_text_reader
from shoplens.search.prepared_strategy import PreparedStrategy, prepare_strategy
from shoplens.settings import Merchandising, Settings
from shoplens.store.files.atomic import timestamp, translate_disk_errors
from shoplens.store.generation import FindEmbedder, Generation, check_model
from shoplens.store.store import Store
from shoplens.types import Pixels, Progress, Region, Rejection
from shoplens.types.progress import ignore_progress

FOLDER, VECTORS = "evaluation", "query-vectors.sqlite"
TRAINING_PHOTO = "training-photo"
THUMBNAIL_SIDE = 220
"""Shortest side in pixels of a photo that is reduced for a report."""


@dataclass(frozen=True, slots=True)
class EvaluationContext:
    """The store and everything else that an evaluation needs.

    Attributes:
        store: the store to be evaluated; nothing that answers searches is changed.
        embedder: the embedder; it uses one thread per photo. A generation uses :meth:`Generation.embedder_for` of it.
        source: reads the bytes of photos.
        settings: the settings.
        progress: is called now and then with the current step and its progress.
        find_embedder: finds the embedder of a generation of another model; None for one model only.
    """

    store: Store
    embedder: Embedder
    source: PhotoSource
    settings: Settings
    progress: Progress = ignore_progress
    find_embedder: FindEmbedder | None = None

    def for_generation(self, generation: Generation) -> EvaluationContext:
        """Return what an evaluation of this generation needs."""
        return self if self.find_embedder is None else replace(self, embedder=self.find_embedder(generation))

    @contextmanager
    def reading(self) -> Iterator[Generation]:
        """Open the live generation, if it is of the embedder's model.

        Raises:
            StoreError: ``other-model``, ``unfinished-store``.
        """
        with self.store.reading() as generation:
            check_model(generation, self.embedder)
            yield generation

    def text_reader(self, generation: Generation) -> TextReader | None:
        """Return what reads the words in query photos; None where a search of this generation reads none."""
        reads = generation.text is not None and generation.text.reads_queries
        return select_text_reader(self.settings) if reads else None

    def prepare(self, strategy: Strategy, generation: Generation) -> PreparedStrategy:
        """Prepare the strategy with the generation's data for it.

        Raises:
            InvalidValue, StoreError: as :func:`~shoplens.search.prepared_strategy.prepare_strategy`.
        """
        return prepare_strategy(strategy, generation, self.settings.preferences)

    def without_merchandising(self) -> EvaluationContext:
        """Return the same without pins, boosts and buries, of which probabilities know nothing."""
        preferences = replace(self.settings.preferences, merchandising=Merchandising())
        return replace(self, settings=replace(self.settings, preferences=preferences))

    def load_photo(self, source: str) -> Pixels:
        """Return all pixels of a photo, for reports with regions in pixels."""
        return decode_photo(self.source.bytes_of(source), self.settings).pixels

    def load_cut_out(self, source: str, region: Region | None) -> Pixels | None:
        """Return the object in a photo or in its region, cut out; None where none is found."""
        if not finds_objects(self.embedder):
            return None
        picture = decode_photo(self.source.bytes_of(source), self.settings)
        pixels = picture.pixels if region is None else picture.crop(region)
        found = find_object(self.embedder.find_mask(pixels))
        return None if found is None or is_blank(pixels) else cut_out(pixels, found)

    def load_thumbnail(self, source: str) -> Pixels:
        """Return the photo, reduced as far as its shortest side keeps :data:`THUMBNAIL_SIDE` pixels."""
        return decode_photo(self.source.bytes_of(source), self.settings, shortest=THUMBNAIL_SIDE).pixels


@dataclass(frozen=True, slots=True)
class QuerySet:
    """The origin of queries.

    Attributes:
        file: file for :func:`~shoplens.evaluation.queries.read_queries`; None for held-out photos.
        most: number of queries that are used, of those whose product there is; they are evenly spread over the file. 0
            uses all.
    """

    file: Path | None = None
    most: int = 0

    @classmethod
    def from_path(cls, queries: str | Path | None) -> QuerySet:
        """Return the queries of a file, or held-out photos where no file is given."""
        return cls(None if queries is None else Path(queries))

    @property
    def gallery(self) -> Gallery:
        """The photos that are searched; where the further photos of products are the queries, only first photos."""
        return "first-photos" if self.file is None else "all"

    @property
    def name(self) -> str:
        """The file, or a description of held-out photos."""
        return HELD_OUT if self.file is None else str(self.file)

    def queries(self, index: Index) -> Iterator[JudgedQuery | Rejection]:
        """Yield the queries; a row of the file that is invalid is a rejection."""
        queries = holdout_queries(index) if self.file is None else read_queries(self.file)
        return _choose_some(queries, index, self.most) if self.most else queries


def _choose_some(queries: Iterable[JudgedQuery | Rejection], index: Index, most: int) -> Iterator[JudgedQuery]:
    """Yield at most this number of queries of products that there are, evenly spread."""
    judged = [one for one in queries if isinstance(one, JudgedQuery)]
    known = {record.product.id for record in index.records({name for one in judged for name in one.grades})}
    judged = [one for one in judged if known & one.grades.keys()]
    for number in np.linspace(0, len(judged) - 1, min(len(judged), most)).astype(int).tolist():
        yield judged[number]


def evaluate(
    context: EvaluationContext,
    queries: QuerySet,
    strategy: Strategy,
    seed: int = 0,
    on_run: Callable[[JudgedRun], None] | None = None,
) -> Evaluation:
    """Measure how often a strategy finds the right product of these queries.

    Args:
        seed: seed of the resampling.
        on_run: is called with every judged answer.

    Raises:
        InvalidValue: ``no-queries``, ``queries-without-column``, or ``nothing-judged`` if no query can be used.
    """
    with context.reading() as generation:
        all_scores, left_out = score_strategies([strategy], context, queries, generation, seed, on_run)
        scores, index = all_scores[strategy.name], generation.index
        context.progress("Computing intervals", 0, 0)
        return Evaluation(
            store=str(context.store.folder),
            queries_from=queries.name,
            strategy=strategy.name,
            model=context.embedder.model,
            products=index.count(),
            queries=len(scores),
            absent=sum(omission.times for omission in left_out if omission.kind == ABSENT),
            left_out=left_out,
            overall=scores.metrics(),
            categories=scores.categories(),
            curve=scores.curve(),
            worst=scores.worst(),
            confused=scores.confused(index),
            milliseconds=scores.milliseconds(),
            seed=seed,
        )


def score_strategies(
    strategies: Sequence[Strategy],
    context: EvaluationContext,
    queries: QuerySet,
    generation: Generation,
    seed: int = 0,
    on_run: Callable[[JudgedRun], None] | None = None,
) -> tuple[Mapping[str, Scores], Sequence[OmissionCount]]:
    """Return the scores of every strategy on the same queries in the same order, and what was left out."""
    scores = {strategy.name: Scores(seed) for strategy in strategies}

    def add(run: JudgedRun, strategy: Strategy) -> None:
        scores[strategy.name].add(run)
        if on_run is not None:
            on_run(run)

    left_out = judge_queries(strategies, context, queries, generation, add, queries.gallery)
    if not any(map(len, scores.values())):
        reasons = "; ".join(f"{omission.times} × {omission.kind} ({omission.example})" for omission in left_out)
        raise InvalidValue(
            f"None of the queries of {queries.name} can be judged{': ' + reasons if reasons else ''}.",
            left_out[0].fix
            if left_out
            else "Give a file of queries, because no product of the store has a second photo.",
            code="nothing-judged",
        )
    return scores, left_out


def judge_queries(
    strategies: Sequence[Strategy],
    context: EvaluationContext,
    queries: QuerySet,
    generation: Generation,
    on_run: Callable[[JudgedRun, Strategy], None],
    gallery: Gallery,
) -> Sequence[OmissionCount]:
    """Answer every query by every strategy, pass each judged answer to ``on_run``, and return what was left out.

    Raises:
        StoreError: ``disk``, if the store's folders cannot be written.
        InvalidValue: ``no-filters``, ``no-look``: a strategy needs what the generation does not have.
    """
    folder, index = context.store.folder, generation.index
    prepared_strategies = [context.prepare(strategy, generation) for strategy in strategies]
    embedder = generation.embedder_for(context.embedder)
    for prepared in prepared_strategies:
        embedder = prepared.embedder_for(embedder)
    reader = context.text_reader(generation)
    total = sum(1 for _ in queries.queries(index))
    report = Report(folder / "reports" / f"{timestamp()}-queries.jsonl")
    with (
        translate_disk_errors(folder),
        report,
        open_query_vectors(folder / FOLDER / VECTORS, _encoding_id(embedder, reader)) as vectors,
    ):
        photos = QueryPhotos(index, embedder, context.source, context.settings, vectors, reader)
        usable = select_answerable(index, queries.queries(index), report)
        for done, item in enumerate(photos.encode_all(usable), start=1):
            if isinstance(item, Rejection):
                report.add(item)
                continue
            query, photo = item
            if any(prepared.has_learned(photo.content_hash) for prepared in prepared_strategies):
                report.add(_training_photo_note(query))
            for prepared in prepared_strategies:
                run = evaluate_query(index, prepared, *item, gallery)
                if run is not None:
                    on_run(run, prepared.strategy)
            context.progress("Judging queries", done + report.rejected, total)
    return [OmissionCount(row.kind, row.times, row.example, row.fix) for row in report.summary()]


def _encoding_id(embedder: Embedder, reader: TextReader | None) -> str:
    """Return the id of all that encodes query photos; photos that were encoded by another are encoded again."""
    return feature_model(embedder) + (f"+{reader.model}/{VERSION}" if reader is not None else "")


def _training_photo_note(query: JudgedQuery) -> Rejection:
    return Rejection(
        TRAINING_PHOTO,
        "A network was trained on this photo. The query counts, and makes the figures of this network too good.",
        "Evaluate with other photos. The report of the training has the figures for photos that were held out.",
        "note",
        query.row,
        field="photo",
        value=query.photo,
    )
