"""``shared-photo``: one photo that stands for several products."""

from __future__ import annotations

from collections.abc import Iterator

from shoplens.evaluation.doctor.findings import MOST_PHOTOS, Finding, summarize_product
from shoplens.evaluation.doctor.wording import count
from shoplens.index.protocol import Index, StoredProduct


def shared_photos(index: Index) -> Iterator[Finding]:
    """One finding per photo, however many products have it; equal pixels are one photo, whatever their files are.

    Photos are told apart by the hashes of their pixels, which equal files share, so that 16 bytes and an id per photo
    are all that is kept.
    """
    users: dict[str, list[str]] = {}
    for record in index.all_records():
        for name in {photo.pixel_hash for photo in record.photos}:
            users.setdefault(name, []).append(record.product.id)
    for name, ids in users.items():
        if len(ids) > 1:
            yield _finding(name, sorted(ids), index.records(sorted(ids)))


def _finding(name: str, ids: list[str], records: list[StoredProduct]) -> Finding:
    photos = tuple(
        summarize_product(record.product, next((photo for photo in record.photos if photo.pixel_hash == name), None))
        for record in records[:MOST_PHOTOS]
    )
    groups = {record.product.group_id for record in records}
    of_what = "variants of one group" if len(groups) == 1 and groups != {""} else "products"
    return Finding(
        "shared-photo",
        tuple(ids),
        f"{len(ids):,} {of_what} have this photo.",
        "Give each product a photo of its own; while they share one, a photo cannot tell them apart.",
        photos,
        seen=f"one photo, of {count(len(ids), 'product')}",
        strength=float(len(ids)),
    )
