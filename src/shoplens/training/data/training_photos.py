"""Photos to learn from: a store's own, and shoppers' photos whose product is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from shoplens.errors import PhotoError
from shoplens.evaluation.queries import JudgedQuery, read_queries
from shoplens.evaluation.query_photos import MISSING
from shoplens.evaluation.runs import ABSENT
from shoplens.filters.fitting.folds import group_of
from shoplens.images import PhotoSource
from shoplens.images.hashes import content_hash
from shoplens.index.identifiers import products_named
from shoplens.index.protocol import Index
from shoplens.training.data.samples import SamplePhoto
from shoplens.types import Region, Rejection

SHARED = "photo-of-several-products"
Told = Callable[[Rejection], None]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Shoppers' photos.

    Attributes:
        file: CSV with the columns of :data:`~shoplens.evaluation.queries.COLUMNS`.
        source: of the photos' bytes.
    """

    file: Path
    source: PhotoSource


def catalogue_photos(index: Index, told: Told) -> list[SamplePhoto]:
    """The photos of all products, by product id; those that several products show teach nothing, and are told of."""
    records = sorted(index.all_records(), key=lambda record: record.product.id)
    shown = Counter(name for record in records for name in {photo.content_hash for photo in record.photos})
    found = []
    for record in records:
        for view, photo in enumerate(record.photos):
            if shown[photo.content_hash] == 1:
                sample = SamplePhoto(
                    photo.content_hash, photo.source, record.product.id, group_of(record.product), first=view == 0
                )
                found.append(sample)
            else:
                told(_shared_rejection(record.product.id, photo.source))
    return found


def shopper_photos(index: Index, pairs: Pairs, told: Told) -> list[tuple[SamplePhoto, Region | None]]:
    """The photos of a file of pairs, each of the product that is most wanted; what cannot be used is told of.

    Raises:
        InvalidValue: as :func:`~shoplens.evaluation.queries.read_queries`.
    """
    groups = {record.product.id: group_of(record.product) for record in index.all_records()}
    found: dict[str, tuple[SamplePhoto, Region | None]] = {}
    for sample, region in _usable(index, pairs, groups, told):
        found.setdefault(sample.name, (sample, region))
    return list(found.values())


def _usable(
    index: Index, pairs: Pairs, groups: dict[str, str], told: Told
) -> Iterator[tuple[SamplePhoto, Region | None]]:
    for query in read_queries(pairs.file):
        if isinstance(query, Rejection):
            told(query)
            continue
        named = products_named(index, query.grades)
        one_each = (named[name].ids[0] for name in query.grades if name in named and len(named[name].ids) == 1)
        product = next((one for one in one_each if one in groups), None)
        if product is None:
            told(_unknown(query))
            continue
        try:
            name = content_hash(pairs.source.bytes_of(query.photo))
        except PhotoError as problem:
            fix = MISSING if problem.code == "photo-missing" else problem.fix
            told(Rejection(problem.code, problem.problem, fix, row=query.row, field="photo", value=query.photo))
            continue
        part = "" if query.region is None else f"/{query.region}"
        yield SamplePhoto(name + part, query.photo, product, groups[product], shopper=True), query.region


def _unknown(query: JudgedQuery) -> Rejection:
    return Rejection(
        ABSENT,
        "None of the row's products is in the store, or several share the name; nothing is learned from it.",
        "Correct product_id, or index the feed that has them.",
        row=query.row,
        field="product_id",
        value="|".join(query.grades),
    )


def _shared_rejection(product: str, photo: str) -> Rejection:
    return Rejection(
        SHARED,
        "The photo is shown by several products, so it cannot teach what tells them apart.",
        "Give each product a photo of its own.",
        "note",
        product_id=product,
        field="photos",
        value=photo,
    )
