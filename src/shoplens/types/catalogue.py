"""Products and photos of a catalogue, and the rows of a run's report."""

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
    """A product of the catalogue, which a search returns.

    Attributes:
        id: the shop's own id, unique in the catalogue; 1 to 512 printable characters.
        title: the name that is shown to people.
        photos: absolute paths or http(s) URLs of the photos, without repeats; the first one shows the product best.
        category: from the root down, e.g. ``("Men", "Tops", "Hoodies")``.
        attributes: name -> values, e.g. ``{"color": ("green",), "material": ("wool", "silk")}``. Values are text,
            finite numbers or booleans. A name is 1 to 128 printable characters.
        group_id: products with the same group id are variants of one design; empty for a product without variants.
        price: 0 or more, in ``currency`` (ISO 4217 where the feed has it).
        in_stock: None where the feed does not say.
        identifiers: further ids by which the product is found: the ids, SKUs and GTINs of its rows in the feed, as
            printable text, without repeats and without the id itself. Two products may share one.

    Raises:
        InvalidValue: a value is not as stated here.
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
                f"Product {self.id!r} has identifiers {list(self.identifiers)!r}.",
                "Give each identifier once, and do not repeat the id.",
            )
        if not self.photos or len(set(self.photos)) != len(self.photos):
            raise InvalidValue(
                f"Product {self.id!r} has photos {list(self.photos)!r}.", "Give one or more photos, each once."
            )
        if self.price is not None and not (math.isfinite(self.price) and self.price >= 0):
            raise InvalidValue(
                f"Product {self.id!r} has price {self.price!r}.", "Give a number of 0 or more, or no price."
            )
        for name, values in self.attributes.items():
            _check_name("attribute name", name, 128)
            if any(isinstance(value, float) and not math.isfinite(value) for value in values):
                raise InvalidValue(f"Attribute {name!r} of product {self.id!r} is {values!r}.", "Give finite numbers.")
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))


def group_of(product: Product) -> str:
    """Return the group of a product; a product without a group forms its own, named by its id."""
    return product.group_id or product.id


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row of a run's report: something that could not be used, or a note.

    Attributes:
        kind: kebab-case name of the case, e.g. ``missing-id``, ``photo-truncated``; stable, for machines.
        level: ``rejected`` (a row, a product or a photo was left out) or ``note`` (nothing was lost).
        row: number of the row in the feed, the first one after the header being 1; None where a feed has no rows.
        field: the column, attribute or photo concerned.
        value: the value in the feed, shortened to 200 characters.
        reason: a sentence that says what is wrong.
        fix: a sentence that says what to do.
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
    """A photo of a product, as a store keeps it.

    Attributes:
        source: absolute path or URL, as in :attr:`Product.photos`.
        content_hash: hash of the file's bytes; equal files are embedded once.
        pixel_hash: hash of the upright RGB pixels and their shape, as they were decoded to be embedded: a large JPEG at
            a part of its resolution. It is equal for a copy of the file with other metadata, and for a lossless copy of
            a photo that was decoded at full resolution.
        width, height: pixels of the upright photo.
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
            f"Give 1 to {limit} printable characters, without spaces around them.",
        )
