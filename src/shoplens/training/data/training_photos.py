"""The photos to learn from: a store's own, and shoppers' photos whose product is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from shoplens.errors import PhotoError
from shoplens.evaluation.queries import JudgedQuery, read_queries
from shoplens.evaluation.query_photos import MISSING_PHOTO_FIX
from shoplens.evaluation.query_runs import ABSENT
from shoplens.images import PhotoSource
from shoplens.images.hashes import content_hash
from shoplens.index.identifiers import find_products
from shoplens.index.protocol import Index
from shoplens.training.data.samples import SamplePhoto
from shoplens.types import Region, Rejection, group_of

SHARED_PHOTO = "photo-of-several-products"
RejectionHandler = Callable[[Rejection], None]
"""Receives photos and rows that cannot be used, with the reason."""


@dataclass(frozen=True, slots=True)
class PairsFile:
    """A file of shoppers' photos and their products.

    Attributes:
        file: a CSV file with the columns of :data:`~shoplens.evaluation.queries.COLUMNS`.
        source: where the photos' bytes come from.
    """

    file: Path
    source: PhotoSource


def load_catalogue_photos(index: Index, on_rejection: RejectionHandler) -> list[SamplePhoto]:
    """Return the photos of all products, in the order of product ids.

    Photos that several products show are left out, and reported to ``on_rejection``.
    """
    records = sorted(index.all_records(), key=lambda record: record.product.id)
    shown = Counter(name for record in records for name in {photo.content_hash for photo in record.photos})
    photos = []
    for record in records:
        for view, photo in enumerate(record.photos):
            if shown[photo.content_hash] == 1:
                sample = SamplePhoto(
                    photo.content_hash, photo.source, record.product.id, group_of(record.product), is_first=view == 0
                )
                photos.append(sample)
            else:
                on_rejection(_shared_photo_rejection(record.product.id, photo.source))
    return photos


def load_shopper_photos(
    index: Index, pairs: PairsFile, on_rejection: RejectionHandler
) -> list[tuple[SamplePhoto, Region | None]]:
    """Return the photos of a file of pairs, each with the product of the highest grade, and its region.

    What cannot be used is reported to ``on_rejection``.

    Raises:
        InvalidValue: as :func:`~shoplens.evaluation.queries.read_queries`.
    """
    groups = {record.product.id: group_of(record.product) for record in index.all_records()}
    by_name: dict[str, tuple[SamplePhoto, Region | None]] = {}
    for sample, region in _resolve_queries(index, pairs, groups, on_rejection):
        by_name.setdefault(sample.name, (sample, region))
    return list(by_name.values())


def _resolve_queries(
    index: Index, pairs: PairsFile, groups: dict[str, str], on_rejection: RejectionHandler
) -> Iterator[tuple[SamplePhoto, Region | None]]:
    for query in read_queries(pairs.file):
        if isinstance(query, Rejection):
            on_rejection(query)
            continue
        named_products = find_products(index, query.grades)
        candidates = (
            named_products[name].ids[0]
            for name in query.grades
            if name in named_products and len(named_products[name].ids) == 1
        )
        product = next((product_id for product_id in candidates if product_id in groups), None)
        if product is None:
            on_rejection(_unknown_product_rejection(query))
            continue
        try:
            name = content_hash(pairs.source.bytes_of(query.photo))
        except PhotoError as problem:
            fix = MISSING_PHOTO_FIX if problem.code == "photo-missing" else problem.fix
            on_rejection(Rejection(problem.code, problem.problem, fix, row=query.row, field="photo", value=query.photo))
            continue
        suffix = "" if query.region is None else f"/{query.region}"
        yield SamplePhoto(name + suffix, query.photo, product, groups[product], is_shopper=True), query.region


def _unknown_product_rejection(query: JudgedQuery) -> Rejection:
    return Rejection(
        ABSENT,
        "None of the row's products is in the store, or several share the name, so nothing is learned from it.",
        "Correct product_id, or index the feed that has them.",
        row=query.row,
        field="product_id",
        value="|".join(query.grades),
    )


def _shared_photo_rejection(product: str, photo: str) -> Rejection:
    return Rejection(
        SHARED_PHOTO,
        "Several products show this photo, so it says nothing about how they differ.",
        "Give each product a photo of its own.",
        "note",
        product_id=product,
        field="photos",
        value=photo,
    )
