"""The bytes of a shard beside those that are computed: a part of ``benchmarks/service/cluster.py``."""

from __future__ import annotations

import argparse
import importlib
import itertools
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.service.qdrant_servers import ROOT, SEED, index_catalogue
from benchmarks.tables import spread
from shoplens import Shop


def measure_size(options: argparse.Namespace) -> None:
    """Build a shard of made products on Luma's records, and print its bytes beside those that are computed."""
    sys.path.insert(0, str(ROOT / "tools"))
    from shoplens.index.protocol import ANY_PHOTO, IndexedProduct, StoredProduct, VectorQuery
    from shoplens.index.qdrant.optimize import optimize
    from shoplens.index.qdrant.qdrant_index import QdrantIndex
    from shoplens.index.qdrant_server.points import build_shared_payload
    from shoplens.ranking.filter_retrieval import CANDIDATES
    from shoplens.types.iteration import batches

    store, _ = index_catalogue("luma", options.data, options.folder)
    rng = np.random.default_rng(SEED)
    with Shop(store) as shop:
        generation = shop._parts.store.live
        real, sizes = list(generation.index.entries()), generation.manifest.sizes
    payload = np.mean(
        [
            len(str(build_shared_payload(StoredProduct(one.product, one.photos, one.scores.predicted), "")))
            for one in real
            if one.scores is not None
        ]
    )
    entries = [
        sum(len(vector.indices) for vector in (*one.scores.class_vectors, *one.scores.text_vectors)) / len(one.photos)
        for one in real
        if one.scores is not None
    ]
    print(f"payload {payload:.0f} bytes, sparse entries {np.mean(entries):.1f}, vectors {sizes}", flush=True)
    shard = options.folder / f"shard-{options.photos}"

    def made() -> Iterator[IndexedProduct]:
        """Yield real products under new ids, one photo each, with other vectors."""
        for number in range(options.photos):
            one = real[number % len(real)]
            photo = replace(one.photos[0], content_hash=f"{number:032x}", pixel_hash=f"f{number:031x}")
            product = replace(one.product, id=f"{one.product.id}-{number}", photos=one.product.photos[:1])
            vector = one.vectors[:1] + rng.normal(0, 0.05, one.vectors[:1].shape).astype(np.float32)
            scores = one.scores
            assert scores is not None, "the store has filters"
            first = replace(
                scores,
                filter_vectors=scores.filter_vectors[:1]
                + rng.normal(0, 0.02, scores.filter_vectors[:1].shape).astype(np.float32),
                class_vectors=scores.class_vectors[:1],
                text_vectors=scores.text_vectors[:1],
            )
            yield IndexedProduct(product, (photo,), vector / np.linalg.norm(vector), first)

    if not shard.exists():
        index = QdrantIndex(shard, sizes)
        for batch in batches(made(), 256):
            index.upsert(batch)
        index.flush()
        index.close()
        optimize(shard, sizes)
    kinds = Counter[str]()
    for path in shard.rglob("*"):
        if path.is_file():
            kinds[_kind_of_file(path.relative_to(shard))] += path.stat().st_blocks * 512
    for kind, size in kinds.most_common():
        print(f"  {kind}: {size / options.photos:,.0f} bytes per photo", file=sys.stderr)
    measured = (kinds.total() - kinds["wal"]) / options.photos
    sizing = importlib.import_module("size_cluster")
    computed: float = sizing.disk_bytes_per_photo(sizes.pretrained, sizes.look + sizes.filter_vector)
    index = QdrantIndex(shard, sizes)
    times = []
    for one in itertools.islice(made(), options.queries + 3):
        scores = one.scores
        assert scores is not None, "the store has filters"
        before = time.process_time()
        dense = VectorQuery(look=one.vectors[0], filter_vector=scores.filter_vectors[0])
        keys = index.nearest_photos(dense, CANDIDATES, ANY_PHOTO).keys
        index.nearest_photos(VectorQuery(class_vector=scores.class_vectors[0]), CANDIDATES, ANY_PHOTO)
        index.photo_details([dense], keys)
        times.append((time.process_time() - before) * 1e3)
    index.close()
    cells = (
        f"{options.photos:,}",
        f"{measured:,.0f}",
        f"{computed:,.0f}",
        f"{computed / measured:.2f}",
        f"{kinds['wal'] / 1e6:.0f}",
        spread(times[3:]),
    )
    print("| " + " | ".join(cells) + " |")


def _kind_of_file(path: Path) -> str:
    """Return what a file of a shard holds, such as ``vector_storage-combined`` or ``wal``."""
    return path.parts[2] if path.parts[0] == "segments" else path.parts[0]
