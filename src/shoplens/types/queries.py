"""Queries: the photo, and how a search is steered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from shoplens.errors import InvalidValue
from shoplens.types.words import WordMeaning

SoldOut = Literal["show", "hide", "last"]
MAX_RESULTS = 10_000
MAX_WEIGHT = 1_000_000
MAX_TEXT = 500
"""Most characters of a text."""
MAX_PHOTOS = 5
"""Most photos of one thing in a query."""


@dataclass(frozen=True, slots=True)
class Region:
    """A box in a photo, in pixels of the upright photo.

    Attributes:
        x, y: pixels from the left and from the top, 0 or more.
        width, height: pixels, 1 or more.
    """

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
    def parse(cls, text: str) -> Region:
        """Parse ``"X,Y,W,H"``.

        Raises:
            InvalidValue: the text is not four whole numbers, or they are no box.
        """
        try:
            x, y, width, height = (int(part) for part in text.split(","))
        except ValueError:
            raise InvalidValue(
                f"Region {text!r} is not four whole numbers.", "Write X,Y,W,H in pixels, e.g. 40,60,200,300."
            ) from None
        return cls(x, y, width, height)


@dataclass(frozen=True, slots=True)
class ObjectBox:
    """A thing that was found in a photo.

    Attributes:
        region: the box around it.
        score: mean probability, in [0, 1], of the cells of the mask that show it.
    """

    region: Region
    score: float


@dataclass(frozen=True, slots=True)
class Steering:
    """How a search is steered, beyond the photo.

    Attributes:
        weights: dimension -> weight; dimensions that are not named keep the shop's weights.
        profile: name of a set of weights in ``shoplens.toml``; empty for none.
        like: id of a product to start from, in place of a photo.
        color: the colour to look for, in place of the photo's: ``#rrggbb`` or a name.
        unlike: a photo (path, URL, bytes) that results should not resemble; None for none.
        facets: fields whose values are counted.
        predicted: probability, 0.5 to 0.99, from which conditions also accept a value that the filters predict where
            the feed has none; None accepts the feed's values only.
        explain: whether the answer says what matched, and how each result's rank would change.
        text: what the shopper says in words, such as ``in red, under 40``.
        meanings: what the text was read as; the search reads the text, so leave it out.

    Raises:
        InvalidValue: the text is too long, or a weight or the probability is out of its range.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    profile: str = ""
    like: str = ""
    color: str = ""
    unlike: str | bytes | None = None
    facets: tuple[str, ...] = ()
    predicted: float | None = None
    explain: bool = False
    text: str = ""
    meanings: tuple[WordMeaning, ...] = ()

    def __post_init__(self) -> None:
        for name, weight in self.weights.items():
            if isinstance(weight, bool) or not 0 <= weight <= MAX_WEIGHT:
                raise InvalidValue(
                    f"The weight of {name!r} is {weight!r}.",
                    f"Give 0 to {MAX_WEIGHT:,}; 0 leaves the dimension out.",
                    code="bad-weight",
                )
        if len(self.text) > MAX_TEXT:
            raise InvalidValue(f"The text has {len(self.text)} characters.", f"Say it in at most {MAX_TEXT}.")
        if self.predicted is not None and not 0.5 <= self.predicted <= 0.99:
            raise InvalidValue(f"The probability is {self.predicted!r}.", "Choose 0.50 to 0.99.")


@dataclass(frozen=True, slots=True)
class Query:
    """A search query.

    Attributes:
        photo: absolute path, http(s) URL, or the bytes of a file; None searches without one, by ``like``,
            ``color`` or ``text``.
        k: number of products in the answer, 1 to 10,000.
        where: conditions that must all hold.
        region: the part of the photo to search for; None for the whole photo.
        per_group: maximum number of products of one group in the answer; None for no limit.
        sold_out: whether products that the feed calls out of stock are shown, hidden, or put last.
        strategy: name of the search strategy; empty for the best one that the store can run.
        precision: the share of answers with the verdict ``exact``, and of those with ``not-in-catalogue``, that has
            to be right; 0.50 to 0.99.
        steering: which dimensions count, and how much.
        more_photos: further photos of the same thing, as ``photo``; all of them are ranked together.

    Raises:
        InvalidValue: a value is out of its range, or values contradict each other.
    """

    photo: str | bytes | None
    k: int = 10
    where: tuple[str, ...] = ()
    region: Region | None = None
    per_group: int | None = None
    sold_out: SoldOut = "show"
    strategy: str = ""
    precision: float = 0.95
    steering: Steering = field(default_factory=Steering)
    more_photos: tuple[str | bytes, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.k <= MAX_RESULTS:
            raise InvalidValue(f"k is {self.k}.", f"Ask for 1 to {MAX_RESULTS} products.")
        if self.per_group is not None and self.per_group < 1:
            raise InvalidValue(f"per_group is {self.per_group}.", "Ask for 1 or more products of a group.")
        if self.sold_out not in ("show", "hide", "last"):
            raise InvalidValue(f"sold_out is {self.sold_out!r}.", "Choose show, hide or last.")
        if not 0.5 <= self.precision <= 0.99:
            raise InvalidValue(f"The precision is {self.precision!r}.", "Choose 0.50 to 0.99.")
        self._check_photos()

    def _check_photos(self) -> None:
        if len(self.more_photos) >= MAX_PHOTOS:
            raise InvalidValue(
                f"{len(self.more_photos) + 1} photos were given.", f"Give at most {MAX_PHOTOS}.", code="too-many-photos"
            )
        if self.more_photos and (self.photo is None or self.region is not None):
            raise InvalidValue(
                "A region is a part of one photo, and several were given.",
                "Give one photo, or leave the region out.",
                code="conflicting-query",
            )
        if self.photo is not None and self.steering.like:
            raise InvalidValue(
                "Both a photo and a product to start from were given.", "Give one of them.", code="conflicting-query"
            )
        if self.photo is None and self.region is not None:
            raise InvalidValue("A region was given without a photo.", "Give the photo.", code="region-of-nothing")
        if self.photo is None and not (self.steering.like or self.steering.color or self.steering.text.strip()):
            raise InvalidValue(
                "There is nothing to search by.",
                "Give a photo, a product (--like), a colour (--color) or words (--text).",
            )
