"""Retrieval with conditions beside two engines that a user would pick instead: LanceDB, and USearch with own filtering.

    pip install lancedb usearch
    python -m benchmarks.speed.peers --products 100000

The vectors, queries and conditions are those of ``benchmarks/speed/search.py``; the truth is a product of all vectors.
Each engine holds two photos per product, and answers with the ten best products; a query and the engine's opening run
in a process of its own on one core.

- *Shoplens*: ``QdrantIndex``, with payload parsed into products.
- *LanceDB*: HNSW graphs over scalar-quantised vectors, refined by the exact ones, a scalar index on the conditions'
  column; four times as many photos are requested as products are wanted.
- *USearch*: an HNSW graph over int8 vectors and the exact vectors in a mapped file. It knows no conditions here, so a
  graph search is widened until ten products meet the condition, as one writes it by hand.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.speed.search import BATCH, DIMENSIONS, SHARES, K, Made, build, made, truth
from benchmarks.tables import machine_line
from shoplens.index.condition_parser import parse_condition
from shoplens.index.protocol import PhotoConstraint, VectorSizes
from shoplens.index.qdrant.qdrant_index import QdrantIndex

Floats = npt.NDArray[np.float32]
Ids = list[int]
Query = Callable[[Floats, str], Ids]
"""A vector and the name of a condition, or "none" -> numbers of the best products."""
PER_PRODUCT = 4
MOST = 4096
"""Photos beyond which USearch's graph is not searched any more."""


