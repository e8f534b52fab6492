"""How large a Qdrant cluster is for a number of photos: disk, memory, shards, nodes, hours of building.

    python tools/size_cluster.py                              # the table of docs/cluster.md
    python tools/size_cluster.py --photos 5000000 --replicas 2

Everything follows from bytes and milliseconds that this project measured; ``benchmarks/service/cluster.py size``
compares the bytes on disk with a shard that it builds. Of Qdrant's own documentation it takes the shape: vectors on
disk, int8 codes, graphs and indexes in memory, payloads on disk.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

PRETRAINED, COMBINED = 256, 1024
"""Numbers of a photo's two dense vectors: of the embedder, and of it with 768 filter scores (objects compared)."""
COMBINED_BYTES = 2
"""Bytes of a number of the second."""
LINK_BYTES = 2 * 16 * 4 * 1.07
"""Bytes of a graph per point: 32 links of 4 bytes, and 7 % for the upper levels. The engine packs them; 24 and 44 bytes
were measured for photos that were made from few."""
SPARSE_ENTRIES, SPARSE_BYTES, SPARSE_INDEX_BYTES = 143, 8, 4.6
"""Entries of the sparse vectors of a photo (classes and letters of texts), and bytes of one in the vector and in the
inverted index; measured on Luma."""
PAYLOAD_BYTES, PAYLOAD_INDEX_BYTES = 1_495, 1_060
"""Bytes of a photo's payload, the record and the fields, and of its entries in the indexes; measured on Luma."""
POINT_BYTES = 100
"""Bytes of a point's id, version and places; 29 were measured on disk, and in memory they take more."""
SPARE_DISK, SPARE_MEMORY = 2.0, 1.25
"""Room for the segments that an optimizer writes anew, and for a snapshot; and memory for requests and caches."""
CPU_SECONDS_PER_PHOTO = 0.045
"""CPU seconds of `index` per photo: 36 to 50 ms were measured for small photos (``benchmarks/service/cluster.py ray``).
Fetching waits, and takes none."""
RAY_FACTOR = 1.6
"""What a photo more takes with Ray beside `index`: 1.4 to 1.7 were measured on nodes of one processor."""
GRAPH_CPU_SECONDS = 1_124 * 2 / 1e6 * (PRETRAINED + COMBINED) / (256 + 768)
"""CPU seconds per photo for the graphs: measured at a million photos on two cores, with vectors of 256 and 768."""
SEARCH_CPU_SECONDS, ENGINE_CPU_SECONDS = 0.037 + 0.015, 0.0125
"""CPU seconds of a search in a replica, over HTTP and with what the client of the server adds; and in the engine, at a
hundred thousand photos."""
SHARD_PHOTOS, NODE_MEMORY = 10e6, 64e9
"""Most photos per shard, and bytes of memory of a node."""


@dataclass(frozen=True, slots=True)
class ClusterSize:
    """The size of a cluster.

    Attributes:
        photos: number of points.
        replicas: copies of each.
        disk: bytes on all nodes, with room to work.
        memory: bytes that must be in memory on all nodes.
        shards: of the collection.
        nodes: of Qdrant.
        build_hours: on the given cores, with the graphs on those of the nodes.
        searches_per_core: searches per second and core of the replicas of the service.
    """

    photos: float
    replicas: int
    disk: float
    memory: float
    shards: int
    nodes: int
    build_hours: float
    searches_per_core: float


def disk_bytes_per_photo(
    pretrained: int = PRETRAINED, combined: int = COMBINED, combined_bytes: int = COMBINED_BYTES, graphs: int = 2
) -> float:
    """Return the bytes of one photo on disk: vectors, codes, graphs, sparse vectors, payload.

    >>> round(disk_bytes_per_photo())
    9083
    """
    vectors, codes = 4 * pretrained + combined_bytes * combined, pretrained + combined
    sparse = SPARSE_ENTRIES * (SPARSE_BYTES + SPARSE_INDEX_BYTES)
    rest = sparse + PAYLOAD_BYTES + PAYLOAD_INDEX_BYTES + POINT_BYTES
    return vectors + codes + graphs * LINK_BYTES + rest


def memory_bytes_per_photo(dimensions: int = PRETRAINED + COMBINED, graphs: int = 2) -> float:
    """Return the bytes of one photo that are in memory: codes, graphs, inverted and payload indexes, ids."""
    sparse = SPARSE_ENTRIES * SPARSE_INDEX_BYTES
    return dimensions + graphs * LINK_BYTES + sparse + PAYLOAD_INDEX_BYTES + POINT_BYTES


def size_cluster(photos: float, replicas: int = 2, cores: int = 64) -> ClusterSize:
    """Return the size of a cluster.

    Args:
        photos: number of photos.
        replicas: copies of each shard.
        cores: of the machines that build.
    """
    disk = photos * replicas * disk_bytes_per_photo() * SPARE_DISK
    memory = photos * replicas * memory_bytes_per_photo() * SPARE_MEMORY
    nodes = max(3 if replicas > 1 else 1, math.ceil(memory / NODE_MEMORY))
    shards = max(nodes, math.ceil(photos / SHARD_PHOTOS))
    shards = math.ceil(shards / nodes) * nodes
    seconds = photos * (CPU_SECONDS_PER_PHOTO * RAY_FACTOR + replicas * GRAPH_CPU_SECONDS)
    return ClusterSize(photos, replicas, disk, memory, shards, nodes, seconds / cores / 3_600, 1 / SEARCH_CPU_SECONDS)


def table(sizes: list[ClusterSize], cores: int) -> str:
    """Return the sizes as a table in Markdown."""
    lines = [
        f"| photos | copies | memory | disk | nodes of 64 GB | shards | hours to build on {cores} cores |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in sizes:
        cells = (
            f"{one.photos / 1e6:g} million",
            one.replicas,
            f"{one.memory / 1e9:.0f} GB",
            f"{one.disk / 1e9:,.0f} GB",
            one.nodes,
            one.shards,
            f"{one.build_hours:.1f}",
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=float, nargs="+", default=[1e6, 10e6, 100e6])
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--cores", type=int, default=64)
    options = parser.parse_args()
    print(table([size_cluster(one, options.replicas, options.cores) for one in options.photos], options.cores))


if __name__ == "__main__":
    main()
