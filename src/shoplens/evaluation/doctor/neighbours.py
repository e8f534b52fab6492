"""Which products are near which, asked photo by photo: what duplicates and hubs are told by."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from shoplens.index.protocol import Hit, Index
from shoplens.types import Photo, Product, Progress, Vectors

NEAR = 10
"""k: the products that are near a photo."""
MOST_QUERIES = 5_000
"""Photos that count as searches."""
MOST_ASKED = 100_000
"""Photos whose nearest products are looked up, in about 2 ms each."""
ALIKE = 0.98
"""Cosine of two photos that look nearly the same."""


@dataclass(frozen=True, slots=True)
class Draw:
    """Which photos are asked.

    Attributes:
        queries: that count as searches, at most.
        asked: of which duplicates are looked for, at most.
        seed: of the draw.
    """

    queries: int = MOST_QUERIES
    asked: int = MOST_ASKED
    seed: int = 0


class Twin(NamedTuple):
    """Two products with photos that look nearly the same, but are not equal."""

    one: Product
    one_photo: Photo
    other: Product
    other_photo: Photo
    cosine: float


@dataclass(slots=True)
class Neighbourhood:
    """What was found.

    Attributes:
        times_found: id -> how many queries have the product among their ``NEAR`` nearest, their own not counted.
        closest: id of a product that was asked -> cosine of the other product nearest to its photos.
        queries: photos that counted as searches.
        asked: photos that were looked up.
        photos: of the whole store.
        twins: each pair as often as it was met.
    """

    times_found: Counter[str] = field(default_factory=Counter)
    closest: dict[str, float] = field(default_factory=dict)
    queries: int = 0
    asked: int = 0
    photos: int = 0
    twins: list[Twin] = field(default_factory=list)


def neighbourhood(index: Index, draw: Draw, progress: Progress) -> Neighbourhood:
    """Every photo of the draw asked for its nearest products, by ``look``; never all pairs.

    The draw is by a hash of seed, product and view: the same photos every time, whatever their order.
    """
    found = Neighbourhood()
    drawn, found.photos = _sample_photos(index, draw)
    for product, photo, vector, number in _read_sample(index, drawn):
        hits = [one for one in index.nearest_products(vector, NEAR + 1) if one.record.product.id != product.id][:NEAR]
        found.asked += 1
        if number < draw.queries:
            found.queries += 1
            found.times_found.update(one.record.product.id for one in hits)
        if hits:
            found.closest[product.id] = max(hits[0].similarity, found.closest.get(product.id, -1.0))
        found.twins += _twins(product, photo, hits)
        progress("Looking for neighbours", found.asked, len(drawn))
    return found


def _sample_photos(index: Index, draw: Draw) -> tuple[dict[tuple[str, int], int], int]:
    """(Product, view) -> its place in the draw; and how many photos there are."""
    photos = 0

    def all_photos() -> Iterator[tuple[bytes, str, int]]:
        nonlocal photos
        for record in index.all_records():
            for view in range(len(record.photos)):
                photos += 1
                key = f"{draw.seed}:{view}:{record.product.id}".encode("utf-8", "backslashreplace")
                yield hashlib.blake2b(key, digest_size=8).digest(), record.product.id, view

    smallest = heapq.nsmallest(max(draw.queries, draw.asked), all_photos())
    return {(product_id, view): place for place, (_, product_id, view) in enumerate(smallest)}, photos


def _read_sample(index: Index, drawn: dict[tuple[str, int], int]) -> Iterator[tuple[Product, Photo, Vectors, int]]:
    for entry in index.entries():
        for view, (photo, vector) in enumerate(zip(entry.photos, entry.vectors, strict=True)):
            place = drawn.get((entry.product.id, view))
            if place is not None:
                yield entry.product, photo, vector, place


def _twins(product: Product, photo: Photo, hits: list[Hit]) -> Iterator[Twin]:
    for hit in hits:
        if hit.similarity < ALIKE:
            break
        if photo.pixel_hash != hit.photo.pixel_hash and photo.content_hash != hit.photo.content_hash:
            yield Twin(product, photo, hit.record.product, hit.photo, min(hit.similarity, 1.0))
