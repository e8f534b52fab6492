"""The products of a store with what filters say of them, and scores of queries, for the benchmarks of filters."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.stores import embedder_of
from shoplens.build.photo_features import backbone_width, feature_model, filter_input_width, object_parts
from shoplens.filters.dimensions.derivation import ClassReader, derive_dimensions
from shoplens.filters.dimensions.dimension import COLOR, DESIGN, LOOK, SHAPE, Dimension
from shoplens.filters.fitting.crossfit import FOLDS, fold_index
from shoplens.filters.fitting.labeled_photos import LabeledPhotos
from shoplens.filters.model.filters import Filters
from shoplens.filters.model.scoring import DENSE_PARTS, TINT_SHARE
from shoplens.ranking.weights import resolve_weights
from shoplens.settings import Preferences
from shoplens.store.feature_cache import NAME, FeatureFile
from shoplens.store.generation import Generation
from shoplens.store.store import Store
from shoplens.types import Photo, SparseVector, Steering, group_of

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Weights = Mapping[str, float]
FIRST_OF_ALL = 10.0
SAME_DESIGN = {DESIGN: 1.0, SHAPE: 0.4}
"""A profile for "this garment in another colour", chosen on the development half; all else is 0."""


@dataclass(frozen=True, eq=False)
class Catalogue:
    """A store's photos, one row each, products in the order of their ids.

    Attributes:
        ids, groups, photos: of each row, its product's id and group, and the photo.
        vectors, features: float32 (n, d) and (n, f).
        first: bool (n,), the product's first photo.
        known: of each row, dimension -> the trained classes of its product.
        dimensions: of the shop.
        backbone: number of the backbone's features.
        model: what made the vectors.
        object_parts: lengths of the outputs of which the object's features consist.
    """

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    photos: tuple[Photo, ...]
    vectors: Floats
    features: Floats
    first: Bools
    known: Sequence[Mapping[str, tuple[str, ...]]]
    dimensions: tuple[Dimension, ...]
    backbone: int
    model: str
    object_parts: tuple[int, ...] = ()

    def training(self, rows: Bools | None = None, *, without: slice | None = None) -> LabeledPhotos:
        """What filters are fitted to: all rows or some; ``without`` some columns of the features, which become 0."""
        kept = np.flatnonzero(np.ones(len(self.ids), bool) if rows is None else rows)
        features = self.features[kept]
        if without is not None:
            features[:, without] = 0
        groups, known = tuple(self.groups[n] for n in kept), [self.known[n] for n in kept.tolist()]
        vectors, first, parts = self.vectors[kept], self.first[kept], self.object_parts
        products = tuple(self.ids[n] for n in kept)
        return LabeledPhotos(vectors, features, self.backbone, groups, first, known, products, object_parts=parts)

    def of(self, split: str) -> Bools:
        """bool (n,), the rows that a split may look at."""
        return np.array([split == "test" or in_development(group) for group in self.groups])

    @property
    def folds(self) -> Ints:
        """int64 (n,), the fold of each row's group."""
        return np.array([fold_index(group, FOLDS) for group in self.groups])


@dataclass(frozen=True, eq=False)
class Seen:
    """Photos as filters see them: float32 (n, d), (n, m), and marks with their zeros (n, T)."""

    look: Floats
    dense: Floats
    marks: Floats

    def __getitem__(self, rows: Any) -> Seen:
        return Seen(self.look[rows], self.dense[rows], self.marks[rows])


def in_development(group: str) -> bool:
    return hashlib.sha256(group.encode()).digest()[0] < 128


def catalogue_of(store: Path) -> Catalogue:
    """All that filters can be fitted to, read from a store."""
    embedder = embedder_of(store)
    with reading(store) as generation:
        entries = sorted(generation.index.entries(), key=lambda entry: entry.product.id)
    file = FeatureFile(store / NAME, feature_model(embedder))
    dimensions = derive_dimensions(entry.product for entry in entries).used
    reader = ClassReader(dimensions)
    rows = [(entry, view) for entry in entries for view in range(len(entry.photos))]
    photos = tuple(entry.photos[view] for entry, view in rows)
    features = file.read(photo.content_hash for photo in photos)
    file.close()
    known = {entry.product.id: reader.read_classes(entry.product) for entry in entries}
    return Catalogue(
        tuple(entry.product.id for entry, _ in rows),
        tuple(group_of(entry.product) for entry, _ in rows),
        photos,
        np.stack([entry.vectors[view] for entry, view in rows]),
        np.stack([features[photo.content_hash] for photo in photos])[:, : filter_input_width(embedder)],
        np.array([view == 0 for _, view in rows]),
        [known[entry.product.id] for entry, _ in rows],
        dimensions,
        backbone_width(embedder),
        embedder.model,
        object_parts(embedder),
    )


