"""Answers with which something was done -> numbers to learn from; nobody, and no product, counts without end."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from shoplens.feedback.log import Seen
from shoplens.ranking.evidence import Evidence, Floats
from shoplens.types import Rejection

CLICK, PURCHASE = 1.0, 3.0
"""How much each says."""
USER_MOST = 20
"""Answers of one user that teach, the newest ones."""
PRODUCT_MOST = 5
"""Answers that teach in which one product was chosen: so many, or the square root of how many products were."""


@dataclass(frozen=True, slots=True, eq=False)
class Clicked:
    """Answers, n products wide; narrower ones are filled up with zeros.

    Attributes:
        names: of d dimensions.
        places: float32 (q, n, d), similarities in standard deviations, in the order shown.
        shown: bool (q, n): false for what fills up.
        chosen: float32 (q, n), how much each product was chosen.
        wrong: bool (q, n): marked as not what was looked for.
        signals: float32 (q, d, s).
        looks: float32 (q, e).
        groups: the product chosen, or marked, of each answer; never cut.
        products: ids, in the order shown.
        queries: names of the answers.
        users: how many did something.
        muted: how many answers do not teach, since one user or one product has too many.
    """

    names: tuple[str, ...]
    places: Floats
    shown: npt.NDArray[np.bool_]
    chosen: Floats
    wrong: npt.NDArray[np.bool_]
    signals: Floats
    looks: Floats
    groups: tuple[str, ...]
    products: tuple[tuple[str, ...], ...]
    queries: tuple[str, ...]
    users: int = 0
    muted: int = 0

    def __len__(self) -> int:
        return len(self.places)

    def some(self, rows: npt.NDArray[np.bool_]) -> Clicked:
        """Those answers, bool (q,)."""
        at = np.flatnonzero(rows).tolist()
        return replace(
            self,
            **{name: getattr(self, name)[rows] for name in _ARRAYS},
            groups=tuple(self.groups[n] for n in at),
            products=tuple(self.products[n] for n in at),
            queries=tuple(self.queries[n] for n in at),
        )


_ARRAYS = ("places", "shown", "chosen", "wrong", "signals", "looks")


def clicked_of(seen: Iterable[Seen], names: Sequence[str], model: str, told: Callable[[Rejection], None]) -> Clicked:
    """Numbers of answers.

    Args:
        names: of the dimensions there are; what an answer lacks of them is taken for average.
        model: as of :func:`~shoplens.feedback.impressions.seen_by`, now.
        told: of answers that teach nothing: ``other-model``, ``one-product``.
    """
    useful = []
    for one in seen:
        impression = one.impression
        if impression.model != model:
            reason = f"Its looks were compared by {impression.model}, and now by {model}."
            told(_useless("other-model", reason, "New answers teach again.", one))
        elif len(impression.products) < 2:
            told(_useless("one-product", "It showed fewer than two products.", "Nothing has to be done.", one))
        else:
            useful.append(one)
    kept = _few(useful)
    widest = max((len(one.impression.products) for one in kept), default=0)
    count, wide = len(kept), len(names)
    signals = kept[0].impression.seen.signals.shape[1] if kept else 0
    size = len(kept[0].impression.seen.look) if kept else 0
    found = Clicked(
        tuple(names),
        np.zeros((count, widest, wide), np.float32),
        np.zeros((count, widest), bool),
        np.zeros((count, widest), np.float32),
        np.zeros((count, widest), bool),
        np.zeros((count, wide, signals), np.float32),
        np.zeros((count, size), np.float32),
        tuple(_group(one) for one in kept),
        tuple(tuple(one.impression.products) for one in kept),
        tuple(one.impression.query_id for one in kept),
        len({user for one in kept for user in one.users}),
        len(useful) - len(kept),
    )
    for n, one in enumerate(kept):
        products = one.impression.products
        found.shown[n, : len(products)] = True
        found.looks[n] = one.impression.seen.look
        _fill(found, n, one.impression.seen)
        for place, product in enumerate(products):
            kinds = one.events.get(product, frozenset())
            found.wrong[n, place] = "wrong" in kinds
            if "wrong" not in kinds:
                found.chosen[n, place] = PURCHASE if "purchase" in kinds else CLICK if "click" in kinds else 0.0
    return found


def _fill(found: Clicked, n: int, seen: Evidence) -> None:
    """The dimensions that there were, and still are."""
    for column, name in enumerate(found.names):
        if name in seen.names:
            there = list(seen.names).index(name)
            found.places[n, : len(seen.places), column] = seen.places[:, there]
            found.signals[n, column] = seen.signals[there]


def _group(one: Seen) -> str:
    """The first product that was bought, clicked or marked, in this order."""
    ranks = {product: rank for rank, product in enumerate(one.impression.products)}
    order = ("purchase", "click", "wrong")
    return min(one.events, key=lambda product: (min(order.index(kind) for kind in one.events[product]), ranks[product]))


def _few(found: Sequence[Seen]) -> list[Seen]:
    """Without the older answers of a user, and to a product, that have too many; so nobody teaches without end."""
    users, products = Counter[str](), Counter[str]()
    most = max(PRODUCT_MOST, math.isqrt(len(set(map(_group, found)))))
    kept = []
    for one in sorted(found, key=lambda one: -one.impression.at):
        if products[_group(one)] < most and all(users[user] < USER_MOST for user in one.users):
            products[_group(one)] += 1
            users.update(one.users)
            kept.append(one)
    return kept[::-1]


def _useless(kind: str, reason: str, fix: str, one: Seen) -> Rejection:
    return Rejection(kind, reason, fix, "note", value=f"query {one.impression.query_id}")
