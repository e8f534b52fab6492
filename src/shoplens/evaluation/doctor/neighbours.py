"""Looks up the nearest products of photos, by which duplicates and hubs are found."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from shoplens.index.protocol import Hit, Index
from shoplens.types import Photo, Product, Progress, Vectors

NEIGHBOURS = 10
"""k: number of nearest products that are looked up for a photo."""
MAX_QUERIES = 5_000
"""Photos that count as searches, at most."""
MAX_LOOKUPS = 100_000
"""Photos whose nearest products are looked up, at most. A lookup takes about 2 ms."""
MIN_COSINE = 0.98
"""Two photos look nearly the same from this cosine similarity on."""


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """How many photos are sampled.

    Attributes:
        queries: photos that count as searches, at most.
        lookups: photos for which near duplicates are searched, at most.
        seed: seed of the sample.
    """

    queries: int = MAX_QUERIES
    lookups: int = MAX_LOOKUPS
    seed: int = 0


class SimilarPair(NamedTuple):
    """Two products with photos that look nearly the same but are not equal."""

    first: Product
    first_photo: Photo
    second: Product
    second_photo: Photo
    cosine: float


@dataclass(slots=True)
class NeighbourStatistics:
    """The results of all lookups.

    Attributes:
        times_found: product id -> number of queries with the product among their ``NEIGHBOURS`` nearest; queries of the
            product itself do not count.
        closest: id of a sampled product -> cosine similarity of its photos to the nearest other product.
        queries: number of photos that counted as searches.
        lookups: number of photos that were looked up.
        photos: number of photos in the whole store.
        similar_pairs: each pair as often as it occurred.
    """

    times_found: Counter[str] = field(default_factory=Counter)
    closest: dict[str, float] = field(default_factory=dict)
    queries: int = 0
    lookups: int = 0
    photos: int = 0
    similar_pairs: list[SimilarPair] = field(default_factory=list)


def find_neighbours(index: Index, sample: SampleOptions, progress: Progress) -> NeighbourStatistics:
    """Look up the nearest products of every sampled photo, by the vectors of ``look``; all pairs are never compared.

    Photos are sampled by a hash of seed, product and position: the same photos every time, whatever their order.
    """
    result = NeighbourStatistics()
    places, result.photos = _sample_photos(index, sample)
    for product, photo, vector, place in _read_sample(index, places):
        hits = [hit for hit in index.nearest_products(vector, NEIGHBOURS + 1) if hit.record.product.id != product.id]
        hits = hits[:NEIGHBOURS]
        result.lookups += 1
        if place < sample.queries:
            result.queries += 1
            result.times_found.update(hit.record.product.id for hit in hits)
        if hits:
            result.closest[product.id] = max(hits[0].similarity, result.closest.get(product.id, -1.0))
        result.similar_pairs += _similar_pairs(product, photo, hits)
        progress("Looking for neighbours", result.lookups, len(places))
    return result


def _sample_photos(index: Index, sample: SampleOptions) -> tuple[dict[tuple[str, int], int], int]:
    """Return (product id, position of the photo) -> place in the sample, and the number of all photos."""
    photos = 0

    def all_photos() -> Iterator[tuple[bytes, str, int]]:
        nonlocal photos
        for record in index.all_records():
            for view in range(len(record.photos)):
                photos += 1
                key = f"{sample.seed}:{view}:{record.product.id}".encode("utf-8", "backslashreplace")
                yield hashlib.blake2b(key, digest_size=8).digest(), record.product.id, view

    smallest = heapq.nsmallest(max(sample.queries, sample.lookups), all_photos())
    return {(product_id, view): place for place, (_, product_id, view) in enumerate(smallest)}, photos


def _read_sample(index: Index, places: dict[tuple[str, int], int]) -> Iterator[tuple[Product, Photo, Vectors, int]]:
    for entry in index.entries():
        for view, (photo, vector) in enumerate(zip(entry.photos, entry.vectors, strict=True)):
            place = places.get((entry.product.id, view))
            if place is not None:
                yield entry.product, photo, vector, place


def _similar_pairs(product: Product, photo: Photo, hits: list[Hit]) -> Iterator[SimilarPair]:
    for hit in hits:
        if hit.similarity < MIN_COSINE:
            break
        if photo.pixel_hash != hit.photo.pixel_hash and photo.content_hash != hit.photo.content_hash:
            yield SimilarPair(product, photo, hit.record.product, hit.photo, min(hit.similarity, 1.0))
