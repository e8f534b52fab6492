"""What filters add to a query's time at 100k and 1M products, and whether their candidates hide any right product.

    python -m benchmarks.filters.filter_search --products 100000 1000000 --folder FOLDER

Products are made of H&M's (the store of ``benchmarks/filters/filters.py`` in FOLDER, or it is made): each is a real
article whose embedding and dense scores are moved up to half of the way to a second one's, with noise added, and which
takes each of its classes from the second one in 15 % of cases. 200 articles are kept out of this and asked for: their
photos, moved less, and the classes that heads read which never saw their garment. Everything goes through
``QdrantIndex``.

*Time*: ``pooled`` and ``build_candidates`` beside ``nearest``, k = 20, query by query in one process on one core;
beside it what it takes to make the weights of a query comparable.
*Conditions*: the same with conditions on one field (50, 25, 5 and .5 % of the products; for half of the products they
depend on the article, as colours do), on two fields together, and on a range of prices.
*Recall*: candidates against the exact weighted best k of all products, by a product of matrices that shares nothing
with the index. A candidate is right if its exact score is that of the k-th best or higher, to a millionth: where many
are equal, any of them will do.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.filter_scores import Floats, Seen, catalogue_of, precisions, similarities, totals
from benchmarks.made_products import CONDITIONS, Real, entry_of, made, real, sparse
from benchmarks.stores import store_of
from benchmarks.tables import default_data, machine_line
from shoplens.filters.dimensions.dimension import LOOK
from shoplens.filters.model.filters import Filters
from shoplens.filters.model.scoring import filter_vector_size
from shoplens.filters.model.stored import load_filters, save_filters
from shoplens.index.condition_parser import parse_condition
from shoplens.index.protocol import PhotoConstraint, VectorSizes
from shoplens.index.qdrant.optimize import optimize
from shoplens.index.qdrant.qdrant_index import QdrantIndex
from shoplens.ranking.filter_query import Example, FilterQuery
from shoplens.ranking.filter_retrieval import build_candidates, retrieve_pool
from shoplens.ranking.weights import resolve_weights
from shoplens.settings import Preferences
from shoplens.types import Steering

K, DEPTHS, BATCH = 20, (10, 100), 500
EQUAL, WARM_UP = 1e-6, 20
Numbers = npt.NDArray[np.float64]


def build(folder: Path, source: Real, count: int, seed: int) -> dict[str, float]:
    """Write the products, then build the graphs."""
    started = time.perf_counter()
    width = source.articles.look.shape[1]
    index = QdrantIndex(folder, VectorSizes(width, filter_vector_size(has_object=True)))
    for block in made(source, count, seed):
        for first in range(0, len(block.seen.look), BATCH):
            rows = range(first, min(first + BATCH, len(block.seen.look)))
            index.upsert([entry_of(block, row, source.filters) for row in rows])
    index.flush()
    index.close()
    loaded = time.perf_counter()
    optimize(folder, VectorSizes(width, filter_vector_size(has_object=True)))
    size = sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
    return {
        "load_s": loaded - started,
        "graph_s": time.perf_counter() - loaded,
        "disk_bytes_per_product": size / count,
    }


def weightings(filters: Filters) -> dict[str, dict[str, float]]:
    """Name -> weights in place of the default ones."""
    nothing = dict.fromkeys((dimension.name for dimension in filters.dimensions), 0.0)
    return {
        "default": {},
        "color=3": {"color": 3.0},
        "pattern=3, others 0": {**nothing, "pattern": 3.0},
        "category alone": {**nothing, "category": 1.0},
        "category=3, look=.3, others 0": {**nothing, "category": 3.0, LOOK: 0.3},
    }


def cases(filters: Filters) -> dict[str, tuple[dict[str, float], str]]:
    """Name -> weights in place of the default ones, and one of :data:`CONDITIONS` or none."""
    weighted = {name: (weights, "") for name, weights in weightings(filters).items()}
    return {**weighted, **{f"default, {condition}": ({}, condition) for condition in CONDITIONS}}


def query_of(filters: Filters, one: Seen, weights: Mapping[str, float]) -> FilterQuery:
    """The query that a search with these weights would make of a photo (1, …)."""
    names = [dimension.name for dimension in filters.dimensions]
    fitted = {name: filters.weights.get(name, 1.0) for name in names}
    chosen = resolve_weights(fitted, Preferences(weights=weights), Steering())
    like = Example(one.look[0], one.dense[0], sparse(one.marks[0]))
    norms = filters.score_normalizer(like.look, like.dense, like.marks)
    return FilterQuery(filters, like, norms.normalize_weights(chosen), norms)


def measured(folder: Path) -> dict[str, Any]:
    """Times of every query, and what is found with every weighting; run in a process of its own, on one core."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    filters = load_filters(folder)
    assert filters is not None
    with np.load(folder / "asked.npz") as stored:
        asked = Seen(stored["look"], stored["dense"], stored["marks"])
    index = QdrantIndex(folder / "shard", VectorSizes(asked.look.shape[1], filter_vector_size(has_object=True)))
    every = [asked[n : n + 1] for n in range(len(asked.look))]
    times = np.zeros((len(every), 6))
    for one in every[:WARM_UP]:
        _timed(index, filters, one)
    for row, one in zip(times, every, strict=True):
        row[:] = _timed(index, filters, one)
    found: dict[str, Any] = {}
    scores: dict[str, Any] = {}
    conditioned: dict[str, Any] = {}
    for name, (weights, condition) in cases(filters).items():
        constraint = PhotoConstraint(parse_condition(CONDITIONS[condition]) if condition else None)
        for depth in DEPTHS:
            ids, said, took = found.setdefault(f"{name}/{depth}", []), scores.setdefault(f"{name}/{depth}", []), []
            for one in every:
                started, busy = time.perf_counter(), time.process_time()
                query = query_of(filters, one, weights)
                kept = build_candidates(index, query, retrieve_pool(index, query, depth, constraint), depth)
                took.append((1e3 * (time.perf_counter() - started), 1e3 * (time.process_time() - busy)))
                ids.append([int(candidate.product.id[1:]) for candidate in kept])
                said.append([sum(query.weights[d] * score for d, score in c.scores.items()) for c in kept])
            if depth == DEPTHS[0] and weights == {}:
                conditioned[name] = np.percentile(took, [50, 95], axis=0).tolist()
    index.close()
    return {"milliseconds": times.tolist(), "found": found, "scores": scores, "conditioned": conditioned}


