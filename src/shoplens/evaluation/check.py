"""The quality gate on one screen: the store's own photos, corrupted, searched for, and compared with a baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from shoplens.candidates import candidates, results
from shoplens.catalogue import Report
from shoplens.entries import in_order
from shoplens.errors import InvalidValue, ShoplensError
from shoplens.evaluation.corruptions import CORRUPTIONS, corrupted
from shoplens.evaluation.evaluate import FOLDER, Bench, QuerySet
from shoplens.evaluation.gate import DEEPEST, Baseline, GateQuery, GateReport, drawn, gate, power
from shoplens.evaluation.query_photos import QueryPhotos
from shoplens.evaluation.runs import answerable
from shoplens.images import decoded
from shoplens.images.hashes import content_hash
from shoplens.index.durable import replace_file
from shoplens.index.entry import Index
from shoplens.index.store import timestamp
from shoplens.ranking.strategies import Strategy
from shoplens.types import Query

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
    """

    run: Baseline
    report: GateReport | None
    power: float | None
    left_out: dict[str, str]


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What to check.

    Attributes:
        baseline: its file; in the store when omitted.
        update: make the baseline, rather than compare with it.
        fresh: seed of a sample of its own, instead of the baseline's queries.
        queries: the shop's own photos to corrupt, instead of the store's.
        count: photos to draw for a new baseline or a fresh sample.
        seed: of a new baseline.
    """

    baseline: Path | None = None
    update: bool = False
    fresh: int | None = None
    queries: Path | None = None
    count: int = QUERIES
    seed: int = 0


def checked(bench: Bench, strategy: Strategy, options: CheckOptions) -> Checked:
    """Search for corrupted photos, and compare how often they find their product with the baseline.

    Nothing is remembered from earlier runs: every photo goes through decoding, the network, the index and the ranking.

    Raises:
        InvalidValue: ``no-baseline``; the baseline cannot be used; nothing could be searched for.
    """
    path = options.baseline or bench.store.folder / FOLDER / "baseline.json"
    with bench.reading() as generation:
        before = None if options.update else _baseline(path)
        seed = options.seed if before is None else before.seed if options.fresh is None else options.fresh
        if before is None or options.fresh is not None:
            queries = drawn(_drawable(bench, generation.index, options.queries), options.count, seed)
        else:
            queries = before.queries
        run, gone = _run(bench, generation.index, strategy, queries, seed)
    if before is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, run.as_json())
        bench.progress("Computing the power", 0, 0)
        return Checked(run, None, power(run, SWAPPED), gone)
    if len(run.queries) < LEAST_SHARE * len(queries):
        why = ", ".join(f"{times} × {one}" for one, times in Counter(gone.values()).items())
        raise InvalidValue(
            f"Only {len(run.queries)} of the {len(queries)} photos of {path} can still be searched for ({why}).",
            "Put the photos back, or make a new baseline: shoplens check --update.",
            code="old-baseline",
        )
    return Checked(run, gate(before, run, gone=gone), None, gone)


def _baseline(path: Path) -> Baseline:
    try:
        return Baseline.from_json(path.read_bytes())
    except FileNotFoundError:
        raise InvalidValue(
            f"There is no baseline at {path}.",
            "Make one while the system is known to be good: shoplens check --update.",
            code="no-baseline",
        ) from None


def _drawable(bench: Bench, index: Index, file: Path | None) -> Iterator[GateQuery]:
    """What a sample may be drawn from: the first photo of every product, or the photos of a file."""
    if file is None:
        for record in index.all_records():
            product, photo = record.product, record.photos[0]
            category = " / ".join(product.category)
            yield GateQuery(product.id, photo.source, photo.content_hash, product.group_id, category)
        return
    for query in answerable(index, QuerySet(file).queries(index), Report()):
        (record,) = index.records([next(iter(query.grades))])
        try:
            name = content_hash(bench.source.bytes_of(query.photo))
        except ShoplensError:
            continue
        category = " / ".join(record.product.category)
        yield GateQuery(record.product.id, query.photo, name, record.product.group_id, category)


def _run(
    bench: Bench, index: Index, strategy: Strategy, queries: Iterable[GateQuery], seed: int
) -> tuple[Baseline, dict[str, str]]:
    """The ranks of the queries in every corruption, and why some products were not searched for."""
    photos = QueryPhotos(index, bench.embedder, bench.source, bench.settings)
    searched: list[GateQuery] = []
    ranks: dict[str, list[int]] = {kind: [] for kind in CORRUPTIONS}
    gone: dict[str, str] = {}
    asked = list(queries)

    def ranks_of(query: GateQuery) -> tuple[GateQuery, str, dict[str, int]]:
        if not index.records([query.product_id]):
            return query, "product-gone", {}
        try:
            data = bench.source.bytes_of(query.photo)
            if content_hash(data) != query.content_hash:
                return query, "photo-changed", {}
            pixels = decoded(data, bench.settings).pixels
        except ShoplensError:
            return query, "photo-gone", {}
        files = {kind: corrupted(pixels, kind, _seed(query, seed)) for kind in ranks}
        return query, "", {kind: _rank(index, strategy, photos, data, query) for kind, data in files.items()}

    with ThreadPoolExecutor(bench.settings.cores) as pool:
        for done, (query, why, found) in enumerate(in_order(pool, ranks_of, asked, AHEAD), start=1):
            bench.progress("Searching for corrupted photos", done, len(asked))
            if why:
                gone[query.product_id] = why
                continue
            searched.append(query)
            for kind, rank in found.items():
                ranks[kind].append(rank)
    if not searched:
        raise InvalidValue(
            f"None of {len(asked)} photos could be searched for.",
            "Put the photos back where the store looks for them, or give others by --queries.",
            code="nothing-checked",
        )
    aligned = {kind: tuple(column) for kind, column in ranks.items()}
    model, products = bench.embedder.model, index.count()
    return Baseline(model, strategy.name, products, timestamp(), seed, tuple(searched), aligned), gone


def _seed(query: GateQuery, seed: int) -> int:
    """Each photo is corrupted in its own way, the same every time."""
    return int.from_bytes(content_hash(f"{seed} {query.product_id}".encode()).encode()[:4], "big")


def _rank(index: Index, strategy: Strategy, photos: QueryPhotos, data: bytes, query: GateQuery) -> int:
    """Rank of the right product, 0 when it is not among the first ten."""
    found = results(strategy, candidates(index, strategy, photos.made(data), Query(data, DEEPEST), None), DEEPEST)
    return next((result.rank for result in found if result.product.id == query.product_id), 0)
