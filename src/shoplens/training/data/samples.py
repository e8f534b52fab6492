"""The photos and features that training learns from, split so that nothing that is learned is used as a query."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from shoplens.filters.fitting.crossfit import fold_index

Rows = npt.NDArray[np.float16]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
BUCKETS = 100
TEST_GROUPS, NEW_GROUPS = 20, 32
"""Of 100 buckets of groups, the first 20 hold new products for the test, the next 12 new products for validation."""
TEST_PHOTOS, HELD_OUT_PHOTOS = 20, 35
"""Of 100 buckets of the other groups' photos, the first 20 are for the test, the next 15 for validation."""


class Split(StrEnum):
    """What a photo is used for while training has to prove that it helps."""

    TRAIN = "train"
    """It is learned from."""
    VALIDATION = "validation"
    """It is a query during training, which says when to stop; its product is learned."""
    TEST = "test"
    """It is a query of the final test; its product is learned."""
    VALIDATION_NEW = "validation-new"
    """It is a query during training; nothing of its group is learned."""
    TEST_NEW = "test-new"
    """It is a query of the final test; nothing of its group is learned."""


@dataclass(frozen=True, slots=True)
class SamplePhoto:
    """A photo that is learned from, or used as a query.

    Attributes:
        name: its content hash; for a part of a photo followed by ``/`` and the region.
        source: its path or URL.
        product: the id of the product in it.
        group: the group of that product.
        is_shopper: whether it comes from ``photo,product_id`` rows rather than from the catalogue.
        is_first: whether it is the first of its product's own photos.
    """

    name: str
    source: str
    product: str
    group: str
    is_shopper: bool = False
    is_first: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Photos and their features, as they are and augmented.

    Attributes:
        photos: n photos.
        rows: float16 (m, f), features.
        owners: int64 (m,), the photo that a row belongs to.
        views: int64 (m,), 0 for the photo as it is, 1 and more for its augmented views.
    """

    photos: tuple[SamplePhoto, ...]
    rows: Rows
    owners: Ints
    views: Ints

    @property
    def original_rows(self) -> Ints:
        """int64 (n,), the row of each photo as it is."""
        rows = np.full(len(self.photos), -1, np.int64)
        originals = np.flatnonzero(self.views == 0)
        rows[self.owners[originals]] = originals
        return rows

    def class_names(self, positives: str) -> tuple[str, ...]:
        """Return what has to lie together with each photo: its ``product``, or its ``group``."""
        return tuple(photo.group if positives == "group" else photo.product for photo in self.photos)


def assign_splits(photos: Sequence[SamplePhoto], *, by_group: bool = False, new_products: bool = True) -> list[Split]:
    """Return what each photo is used for; a photo gets the same split in every run.

    A group is new for the test, new for validation, or learned, as a whole and by its hash. Of the groups that are
    learned, photos that can be queries (shoppers' photos, and a product's further ones) are for the test, for
    validation or for training by the hash of their content.

    Args:
        by_group: whether photos of a group have to lie together, so that single photos of a learned group prove
            nothing.
        new_products: whether groups are held out; without this all groups are learned.
    """
    splits = []
    for photo in photos:
        bucket = fold_index(photo.group, BUCKETS)
        if new_products and bucket < NEW_GROUPS:
            splits.append(Split.TEST_NEW if bucket < TEST_GROUPS else Split.VALIDATION_NEW)
            continue
        bucket = BUCKETS
        if (photo.is_shopper or not photo.is_first) and not by_group:
            bucket = int.from_bytes(hashlib.sha256(photo.name.encode()).digest()[:8], "big") % BUCKETS
        splits.append(
            Split.TEST if bucket < TEST_PHOTOS else Split.VALIDATION if bucket < HELD_OUT_PHOTOS else Split.TRAIN
        )
    return splits