def _timed(index: QdrantIndex, filters: Filters, one: Seen) -> tuple[float, ...]:
    """Milliseconds of nearest neighbours, of making the query comparable, and of all filters; then CPU milliseconds."""
    marks = [(time.perf_counter(), time.process_time())]
    index.nearest_products(one.look[0], K)
    marks.append((time.perf_counter(), time.process_time()))
    query = query_of(filters, one, {})
    marks.append((time.perf_counter(), time.process_time()))
    build_candidates(index, query, retrieve_pool(index, query, K, PhotoConstraint()), K)
    marks.append((time.perf_counter(), time.process_time()))
    walls, busy = np.diff(np.array(marks), axis=0).T * 1e3
    return (*walls.tolist(), *busy.tolist())


@dataclass(frozen=True, eq=False)
class Exact:
    """Of one weighting: the best scores (queries, deepest), and per depth the exact scores of what was found."""

    best: Floats
    found: dict[int, Floats]


def exact(source: Real, count: int, seed: int, found: Mapping[str, Any]) -> dict[str, Exact]:
    """Every product scored for every query, blockwise."""
    queries, deepest = len(source.asked.look), max(DEPTHS)
    ids = {name: np.array(rows, np.int64) for name, rows in found.items()}
    held = {name: np.full(rows.shape, -1.0, np.float32) for name, rows in ids.items()}
    best = {name: np.full((queries, deepest), -1.0, np.float32) for name in cases(source.filters)}
    precise = precisions(source.filters, source.asked)
    for block in made(source, count, seed):
        alike = similarities(source.filters, source.asked, block.seen)
        by_weights = {name: totals(source.filters, alike, w, precise) for name, w in weightings(source.filters).items()}
        for name, (_, condition) in cases(source.filters).items():
            scores = by_weights[name.partition(", ")[0] if condition else name]
            if condition:
                scores = np.where(block.meets(condition), scores, np.float32(-1))
            both = np.hstack([best[name], scores])
            best[name] = -np.partition(-both, deepest - 1, axis=1)[:, :deepest]
            for depth in DEPTHS:
                mine = ids[f"{name}/{depth}"] - block.first
                row, place = np.nonzero((mine >= 0) & (mine < len(block.price)))
                held[f"{name}/{depth}"][row, place] = scores[row, mine[row, place]]
    return {
        name: Exact(-np.sort(-top, axis=1), {depth: held[f"{name}/{depth}"] for depth in DEPTHS})
        for name, top in best.items()
    }


