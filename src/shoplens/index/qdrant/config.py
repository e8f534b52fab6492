"""How the engine keeps vectors and walks its graph. Every number was measured: ``benchmarks/RESULTS.md``."""

from __future__ import annotations

import qdrant_edge as engine

from shoplens.index.protocol import VectorSizes

VECTOR = "pretrained"
"""Name of the vectors of the untouched extractor."""
TRAINED = "metric"
"""Of those of the extractor whose distances were trained, where there is one."""
COMBINED = "combined"
"""The trained vector, else the other, with the filters' numbers behind it: one graph answers any weighted sum of all
dimensions."""
MARKS = "marks"
"""The filters' class probabilities, sparse: the engine's inverted index answers any weighted sum of them exactly.
The graph cannot, where many are equal."""
LINKS, BUILD_BREADTH = 16, 100
SEARCH_BREADTH, SPACE_BREADTH = 128, 400
"""Of the walk through the graph of the vectors, and through that of the space of all filters: at a million products 400
keeps .99 of the exact best ten, 200 keeps .97."""
ALL = 0
"""In place of a breadth: everything is looked at, vectors rather than codes."""
OVERSAMPLING = 2.0
"""Hits that are fetched by int8 codes, as a multiple of those asked for, and ordered anew by the vectors themselves."""
SCANNED_KB, SCANNED_SHARE = 10_000, 0.06
"""Where a condition keeps less than this share of the vectors, the engine looks at the int8 code of each instead of
walking the graph, which then misses too many."""
GRAPH_DUE_KB = 10_000
"""Vectors without a graph over them at which building one pays: 10,000 products with a photo each of 256 dimensions,
which are looked at one by one in 2 ms."""
LARGEST_SEGMENT_KB = 20_000_000
"""Above a million products; every further segment is one more graph to walk."""


def engine_config(sizes: VectorSizes, points: int = 0) -> engine.EdgeConfig:
    """Settings of a shard: int8 codes beside the vectors, a graph over each kind.

    Args:
        sizes: lengths of the vectors.
        points: how many there are; it decides what is scanned, and takes effect when a graph is built.
    """
    return engine.EdgeConfig(
        vectors={name: _dense_vector(size, points) for name, size in dense_vectors(sizes).items()},
        sparse_vectors={MARKS: engine.EdgeSparseVectorParams()} if sizes.placed else None,
        optimizers=engine.EdgeOptimizersConfig(
            default_segment_number=1, max_segment_size=LARGEST_SEGMENT_KB, indexing_threshold=GRAPH_DUE_KB
        ),
    )


def dense_vectors(sizes: VectorSizes) -> dict[str, int]:
    """Name -> length of every kind of vector that a graph is built over."""
    every = {VECTOR: sizes.pretrained, TRAINED: sizes.trained, COMBINED: sizes.look + sizes.placed}
    return {name: size for name, size in every.items() if size and (name != COMBINED or sizes.placed)}


def _dense_vector(size: int, points: int) -> engine.EdgeVectorParams:
    scanned = max(SCANNED_KB, round(SCANNED_SHARE * points * size * 4 / 1024))
    graph = engine.HnswIndexConfig(m=LINKS, ef_construct=BUILD_BREADTH, full_scan_threshold=scanned, payload_m=0)
    codes = engine.ScalarQuantizationConfig(engine.ScalarType.Int8, quantile=0.99, always_ram=True)
    return engine.EdgeVectorParams(
        size=size, distance=engine.Distance.Dot, quantization_config=codes, hnsw_config=graph
    )


def search_params(breadth: int, *, filtered: bool) -> engine.SearchParams:
    """How one query is answered.

    Args:
        breadth: of the walk through the graph, or :data:`ALL`.
        filtered: whether there is a condition.
    """
    exact = breadth == ALL
    acorn = engine.AcornSearchParams(enable=filtered, max_selectivity=0.6)
    codes = engine.QuantizationSearchParams(ignore=exact, rescore=True, oversampling=OVERSAMPLING)
    return engine.SearchParams(hnsw_ef=breadth, exact=exact, acorn=acorn, quantization=codes)
