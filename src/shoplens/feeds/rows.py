"""What a feed's reader gives: rows, rows set aside, and rejections."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter

from shoplens.types import Rejection, Value

compact_json = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(slots=True)
class RawProduct:
    """What one row says about a product, before anything is checked.

    ``photos`` maps each reference, as it stands in the feed, to the column that named it. ``sold`` is False for what
    the shop has switched off.
    """

    id: str
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

    def packed(self) -> str:
        """One line of JSON, for the spool."""
        return compact_json(_VALUES(self))

    @classmethod
    def unpacked(cls, text: str) -> RawProduct:
        draft = cls(*json.loads(text))
        draft.category = tuple(draft.category)
        return draft


_VALUES = attrgetter(*RawProduct.__slots__)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a feed.

    Attributes:
        number: the first row of data is 1.
        draft: what it says; the draft's id must be the only one of its kind in the feed.
        key: rows with the same key are one product; empty for a row that is a product by itself.
        variant: how the product differs from its siblings (``Black``), for a row whose parent does not say.
        variations: for a parent, id of each of its rows -> variant; None for every other row. A parent is no product:
            its rows make one product per variant, and inherit what it says.
    """

    number: int
    draft: RawProduct
    key: str = ""
    variant: str = ""
    variations: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row that is rightly not a product of its own; the note says why."""

    note: Rejection


Event = Row | SkippedRow | Rejection
"""A rejection of level ``rejected`` stands for one row that was lost; a note stands beside its row."""
