"""Features of photos -> filters, and the filter scores of products."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from shoplens.filters.dimensions.derivation import ClassReader, dimensions_from
from shoplens.filters.dimensions.dimension_json import dimensions_json
from shoplens.filters.dimensions.labels import labels_of
from shoplens.filters.fitting.fit import Training, fit
from shoplens.filters.fitting.crossfit import group_of
from shoplens.filters.model.filters import Filters
from shoplens.filters.model.stored import save_filters
from shoplens.filters.photo_features.measurements import MEASURED
from shoplens.index.predicted_values import LIKELIHOODS
from shoplens.index.protocol import Index, IndexedProduct
from shoplens.preferences import DimensionRules
from shoplens.store.dimensions_file import DIMENSIONS
from shoplens.store.feature_cache import FeatureFile
from shoplens.store.files.atomic import replace_file
from shoplens.store.generation import Generation
from shoplens.types import Features, FilterScores, Product, Rejection, Vectors

MOST_PHOTOS = 30_000
"""Photos that filters are fitted on; of larger catalogues a sample, drawn by the hash of the photo."""
BATCH = 64
"""Products that are scored and written at once."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class ProductScorer:
    """Filters, and the reader of what the feed says in their dimensions."""

    filters: Filters
    reader: ClassReader

    def scores(self, product: Product, photos: Sequence[str], features: FeatureFile) -> FilterScores:
        """What the filters say of a product.

        Args:
            product: as the feed describes it.
            photos: content hashes of its photos.
            features: of the photos; one that is missing counts as a photo in which nothing is seen.
        """
        return self.scores_of_many([(product, photos)], features)[0]

    def scores_of_many(
        self, products: Sequence[tuple[Product, Sequence[str]]], features: FeatureFile
    ) -> list[FilterScores]:
        """As :meth:`scores`, of several products at once."""
        found = features.of(name for _, photos in products for name in photos)
        nothing = np.zeros(self.filters.backbone + MEASURED, np.float32)
        described = self.filters.describe(
            np.stack([found.get(name, nothing) for _, photos in products for name in photos])
        )
        known = [(self.reader.of(product), photos) for product, photos in products]
        each = [classes for classes, photos in known for _ in photos]
        marks = self.filters.marks_of_many(described.probabilities, each)
        placed = self.filters.space.placed(described.dense, marks)
        scored, start = [], 0
        for product, photos in products:
            own = slice(start, start + len(photos))
            predicted = self._predict_missing(product, described.probabilities[own].mean(axis=0))
            scored.append(FilterScores(placed[own], tuple(marks[own]), predicted))
            start = own.stop
        return scored

    def _predict_missing(self, product: Product, probabilities: Features) -> dict[str, dict[str, float]]:
        """The likely classes of those dimensions that the photos show and the feed does not tell."""
        found = {}
        for name in self.reader.silent(product):
            if name in self.filters.quality and self.filters.quality[name].seen:
                classes = self.filters.distribution(probabilities, name)
                if likely := {one: round(p, 3) for one, p in classes.items() if p >= LIKELIHOODS[0]}:
                    found[name] = likely
        return found

    def reads_alike(self, one: Product, other: Product) -> bool:
        """Whether the feed says the same of both in every dimension."""
        return self.reader.of(one) == self.reader.of(other)


@dataclass(frozen=True, slots=True)
class FilterTrainingData:
    """What filters are made of.

    Attributes:
        index: products with their vectors.
        look: length of those that the dimension ``look`` compares.
        features: of their photos.
        rules: of ``shoplens.toml``.
        backbone: how many of the features are the network's, before those measured.
        model: id of the model that made the vectors.
    """

    index: Index
    look: int
    features: FeatureFile
    rules: DimensionRules
    backbone: int
    model: str


