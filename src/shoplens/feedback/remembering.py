"""Keeping an answer while it is given. A shopper gets the answer, whatever becomes of the log."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from shoplens.errors import StoreError
from shoplens.feedback.impressions import Impression, embedding_model_id, impression_evidence
from shoplens.feedback.log import FeedbackLog
from shoplens.ranking.strategies import EncodedQuery
from shoplens.store.generation import Generation
from shoplens.types import Answer, Candidate


@dataclass(frozen=True, slots=True, eq=False)
class Remembering:
    """Where answers are kept.

    Attributes:
        log: in which.
        user: who asks, as the shop calls them; empty where nobody knows.
        shown: results that are shown of the answer; None for all.
    """

    log: FeedbackLog
    user: str = ""
    shown: int | None = None

    def kept(
        self, generation: Generation, answer: Answer, photo: EncodedQuery, tiers: Iterable[Iterable[Candidate]]
    ) -> Answer:
        """The answer, kept where something can be learned from it; where the log cannot be written, it says so.

        Args:
            photo: that was asked with.
            tiers: candidates that the answer was chosen from.
        """
        found = impression_evidence(generation.index, photo, answer.results[: self.shown], tiers)
        if found is None:
            return answer
        seen, results = found
        impression = Impression(
            answer.query_id,
            time.time(),
            self.user,
            answer.strategy,
            embedding_model_id(generation.manifest),
            answer.asked,
            seen,
            [one.product.id for one in results],
            [one.rank for one in results],
        )
        try:
            self.log.keep(impression)
        except StoreError as problem:
            return replace(answer, notes=(*answer.notes, f"This answer was not remembered: {problem}"))
        return replace(answer, remembered=True)
