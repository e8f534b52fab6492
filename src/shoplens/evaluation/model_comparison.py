"""Several models on one shop's own photos: how often a whole search finds the product, as it would if the shop moved
to the model; how often the look alone does, with vectors in full, in int8 codes, and cut to fewer numbers; what a photo
costs, and how many bytes a product takes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from shoplens.build.builder import Builder
from shoplens.build.photo_features import embed_framed
from shoplens.embedders import Embedder, OnnxEmbedder
from shoplens.errors import InvalidValue, ModelError, PhotoError
from shoplens.evaluation.compare_generations import GenerationAnswers
from shoplens.evaluation.evaluate import EvaluationContext, QuerySet, score_strategies
from shoplens.evaluation.queries import JudgedQuery
from shoplens.evaluation.results import Estimate, PairedDifference
from shoplens.evaluation.statistics.intervals import estimate, paired_difference
from shoplens.feeds import read_feed
from shoplens.filters.fitting.pca import principal_axes
from shoplens.images import PhotoSource, decode_photo
from shoplens.images.decode import crop_pixels
from shoplens.index.protocol import Index
from shoplens.ranking.strategies import default_strategy
from shoplens.search.answer_json import product_json
from shoplens.settings import Settings
from shoplens.store.generation import Generation
from shoplens.store.store import Store
from shoplens.types import Pixels, Progress, Vectors, group_of

MAX_PRODUCTS, MAX_QUERIES = 3_000, 500
"""Most products among which is searched, besides those of the queries, and most queries."""
CUTS = (256, 128)
"""Lengths to which vectors are shortened by principal components."""
MIN_PHOTOS_PER_AXIS = 2
"""Photos of the catalogue for each axis, below which no axes are fitted."""
OVERSAMPLING = 2
"""Hits that are fetched by int8 codes, as a multiple of those that are compared in full; as the store does."""
LOOK, FULL, CODES = "look", "full", "int8 codes, rescored"
Shorten = Callable[[Vectors], Vectors]
_FLOAT, _CODE = 4, 1
"""Bytes of a number in full, and of its int8 code; the store keeps both."""
_RECALL_1, _RECALL_10 = "recall@1", "recall@10"


@dataclass(frozen=True, slots=True)
class ModelMeasurement:
    """A model, in a whole search or by one form of its vectors alone.

    Attributes:
        model: name.
        strategy: what answered: the strategy of a whole search, or ``look`` for the look alone.
        vectors: ``full``, ``int8 codes, rescored``, ``first N`` or ``N axes``.
        dimensions: numbers of a vector.
        recall_1, recall_10: share of the queries whose product is first, and among ten.
        change_1: of a whole search: ``recall_1`` minus that of the first model, on the same queries; None for the first
            model, and for the look alone.
        cpu_ms: CPU time of a photo, with all passes that it takes.
        bytes_per_product: of its vectors, codes included, on average.
        queries, products: how many there were.
    """

    model: str
    strategy: str
    vectors: str
    dimensions: int
    recall_1: Estimate
    recall_10: Estimate
    change_1: PairedDifference | None
    cpu_ms: float
    bytes_per_product: int
    queries: int
    products: int


@dataclass(frozen=True, slots=True, eq=False)
class _Photos:
    """Photos of one model.

    Attributes:
        vectors: float32 (n, d), length 1.
        owners: number of the product or the query of each.
        cpu_ms: CPU time of a photo; 0 where it was not measured.
    """

    vectors: Vectors
    owners: np.ndarray[tuple[int], np.dtype[np.intp]]
    cpu_ms: float = 0.0


def measure_models(
    index: Index,
    models: Mapping[str, Embedder],
    source: PhotoSource,
    settings: Settings,
    queries: Path,
    progress: Progress,
) -> list[ModelMeasurement]:
    """Build a store of some of the products by every model, with the shop's own settings, as ``index`` does, and answer
    the queries by it, as ``evaluate`` does; then compare each query with all products by the look alone.

    Args:
        index: of the products; it is only read.
        models: name -> embedder; the others are compared with the first.
        source: of all photos.
        queries: CSV file with ``photo,product_id`` rows.

    Raises:
        InvalidValue: as :func:`~shoplens.evaluation.queries.read_queries`; ``no-queries``: no query is of a product
            of the store.
    """
    asked = QuerySet(queries, MAX_QUERIES)
    judged = [one for one in asked.queries(index) if isinstance(one, JudgedQuery)]
    if not judged:
        raise InvalidValue(
            f"No query of {queries} is of a product of the store.", "Give queries of this shop.", code="no-queries"
        )
    products = _choose_products(index, {name for one in judged for name in one.grades})
    rows: list[ModelMeasurement] = []
    first: GenerationAnswers | None = None
    with TemporaryDirectory(prefix="shoplens-measure-") as folder:
        feed = Path(folder) / "products.jsonl"
        lines = (json.dumps(product_json(record.product)) for record in index.records(products))
        feed.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        for name, embedder in models.items():
            with _build_store(feed, Path(folder) / "store", embedder, source, settings, progress) as context:
                found, answers = _measure(name, context, asked, judged, first)
            rows += found
            first = first or answers
    return rows


@contextmanager
def _build_store(
    feed: Path, folder: Path, embedder: Embedder, source: PhotoSource, settings: Settings, progress: Progress
) -> Iterator[EvaluationContext]:
    """Build a store that is deleted afterwards."""
    used = replace(settings, store=folder, server="")
    with TemporaryDirectory(dir=folder.parent) as place, read_feed(feed, media=Path("/")) as products:
        store = Store(Path(place), create=True)
        try:
            Builder(store, embedder, source, used, progress).index(products)
            yield EvaluationContext(store, embedder, source, used, progress)
        finally:
            store.close()


def _measure(
    name: str,
    context: EvaluationContext,
    asked: QuerySet,
    judged: Sequence[JudgedQuery],
    first: GenerationAnswers | None,
) -> tuple[list[ModelMeasurement], GenerationAnswers]:
    """Return the rows of one model, and its answers."""
    with context.reading() as generation:
        strategy = default_strategy(generation.capabilities)
        answers = GenerationAnswers(generation.manifest, strategy.name, generation.index.count())
        score_strategies([strategy], context, asked, generation, on_run=answers.add)
        records = list(generation.index.records(generation.index.ids()))
        places = {record.product.id: number for number, record in enumerate(records)}
        gallery = _read_photos(generation, places)
        queries = [(n, one.photo, one) for n, one in enumerate(judged)]
        found = _embed(context.embedder, queries, context.source, context.settings)
        right = [{places[key] for key in judged[n].grades if key in places} for n in found.owners.tolist()]
        groups = {record.product.id: group_of(record.product) for record in records}
        clusters = [groups.get(next(iter(judged[n].grades)), "") for n in found.owners.tolist()]

        def row(strategy: str, form: str, dimensions: int, one: Estimate, ten: Estimate) -> ModelMeasurement:
            size = round(len(gallery.owners) / max(len(records), 1) * dimensions * (_FLOAT + _CODE))
            count, cost = len(answers.metrics if strategy != LOOK else found.owners), round(found.cpu_ms, 1)
            return ModelMeasurement(name, strategy, form, dimensions, one, ten, None, cost, size, count, len(records))

        whole = row(strategy.name, CODES, gallery.vectors.shape[1], *_recalls(answers))
        rows = [whole if first is None else replace(whole, change_1=_compare(answers, first))]
        for form, shortened, codes in _forms(context.embedder, gallery.vectors):
            ranks = _ranks(shortened(gallery.vectors), gallery.owners, shortened(found.vectors), right, codes=codes)
            hits = (estimate((ranks < k).astype(np.float64), clusters) for k in (1, 10))
            rows.append(row(LOOK, form, shortened(gallery.vectors[:1]).shape[1], *hits))
    return rows, answers


def _recalls(answers: GenerationAnswers) -> tuple[Estimate, Estimate]:
    keys = list(answers.metrics)
    clusters = [answers.clusters[key] for key in keys]
    one, ten = (estimate(answers.values(metric, keys), clusters) for metric in (_RECALL_1, _RECALL_10))
    return one, ten


def _compare(answers: GenerationAnswers, first: GenerationAnswers) -> PairedDifference:
    keys = [key for key in answers.metrics if key in first.metrics]
    clusters = [answers.clusters[key] for key in keys]
    return paired_difference(answers.values(_RECALL_1, keys), first.values(_RECALL_1, keys), clusters)


def _read_photos(generation: Generation, places: Mapping[str, int]) -> _Photos:
    """Return the vectors of all photos of a generation, as it was built."""
    records = list(generation.index.records(places))
    hashes = [(places[record.product.id], photo.content_hash) for record in records for photo in record.photos]
    stored = generation.index.photo_vectors({content_hash for _, content_hash in hashes})
    kept = [(owner, stored[content_hash][1]) for owner, content_hash in hashes if content_hash in stored]
    vectors = np.array([vector for _, vector in kept], np.float32)
    return _Photos(vectors, np.array([owner for owner, _ in kept], np.intp))


def fit_axes(vectors: Vectors, dimensions: int) -> Vectors:
    """Return float32 (d, dimensions): the axes along which vectors vary most around zero, so that the dot products of
    what they are multiplied with are nearly those of the vectors, those of texts included.

    Raises:
        InvalidValue: ``too-few-photos``.
    """
    if len(vectors) < MIN_PHOTOS_PER_AXIS * dimensions:
        raise InvalidValue(
            f"{len(vectors)} photos are too few for {dimensions} axes.",
            f"Take a store with {MIN_PHOTOS_PER_AXIS * dimensions} photos or more, or fewer axes.",
            code="too-few-photos",
        )
    axes = np.asarray(principal_axes(vectors, dimensions), np.float32)
    if axes.shape[1] < dimensions:
        raise InvalidValue(
            f"The vectors vary along {axes.shape[1]} axes only.", "Take fewer axes.", code="too-few-photos"
        )
    return axes


def embed_catalogue(
    index: Index, embedder: Embedder, source: PhotoSource, settings: Settings, most: int = MAX_PRODUCTS
) -> Vectors:
    """Return vectors of the first photos of products, float32 (n, d), length 1."""
    records = list(index.records(_choose_products(index, set(), most)))
    return _embed(
        embedder, [(n, one.photos[0].source, None) for n, one in enumerate(records)], source, settings
    ).vectors


def _choose_products(index: Index, needed: set[str], most: int = MAX_PRODUCTS) -> list[str]:
    """Return the ids of products: the needed ones, and others, evenly spread."""
    others = sorted(set(index.ids()) - needed)
    kept = [others[n] for n in np.linspace(0, len(others) - 1, min(len(others), most)).astype(int)] if others else []
    present = [record.product.id for record in index.records(needed)]
    return [*present, *kept]


def _embed(
    embedder: Embedder, photos: Sequence[tuple[int, str, JudgedQuery | None]], source: PhotoSource, settings: Settings
) -> _Photos:
    """Embed photos as they are indexed; those that cannot be read are left out."""
    vectors, owners, seconds = [], [], 0.0
    for owner, photo, query in photos:
        try:
            pixels = _read(photo, query, embedder, source, settings)
            start = time.thread_time()
            vectors.append(embed_framed(embedder, photo, pixels).embedded.vectors[0])
            seconds += time.thread_time() - start
            owners.append(owner)
        except (PhotoError, ModelError):
            continue
    stacked = np.array(vectors, np.float32).reshape(len(vectors), embedder.dimensions)
    return _Photos(stacked, np.array(owners, np.intp), 1000 * seconds / max(len(vectors), 1))


def _read(photo: str, query: JudgedQuery | None, embedder: Embedder, source: PhotoSource, settings: Settings) -> Pixels:
    data = source.bytes_of(photo)
    if query is None or query.region is None:
        return decode_photo(data, settings, shortest=embedder.min_side).pixels
    return crop_pixels(decode_photo(data, settings).pixels, query.region)


def _forms(embedder: Embedder, gallery: Vectors) -> Iterator[tuple[str, Shorten, bool]]:
    """Yield name, map, and whether codes are compared, of each form of the vectors."""
    yield FULL, _keep_vectors, False
    yield CODES, _keep_vectors, True
    size = gallery.shape[1]
    for cut in embedder.card.cuts if isinstance(embedder, OnnxEmbedder) else ():
        if cut < size:
            yield f"first {cut}", _Axes(np.eye(size, cut, dtype=np.float32)), True
    for cut in CUTS:
        if cut < size and len(gallery) >= MIN_PHOTOS_PER_AXIS * cut:
            yield f"{cut} axes", _Axes(fit_axes(gallery, cut)), True


def _keep_vectors(vectors: Vectors) -> Vectors:
    return vectors


@dataclass(frozen=True, slots=True, eq=False)
class _Axes:
    axes: Vectors

    def __call__(self, vectors: Vectors) -> Vectors:
        rows = vectors @ self.axes
        return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)


def _ranks(
    gallery: Vectors,
    owners: np.ndarray[tuple[int], np.dtype[np.intp]],
    queries: Vectors,
    right: Sequence[set[int]],
    *,
    codes: bool,
) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return for each query how many products are before the best right one.

    Args:
        codes: whether photos are chosen by int8 codes, and only these are compared in full.
    """
    limit = float(np.quantile(np.abs(gallery), 0.99)) or 1.0
    coded = np.clip(np.round(gallery / limit * 127), -127, 127) if codes else gallery
    ranks = []
    for vector, products in zip(queries, right, strict=True):
        similarities = gallery @ vector
        if codes:
            rough = coded @ np.clip(np.round(vector / limit * 127), -127, 127)
            kept = np.argsort(-rough, kind="stable")[: OVERSAMPLING * 100]
            similarities = np.where(np.isin(np.arange(len(gallery)), kept), similarities, -2.0)
        best = np.full(int(owners.max(initial=-1)) + 1, -2.0)
        np.maximum.at(best, owners, similarities)
        own = max((best[n] for n in products if n < len(best)), default=-2.0)
        others = np.delete(best, [n for n in products if n < len(best)])
        ranks.append(int((others >= own).sum()) if own > -2 else len(best))
    return np.array(ranks, np.intp)
