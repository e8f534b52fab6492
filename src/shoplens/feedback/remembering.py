"""Keeping an answer while it is given. A shopper gets the answer, whatever becomes of the log."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from shoplens.errors import StoreError
from shoplens.feedback.impressions import Impression, seen_by, shown
from shoplens.feedback.log import FeedbackLog
from shoplens.index.generation import Generation
from shoplens.ranking.strategies import QueryPhoto
from shoplens.types import Answer, Candidate


@dataclass(frozen=True, slots=True, eq=False)
class Remembering:
    """Where answers are kept.

    Attributes:
        log: in which.
        user: who asks, as the shop calls them; empty where nobody knows.
    """

    log: FeedbackLog
    user: str = ""

    def kept(
        self, generation: Generation, answer: Answer, photo: QueryPhoto, tiers: Iterable[Iterable[Candidate]]
    ) -> Answer:
        """The answer, kept; where it could not be, it says so.

        Args:
            photo: that was asked with.
            tiers: candidates that the answer was chosen from.
        """
        found = shown(generation.index, photo, answer.results, tiers)
        if found is None:
            why = f"the strategy {answer.strategy} has no filters, so there is nothing to learn from."
            return _noted(answer, why)
        seen, products = found
        model = seen_by(generation.manifest)
        try:
            self.log.keep(
                Impression(
                    answer.query_id, time.time(), self.user, answer.strategy, model, answer.asked, seen, products
                )
            )
        except StoreError as problem:
            return _noted(answer, str(problem))
        return answer


def _noted(answer: Answer, why: str) -> Answer:
    return replace(answer, notes=(*answer.notes, f"This answer was not remembered: {why}"))
