"""Turns answers that shoppers reacted to into numbers to learn from, with limits on the influence of each user and
product."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from shoplens.feedback.log import LoggedImpression
from shoplens.ranking.ranker_features import Floats, RankerFeatures
from shoplens.types import Rejection

CLICK, PURCHASE = 1.0, 3.0
"""The weight of each reaction; all reactions to one answer count at most as much as a purchase."""
MAX_ANSWERS_PER_USER = 20
"""Number of answers of one user that are learned from; the newest ones are kept."""
MIN_DESIGN_LIMIT = 5
"""Number of answers that are learned from in which one design was chosen or marked: this many, or the square root of
the number of designs that two shoppers or more chose or marked, whichever is greater."""


@dataclass(frozen=True, slots=True, eq=False)
class ClickDataset:
    """Answers, n products wide; narrower ones are padded with zeros.

    Attributes:
        names: names of d dimensions.
        similarities: float32 (q, n, d), similarities in standard deviations, in the order shown.
        ranks: float32 (q, n), the rank at which each product was shown.
        shown: bool (q, n): false for padding.
        chosen: float32 (q, n), how much each product was chosen; at most 3 in an answer.
        wrong: bool (q, n): marked as not what was searched for.
        signals: float32 (q, d, s).
        embeddings: float32 (q, e).
        groups: the design first chosen, or marked, of each answer.
        designs: all designs that were chosen or marked in each answer.
        shoppers: who chose: a user, or the answer itself if the user is unknown.
        products: product ids, in the order shown.
        newest: when the last of the answers was given, seconds since 1970; 0 if there are none.
        capped: number of answers that are not learned from, because one user or one design has too many.
    """

    names: tuple[str, ...]
    similarities: Floats
    ranks: Floats
    shown: npt.NDArray[np.bool_]
    chosen: Floats
    wrong: npt.NDArray[np.bool_]
    signals: Floats
    embeddings: Floats
    groups: tuple[str, ...]
    designs: tuple[frozenset[str], ...]
    shoppers: tuple[str, ...]
    products: tuple[tuple[str, ...], ...]
    newest: float = 0.0
    capped: int = 0

    def __len__(self) -> int:
        return len(self.similarities)

    def subset(self, rows: npt.NDArray[np.bool_]) -> ClickDataset:
        """Return those answers, bool (q,)."""
        indices = np.flatnonzero(rows).tolist()
        return replace(
            self,
            **{name: getattr(self, name)[rows] for name in _ARRAYS},
            groups=tuple(self.groups[n] for n in indices),
            designs=tuple(self.designs[n] for n in indices),
            shoppers=tuple(self.shoppers[n] for n in indices),
            products=tuple(self.products[n] for n in indices),
        )


_ARRAYS = ("similarities", "ranks", "shown", "chosen", "wrong", "signals", "embeddings")


def build_click_dataset(
    seen: Iterable[LoggedImpression],
    names: Sequence[str],
    model: str,
    on_rejection: Callable[[Rejection], None],
    design_of: Callable[[str], str] = str,
) -> ClickDataset:
    """Build the dataset of answers.

    Args:
        names: names of the current dimensions; a dimension that an answer lacks counts as average.
        model: the current model, as :func:`~shoplens.feedback.impressions.embedding_model_id` names it.
        on_rejection: receives answers that are not learned from: ``other-model``, ``one-product``, ``all-wrong``,
            ``too-many``.
        design_of: product id -> its design: variants are one design.
    """
    usable = []
    for remembered in seen:
        rejection = _find_rejection(remembered, model)
        if rejection is None:
            usable.append(_Answer(remembered, design_of))
        else:
            on_rejection(rejection)
    kept = _limit_answers(usable, on_rejection)
    width = max((len(answer.products) for answer in kept), default=0)
    count, dimensions = len(kept), len(names)
    signals = kept[0].impression.ranker_features.signals.shape[1] if kept else 0
    size = len(kept[0].impression.ranker_features.look) if kept else 0
    dataset = ClickDataset(
        tuple(names),
        np.zeros((count, width, dimensions), np.float32),
        np.ones((count, width), np.float32),
        np.zeros((count, width), bool),
        np.zeros((count, width), np.float32),
        np.zeros((count, width), bool),
        np.zeros((count, dimensions, signals), np.float32),
        np.zeros((count, size), np.float32),
        tuple(answer.group for answer in kept),
        tuple(answer.designs for answer in kept),
        tuple(answer.shopper for answer in kept),
        tuple(answer.products for answer in kept),
        max((answer.impression.at for answer in kept), default=0.0),
        len(usable) - len(kept),
    )
    for n, answer in enumerate(kept):
        _fill_answer(dataset, n, answer)
    return dataset


class _Answer:
    """An answer, and which of its products were chosen or marked."""

    def __init__(self, seen: LoggedImpression, design_of: Callable[[str], str]) -> None:
        self.impression, self.events = seen.impression, seen.events
        self.products = tuple(seen.impression.products)
        self.users = seen.users
        self.shopper = min(seen.users, default=seen.impression.query_id)
        self.designs = frozenset(design_of(product) for product in seen.events)
        ranks = dict(zip(self.products, seen.impression.ranks, strict=True))
        order = ("purchase", "click", "wrong")
        first = min(
            seen.events, key=lambda product: (min(order.index(kind) for kind in seen.events[product]), ranks[product])
        )
        self.group = design_of(first)


def _find_rejection(answer: LoggedImpression, model: str) -> Rejection | None:
    """Return why nothing can be learned from an answer, or None."""
    impression, fix = answer.impression, "Nothing has to be done."
    if impression.model != model:
        reason = f"Its looks were compared by {impression.model}, and now by {model}."
        return Rejection("other-model", reason, "New answers are learned from again.", "note")
    if len(impression.products) < 2:
        return Rejection("one-product", "It showed fewer than two products.", fix, "note")
    if all("wrong" in answer.events.get(product, ()) for product in impression.products):
        return Rejection("all-wrong", "All products that it showed were marked wrong, so none is better.", fix, "note")
    return None


def _fill_answer(dataset: ClickDataset, n: int, answer: _Answer) -> None:
    """Write an answer into row ``n`` of the dataset."""
    shown = len(answer.products)
    dataset.shown[n, :shown] = True
    dataset.ranks[n, :shown] = answer.impression.ranks
    dataset.embeddings[n] = answer.impression.ranker_features.look
    _fill_features(dataset, n, answer.impression.ranker_features)
    for column, product in enumerate(answer.products):
        kinds = answer.events.get(product, frozenset())
        dataset.wrong[n, column] = "wrong" in kinds
        if "wrong" not in kinds:
            dataset.chosen[n, column] = PURCHASE if "purchase" in kinds else CLICK if "click" in kinds else 0.0
    dataset.chosen[n] *= min(1.0, PURCHASE / max(float(dataset.chosen[n].sum()), PURCHASE))


def _fill_features(dataset: ClickDataset, n: int, features: RankerFeatures) -> None:
    """Write the dimensions that existed when the answer was given, and still exist."""
    for column, name in enumerate(dataset.names):
        if name in features.names:
            source = list(features.names).index(name)
            dataset.similarities[n, : len(features.places), column] = features.places[:, source]
            dataset.signals[n, column] = features.signals[source]


def _limit_answers(answers: Sequence[_Answer], on_rejection: Callable[[Rejection], None]) -> list[_Answer]:
    """Return the answers without the oldest ones of a user or a design that has too many, so that none dominates."""
    users, designs, kept = Counter[str](), Counter[str](), list[_Answer]()
    shoppers: dict[str, set[str]] = {}
    for answer in answers:
        for name in answer.designs:
            shoppers.setdefault(name, set()).add(answer.shopper)
    design_limit = max(MIN_DESIGN_LIMIT, math.isqrt(sum(len(names) > 1 for names in shoppers.values())))
    for answer in sorted(answers, key=lambda answer: -answer.impression.at):
        has_room = all(designs[name] < design_limit for name in answer.designs)
        if has_room and all(users[name] < MAX_ANSWERS_PER_USER for name in answer.users):
            designs.update(answer.designs)
            users.update(answer.users)
            kept.append(answer)
        else:
            reason = "One user, or one design, has too many answers; only the newer ones are learned from."
            on_rejection(Rejection("too-many", reason, "Nothing has to be done.", "note"))
    return kept[::-1]