def fit_filters(
    material: FilterTrainingData, folder: Path, progress: Progress, told: Callable[[Rejection], None]
) -> ProductScorer:
    """Filters for an index, kept in a generation's folder; ``told`` hears of labels and rules that came to nothing.

    Raises:
        InvalidValue: as :func:`~shoplens.filters.dimensions.derivation.dimensions_from` and
            :func:`~shoplens.filters.dimensions.labels.labels_of`; nothing was written.
    """
    index, rules = material.index, material.rules
    progress("Finding dimensions", 0, 0)
    labels = labels_of(rules, (photo.source for record in index.all_records() for photo in record.photos))
    dimensions = dimensions_from((record.product for record in index.all_records()), rules, labels)
    for rejection in labels.rejections if labels is not None else ():
        told(rejection)
    for note in dimensions.notes:
        told(Rejection("unused-merge", note, "Correct the value in shoplens.toml, or take it out.", "note"))
    reader = ClassReader(dimensions.used, rules, labels)
    filters = fit(_training(material, reader), dimensions.used, material.model, progress)
    save_filters(folder, filters)
    stored = {"dimensions": dimensions_json(dimensions), "labels": {} if labels is None else dict(labels.by_photo)}
    replace_file(folder / DIMENSIONS, json.dumps(stored, default=dict) + "\n")
    return ProductScorer(filters, reader)


def scorer_of(generation: Generation) -> ProductScorer | None:
    """What scores a generation's products as its filters do; None where it has none.

    Raises:
        StoreError: ``damaged-filters``.
    """
    if generation.filters is None:
        return None
    dimensions, labels = generation.dimensions
    return ProductScorer(generation.filters, ClassReader(dimensions.used, dimensions.rules, labels))


def _training(material: FilterTrainingData, reader: ClassReader) -> Training:
    """Photos that filters can learn from, with what the feed says of their products."""
    rows: list[Features] = []
    vectors: list[Vectors] = []
    groups: list[str] = []
    first: list[bool] = []
    known: list[Mapping[str, tuple[str, ...]]] = []
    for entry in sample_products(material.index):
        found = material.features.of(photo.content_hash for photo in entry.photos)
        classes = reader.of(entry.product)
        for view, (photo, vector) in enumerate(zip(entry.photos, entry.look, strict=True)):
            if (row := found.get(photo.content_hash)) is not None:
                rows.append(row[: material.backbone + MEASURED])
                vectors.append(vector)
                groups.append(group_of(entry.product))
                first.append(view == 0)
                known.append(classes)
    if not rows:
        wide = material.backbone + MEASURED
        return Training(
            np.zeros((0, material.look), np.float32),
            np.zeros((0, wide), np.float32),
            material.backbone,
            (),
            np.zeros(0, bool),
            (),
        )
    return Training(np.stack(vectors), np.stack(rows), material.backbone, tuple(groups), np.array(first), known)


def rescore_products(index: Index, scorer: ProductScorer, features: FeatureFile, progress: Progress) -> None:
    """Give every product of an index the scores of these filters."""
    total, done = index.count(), 0
    for batch in _batches(index.entries()):
        products = [(entry.product, [photo.content_hash for photo in entry.photos]) for entry in batch]
        scores = scorer.scores_of_many(products, features)
        index.rescore([replace(entry, scores=one) for entry, one in zip(batch, scores, strict=True)])
        done += len(batch)
        progress("Scoring the products", done, total)


def sample_products(index: Index, most: int = MOST_PHOTOS) -> Iterator[IndexedProduct]:
    """All products, or so many as have about ``most`` photos; a group is in as a whole or not at all, unless the groups
    are so few that none would be in."""
    share = min(1.0, most / max(1, sum(len(record.photos) for record in index.all_records())))
    by_group = any(_is_drawn(group_of(record.product), share) for record in index.all_records())
    for entry in index.entries():
        if _is_drawn(group_of(entry.product) if by_group else entry.product.id, share):
            yield entry


def _is_drawn(name: str, share: float) -> bool:
    """Whether a name is among this share of all; the same names in every run."""
    digest = sha256(name.casefold().encode("utf-8", "backslashreplace")).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


def _batches(entries: Iterable[IndexedProduct]) -> Iterator[list[IndexedProduct]]:
    batch: list[IndexedProduct] = []
    for entry in entries:
        batch.append(entry)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
