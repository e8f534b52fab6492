"""What the photos of every product say in every dimension, by filters that never saw its group."""

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

AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Opinion:
    """One product as feed and photos tell it.

    Attributes:
        product: as the feed describes it.
        known: dimension -> trained classes that the feed gives it.
        silent: dimensions in which the feed says nothing of it.
        read: dimension that the photos show -> class -> probability, the mean over the product's photos; None where
            the features of none of them are known.
    """

    product: Product
    known: Mapping[str, tuple[str, ...]]
    silent: tuple[str, ...]
    read: Mapping[str, Mapping[str, float]] | None


def visible_dimensions(scorer: ProductScorer) -> tuple[Dimension, ...]:
    """The dimensions of the feed that photos are known to show."""
    quality = scorer.filters.quality
    return tuple(
        one
        for one in scorer.filters.dimensions
        if one.kind in FEED_KINDS and one.name in quality and quality[one.name].is_visible
    )


def opinions(index: Index, scorer: ProductScorer, features: FeatureFile, progress: Progress) -> Iterator[Opinion]:
    """Every product, in no particular order.

    Heads are cross-fitted: those that read a product were fitted without its group, so a wrong value of the feed cannot
    have taught them (out-of-sample probabilities, as label errors are found by: Northcutt, Jiang, Chuang 2021,
    "Confident Learning: Estimating Uncertainty in Dataset Labels").
    """
    names = [one.name for one in visible_dimensions(scorer)]
    total, done = index.count(), 0
    everything = index.all_records()
    while records := list(islice(everything, AT_ONCE)):
        yield from _of(records, scorer, features, names)
        done += len(records)
        progress("Comparing feed and photos", min(done, total), total)


def _of(
    records: Sequence[StoredProduct], scorer: ProductScorer, features: FeatureFile, names: Sequence[str]
) -> Iterator[Opinion]:
    found = features.read(photo.content_hash for record in records for photo in record.photos)
    rows: list[Features] = []
    groups: list[str] = []
    ends: list[int] = []
    for record in records:
        mine = [found[photo.content_hash] for photo in record.photos if photo.content_hash in found]
        rows += mine
        groups += [group_of(record.product)] * len(mine)
        ends.append(len(rows))
    filters = scorer.filters
    read = filters.predict(np.stack(rows), groups=groups).probabilities if rows else None
    for record, start, end in zip(records, [0, *ends], ends, strict=False):
        mean = None if read is None or start == end else read[start:end].mean(axis=0)
        told = None if mean is None else {name: filters.distribution(mean, name) for name in names}
        product = record.product
        yield Opinion(product, scorer.reader.of(product), scorer.reader.silent(product), told)
