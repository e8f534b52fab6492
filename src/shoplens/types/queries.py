"""What is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from shoplens.errors import InvalidValue

SoldOut = Literal["show", "hide", "last"]
MOST_RESULTS = 10_000
MAX_WEIGHT = 1_000_000


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
    def parse(cls, text: str) -> Region:
        """Region from ``"X,Y,W,H"``."""
        try:
            x, y, width, height = (int(part) for part in text.split(","))
        except ValueError:
            raise InvalidValue(
                f"Region {text!r} is not four whole numbers.", "Write X,Y,W,H in pixels, e.g. 40,60,200,300."
            ) from None
        return cls(x, y, width, height)


@dataclass(frozen=True, slots=True)
class Steering:
    """How a search is steered, beyond the photo.

    Attributes:
        weights: dimension -> weight; those not named keep the shop's.
        profile: name of a set of weights in ``shoplens.toml``; empty for none.
        like: id of a product to start from, in place of a photo.
        color: the colour to look for, in place of the photo's: ``#rrggbb`` or a name.
        unlike: a photo (path, URL, bytes) that results shall not be like; None for none.
        facets: fields to count the values of.
        predicted: also take values that the filters predict, at this probability or above, where the feed is silent,
            .5 to .99; None takes the feed's only.
        explain: say what matched, and what would move each result.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    profile: str = ""
    like: str = ""
    color: str = ""
    unlike: str | bytes | None = None
    facets: tuple[str, ...] = ()
    predicted: float | None = None
    explain: bool = False

    def __post_init__(self) -> None:
        for name, weight in self.weights.items():
            if isinstance(weight, bool) or not 0 <= weight <= MAX_WEIGHT:
                raise InvalidValue(
                    f"The weight of {name!r} is {weight!r}.",
                    f"Give 0 to {MAX_WEIGHT:,}; 0 leaves the dimension out.",
                    code="bad-weight",
                )
        if self.predicted is not None and not 0.5 <= self.predicted <= 0.99:
            raise InvalidValue(f"The probability is {self.predicted!r}.", "Choose 0.50 to 0.99.")


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked.

    Attributes:
        photo: absolute path, http(s) URL, or the bytes of a file; None asks by ``like`` or ``color`` alone.
        k: how many products, 1 to 10,000.
        where: conditions that must all hold.
        region: the part of the photo to search for; None for all of it.
        per_group: most products of one group in the answer; None for no limit.
        sold_out: whether products that the feed calls out of stock are shown, hidden, or put last.
        strategy: name of the way to answer; empty for the best that the store is ready for.
        precision: share of the answers called ``exact``, and of those called ``not-in-catalogue``, that shall be
            right; 0.50 to 0.99.
        steering: what counts, and how much.
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

    def __post_init__(self) -> None:
        if not 1 <= self.k <= MOST_RESULTS:
            raise InvalidValue(f"k is {self.k}.", f"Ask for 1 to {MOST_RESULTS} products.")
        if self.per_group is not None and self.per_group < 1:
            raise InvalidValue(f"per_group is {self.per_group}.", "Ask for 1 or more products of a group.")
        if self.sold_out not in ("show", "hide", "last"):
            raise InvalidValue(f"sold_out is {self.sold_out!r}.", "Choose show, hide or last.")
        if not 0.5 <= self.precision <= 0.99:
            raise InvalidValue(f"The precision is {self.precision!r}.", "Choose 0.50 to 0.99.")
        if self.photo is not None and self.steering.like:
            raise InvalidValue(
                "Both a photo and a product to start from were given.", "Give one of them.", code="conflicting-query"
            )
        if self.photo is None and self.region is not None:
            raise InvalidValue("A region was given without a photo.", "Give the photo.", code="region-of-nothing")
        if self.photo is None and not (self.steering.like or self.steering.color):
            raise InvalidValue(
                "There is nothing to search by.", "Give a photo, a product (--like) or a colour (--color)."
            )
