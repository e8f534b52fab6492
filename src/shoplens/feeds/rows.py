"""The events that a feed's reader yields: rows, skipped rows, and rejections."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from operator import attrgetter

from shoplens.types import Rejection, Value

compact_json = json.JSONEncoder(separators=(",", ":")).encode

Options = list[tuple[str, str]]
"""Names and values in which a variant differs from its siblings, e.g. ``[("Color", "Black"), ("Size", "M")]``."""


@dataclass(slots=True)
class RawProduct:
    """The values of one row, before they are checked.

    ``photos`` maps each reference as the feed writes it to the column that names it. ``sold`` is False for products
    that the shop has disabled. ``identifiers`` are SKUs and GTINs of the row. The other fields are those of
    :class:`~shoplens.types.Product`.
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

    def to_json(self) -> str:
        """Return the values as one line of JSON, for the staging table."""
        return compact_json(_field_values(self))

    @classmethod
    def from_json(cls, text: str) -> RawProduct:
        """Read the line that :meth:`to_json` wrote."""
        product = cls(*json.loads(text))
        product.category = tuple(product.category)
        return product


_field_values = attrgetter(*RawProduct.__slots__)


class Role(IntEnum):
    """The role of a row in its family, which is a product of the shop with its variants."""

    STANDALONE = 0
    """The row stands outside all families; rows of one ``group_id`` may still become one product."""
    PARENT = 1
    """The row holds the values that its variants share, and is not a product itself."""
    VARIANT = 2
    """The row is one variant."""
    PHOTO = 3
    """The row names a further photo of the family, and nothing else."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a feed.

    Attributes:
        number: the first row of data is 1.
        product: the row's values; its id must be unique in the feed, and may be empty in a family.
        role: the row's role in its family.
        family: name of the family: of a parent its own id; of a variant its parent's id or one of its parent's names.
        options: options of a variant; where a name is empty, the name that the first row has in the same place counts.
        names: of a parent, further names by which its variants refer to it.
        children: of a parent, id of each of its variants' rows -> the variant's options.
    """

    number: int
    product: RawProduct
    role: Role = Role.STANDALONE
    family: str = ""
    options: Options = field(default_factory=list)
    names: tuple[str, ...] = ()
    children: Mapping[str, Options] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row that is intentionally not a product of its own; the note says why."""

    note: Rejection


Event = Row | SkippedRow | Rejection
"""A rejection of level ``rejected`` takes the place of the rejected row; a note comes in addition to its row."""
