"""Finds ``shared-photo``: one photo that several products have."""

from __future__ import annotations

from collections.abc import Iterator

from shoplens.evaluation.doctor.finding_text import format_count
from shoplens.evaluation.doctor.findings import MAX_PHOTOS, Finding, summarize_product
from shoplens.index.protocol import Index, StoredProduct


def find_shared_photos(index: Index) -> Iterator[Finding]:
    """Yield one finding per photo, however many products have it; photos with equal pixels are one photo.

    Photos are compared by the hashes of their pixels, which equal files have in common. Memory holds 16 bytes and an id
    per photo.
    """
    product_ids: dict[str, list[str]] = {}
    for record in index.all_records():
        for pixel_hash in {photo.pixel_hash for photo in record.photos}:
            product_ids.setdefault(pixel_hash, []).append(record.product.id)
    for pixel_hash, ids in product_ids.items():
        if len(ids) > 1:
            yield _finding(pixel_hash, sorted(ids), index.records(sorted(ids)))


def _finding(pixel_hash: str, ids: list[str], records: list[StoredProduct]) -> Finding:
    photos = tuple(
        summarize_product(
            record.product, next((photo for photo in record.photos if photo.pixel_hash == pixel_hash), None)
        )
        for record in records[:MAX_PHOTOS]
    )
    groups = {record.product.group_id for record in records}
    noun = "variants of one group" if len(groups) == 1 and groups != {""} else "products"
    return Finding(
        "shared-photo",
        tuple(ids),
        f"{len(ids):,} {noun} have this photo.",
        "Give each product a photo of its own. As long as they share one, a search cannot distinguish them.",
        photos,
        photo_value=f"one photo, of {format_count(len(ids), 'product')}",
        strength=float(len(ids)),
    )