def recalls(truth: Mapping[str, Exact], told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row per weighting and depth."""
    rows = []
    for name, one in truth.items():
        for depth in DEPTHS:
            bar = one.best[:, depth - 1][:, None] - EQUAL
            right = (one.found[depth] >= bar).sum(axis=1) / depth
            wrong = np.abs(one.found[depth] - np.array(told["scores"][f"{name}/{depth}"])).max()
            rows.append(
                {
                    "weights": name,
                    "k": depth,
                    "recall": float(right.mean()),
                    "worst": float(right.min()),
                    "short": float((one.best[:, :depth].mean(axis=1) - one.found[depth].mean(axis=1)).mean()),
                    "largest_error_of_a_score": float(wrong),
                }
            )
    return rows


def one_size(products: int, source: Real, options: argparse.Namespace) -> dict[str, Any]:
    """Build, measure in a child process, compare; what was built is found again by a later run with ``--keep``."""
    folder = options.folder / f"made-{products}-{options.queries}-{options.seed}"
    if not (folder / "built.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        built = build(folder / "shard", source, products, options.seed)
        (folder / "built.json").write_text(json.dumps(built))
    save_filters(folder, source.filters)
    np.savez(folder / "asked.npz", **vars_of(source.asked))
    try:
        child = subprocess.run(
            [sys.executable, "-m", "benchmarks.filters.filter_search", "--measure", str(folder)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        told = json.loads(child.stdout)
        rows = recalls(exact(source, products, options.seed, told["found"]), told)
        found = {"recall": rows, "conditioned": told["conditioned"], **times(np.array(told["milliseconds"]))}
        return {"products": products, **found, **built_of(folder)}
    finally:
        if not options.keep:
            shutil.rmtree(folder)


def vars_of(photos: Seen) -> dict[str, Any]:
    return {"look": photos.look, "dense": photos.dense, "marks": photos.marks}


def built_of(folder: Path) -> dict[str, float]:
    told: dict[str, float] = json.loads((folder / "built.json").read_text())
    return told


def times(milliseconds: Numbers) -> dict[str, dict[str, float]]:
    """Median and 95th percentile of nearest neighbours, of the weights for the query, of all filters, and of what
    filters add query by query; by the clock, and of the processor, which other work on the machine does not change."""
    found = {}
    for suffix, part in (("ms", milliseconds[:, :3]), ("cpu_ms", milliseconds[:, 3:])):
        columns = {
            "nearest": part[:, 0],
            "weighing": part[:, 1],
            "filters": part[:, 2],
            "added": part[:, 2] - part[:, 0],
        }
        for name, one in columns.items():
            found[f"{name}_{suffix}"] = {"p50": float(np.median(one)), "p95": float(np.percentile(one, 95))}
    return found


def print_tables(found: list[dict[str, Any]], dimensions: int) -> None:
    print(f"\n| p50 / p95 ms | products | nearest | weights of the query | all {dimensions} filters | added |")
    print("|---|---|---|---|---|---|")
    for one in found:
        for suffix, clock in (("ms", "by the clock"), ("cpu_ms", "CPU")):
            parts = [one[f"{name}_{suffix}"] for name in ("nearest", "weighing", "filters", "added")]
            cells = [f"{part['p50']:.2f} / {part['p95']:.2f}" for part in parts]
            print(f"| {clock} | {one['products']:,} | {' | '.join(cells)} |")
    print("\n| products | weights | recall@10 | worst query | recall@100 | worst query | score lost at 100 |")
    print("|---|---|---|---|---|---|---|")
    for one in found:
        for ten, hundred in zip(one["recall"][::2], one["recall"][1::2], strict=True):
            cells = [f"{row['recall']:.4f} | {row['worst']:.2f}" for row in (ten, hundred)]
            print(f"| {one['products']:,} | {ten['weights']} | {' | '.join(cells)} | {hundred['short']:.5f} |")
    print("\n| products | default weights, condition | p50 / p95 ms | CPU p50 / p95 ms |\n|---|---|---|---|")
    for one in found:
        for name, (half, most) in one["conditioned"].items():
            line = " | ".join(f"{low:.2f} / {high:.2f}" for low, high in zip(half, most, strict=True))
            print(f"| {one['products']:,} | {name} | {line} |")
    for one in found:
        wrong = max(row["largest_error_of_a_score"] for row in one["recall"])
        print(
            f"\n{one['products']:,} products: loaded in {one['load_s']:.0f} s, graphs in {one['graph_s']:.0f} s, "
            f"{one['disk_bytes_per_product']:.0f} bytes each; scores differ from the exact ones by {wrong:.0e} at most."
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, nargs="+", default=[100_000])
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=default_data(), help="folder that holds hm/")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/shoplens-filters"), help="where stores go")
    parser.add_argument("--keep", action="store_true", help="keep what was made, and measure it again another time")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measured(options.measure)))
        return
    options.folder = options.folder.resolve()
    options.folder.mkdir(parents=True, exist_ok=True)
    catalogue = catalogue_of(store_of("hm", options.data.resolve(), options.folder))
    source = real(catalogue, options.queries, options.seed)
    found = [one_size(products, source, options) for products in options.products]
    machine = machine_line("numpy", "qdrant-edge-py")
    command = f"python -m benchmarks.filters.filter_search --products {' '.join(map(str, options.products))}"
    print(f"`{command}` (seed {options.seed}, {options.queries} queries; made from {options.data.resolve()}/hm)")
    print_tables(found, len(source.filters.dimensions))
    print(f"\n{machine}")
    told = {"command": command, "seed": options.seed, "queries": options.queries, "machine": machine, "sizes": found}
    (options.folder / "filter-search.json").write_text(json.dumps(told, indent=1), "utf-8")


if __name__ == "__main__":
    main()
