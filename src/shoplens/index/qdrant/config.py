"""Settings of the engine: which vectors it stores, and how it searches. Every number was measured, see
``benchmarks/RESULTS.md``."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

import qdrant_edge as engine

from shoplens.index.protocol import VectorSizes

PRETRAINED = "pretrained"
"""Name of the vectors of the pretrained embedder."""
TRAINED = "metric"
"""Name of the vectors of the trained embedding head, where there is one."""
COMBINED = "combined"
"""Name of the vectors that hold the trained vector (else the pretrained one) followed by the filter vector: one graph
over them answers any weighted sum of all dimensions."""
CLASS_VECTOR = "marks"
"""Name of the sparse class vectors: the engine's inverted index answers any weighted sum of them exactly. The graph
cannot, where many scores are equal."""
TEXT_VECTOR = "text"
"""Name of the sparse text vectors, in shards that have room for them."""
HALVED = (COMBINED,)
"""Kinds of vectors whose numbers are stored in 16 bits: a third less on disk; scores differ by about 1e-4."""
CONFIG_FILE = "edge_config.json"
"""Where the engine keeps the settings of a shard."""
HNSW_M, HNSW_EF_CONSTRUCT = 16, 100
"""Links per node of the graph, and candidates that are considered while a node is inserted."""
HNSW_EF, COMBINED_HNSW_EF = 128, 400
"""Candidates that a search keeps, in the graph of the embeddings and in that of the combined vectors: at a million
products 400 finds .99 of the exact ten best, and 200 finds .97."""
EXACT = 0
"""In place of a number of candidates: compares every point, by its vectors rather than by their codes."""
OVERSAMPLING = 2.0
"""Hits that are fetched by int8 codes, as a multiple of the requested number, and then reranked by the vectors."""
SCAN_MIN_KB, SCAN_SHARE = 10_000, 0.06
"""Where a condition keeps less than this share of the vectors, the engine compares the int8 code of each instead of
searching the graph, which would miss too many."""
GRAPH_MIN_KB = 10_000
"""Size of the vectors without a graph from which on building one pays: 10,000 products with one photo of 256 dimensions
each, which are compared one by one in 2 ms."""
MAX_SEGMENT_KB = 20_000_000
"""Largest segment, above a million products; every further segment is one more graph to search."""

SEARCH_THREADS = 1
"""Threads that a search is divided among, by segments: with one, each search runs in the thread that asked for it, and
several run at once; with more, every search wakes them all, and a shard has one segment in most cases."""


def engine_config(sizes: VectorSizes, points: int = 0, halved: Collection[str] = HALVED) -> engine.EdgeConfig:
    """Return the settings of a shard: int8 codes beside the vectors, and a graph over each kind of vector.

    Args:
        sizes: lengths of the vectors.
        points: number of points; it decides what is scanned, and takes effect when a graph is built.
        halved: kinds of vectors in 16 bits; of a shard that exists, those of :func:`find_halved_vectors`.
    """
    dense = dense_vector_sizes(sizes).items()
    return engine.EdgeConfig(
        vectors={name: _dense_vector_params(size, points, is_halved=name in halved) for name, size in dense},
        sparse_vectors={name: engine.EdgeSparseVectorParams() for name in sparse_vector_names(sizes)} or None,
        optimizers=engine.EdgeOptimizersConfig(
            default_segment_number=1, max_segment_size=MAX_SEGMENT_KB, indexing_threshold=GRAPH_MIN_KB
        ),
        max_search_threads=SEARCH_THREADS,
    )


def find_halved_vectors(folder: Path) -> frozenset[str]:
    """Return the kinds of vectors that a shard stores in 16 bits; none in one that was made before there were any."""
    try:
        stored = json.loads((folder / CONFIG_FILE).read_text("utf-8"))["vectors"]
        return frozenset(name for name, params in stored.items() if params.get("datatype") == "float16")
    except (OSError, ValueError, KeyError, AttributeError):
        return frozenset()


def sparse_vector_names(sizes: VectorSizes) -> list[str]:
    """Return the names of the sparse vectors of a point."""
    room = {CLASS_VECTOR: sizes.filter_vector, TEXT_VECTOR: sizes.text}
    return [name for name, has_room in room.items() if has_room]


def dense_vector_sizes(sizes: VectorSizes) -> dict[str, int]:
    """Return name -> length of every kind of vector over which a graph is built."""
    lengths = {
        PRETRAINED: sizes.pretrained,
        TRAINED: sizes.trained,
        COMBINED: sizes.look + sizes.filter_vector if sizes.filter_vector else 0,
    }
    return {name: length for name, length in lengths.items() if length}


def _dense_vector_params(size: int, points: int, *, is_halved: bool) -> engine.EdgeVectorParams:
    scan_kb = max(SCAN_MIN_KB, round(SCAN_SHARE * points * size * 4 / 1024))
    graph = engine.HnswIndexConfig(m=HNSW_M, ef_construct=HNSW_EF_CONSTRUCT, full_scan_threshold=scan_kb, payload_m=0)
    codes = engine.ScalarQuantizationConfig(engine.ScalarType.Int8, quantile=0.99, always_ram=True)
    kinds = engine.VectorStorageDatatype
    return engine.EdgeVectorParams(
        size=size,
        distance=engine.Distance.Dot,
        datatype=kinds.Float16 if is_halved else kinds.Float32,
        quantization_config=codes,
        hnsw_config=graph,
    )


def search_params(ef: int, *, filtered: bool) -> engine.SearchParams:
    """Return the settings of one query.

    Args:
        ef: candidates that the search of the graph keeps, or :data:`EXACT`.
        filtered: whether there is a condition.
    """
    exact = ef == EXACT
    acorn = engine.AcornSearchParams(enable=filtered, max_selectivity=0.6)
    codes = engine.QuantizationSearchParams(ignore=exact, rescore=True, oversampling=OVERSAMPLING)
    return engine.SearchParams(hnsw_ef=ef, exact=exact, acorn=acorn, quantization=codes)
