"""Retrieval at 10k, 100k and 1M products: time and recall with and without conditions, memory, disk, build time.

    python -m benchmarks.speed.search --products 10000 100000 1000000

Vectors are made: 256 dimensions, clustered (a low-dimensional manifold, 50 products to a cluster), two photos per
product; queries are photos of products with noise. The conditions keep 50, 25, 5 and 0.5 % of the products; for half
of the products they depend on the cluster, as colours do. Everything goes through ``QdrantIndex``; the truth is a
blockwise product of all vectors. A query runs on one core, to which the process is bound.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from shoplens.index.condition_parser import parse_condition
from shoplens.index.protocol import IndexedProduct, PhotoConstraint, VectorSizes
from shoplens.index.qdrant.optimize import optimize
from shoplens.index.qdrant.qdrant_index import QdrantIndex
from shoplens.types import Photo, Product

DIMENSIONS, LATENT, PER_CLUSTER, K, BATCH = 256, 24, 50, 10, 500
SHARES = (("half", 0.5), ("quarter", 0.25), ("twentieth", 0.05), ("rare", 0.005))
Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Made:
    """Vectors (products, 2, 256), which products meet each condition, and queries (n, 256)."""

    vectors: Floats
    meets: dict[str, Flags]
    queries: Floats


def unit(vectors: Floats) -> Floats:
    lengths: Floats = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / lengths


def made(products: int, queries: int, noise: float, seed: int) -> Made:
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, max(1, products // PER_CLUSTER), products)
    to_space = rng.normal(size=(LATENT, DIMENSIONS)).astype(np.float32) / np.sqrt(LATENT)
    centres = rng.normal(size=(cluster.max() + 1, LATENT)).astype(np.float32)
    latent = centres[cluster] + 0.35 * rng.normal(size=(products, LATENT)).astype(np.float32)
    vectors = np.empty((products, 2, DIMENSIONS), np.float32)
    for start in range(0, products, 50_000):
        part = slice(start, start + 50_000)
        own = latent[part] @ to_space
        for view in range(2):
            shown = own + noise * rng.normal(size=own.shape).astype(np.float32)
            vectors[part, view] = unit(shown)
    by_cluster = rng.random(cluster.max() + 1)[cluster]
    chance = np.where(rng.random(products) < 0.5, by_cluster, rng.random(products))
    meets = {name: chance < np.quantile(chance, share) for name, share in SHARES}
    picked = rng.choice(products, queries, replace=False)
    asked = latent[picked] @ to_space + 1.5 * noise * rng.normal(size=(queries, DIMENSIONS)).astype(np.float32)
    return Made(vectors, meets, unit(asked))


def entries(data: Made) -> Iterator[list[IndexedProduct]]:
    for start in range(0, len(data.vectors), BATCH):
        batch = []
        for number in range(start, min(start + BATCH, len(data.vectors))):
            sources = (f"/photos/{number}-0.jpg", f"/photos/{number}-1.jpg")
            photos = tuple(
                Photo(source, f"{number:031x}{view}", f"{number:030x}f{view}", 800, 1000)
                for view, source in enumerate(sources)
            )
            attributes = {"share": tuple(name for name, flags in data.meets.items() if flags[number])}
            product = Product(
                f"p{number}", f"Product {number}", sources, price=number % 100 + 0.5, attributes=attributes
            )
            batch.append(IndexedProduct(product, photos, data.vectors[number]))
        yield batch


def truth(data: Made) -> dict[str, npt.NDArray[np.int64]]:
    """Condition -> ids of the best K products per query, (queries, K), by looking at all of them."""
    names = {"none": np.ones(len(data.vectors), bool), **data.meets}
    best = {name: (np.full((len(data.queries), K), -2.0), np.full((len(data.queries), K), -1)) for name in names}
    for start in range(0, len(data.vectors), 100_000):
        block = data.vectors[start : start + 100_000]
        scores = np.maximum(data.queries @ block[:, 0].T, data.queries @ block[:, 1].T)
        for name, flags in names.items():
            allowed = np.where(flags[start : start + len(block)], scores, -2.0)
            both = np.hstack([best[name][0], allowed])
            ids = np.hstack([best[name][1], np.tile(np.arange(start, start + len(block)), (len(scores), 1))])
            top = np.argpartition(-both, K, axis=1)[:, :K]
            best[name] = (np.take_along_axis(both, top, 1), np.take_along_axis(ids, top, 1))
    return {name: ids for name, (_, ids) in best.items()}


def memory_mb() -> tuple[float, float]:
    """Resident memory of this process in MB: all of it, and what is not a mapped file."""
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(told["VmRSS"].split()[0]) / 1e3, int(told["RssAnon"].split()[0]) / 1e3


def build(folder: Path, data: Made) -> dict[str, float]:
    started = time.perf_counter()
    index = QdrantIndex(folder, VectorSizes(DIMENSIONS))
    for batch in entries(data):
        index.upsert(batch)
    index.flush()
    index.close()
    loaded = time.perf_counter()
    optimize(folder, VectorSizes(DIMENSIONS))
    size = sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
    child = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "load_s": loaded - started,
        "graph_s": time.perf_counter() - loaded,
        "graph_cpu_s": child.ru_utime + child.ru_stime,
        "graph_peak_mb": child.ru_maxrss / 1e3,
        "disk_bytes_per_product": size / len(data.vectors),
    }


def measured(folder: Path, data_file: Path) -> dict[str, dict[str, float]]:
    """Times and recall of every query under every condition; run in a process of its own, on one core."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    stored = np.load(data_file)
    before = memory_mb()
    started = time.perf_counter()
    index = QdrantIndex(folder, VectorSizes(DIMENSIONS))
    opened = time.perf_counter() - started
    rows: dict[str, dict[str, float]] = {}
    for name in ("none", *(name for name, _ in SHARES)):
        condition = None if name == "none" else parse_condition(f"share = {name}")
        for query in stored["queries"][:20]:
            index.nearest_products(query, K, PhotoConstraint(condition))
        times, right, busy = [], 0, time.process_time()
        for query, best in zip(stored["queries"], stored[name], strict=True):
            started = time.perf_counter()
            hits = index.nearest_products(query, K, PhotoConstraint(condition))
            times.append((time.perf_counter() - started) * 1e3)
            right += len({int(hit.record.product.id[1:]) for hit in hits} & set(best.tolist()))
        p50, p95, p99 = np.percentile(times, [50, 95, 99])
        cpu = (time.process_time() - busy) * 1e3 / len(times)
        rows[name] = {"p50": p50, "p95": p95, "p99": p99, "cpu": cpu, "recall": right / best.size / len(times)}
    after = memory_mb()
    rows["memory"] = {"open_s": opened, "rss_mb": after[0] - before[0], "anonymous_mb": after[1] - before[1]}
    return rows


