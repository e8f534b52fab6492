"""Products at places that a test chooses: vectors instead of pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from shoplens.index.exact import ExactIndex
from shoplens.index.protocol import IndexedProduct
from shoplens.types import Photo, Vectors
from tests.fakes import product


def index_of(entries: Iterable[IndexedProduct], dimensions: int) -> ExactIndex:
    index = ExactIndex(dimensions)
    index.upsert(list(entries))
    return index


def entry(name: str, vectors: Vectors, pixels: Sequence[str] = (), **fields: object) -> IndexedProduct:
    """A product with a photo per vector; their pixels are called ``<name><view>`` unless told otherwise."""
    sources = [f"/{name}-{view}.png" for view in range(len(vectors))]
    hashes = pixels or [f"{name}{view}" for view in range(len(vectors))]
    photos = (Photo(s, f"file of {s}", item, 8, 8) for s, item in zip(sources, hashes, strict=True))
    made = product(name, *sources, **fields)
    return IndexedProduct(made, tuple(photos), np.asarray(vectors, np.float32))


def silent(what: str, done: int, total: int) -> None:
    """Nobody is told how far it is."""


def turned(degrees: float) -> Vectors:
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), np.sin(angle)]], np.float32)
