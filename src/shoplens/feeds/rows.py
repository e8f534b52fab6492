"""What a feed's reader gives: rows, rows that are skipped, and rejections."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from operator import attrgetter

from shoplens.types import Rejection, Value

compact_json = json.JSONEncoder(separators=(",", ":")).encode

Options = list[tuple[str, str]]
"""In what a variant differs from its siblings: names and values, e.g. ``[("Color", "Black"), ("Size", "M")]``."""


@dataclass(slots=True)
class RawProduct:
    """What one row says about a product, before anything is checked.

    ``photos`` maps each reference, as it stands in the feed, to the column that named it. ``sold`` is False for what
    the shop has switched off. ``identifiers`` are SKUs and GTINs of the row.
    """

    id: str = ""
    title: str = ""
    photos: dict[str, str] = field(default_factory=dict)
    description: str = ""
    url: str = ""
    price: float | None = None
    currency: str = ""
    brand: str = ""
    category: tuple[str, ...] = ()
    attributes: dict[str, list[Value]] = field(default_factory=dict)
    group_id: str = ""
    in_stock: bool | None = None
    sold: bool = True
    identifiers: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        """One line of JSON, for the staging table."""
        return compact_json(_VALUES(self))

    @classmethod
    def from_json(cls, text: str) -> RawProduct:
        """The product that :meth:`as_json` wrote."""
        product = cls(*json.loads(text))
        product.category = tuple(product.category)
        return product


_VALUES = attrgetter(*RawProduct.__slots__)


class Role(IntEnum):
    """What a row is in a family, which is a product of the shop with its variants.

    The words of a family are those of its parent, or else the first ones among its rows.
    """

    ALONE = 0
    """A product by itself; rows of one ``group_id`` may still be one product."""
    PARENT = 1
    """Says what its variants share, and is no product beside them."""
    VARIANT = 2
    """One variant."""
    PHOTO = 3
    """Names a further photo of the family, and nothing else."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a feed.

    Attributes:
        number: the first row of data is 1.
        product: what it says; its id must be the only one of its kind in the feed, and may be empty in a family.
        role: what it is in its family.
        family: what the family is called: of a parent its own id; of a variant its parent's id or another name of it.
        options: in what a variant differs from its siblings; a name that is empty is that of the first row that has
            one in its place.
        names: of a parent, what else its variants call it by.
        children: of a parent, id of each of its variants' rows -> the variant's options.
    """

    number: int
    product: RawProduct
    role: Role = Role.ALONE
    family: str = ""
    options: Options = field(default_factory=list)
    names: tuple[str, ...] = ()
    children: Mapping[str, Options] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row that is rightly not a product of its own; the note says why."""

    note: Rejection


Event = Row | SkippedRow | Rejection
"""A rejection of level ``rejected`` stands for one row that was lost; a note stands beside its row."""