def flat_ms(data: Made, queries: int = 20) -> float:
    """Milliseconds of the plain alternative: every vector looked at by FAISS, no conditions, one thread."""
    try:
        import faiss
    except ImportError:
        return float("nan")
    faiss.omp_set_num_threads(1)
    flat = faiss.IndexFlatIP(DIMENSIONS)
    flat.add(data.vectors.reshape(-1, DIMENSIONS))
    times = []
    for query in data.queries[:queries]:
        started = time.perf_counter()
        flat.search(query[None], 2 * K)
        times.append((time.perf_counter() - started) * 1e3)
    return float(np.median(times))


def one_size(products: int, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Build and measure; with ``--keep`` what was built is found again by a later run, to be measured in peace."""
    name = f"{products}-{options.queries}-{options.noise}-{options.seed}"
    folder = options.keep / name if options.keep else Path(tempfile.mkdtemp())
    try:
        if not (folder / "built.json").is_file():
            folder.mkdir(parents=True, exist_ok=True)
            data = made(products, options.queries, options.noise, options.seed)
            np.savez(folder / "asked.npz", queries=data.queries, **cast(dict[str, Any], truth(data)))
            flat = {"p50": flat_ms(data)}
            (folder / "built.json").write_text(json.dumps({"flat": flat, "build": build(folder / "shard", data)}))
            del data
        command = [sys.executable, "-m", "benchmarks.speed.search", "--measure", str(folder)]
        told = subprocess.run(command, check=True, capture_output=True, text=True)
        return {**json.loads(told.stdout), **json.loads((folder / "built.json").read_text())}
    finally:
        if not options.keep:
            shutil.rmtree(folder)


def print_tables(found: dict[int, dict[str, dict[str, float]]]) -> None:
    print("\n| products | condition keeps | recall@10 | p50 ms | p95 ms | p99 ms | CPU ms | flat scan p50 / ours |")
    print("|---|---|---|---|---|---|---|---|")
    shares = {"none": "all", **{name: f"{share:.1%}" for name, share in SHARES}}
    for products, rows in found.items():
        for name, share in shares.items():
            row = rows[name]
            ratio = f"{rows['flat']['p50'] / row['p50']:.1f}" if name == "none" else ""
            print(
                f"| {products:,} | {share} | {row['recall']:.4f} | {row['p50']:.2f} | {row['p95']:.2f} "
                f"| {row['p99']:.2f} | {row['cpu']:.2f} | {ratio} |"
            )
    print(
        "\n| products | load s | graph s (CPU s) | peak MB of the graph build | open s | resident MB | not mapped MB |"
    )
    print("|---|---|---|---|---|---|---|")
    for products, rows in found.items():
        built, memory = rows["build"], rows["memory"]
        print(
            f"| {products:,} | {built['load_s']:.0f} | {built['graph_s']:.0f} ({built['graph_cpu_s']:.0f}) "
            f"| {built['graph_peak_mb']:.0f} | {memory['open_s']:.2f} | {memory['rss_mb']:.0f} "
            f"| {memory['anonymous_mb']:.0f} |"
        )
    for products, rows in found.items():
        print(f"\nDisk at {products:,}: {rows['build']['disk_bytes_per_product']:.0f} bytes per product.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--noise", type=float, default=0.3, help="of a photo, in units of a product's own spread")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="keep the made stores in this folder (8 GB at 1M products)")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measured(options.measure / "shard", options.measure / "asked.npz")))
        return
    found = {}
    for products in options.products:
        found[products] = one_size(products, options)
        print_tables({products: found[products]})
        if options.json:
            options.json.write_text(json.dumps(found, indent=2))
    print_tables(found)


if __name__ == "__main__":
    main()
