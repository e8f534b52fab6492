"""The values that travel between the packages: small, frozen, checked at birth."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue

Pixels = npt.NDArray[np.uint8]
"""A decoded photo: uint8, shape (height, width, 3), RGB, upright."""

Vectors = npt.NDArray[np.float32]
"""float32, shape (n, dimensions), each row of length 1."""

Value = str | float | bool
Attributes = Mapping[str, tuple[Value, ...]]

SoldOut = Literal["show", "hide", "last"]
Verdict = Literal["exact", "similar", "not-in-catalogue", "uncalibrated"]

MOST_RESULTS = 10_000
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

    def __post_init__(self) -> None:
        _check_name("id", self.id, MAX_ID_LENGTH)
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
class Region:
    """A box in a photo, in pixels of the upright photo: left, top, width, height."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.x < 0 or self.y < 0 or self.width < 1 or self.height < 1:
            raise InvalidValue(
                f"Region {self.x},{self.y},{self.width},{self.height} is not a box in a photo.",
                "Give X,Y,W,H in pixels with X and Y of 0 or more and W and H of 1 or more.",
            )

    @classmethod
    def parsed(cls, text: str) -> Region:
        """Region from ``"X,Y,W,H"``."""
        try:
            x, y, width, height = (int(part) for part in text.split(","))
        except ValueError:
            raise InvalidValue(
                f"Region {text!r} is not four whole numbers.", "Write X,Y,W,H in pixels, e.g. 40,60,200,300."
            ) from None
        return cls(x, y, width, height)


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


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors and what they are of, in one object so that they cannot lose their order.

    Attributes:
        ids: n names, one per row.
        vectors: float32 (n, d), rows of length 1 (tolerance 1e-3).
        model: id of the model that made them; vectors of two models never meet.
    """

    ids: tuple[str, ...]
    vectors: Vectors
    model: str

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.ids) or self.vectors.dtype != np.float32:
            raise InvalidValue(
                f"Vectors of shape {self.vectors.shape}, {self.vectors.dtype}, for {len(self.ids)} ids.",
                "Give float32 of shape (number of ids, dimensions).",
            )
        if len(self.ids) and not np.allclose(np.linalg.norm(self.vectors, axis=1), 1.0, atol=1e-3):
            raise InvalidValue("Some vectors are not of length 1.", "Divide each by its Euclidean norm.")

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked.

    Attributes:
        photo: absolute path, http(s) URL, or the bytes of a file.
        k: how many products, 1 to 10,000.
        where: conditions that must all hold.
        region: the part of the photo to search for; None for all of it.
        per_group: most products of one group in the answer; None for no limit.
        sold_out: whether products that the feed calls out of stock are shown, hidden, or put last.
        strategy: name of the way to answer.
        precision: share of the answers called ``exact``, and of those called ``not-in-catalogue``, that shall be
            right; 0.50 to 0.99.
        first_photos: leave the further photos of products out, so that they can be queries themselves.
        without_photo: content hash of a photo to leave out, so that it can be a query itself.
    """

    photo: str | bytes
    k: int = 10
    where: tuple[str, ...] = ()
    region: Region | None = None
    per_group: int | None = None
    sold_out: SoldOut = "show"
    strategy: str = "pretrained"
    precision: float = 0.95
    first_photos: bool = False
    without_photo: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.k <= MOST_RESULTS:
            raise InvalidValue(f"k is {self.k}.", f"Ask for 1 to {MOST_RESULTS} products.")
        if self.per_group is not None and self.per_group < 1:
            raise InvalidValue(f"per_group is {self.per_group}.", "Ask for 1 or more products of a group.")
        if self.sold_out not in ("show", "hide", "last"):
            raise InvalidValue(f"sold_out is {self.sold_out!r}.", "Choose show, hide or last.")
        if not 0.5 <= self.precision <= 0.99:
            raise InvalidValue(f"The precision is {self.precision!r}.", "Choose 0.50 to 0.99.")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A product that at least one filter retrieved.

    Attributes:
        product: the record.
        scores: similarity to the query in every dimension, each in [0, 1], bigger is better.
        photo: the product's photo that matched best.
        same_photo: the query is this very photo, byte for byte or pixel for pixel.
    """

    product: Product
    scores: Mapping[str, float]
    photo: str
    same_photo: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """One row of an answer. ``parts`` add up to ``score``.

    Attributes:
        rank: from 1.
        product: the record.
        score: in [0, 1], bigger is better.
        photo: the product's photo that matched.
        parts: dimension -> weight times similarity.
        same_photo: the query is this very photo.
        match_probability: that this product is the one in the photo; None where nothing was calibrated.
    """

    rank: int
    product: Product
    score: float
    photo: str
    parts: Mapping[str, float]
    same_photo: bool = False
    match_probability: float | None = None

    def __post_init__(self) -> None:
        if not math.isclose(sum(self.parts.values()), self.score, abs_tol=1e-6):
            raise InvalidValue(f"Parts {dict(self.parts)} do not add up to {self.score}.", "Sum the parts.")


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything a search has to say.

    Attributes:
        query_id: names this answer in logs and feedback.
        source: the photo's path or URL, or ``upload``.
        region: the box that was searched for, or None for the whole photo.
        model: id of the model that embedded the query.
        strategy: the way of answering that was used.
        fallback: the strategy that was asked for, where another had to be used; else None.
        results: best first.
        took_ms: milliseconds per stage: decode, embed, retrieve, rank, judge, total.
        verdict: whether the first result ``exact``-ly is the product in the photo, results are ``similar``, or the
            product is ``not-in-catalogue``, at the precision asked for; ``uncalibrated`` where nobody knows.
        absent_probability: that the product in the photo is not in the catalogue; None where nothing was calibrated.
        notes: what a person should know, e.g. a condition that no product meets.
    """

    query_id: str
    source: str
    region: Region | None
    model: str
    strategy: str
    results: Sequence[Result]
    took_ms: Mapping[str, float]
    fallback: str | None = None
    verdict: Verdict = "uncalibrated"
    absent_probability: float | None = None
    notes: tuple[str, ...] = ()


def _check_name(what: str, text: str, limit: int) -> None:
    if not text or len(text) > limit or _CONTROL.search(text) or text != text.strip():
        raise InvalidValue(
            f"{what.capitalize()} {text[:60]!r} is not usable.",
            f"Give 1 to {limit} printable characters, no spaces around them.",
        )
