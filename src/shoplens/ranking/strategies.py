"""The strategies: whole ways to answer a query, as rows of a table, on one store and compared side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from shoplens.errors import InvalidValue
from shoplens.index.conditions import Condition
from shoplens.index.entry import Hit, Index
from shoplens.ranking.static import ranked
from shoplens.types import Candidate, Result, Vectors

DEFAULT = "pretrained"


@dataclass(frozen=True, slots=True)
class QueryPhoto:
    """A query photo, or a region of it, as strategies see it.

    Attributes:
        vector: float32 (d,), length 1.
        pixel_hash, content_hash: as of a product's photo; empty for a region, or where it was not worth knowing.
    """

    vector: Vectors
    pixel_hash: str = ""
    content_hash: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to retrieve: ``k`` products that meet ``condition``; the rest as in :meth:`Index.nearest`."""

    k: int
    condition: Condition | None = None
    first_photos: bool = False
    without_photo: str = ""


@dataclass(frozen=True, slots=True)
class Strategy:
    """One whole way to answer a query.

    Attributes:
        name: as users write it.
        about: a sentence for people.
        retrieved: the hits for a photo, best first, as many as are wanted whenever there are so many.
        ranked: candidates in any order -> results, best first.
        adding: what one more product costs, in words.
    """

    name: str
    about: str
    retrieved: Callable[[Index, QueryPhoto, Wanted], list[Hit]]
    ranked: Callable[[Iterable[Candidate]], list[Result]]
    adding: str


def _nearest(index: Index, photo: QueryPhoto, wanted: Wanted) -> list[Hit]:
    return index.nearest(
        photo.vector,
        wanted.k,
        wanted.condition,
        first_photos=wanted.first_photos,
        without_photo=wanted.without_photo,
    )


STRATEGIES = {
    strategy.name: strategy
    for strategy in (
        Strategy(
            "pretrained",
            "An ImageNet network that was never shown this shop, and nearest neighbours.",
            _nearest,
            lambda candidates: ranked(candidates, {"look": 1.0}),
            "decode and embed its photos, write them",
        ),
    )
}


def strategy_named(name: str) -> Strategy:
    """A row of the table.

    Raises:
        InvalidValue: ``unknown-strategy``.
    """
    if name not in STRATEGIES:
        raise InvalidValue(
            f"There is no strategy {name!r}.", f"Choose one of: {', '.join(STRATEGIES)}.", code="unknown-strategy"
        )
    return STRATEGIES[name]