@contextmanager
def reading(store: Path) -> Iterator[Generation]:
    """The store's live generation."""
    held = Store(store)
    try:
        with held.reading() as generation:
            yield generation
    finally:
        held.close()


def seen(
    filters: Filters, vectors: Floats, features: Floats, known: Sequence[Mapping[str, tuple[str, ...]]] | None = None
) -> Seen:
    """Photos of products with what the feed says of them; of shoppers where ``known`` is omitted."""
    described = filters.predict(features)
    told = known if known is not None else [{}] * len(features)
    marks = filters.layout.to_dense(filters.class_vectors(described.probabilities, told))
    if known is not None:
        return Seen(vectors, described.dense, marks)
    compared = [filters.query_vectors(look, dense) for look, dense in zip(vectors, described.dense, strict=True)]
    return Seen(np.stack([look for look, _ in compared]), np.stack([dense for _, dense in compared]), marks)


def similarities(filters: Filters, queries: Seen, products: Seen) -> dict[str, Floats]:
    """Dimension -> float32 (queries, products) in [0, 1]: every photo with every other, by the definitions alone."""
    found: dict[str, Floats] = {}
    for name in (dimension.name for dimension in filters.dimensions):
        if name == LOOK:
            raw = (1 + queries.look @ products.look.T) / 2
        elif name in filters.class_dimensions:
            own = np.flatnonzero(filters.layout.entry_dimensions == filters.class_dimensions.index(name))
            raw = np.asarray(queries.marks[:, own] @ products.marks[:, own].T, np.float32)
            if name == COLOR:
                part = DENSE_PARTS[COLOR]
                raw = (1 - TINT_SHARE) * raw + TINT_SHARE * (queries.dense[:, part] @ products.dense[:, part].T)
        else:
            part = DENSE_PARTS[name]
            raw = (1 + queries.dense[:, part] @ products.dense[:, part].T) / 2
        found[name] = np.clip(raw, 0, 1).astype(np.float32)
    return found


def precisions(filters: Filters, queries: Seen) -> Floats:
    """float32 (queries, dimensions): what makes weights comparable for each query, one over the spread, but for a
    factor; see :meth:`ScoreNormalizer.normalize_weights`."""
    names = [dimension.name for dimension in filters.dimensions]
    ones = dict.fromkeys(names, 1.0)
    rows = []
    for look, dense, marks in zip(queries.look, queries.dense, queries.marks, strict=True):
        there = np.flatnonzero(marks)
        told = filters.score_normalizer(
            look, dense, SparseVector(there.astype(np.uint32), marks[there])
        ).normalize_weights(ones)
        rows.append([told[name] for name in names])
    return np.array(rows, np.float32)


def totals(filters: Filters, alike: Mapping[str, Floats], weights: Weights, precise: Floats) -> Floats:
    """The score: similarities by default weights, those given in their place, made comparable for each query.

    Args:
        precise: of :func:`precisions`.
    """
    names = [dimension.name for dimension in filters.dimensions]
    fitted = {name: filters.weights.get(name, 1.0) for name in names}
    chosen = resolve_weights(fitted, Preferences(weights=weights), Steering())
    scaled = np.array([chosen[name] for name in names], np.float32) * precise
    scaled /= scaled.sum(axis=1, keepdims=True)
    total: Floats = np.sum(
        [scaled[:, n : n + 1] * alike[name] for n, name in enumerate(names) if chosen[name]], axis=0, dtype=np.float32
    )
    return total


def best_ranks(scores: Floats, right: Bools, left_out: Bools, same: Bools) -> Ints:
    """int64 (queries,): rank of the first right product, products in the order of their ids; equal photos come first.

    >>> best_ranks(np.array([[0.5, 0.5, 0.9]]), *(np.array([row], bool) for row in ([0, 1, 0], [0, 0, 1], [0, 0, 0])))
    array([2])
    """
    scores = np.where(left_out, -np.inf, scores + FIRST_OF_ALL * same)
    wanted = np.where(right & ~left_out, scores, -np.inf)
    place = wanted.argmax(axis=1)
    best = wanted[np.arange(len(scores)), place][:, None]
    above = (scores > best) | ((scores == best) & (np.arange(scores.shape[1]) < place[:, None]))
    return np.asarray(1 + above.sum(axis=1), np.int64)


def weightings(dimensions: Sequence[Dimension]) -> dict[str, Weights]:
    """Default weights, then a profile for one design, then without each dimension, then each alone."""
    names = [dimension.name for dimension in dimensions]
    profile = {name: SAME_DESIGN.get(name, 0.0) for name in names}
    alone = {f"{name} alone": {other: float(other == name) for other in names} for name in names}
    profiles = {"profile same-design": profile} if DESIGN in names else {}
    return {"filters-static": {}, **profiles, **{f"without {name}": {name: 0.0} for name in names}, **alone}
