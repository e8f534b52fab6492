"""What distances are learned from: photos with their features, split so that nothing that is learned is asked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from shoplens.filters.fitting.folds import fold_of

Rows = npt.NDArray[np.float16]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
HUNDRED, NEW, WATCHED_GROUPS, ASKED, WATCHED_PHOTOS = 100, 20, 32, 20, 35
"""Of a hundred groups the first 20 are new products and the next 12 are watched; of a hundred photos of the other
groups the first 20 are asked in the end and the next 15 are watched."""


class Use(StrEnum):
    """What a photo is for, while it is proved that training helps."""

    LEARN = "learn"
    WATCH = "watch"
    """Asked while training goes on, to know when to stop; its product was learned."""
    ASK = "ask"
    """Asked in the end; its product was learned."""
    WATCH_NEW = "watch-new"
    """Asked while training goes on; nothing of its group was learned."""
    NEW = "new"
    """Asked in the end; nothing of its group was learned."""


@dataclass(frozen=True, slots=True)
class SamplePhoto:
    """A photo that is learned from, or asked.

    Attributes:
        name: content hash.
        source: path or URL.
        product: id of the product in it.
        group: of that product.
        shopper: whether it comes from ``photo,product_id`` rows rather than from the catalogue.
        first: whether it is the first of its product's own photos.
    """

    name: str
    source: str
    product: str
    group: str
    shopper: bool = False
    first: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Photos and their features, as they are and as if taken again.

    Attributes:
        photos: n photos.
        rows: float16 (m, f), features.
        owners: int64 (m,), which photo a row is of.
        views: int64 (m,), 0 for the photo as it is, 1 … for the times that it was taken again.
    """

    photos: tuple[SamplePhoto, ...]
    rows: Rows
    owners: Ints
    views: Ints

    @property
    def plain(self) -> Ints:
        """int64 (n,), the row of each photo as it is."""
        found = np.full(len(self.photos), -1, np.int64)
        mine = np.flatnonzero(self.views == 0)
        found[self.owners[mine]] = mine
        return found

    def classes(self, same: str) -> tuple[str, ...]:
        """What has to lie together with each photo: its ``product``, or its ``group``."""
        return tuple(photo.group if same == "group" else photo.product for photo in self.photos)


def uses(photos: Sequence[SamplePhoto], *, by_group: bool = False, new: bool = True) -> list[Use]:
    """What each photo is for; the same for a photo in every run.

    A group is new, watched or learned as a whole, by its hash. Of the groups that are learned, photos that can be asked
    (shoppers' photos, and a product's further ones) are asked, watched or learned by the hash of their content.

    Args:
        by_group: photos of a group are to lie together, so single photos of one that was learned prove nothing.
        new: whether groups are held out; without it all are learned.
    """
    found = []
    for photo in photos:
        place = fold_of(photo.group, HUNDRED)
        if new and place < WATCHED_GROUPS:
            found.append(Use.NEW if place < NEW else Use.WATCH_NEW)
            continue
        place = HUNDRED
        if (photo.shopper or not photo.first) and not by_group:
            place = int.from_bytes(hashlib.sha256(photo.name.encode()).digest()[:8], "big") % HUNDRED
        found.append(Use.ASK if place < ASKED else Use.WATCH if place < WATCHED_PHOTOS else Use.LEARN)
    return found
