"""Logging of an answer while it is given. A shopper gets the answer even if the log cannot be written."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from shoplens.errors import StoreError
from shoplens.feedback.impressions import Impression, build_ranker_features, embedding_model_id
from shoplens.feedback.log import FeedbackLog
from shoplens.ranking.strategies import EncodedQuery
from shoplens.store.generation import Generation
from shoplens.types import Answer, Candidate


@dataclass(frozen=True, slots=True, eq=False)
class AnswerLog:
    """Adds answers to the log.

    Attributes:
        log: of the store.
        user: the shop's id of the shopper; empty where it is unknown.
        shown: number of results that are shown of the answer; None for all.
    """

    log: FeedbackLog
    user: str = ""
    shown: int | None = None

    def add(
        self, generation: Generation, answer: Answer, query: EncodedQuery, tiers: Iterable[Iterable[Candidate]]
    ) -> Answer:
        """Log the answer where training can use it, and return it; a note says if the log cannot be written.

        Args:
            query: that was ranked.
            tiers: candidates that the answer was chosen from.
        """
        logged = build_ranker_features(generation.index, query, answer.results[: self.shown], tiers)
        if logged is None:
            return answer
        features, results = logged
        impression = Impression(
            answer.query_id,
            time.time(),
            self.user,
            answer.strategy,
            embedding_model_id(generation.manifest),
            answer.importances,
            features,
            [one.product.id for one in results],
            [one.rank for one in results],
        )
        try:
            self.log.add_impression(impression)
        except StoreError as problem:
            return replace(answer, notes=(*answer.notes, f"This answer was not remembered: {problem}"))
        return replace(answer, remembered=True)
