"""Predicts every product's dimensions from its photos, by filters that were fitted without its group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from shoplens.build.filter_scoring import ProductScorer
from shoplens.filters.dimensions.dimension import Dimension
from shoplens.index.protocol import Index, StoredProduct
from shoplens.settings import FEED_KINDS
from shoplens.store.feature_cache import FeatureFile
from shoplens.types import Features, Product, Progress, group_of

BATCH_SIZE = 64


@dataclass(frozen=True, slots=True)
class ProductPrediction:
    """The values of one product by the feed, and by its photos.

    Attributes:
        product: the product as the feed describes it.
        feed_classes: dimension -> trained classes that the feed gives.
        empty_dimensions: dimensions for which the feed gives no value.
        probabilities: visible dimension -> class -> probability, the mean over the product's photos; None where no
            photo of the product has stored features.
    """

    product: Product
    feed_classes: Mapping[str, tuple[str, ...]]
    empty_dimensions: tuple[str, ...]
    probabilities: Mapping[str, Mapping[str, float]] | None


def visible_dimensions(scorer: ProductScorer) -> tuple[Dimension, ...]:
    """Return the dimensions of the feed that photos were measured to show."""
    quality = scorer.filters.quality
    return tuple(
        dimension
        for dimension in scorer.filters.dimensions
        if dimension.kind in FEED_KINDS and dimension.name in quality and quality[dimension.name].is_visible
    )


def predict_products(
    index: Index, scorer: ProductScorer, features: FeatureFile, progress: Progress
) -> Iterator[ProductPrediction]:
    """Predict every product of the index, in no particular order.

    The heads are cross-fitted: those that predict a product were fitted without its group, so they have not learned a
    wrong value from the feed. Source of finding label errors by such out-of-sample probabilities: Northcutt, Jiang,
    Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels".
    """
    names = [dimension.name for dimension in visible_dimensions(scorer)]
    total, done = index.count(), 0
    all_records = index.all_records()
    while records := list(islice(all_records, BATCH_SIZE)):
        yield from _predict_batch(records, scorer, features, names)
        done += len(records)
        progress("Comparing feed and photos", min(done, total), total)


def _predict_batch(
    records: Sequence[StoredProduct], scorer: ProductScorer, features: FeatureFile, names: Sequence[str]
) -> Iterator[ProductPrediction]:
    stored = features.read(photo.content_hash for record in records for photo in record.photos)
    rows: list[Features] = []
    groups: list[str] = []
    ends: list[int] = []
    for record in records:
        photo_features = [stored[photo.content_hash] for photo in record.photos if photo.content_hash in stored]
        rows += photo_features
        groups += [group_of(record.product)] * len(photo_features)
        ends.append(len(rows))
    filters = scorer.filters
    scores = filters.predict(np.stack(rows), groups=groups).probabilities if rows else None
    for record, start, end in zip(records, [0, *ends], ends, strict=False):
        mean = None if scores is None or start == end else scores[start:end].mean(axis=0)
        probabilities = None if mean is None else {name: filters.distribution(mean, name) for name in names}
        product = record.product
        yield ProductPrediction(
            product, scorer.reader.read_classes(product), scorer.reader.missing_dimensions(product), probabilities
        )
