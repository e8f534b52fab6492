"""What a shop sells, as a feed tells it and a store remembers it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from shoplens.errors import InvalidValue

Value = str | float | bool
Attributes = Mapping[str, tuple[Value, ...]]

MAX_ID_LENGTH = 512
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Product:
    """What is sold and what a search returns.

    Attributes:
        id: the shop's own id, unique in the catalogue; 1 to 512 printable characters.
        title: for people.
        photos: where the photos are, first one most telling: absolute paths or http(s) URLs, no repeats.
        category: from the root down, e.g. ``("Men", "Tops", "Hoodies")``.
        attributes: name -> values, e.g. ``{"color": ("green",), "material": ("wool", "silk")}``. Values are text,
            finite numbers or booleans. A name is 1 to 128 printable characters.
        group_id: products with the same one are variants of one design; empty when alone.
        price: not negative, in ``currency`` (ISO 4217 where the feed has it).
        in_stock: None when the feed does not say.
        identifiers: what else finds it: the ids, SKUs and GTINs of the feed's rows that it is made of, as printable
            text; no repeats, and not the id itself. Two products may share one.

    Raises:
        InvalidValue: for anything else.
    """

    id: str
    title: str
    photos: tuple[str, ...]
    description: str = ""
    url: str = ""
    price: float | None = None
    currency: str = ""
    brand: str = ""
    category: tuple[str, ...] = ()
    attributes: Attributes = field(default_factory=dict)
    group_id: str = ""
    in_stock: bool | None = None
    identifiers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_name("id", self.id, MAX_ID_LENGTH)
        for identifier in self.identifiers:
            _check_name("identifier", identifier, MAX_ID_LENGTH)
        if len({self.id, *self.identifiers}) != len(self.identifiers) + 1:
            raise InvalidValue(
                f"Product {self.id!r} has identifiers {list(self.identifiers)!r}.", "Give each once, without the id."
            )
        if not self.photos or len(set(self.photos)) != len(self.photos):
            raise InvalidValue(f"Product {self.id!r} has photos {list(self.photos)!r}.", "Give one or more, each once.")
        if self.price is not None and not (math.isfinite(self.price) and self.price >= 0):
            raise InvalidValue(f"Product {self.id!r} has price {self.price!r}.", "Give a number of 0 or more, or none.")
        for name, values in self.attributes.items():
            _check_name("attribute name", name, 128)
            if any(isinstance(value, float) and not math.isfinite(value) for value in values):
                raise InvalidValue(
                    f"Attribute {name!r} of product {self.id!r} is {values!r}.", "Numbers must be finite."
                )
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))


@dataclass(frozen=True, slots=True)
class Rejection:
    """One thing that a run could not use, or wants to be known: a row of the report.

    Attributes:
        kind: kebab-case name of the case, e.g. ``missing-id``, ``photo-truncated``; stable, for machines.
        level: ``rejected`` (a row, a product or a photo was left out) or ``note`` (nothing was lost).
        row: line of data in the feed, the first one after the header is 1; None where a feed has no rows.
        field: the column, attribute or photo concerned.
        value: what stood there, shortened to 200 characters.
        reason: what is wrong with it.
        fix: what to do about it.
    """

    kind: str
    reason: str
    fix: str
    level: Literal["rejected", "note"] = "rejected"
    row: int | None = None
    product_id: str = ""
    field: str = ""
    value: str = ""

    def __post_init__(self) -> None:
        if len(self.value) > 200:
            object.__setattr__(self, "value", self.value[:199] + "…")


@dataclass(frozen=True, slots=True)
class Photo:
    """One picture of a product, as a store remembers it.

    Attributes:
        source: absolute path or URL, as in :attr:`Product.photos`.
        content_hash: of the file's bytes; equal files are embedded once.
        pixel_hash: of the upright RGB pixels and their shape; equal for a lossless copy in another format.
        width, height: pixels, upright.
    """

    source: str
    content_hash: str
    pixel_hash: str
    width: int
    height: int


def _check_name(what: str, text: str, limit: int) -> None:
    if not text or len(text) > limit or _CONTROL.search(text) or text != text.strip():
        raise InvalidValue(
            f"{what.capitalize()} {text[:60]!r} is not usable.",
            f"Give 1 to {limit} printable characters, no spaces around them.",
        )
