"""The constraint of a ranking, for searches, facets and evaluation alike."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from shoplens.index.conditions import Condition
from shoplens.index.protocol import ANY_PHOTO, PhotoConstraint
from shoplens.types import SoldOut


@dataclass(frozen=True, slots=True)
class RankingConstraint:
    """Which products are ranked, and how many.

    Attributes:
        k: results, 1 to 10,000.
        photos: the condition that products meet, and which of their photos are compared.
        per_group: most products of one group; None for no limit.
        sold_out: whether products that the feed calls out of stock are shown, hidden, or put last.
        shown: the condition that products are not hidden by merchandising, which ``photos`` has, too; None for none.
        in_one_block: whether all ``k`` come from one pool; for what is counted and not paged.
    """

    k: int
    photos: PhotoConstraint = field(default=ANY_PHOTO)
    per_group: int | None = None
    sold_out: SoldOut = "show"
    in_one_block: bool = False
    shown: Condition | None = None

    def with_condition(self, condition: Condition | None) -> RankingConstraint:
        """Return the same constraint with another condition."""
        return replace(self, photos=replace(self.photos, condition=condition))
