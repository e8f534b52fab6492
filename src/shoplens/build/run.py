"""A run of the build path: its summary and its report."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shoplens.build.filter_scoring import ProductScorer
from shoplens.build.product_encoder import Outcome
from shoplens.feeds import Report, SummaryRow
from shoplens.images.shared_photos import SharedPhoto, SharedPhotos
from shoplens.index.protocol import Index, IndexedProduct
from shoplens.store.feature_cache import FeatureFile
from shoplens.types import Product, Rejection

BATCH = 64
"""Number of products per write."""
SHARED_BY, SHARED_BY_AT_LEAST = 0.25, 5
"""Share and number of products from which on a photo that they have in common is reported."""
OnRenames = Callable[[Mapping[str, Sequence[str]]], None]
"""Called with old id -> new ids."""


@dataclass(slots=True)
class Summary:
    """Counts of a run: ``products = added + changed + unchanged``; ``problems`` has a row per kind of rejection.

    ``dimensions`` is the number of dimensions that filters were fitted for; 0 where none were. ``renamed`` maps the old
    id of every product whose id changed to its new ids.
    """

    products: int = 0
    photos: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    photos_embedded: int = 0
    photos_known: int = 0
    rows: int = 0
    dimensions: int = 0
    rejected: int = 0
    notes: int = 0
    seconds: float = 0.0
    report: Path | None = None
    problems: list[SummaryRow] = field(default_factory=list)
    renamed: dict[str, list[str]] = field(default_factory=dict)

    def count(self, outcome: Outcome) -> None:
        """Count the outcome of one item of the feed."""
        self.photos_embedded += outcome.photos_embedded
        self.photos_known += outcome.photos_known
        if outcome.entry is not None:
            self.products += 1
            self.photos += len(outcome.entry.photos)


class Run:
    """A summary and a report, both complete when the run ends, even by an error."""

    def __init__(self, path: Path, features: FeatureFile) -> None:
        self.summary, self.report, self._started = Summary(), Report(path), time.perf_counter()
        self.features = features

    def __enter__(self) -> Run:
        return self

    def report_shared(self, shared: SharedPhotos) -> None:
        """Report the photos that so many products have that a photo cannot tell them apart."""
        for photo in shared.of_more_than(SHARED_BY, SHARED_BY_AT_LEAST):
            self.report.add(_reject_shared_photo(photo, shared.products))

    def __exit__(self, *_: object) -> None:
        self.features.close()
        self.report.close()
        self.summary.rejected, self.summary.notes = self.report.rejected, self.report.notes
        self.summary.problems = self.report.summary()
        self.summary.report = self.report.path if self.summary.problems else None
        self.summary.seconds = time.perf_counter() - self._started


def write_entries(index: Index, entries: list[IndexedProduct], summary: Summary, scorer: ProductScorer | None) -> None:
    """Write the entries that differ from those of the index; vectors only where photos or filters' inputs changed."""
    before = {record.product.id: record for record in index.records(entry.product.id for entry in entries)}
    upserts, replacements = [], []
    for entry in entries:
        stored = before.get(entry.product.id)
        if stored is not None and stored.matches(entry):
            summary.unchanged += 1
        elif (
            stored is not None
            and stored.photos == entry.photos
            and _has_same_filter_input(stored.product, entry, scorer)
        ):
            replacements.append(entry.product)
        else:
            upserts.append(entry)
            summary.added += stored is None
    summary.changed += len(replacements) + sum(entry.product.id in before for entry in upserts)
    index.replace_products(replacements)
    index.upsert(upserts)


def _has_same_filter_input(stored: Product, entry: IndexedProduct, scorer: ProductScorer | None) -> bool:
    """Whether the filters read the same values of both, so that the vectors stay as they are."""
    return scorer is None or scorer.reads_equally(stored, entry.product)


def _reject_shared_photo(photo: SharedPhoto, products: int) -> Rejection:
    return Rejection(
        kind="photo-of-many-products",
        level="note",
        product_id=photo.product_id,
        field="photos",
        value=photo.source,
        reason=f"{photo.products:,} of {products:,} products have this photo; a photo cannot tell them apart.",
        fix="If it is a placeholder, take it out of the feed.",
    )