def build_lance(folder: Path, data: Made) -> None:
    import lancedb
    import pyarrow as pa

    shares = [[name for name, _ in SHARES if data.meets[name][number]] for number in range(len(data.vectors))]
    photos = data.vectors.reshape(-1, DIMENSIONS)
    table = pa.table(
        {
            "product": np.repeat(np.arange(len(data.vectors)), 2),
            "title": [f"Product {number}" for number in range(len(data.vectors)) for _ in range(2)],
            "share": pa.array([share for share in shares for _ in range(2)], pa.list_(pa.string())),
            "vector": pa.FixedSizeListArray.from_arrays(photos.ravel(), DIMENSIONS),
        }
    )
    held = lancedb.connect(folder).create_table("photos", table)
    held.create_index(metric="dot", index_type="IVF_HNSW_SQ", num_partitions=max(1, len(photos) // 100_000))
    held.create_scalar_index("share", index_type="LABEL_LIST")


def open_lance(folder: Path) -> Query:
    import lancedb

    table = lancedb.connect(folder).open_table("photos")

    def query(vector: Floats, condition: str) -> Ids:
        search = table.search(vector).distance_type("dot").limit(PER_PRODUCT * K).refine_factor(2).ef(200)
        if condition != "none":
            search = search.where(f"array_has_any(share, ['{condition}'])", prefilter=True)
        columns = search.select(["product", "title", "_distance"]).to_arrow()
        return list(dict.fromkeys(columns["product"].to_pylist()))[:K]

    return query


def build_usearch(folder: Path, data: Made) -> None:
    from usearch.index import Index

    folder.mkdir(parents=True)
    photos = data.vectors.reshape(-1, DIMENSIONS)
    index = Index(ndim=DIMENSIONS, metric="ip", dtype="i8", connectivity=16, expansion_add=128)
    for start in range(0, len(photos), 100 * BATCH):
        part = np.arange(start, min(start + 100 * BATCH, len(photos)))
        index.add(part, photos[part], threads=0)
    index.save(folder / "graph.usearch")
    np.save(folder / "vectors.npy", photos)
    np.savez(folder / "meets.npz", **data.meets)  # type: ignore[arg-type]


def open_usearch(folder: Path) -> Query:
    from usearch.index import Index

    index = Index.restore(folder / "graph.usearch", view=False)
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    with np.load(folder / "meets.npz") as stored:
        meets = {name: stored[name] for name in stored.files}

    def query(vector: Floats, condition: str) -> Ids:
        count = PER_PRODUCT * K
        while True:
            index.expansion_search = max(128, count)
            keys = np.sort(index.search(vector, count).keys.astype(np.intp))
            if condition != "none":
                keys = keys[meets[condition][keys // 2]]
            best = keys[np.argsort(-(vectors[keys] @ vector))] // 2
            found = list(dict.fromkeys(best.tolist()))
            if len(found) >= K or count >= MOST:
                return found[:K]
            count *= 4

    return query


def build_shoplens(folder: Path, data: Made) -> None:
    build(folder, data)


def open_shoplens(folder: Path) -> Query:
    index = QdrantIndex(folder, VectorSizes(DIMENSIONS))

    def query(vector: Floats, condition: str) -> Ids:
        wanted = None if condition == "none" else parse_condition(f"share = {condition}")
        hits = index.nearest_products(vector, K, PhotoConstraint(wanted))
        return [int(hit.record.product.id[1:]) for hit in hits]

    return query


ENGINES = {
    "Shoplens": (build_shoplens, open_shoplens),
    "LanceDB": (build_lance, open_lance),
    "USearch": (build_usearch, open_usearch),
}


def measured(engine: str, folder: Path) -> dict[str, dict[str, float]]:
    """Times and recall under every condition, and memory; run in a process of its own, on one core."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with np.load(folder / "asked.npz") as stored:
        asked: dict[str, Any] = {name: stored[name] for name in stored.files}
    query = ENGINES[engine][1](folder / engine)
    rows: dict[str, dict[str, float]] = {}
    for name in ("none", *(name for name, _ in SHARES)):
        for vector in asked["queries"][:20]:
            query(vector, name)
        took, right = [], 0
        for vector, best in zip(asked["queries"], asked[name], strict=True):
            started, busy = time.perf_counter(), time.process_time()
            found = query(vector, name)
            took.append((1e3 * (time.perf_counter() - started), 1e3 * (time.process_time() - busy)))
            right += len(set(found) & set(best.tolist()))
        wall, cpu = np.array(took).T
        p50, p95 = np.percentile(wall, [50, 95])
        rows[name] = {"p50": p50, "p95": p95, "cpu": float(np.median(cpu)), "recall": right / K / len(took)}
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    rows["memory"] = {"mb": int(told["VmRSS"].split()[0]) / 1e3}
    return rows


def built(engine: str, folder: Path, data: Made) -> dict[str, float]:
    """Build one engine's store, in this process; seconds, CPU seconds with those of children, bytes per product."""
    shutil.rmtree(folder / engine, ignore_errors=True)
    started, before = time.perf_counter(), os.times()
    ENGINES[engine][0](folder / engine, data)
    after = os.times()
    size = sum(path.stat().st_blocks * 512 for path in (folder / engine).rglob("*") if path.is_file())
    cpu = sum(after[:4]) - sum(before[:4])
    return {"seconds": time.perf_counter() - started, "cpu": cpu, "bytes": size / len(data.vectors)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--noise", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--measure", choices=ENGINES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = options.folder.resolve()
    if options.measure:
        print(json.dumps(measured(options.measure, folder)))
        return
    folder.mkdir(parents=True, exist_ok=True)
    data = made(options.products, options.queries, options.noise, options.seed)
    np.savez(folder / "asked.npz", queries=data.queries, **truth(data))  # type: ignore[arg-type]
    makes = {engine: built(engine, folder, data) for engine in options.engines}
    shares = {"none": "all", **{name: f"{share:.1%}" for name, share in SHARES}}
    print("| engine | condition keeps | recall@10 | p50 ms | p95 ms | CPU ms |\n|---|---|---|---|---|---|")
    memory = {}
    for engine in options.engines:
        command = [sys.executable, "-m", "benchmarks.speed.peers", "--folder", str(folder), "--measure", engine]
        rows = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        memory[engine] = rows["memory"]["mb"]
        for name, share in shares.items():
            one = rows[name]
            cells = f"{one['recall']:.3f} | {one['p50']:.2f} | {one['p95']:.2f} | {one['cpu']:.2f}"
            print(f"| {engine} | {share} | {cells} |", flush=True)
    print("\n| engine | build s | build CPU s | bytes per product on disk | resident MB |\n|---|---|---|---|---|")
    for engine, one in makes.items():
        cells = f"{one['seconds']:.0f} | {one['cpu']:.0f} | {one['bytes']:.0f} | {memory[engine]:.0f}"
        print(f"| {engine} | {cells} |")
    packages = [name for name in ("lancedb", "usearch") if name in {one.lower() for one in options.engines}]
    print(f"\n{machine_line('numpy', 'qdrant-edge-py')}, {', '.join(f'{name} {version(name)}' for name in packages)}")


if __name__ == "__main__":
    main()
