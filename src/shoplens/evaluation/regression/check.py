"""The quality gate on one screen: the store's own photos, corrupted, searched for, and compared with a baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from shoplens.embedders.embedder import NO_DIRECTION
from shoplens.errors import InvalidValue, ModelError, PhotoError, ShoplensError
from shoplens.evaluation.evaluate import FOLDER, EvaluationContext, QuerySet
from shoplens.evaluation.queries import JudgedQuery
from shoplens.evaluation.query_photos import QueryPhotos
from shoplens.evaluation.regression.baseline import (
    DEEPEST,
    FRESH_ALPHA,
    GONE,
    Baseline,
    GateOptions,
    GateQuery,
    GateReport,
    gate,
    power,
    sample_queries,
)
from shoplens.evaluation.results import LeftOut
from shoplens.evaluation.runs import answerable
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

QUERIES, AHEAD = 1_000, 8
LEAST_SHARE = 0.5
"""Of a baseline's photos; with fewer left a passing gate would say nothing."""
SWAPPED = 0.05
"""Share of swapped vectors for which the power of a baseline is told."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check did.

    Attributes:
        run: the ranks of now.
        report: compared with the baseline; None where a baseline was made.
        power: probability that a check on the same queries notices 5 % of the vectors swapped; None where a baseline
            was only compared with.
        left_out: photos that were drawn and could not be searched for, by product.
        rejected: rows of a file of queries that could not be drawn from, counted by kind.
    """

    run: Baseline
    report: GateReport | None
    power: float | None
    left_out: dict[str, str]
    rejected: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What to check.

    Attributes:
        baseline: its file; in the store when omitted.
        update: make the baseline, rather than compare with it.
        fresh: seed of a sample of its own, instead of the baseline's queries.
        queries: the shop's own photos to corrupt, instead of the store's.
        count: photos to draw for a new baseline or a fresh sample; 1,000 when omitted.
        seed: of a new baseline; 0 when omitted.

    Raises:
        InvalidValue: options that would not be used.
    """

    baseline: Path | None = None
    update: bool = False
    fresh: int | None = None
    queries: Path | None = None
    count: int | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.update and self.fresh is not None:
            raise InvalidValue(
                "A new baseline and a fresh sample to compare with one were both asked for.",
                "Leave out --fresh; --seed draws other photos for a new baseline.",
            )
        if not self.update and self.seed is not None:
            raise InvalidValue(
                "A seed is given, but no baseline is made.",
                "Give --fresh SEED to draw other photos, or make a new baseline: shoplens check make-baseline.",
            )
        if not self.update and self.fresh is None and (self.count is not None or self.queries is not None):
            raise InvalidValue(
                "The baseline's own photos are searched for; others were asked for by --count or --queries.",
                "Leave these out, give --fresh SEED for another sample, or run `shoplens check make-baseline`.",
            )


def check_regression(bench: EvaluationContext, strategy: Strategy, options: CheckOptions) -> Checked:
    """Search for corrupted photos, and compare how often they find their product with the baseline.

    Nothing is remembered from earlier runs: every photo goes through decoding, the network, the index and the ranking.

    Raises:
        InvalidValue: ``no-baseline``; the baseline cannot be used; nothing could be searched for.
    """
    path, rejections = baseline_file(bench.store, options), Report()
    with bench.reading() as generation:
        before = None if options.update else _baseline(path)
        _check_comparable(before, strategy, options)
        seed = (options.seed or 0) if before is None else before.seed if options.fresh is None else options.fresh
        count = QUERIES if options.count is None else options.count
        if before is None or options.fresh is not None:
            queries = sample_queries(_drawable(bench, generation.index, options.queries, rejections), count, seed)
        else:
            queries = before.queries
        run, gone = _run(bench, generation, strategy, queries, seed)
    rejected = tuple(LeftOut(row.kind, row.times, row.example, row.fix) for row in rejections.summary())
    if before is None:
        _write_baseline(path, run)
        bench.progress("Computing the power", 0, 0)
        return Checked(run, None, power(run, SWAPPED), gone, rejected)
    if len(run.queries) < LEAST_SHARE * len(queries):
        where = path if options.fresh is None else "the fresh sample"
        raise InvalidValue(
            f"Only {len(run.queries)} of the {len(queries)} photos of {where} can still be searched for "
            f"({_format_counts(gone)}).",
            "Put the photos back, or make a new baseline: shoplens check make-baseline.",
            code="old-baseline",
        )
    how = GateOptions() if options.fresh is None else GateOptions(alpha=FRESH_ALPHA)
    report = gate(before, run, how, gone)
    untold = rejected if report.paired else (*_collect_left_out(gone), *rejected)
    return Checked(run, replace(report, left_out=(*report.left_out, *untold)), None, gone, rejected)


def _check_comparable(before: Baseline | None, strategy: Strategy, options: CheckOptions) -> None:
    if before is not None and before.strategy != strategy.name:
        raise InvalidValue(
            f"The baseline is of the strategy {before.strategy}, and this is {strategy.name}.",
            f"Say --strategy {before.strategy}, or make a new baseline: shoplens check make-baseline.",
            code="other-strategy",
        )
    if before is not None and options.fresh == before.seed:
        raise InvalidValue(f"The baseline's own photos have the seed {before.seed}.", "Give --fresh another number.")


def _format_counts(gone: dict[str, str]) -> str:
    return ", ".join(f"{times} × {why}" for why, times in Counter(gone.values()).items())


def _collect_left_out(gone: dict[str, str]) -> Iterator[LeftOut]:
    """Of a fresh sample, whose photos the gate does not know."""
    for why, times in Counter(gone.values()).items():
        ids = [product_id for product_id, one in gone.items() if one == why]
        yield LeftOut(why, times, ", ".join(ids[:3]) + (", …" if times > 3 else ""), GONE[why])


def baseline_file(store: Store, options: CheckOptions) -> Path:
    """Where the baseline is, or will be."""
    return options.baseline or store.folder / FOLDER / "baseline.json"


def _write_baseline(path: Path, run: Baseline) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.stat().st_size:
            _baseline(path)  # something else is not written over
        replace_file(path, run.as_json())
    except OSError as problem:
        raise InvalidValue(
            f"The baseline {path} cannot be written: {problem.strerror}.", "Give another file with --baseline."
        ) from None


def _baseline(path: Path) -> Baseline:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InvalidValue(
            f"There is no baseline at {path}.",
            "Make one while the system is known to be good: shoplens check make-baseline.",
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


def _drawable(bench: EvaluationContext, index: Index, file: Path | None, rejected: Report) -> Iterator[GateQuery]:
    """What a sample may be drawn from: the first photo of every product, or the photos of a file."""
    if file is None:
        for record in index.all_records():
            product, photo = record.product, record.photos[0]
            category = " / ".join(product.category)
            yield GateQuery(product.id, photo.source, photo.content_hash, product.group_id, category)
        return
    for query in answerable(index, QuerySet(file).queries(index), rejected):
        (record,) = index.records([next(iter(query.grades))])
        try:
            name = content_hash(bench.source.bytes_of(query.photo))
        except PhotoError as problem:
            rejected.add(
                Rejection(problem.code, problem.problem, problem.fix, row=query.row, field="photo", value=query.photo)
            )
            continue
        for what, instead in _ignored_columns(query).items():
            if instead:
                fix = "Nothing, or give rows without it."
                rejected.add(Rejection(f"{what}-not-used", instead, fix, "note", query.row, field=what))
        category = " / ".join(record.product.category)
        yield GateQuery(record.product.id, query.photo, name, record.product.group_id, category)


def _ignored_columns(query: JudgedQuery) -> dict[str, str]:
    """What a row says that the gate does not look at: column -> what is done instead; empty where nothing is said."""
    several = len(query.grades) > 1
    return {
        "region": "The whole photo is searched for." if query.region else "",
        "exclude": "Nothing is taken out of the answer." if query.excluded else "",
        "product_id": "Only the most wanted product counts." if several else "",
    }


def _run(
    bench: EvaluationContext, generation: Generation, strategy: Strategy, queries: Iterable[GateQuery], seed: int
) -> tuple[Baseline, dict[str, str]]:
    """The ranks of the queries in every corruption, and why some products were not searched for."""
    index, answering = generation.index, bench.answering(strategy, generation)
    photos = QueryPhotos(
        index, answering.embedder_for(generation.embedder_for(bench.embedder)), bench.source, bench.settings
    )
    searched: list[GateQuery] = []
    ranks: dict[str, list[int]] = {kind: [] for kind in CORRUPTIONS}
    gone: dict[str, str] = {}
    asked = list(queries)

    def ranks_of(query: GateQuery) -> tuple[GateQuery, str, dict[str, int]]:
        records = index.records([query.product_id])
        if not records:
            return query, "product-gone", {}
        # Where the photo lies today: a baseline may have been made in another folder.
        here = [photo.source for photo in records[0].photos if photo.content_hash == query.content_hash]
        try:
            data = bench.source.bytes_of(here[0] if here else query.photo)
            if content_hash(data) != query.content_hash:
                return query, "photo-changed", {}
            pixels = decode_photo(data, bench.settings).pixels
        except ShoplensError:
            return query, "photo-gone", {}
        if min(pixels.shape[:2]) < SMALLEST:
            return query, "photo-too-small", {}
        files = {kind: corrupt(pixels, kind, _seed(query, seed)) for kind in ranks}
        return query, "", {kind: _rank(index, answering, photos, data, query) for kind, data in files.items()}

    with ThreadPoolExecutor(bench.settings.cores) as pool:
        for done, (query, why, found) in enumerate(map_in_order(pool, ranks_of, asked, AHEAD), start=1):
            bench.progress("Searching for corrupted photos", done, len(asked))
            if why:
                gone[query.product_id] = why
                continue
            searched.append(query)
            for kind, rank in found.items():
                ranks[kind].append(rank)
    if not searched:
        raise InvalidValue(
            f"None of {len(asked)} photos could be searched for{f' ({_format_counts(gone)})' if gone else ''}.",
            "Put the photos back where the store looks for them, or give others by --queries.",
            code="nothing-checked",
        )
    aligned = {kind: tuple(column) for kind, column in ranks.items()}
    model, products = bench.embedder.model, index.count()
    return Baseline(model, strategy.name, products, timestamp(), seed, tuple(searched), aligned), gone


def _seed(query: GateQuery, seed: int) -> int:
    """Each photo is corrupted in its own way, the same every time."""
    return int(content_hash(f"{seed} {query.product_id} {query.content_hash}".encode())[:8], 16)


def _rank(index: Index, prepared: PreparedStrategy, photos: QueryPhotos, data: bytes, query: GateQuery) -> int:
    """Rank of the right product, 0 when it is not among the first ten, or when a search would refuse the photo."""
    try:
        encoded = prepared.encode(photos.encode(data, features=bool(prepared.strategy.needs)))
        found = prepared.rank(index, encoded, RankingConstraint(DEEPEST)).results
    except (PhotoError, ModelError) as problem:
        if isinstance(problem, ModelError) and problem.code != NO_DIRECTION:
            raise
        return 0
    return next((result.rank for result in found if result.product.id == query.product_id), 0)
