"""Answers with which something was done -> numbers to learn from; nobody, and no product, counts without end."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from shoplens.feedback.log import Seen
from shoplens.ranking.ranker_features import Evidence, Floats
from shoplens.types import Rejection

CLICK, PURCHASE = 1.0, 3.0
"""How much each says; all of one answer says at most as much as a purchase."""
USER_MOST = 20
"""Answers of one user that teach, the newest ones."""
DESIGN_MOST = 5
"""Answers that teach in which one design was chosen or marked: so many, or the square root of how many designs were by
two shoppers or more."""


@dataclass(frozen=True, slots=True, eq=False)
class Clicked:
    """Answers, n products wide; narrower ones are filled up with zeros.

    Attributes:
        names: of d dimensions.
        places: float32 (q, n, d), similarities in standard deviations, in the order shown.
        ranks: float32 (q, n), at which each was shown.
        shown: bool (q, n): false for what fills up.
        chosen: float32 (q, n), how much each product was chosen; at most 3 in an answer.
        wrong: bool (q, n): marked as not what was looked for.
        signals: float32 (q, d, s).
        looks: float32 (q, e).
        groups: the design first chosen, or marked, of each answer.
        designs: all that were chosen or marked.
        voices: who chose: a user, or the answer itself where nobody is known.
        products: ids, in the order shown.
        newest: when the last of the answers was given, seconds since 1970; 0 where there are none.
        muted: how many answers do not teach, since one user or one design has too many.
    """

    names: tuple[str, ...]
    places: Floats
    ranks: Floats
    shown: npt.NDArray[np.bool_]
    chosen: Floats
    wrong: npt.NDArray[np.bool_]
    signals: Floats
    looks: Floats
    groups: tuple[str, ...]
    designs: tuple[frozenset[str], ...]
    voices: tuple[str, ...]
    products: tuple[tuple[str, ...], ...]
    newest: float = 0.0
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
            designs=tuple(self.designs[n] for n in at),
            voices=tuple(self.voices[n] for n in at),
            products=tuple(self.products[n] for n in at),
        )


_ARRAYS = ("places", "ranks", "shown", "chosen", "wrong", "signals", "looks")


def build_click_data(
    seen: Iterable[Seen],
    names: Sequence[str],
    model: str,
    told: Callable[[Rejection], None],
    design_of: Callable[[str], str] = str,
) -> Clicked:
    """Numbers of answers.

    Args:
        names: of the dimensions there are; what an answer lacks of them is taken for average.
        model: as of :func:`~shoplens.feedback.impressions.embedding_model_id`, now.
        told: of answers that teach nothing: ``other-model``, ``one-product``, ``all-wrong``, ``too-many``.
        design_of: id of a product -> its design: variants are one.
    """
    useful = []
    for one in seen:
        problem = _problem(one, model)
        if problem is None:
            useful.append(_Answer(one, design_of))
        else:
            told(problem)
    kept = _few(useful, told)
    widest = max((len(one.products) for one in kept), default=0)
    count, wide = len(kept), len(names)
    signals = kept[0].impression.seen.signals.shape[1] if kept else 0
    size = len(kept[0].impression.seen.look) if kept else 0
    found = Clicked(
        tuple(names),
        np.zeros((count, widest, wide), np.float32),
        np.ones((count, widest), np.float32),
        np.zeros((count, widest), bool),
        np.zeros((count, widest), np.float32),
        np.zeros((count, widest), bool),
        np.zeros((count, wide, signals), np.float32),
        np.zeros((count, size), np.float32),
        tuple(one.group for one in kept),
        tuple(one.designs for one in kept),
        tuple(one.voice for one in kept),
        tuple(one.products for one in kept),
        max((one.impression.at for one in kept), default=0.0),
        len(useful) - len(kept),
    )
    for n, answer in enumerate(kept):
        shown = len(answer.products)
        found.shown[n, :shown] = True
        found.ranks[n, :shown] = answer.impression.ranks
        found.looks[n] = answer.impression.seen.look
        _fill(found, n, answer.impression.seen)
        for place, product in enumerate(answer.products):
            kinds = answer.events.get(product, frozenset())
            found.wrong[n, place] = "wrong" in kinds
            if "wrong" not in kinds:
                found.chosen[n, place] = PURCHASE if "purchase" in kinds else CLICK if "click" in kinds else 0.0
        found.chosen[n] *= min(1.0, PURCHASE / max(float(found.chosen[n].sum()), PURCHASE))
    return found


class _Answer:
    """An answer, and what was chosen or marked of it."""

    def __init__(self, seen: Seen, design_of: Callable[[str], str]) -> None:
        self.impression, self.events = seen.impression, seen.events
        self.products = tuple(seen.impression.products)
        self.users = seen.users
        self.voice = min(seen.users, default=seen.impression.query_id)
        self.designs = frozenset(design_of(product) for product in seen.events)
        ranks = dict(zip(self.products, seen.impression.ranks, strict=True))
        order = ("purchase", "click", "wrong")
        first = min(
            seen.events, key=lambda product: (min(order.index(kind) for kind in seen.events[product]), ranks[product])
        )
        self.group = design_of(first)


def _problem(one: Seen, model: str) -> Rejection | None:
    """Why an answer teaches nothing."""
    impression, again = one.impression, "Nothing has to be done."
    if impression.model != model:
        reason = f"Its looks were compared by {impression.model}, and now by {model}."
        return Rejection("other-model", reason, "New answers teach again.", "note")
    if len(impression.products) < 2:
        return Rejection("one-product", "It showed fewer than two products.", again, "note")
    if all("wrong" in one.events.get(product, ()) for product in impression.products):
        return Rejection("all-wrong", "All that it showed was marked wrong, so nothing is better.", again, "note")
    return None


def _fill(found: Clicked, n: int, seen: Evidence) -> None:
    """The dimensions that there were, and still are."""
    for column, name in enumerate(found.names):
        if name in seen.names:
            there = list(seen.names).index(name)
            found.places[n, : len(seen.places), column] = seen.places[:, there]
            found.signals[n, column] = seen.signals[there]


def _few(found: Sequence[_Answer], told: Callable[[Rejection], None]) -> list[_Answer]:
    """Without the older answers of a user, and to a design, that have too many; so nobody teaches without end."""
    users, designs, kept = Counter[str](), Counter[str](), list[_Answer]()
    voices: dict[str, set[str]] = {}
    for one in found:
        for name in one.designs:
            voices.setdefault(name, set()).add(one.voice)
    most = max(DESIGN_MOST, math.isqrt(sum(len(some) > 1 for some in voices.values())))
    for one in sorted(found, key=lambda one: -one.impression.at):
        if all(designs[name] < most for name in one.designs) and all(users[name] < USER_MOST for name in one.users):
            designs.update(one.designs)
            users.update(one.users)
            kept.append(one)
        else:
            reason = "Of one user, or to one design, there are too many; newer ones teach."
            told(Rejection("too-many", reason, "Nothing has to be done.", "note"))
    return kept[::-1]
