"""Runs the quality gate: corrupts the store's own photos, searches for them, and compares with a baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from shoplens.embedders.embedder import NO_DIRECTION
from shoplens.errors import InvalidValue, ModelError, PhotoError, ShoplensError, disk_error
from shoplens.evaluation.evaluate import FOLDER, EvaluationContext, QuerySet
from shoplens.evaluation.queries import JudgedQuery
from shoplens.evaluation.query_photos import QueryPhotos
from shoplens.evaluation.query_runs import select_answerable
from shoplens.evaluation.regression.baseline import MAX_RANK, Baseline, GateQuery, sample_queries
from shoplens.evaluation.regression.comparison import (
    FRESH_ALPHA,
    OMISSION_FIXES,
    GateOptions,
    GateReport,
    compare_with_baseline,
    estimate_power,
)
from shoplens.evaluation.results import OmissionCount
from shoplens.feeds import Report
from shoplens.images import decode_photo
from shoplens.images.corruptions.corruption import CORRUPTIONS, SMALLEST, corrupt
from shoplens.images.hashes import content_hash
from shoplens.index.protocol import Index
from shoplens.ranking.strategies import Strategy
from shoplens.search.constraint import RankingConstraint
from shoplens.search.prepared_strategy import PreparedStrategy
from shoplens.store.files.atomic import replace_file, timestamp
from shoplens.store.generation import Generation
from shoplens.store.store import Store
from shoplens.types import Rejection
from shoplens.types.iteration import map_in_order

DEFAULT_COUNT, AHEAD = 1_000, 8
MIN_SHARE = 0.5
"""Share of a baseline's photos that must be left; with fewer photos a passed check would say nothing."""
SWAPPED_SHARE = 0.05
"""Share of swapped vectors for which the power of a baseline is estimated."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check, or of making a baseline.

    Attributes:
        run: the ranks of this run, which are the new baseline where one was made.
        report: the comparison with the baseline; None where a baseline was made.
        power: probability that a check on the same queries notices that 5 % of the vectors were swapped; None where no
            baseline was made.
        left_out: product id -> why its photo was drawn but not searched for.
        rejected: rows of a file of queries that could not be used, counted by kind.
    """

    run: Baseline
    report: GateReport | None
    power: float | None
    left_out: dict[str, str]
    rejected: tuple[OmissionCount, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """The options of a check.

    Attributes:
        baseline: file of the baseline; a file in the store when omitted.
        make_baseline: make a new baseline instead of comparing with one.
        fresh: seed of a new sample, which is compared instead of the baseline's own photos.
        queries: file of queries whose photos are corrupted, instead of the store's photos.
        count: number of photos of a new baseline or a new sample; 1,000 when omitted.
        seed: seed of a new baseline; 0 when omitted.

    Raises:
        InvalidValue: an option would have no effect.
    """

    baseline: Path | None = None
    make_baseline: bool = False
    fresh: int | None = None
    queries: Path | None = None
    count: int | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.make_baseline and self.fresh is not None:
            raise InvalidValue(
                "A new baseline and --fresh were requested together, but --fresh compares with an old baseline.",
                "Leave out --fresh. The option --seed draws other photos for a new baseline.",
            )
        if not self.make_baseline and self.seed is not None:
            raise InvalidValue(
                "A seed is given, but no baseline is made.",
                "Give --fresh SEED to draw other photos, or make a new baseline: shoplens check make-baseline.",
            )
        if not self.make_baseline and self.fresh is None and (self.count is not None or self.queries is not None):
            raise InvalidValue(
                "The baseline's own photos are searched for, so --count and --queries would have no effect.",
                "Leave these out, give --fresh SEED for another sample, or run `shoplens check make-baseline`.",
            )


def check_regression(context: EvaluationContext, strategy: Strategy, options: CheckOptions) -> CheckResult:
    """Search for corrupted photos, and compare how often they find their product with the baseline.

    Nothing is reused from earlier runs: every photo goes through decoding, the network, the index and the ranking.

    Raises:
        InvalidValue: ``no-baseline``, ``old-baseline``, ``other-strategy``; ``nothing-checked``: no photo is usable.
    """
    path, rejections = baseline_file(context.store, options), Report()
    with context.reading() as generation:
        before = None if options.make_baseline else _read_baseline(path)
        _check_comparable(before, strategy, options)
        seed = (options.seed or 0) if before is None else before.seed if options.fresh is None else options.fresh
        count = DEFAULT_COUNT if options.count is None else options.count
        if before is None or options.fresh is not None:
            queries = sample_queries(
                _read_candidates(context, generation.index, options.queries, rejections), count, seed
            )
        else:
            queries = before.queries
        run, omissions = _search_corrupted(context, generation, strategy, queries, seed)
    rejected = tuple(OmissionCount(row.kind, row.times, row.example, row.fix) for row in rejections.summary())
    if before is None:
        _write_baseline(path, run)
        context.progress("Computing the power", 0, 0)
        return CheckResult(run, None, estimate_power(run, SWAPPED_SHARE), omissions, rejected)
    if len(run.queries) < MIN_SHARE * len(queries):
        origin = path if options.fresh is None else "the fresh sample"
        raise InvalidValue(
            f"Only {len(run.queries)} of the {len(queries)} photos of {origin} can still be searched for "
            f"({_format_counts(omissions)}).",
            "Put the photos back, or make a new baseline: shoplens check make-baseline.",
            code="old-baseline",
        )
    gate_options = GateOptions() if options.fresh is None else GateOptions(alpha=FRESH_ALPHA)
    report = compare_with_baseline(before, run, gate_options, omissions)
    further = rejected if report.paired else (*_count_omissions(omissions), *rejected)
    return CheckResult(run, replace(report, left_out=(*report.left_out, *further)), None, omissions, rejected)


def _check_comparable(before: Baseline | None, strategy: Strategy, options: CheckOptions) -> None:
    if before is not None and before.strategy != strategy.name:
        raise InvalidValue(
            f"The baseline is of the strategy {before.strategy}, and this is {strategy.name}.",
            f"Give --strategy {before.strategy}, or make a new baseline: shoplens check make-baseline.",
            code="other-strategy",
        )
    if before is not None and options.fresh == before.seed:
        raise InvalidValue(f"The baseline's own photos have the seed {before.seed}.", "Give --fresh another number.")


def _format_counts(omissions: dict[str, str]) -> str:
    return ", ".join(f"{times} × {reason}" for reason, times in Counter(omissions.values()).items())


def _count_omissions(omissions: dict[str, str]) -> Iterator[OmissionCount]:
    """Count the omissions of a fresh sample, which the comparison with the baseline does not know."""
    for reason, times in Counter(omissions.values()).items():
        ids = [product_id for product_id, other in omissions.items() if other == reason]
        yield OmissionCount(reason, times, ", ".join(ids[:3]) + (", …" if times > 3 else ""), OMISSION_FIXES[reason])


def baseline_file(store: Store, options: CheckOptions) -> Path:
    """Return the file of the baseline, which may not exist yet."""
    return options.baseline or store.folder / FOLDER / "baseline.json"


def _write_baseline(path: Path, run: Baseline) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.stat().st_size:
            _read_baseline(path)  # a file of another kind must not be overwritten
        replace_file(path, run.as_json())
    except OSError as problem:
        raise disk_error(problem) or InvalidValue(
            f"The baseline {path} cannot be written: {problem.strerror}.", "Give another file with --baseline."
        ) from None


def _read_baseline(path: Path) -> Baseline:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InvalidValue(
            f"There is no baseline at {path}.",
            "Make one while searches are known to be good: shoplens check make-baseline.",
            code="no-baseline",
        ) from None
    except OSError as problem:
        raise InvalidValue(
            f"The baseline {path} cannot be read: {problem.strerror}.",
            "Give a file that `shoplens check make-baseline` made.",
        ) from None
    try:
        return Baseline.from_json(data)
    except InvalidValue as problem:
        raise InvalidValue(f"{path}: {problem.problem}", problem.fix, code=problem.code) from None


def _read_candidates(
    context: EvaluationContext, index: Index, file: Path | None, rejected: Report
) -> Iterator[GateQuery]:
    """Yield the candidates of a sample: the first photo of every product, or the photos of a file."""
    if file is None:
        for record in index.all_records():
            product, photo = record.product, record.photos[0]
            category = " / ".join(product.category)
            yield GateQuery(product.id, photo.source, photo.content_hash, product.group_id, category)
        return
    for query in select_answerable(index, QuerySet(file).queries(index), rejected):
        (record,) = index.records([next(iter(query.grades))])
        try:
            photo_hash = content_hash(context.source.bytes_of(query.photo))
        except PhotoError as problem:
            rejected.add(
                Rejection(problem.code, problem.problem, problem.fix, row=query.row, field="photo", value=query.photo)
            )
            continue
        for column, reason in _ignored_columns(query).items():
            fix = "Do nothing, or leave the column empty."
            rejected.add(Rejection(f"{column}-not-used", reason, fix, "note", query.row, field=column))
        category = " / ".join(record.product.category)
        yield GateQuery(record.product.id, query.photo, photo_hash, record.product.group_id, category)


def _ignored_columns(query: JudgedQuery) -> dict[str, str]:
    """Return the columns of a row that the gate ignores, with what is done instead."""
    ignored = {
        "region": ("The whole photo is searched for.", query.region is not None),
        "exclude": ("Nothing is removed from the answer.", bool(query.excluded)),
        "product_id": ("Only the most relevant product counts.", len(query.grades) > 1),
    }
    return {column: reason for column, (reason, is_given) in ignored.items() if is_given}


def _search_corrupted(
    context: EvaluationContext, generation: Generation, strategy: Strategy, queries: Sequence[GateQuery], seed: int
) -> tuple[Baseline, dict[str, str]]:
    """Search for the queries in every corruption; return the ranks, and product id -> why it was not searched for."""
    index, prepared = generation.index, context.prepare(strategy, generation)
    photos = QueryPhotos(
        index,
        prepared.embedder_for(generation.embedder_for(context.embedder)),
        context.source,
        context.settings,
        reader=context.text_reader(generation),
    )
    searched: list[GateQuery] = []
    ranks: dict[str, list[int]] = {kind: [] for kind in CORRUPTIONS}
    omissions: dict[str, str] = {}

    def rank_corrupted(query: GateQuery) -> tuple[GateQuery, str, dict[str, int]]:
        records = index.records([query.product_id])
        if not records:
            return query, "product-gone", {}
        # The photo may have moved, because a baseline may have been made in another folder.
        sources = [photo.source for photo in records[0].photos if photo.content_hash == query.content_hash]
        try:
            data = context.source.bytes_of(sources[0] if sources else query.photo)
            if content_hash(data) != query.content_hash:
                return query, "photo-changed", {}
            pixels = decode_photo(data, context.settings).pixels
        except ShoplensError:
            return query, "photo-gone", {}
        if min(pixels.shape[:2]) < SMALLEST:
            return query, "photo-too-small", {}
        files = {kind: corrupt(pixels, kind, _photo_seed(query, seed)) for kind in ranks}
        return query, "", {kind: _rank(index, prepared, photos, data, query) for kind, data in files.items()}

    with ThreadPoolExecutor(context.settings.cores) as pool:
        results = map_in_order(pool, rank_corrupted, queries, AHEAD)
        for done, (query, reason, query_ranks) in enumerate(results, start=1):
            context.progress("Searching for corrupted photos", done, len(queries))
            if reason:
                omissions[query.product_id] = reason
                continue
            searched.append(query)
            for kind, rank in query_ranks.items():
                ranks[kind].append(rank)
    if not searched:
        reasons = f" ({_format_counts(omissions)})" if omissions else ""
        raise InvalidValue(
            f"None of {len(queries)} photos could be searched for{reasons}.",
            "Put the photos back where the store expects them, or give other photos by --queries.",
            code="nothing-checked",
        )
    columns = {kind: tuple(column) for kind, column in ranks.items()}
    model, products = context.embedder.model, index.count()
    return Baseline(model, strategy.name, products, timestamp(), seed, tuple(searched), columns), omissions


def _photo_seed(query: GateQuery, seed: int) -> int:
    """Return the seed of a photo's corruptions, which differs between photos and is the same every time."""
    return int(content_hash(f"{seed} {query.product_id} {query.content_hash}".encode())[:8], 16)


def _rank(index: Index, prepared: PreparedStrategy, photos: QueryPhotos, data: bytes, query: GateQuery) -> int:
    """Return the rank of the right product, or 0 if it is not among the first ten or a search refuses the photo."""
    try:
        encoded = prepared.encode(photos.encode(data, features=bool(prepared.strategy.needs)))
        results = prepared.rank(index, encoded, RankingConstraint(MAX_RANK)).results
    except (PhotoError, ModelError) as problem:
        if isinstance(problem, ModelError) and problem.code != NO_DIRECTION:
            raise
        return 0
    return next((result.rank for result in results if result.product.id == query.product_id), 0)
