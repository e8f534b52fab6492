"""Simulated shoppers, who look at first results first, and click on what fits, and sometimes on anything.

The position-based model (Craswell et al. 2008, "An Experimental Comparison of Click Position-Bias Models"): the product
at rank r is examined with probability r^-η, independently of the others, and one that is examined is clicked with a
probability that depends on its relevance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoplens.feedback.impressions import Impression
from shoplens.feedback.log import LoggedImpression
from shoplens.ranking.ranker_features import Floats, RankerFeatures
from shoplens.training.ranker_training.ranking_dataset import RankingDataset, is_right


@dataclass(frozen=True, slots=True)
class SimulatedShoppers:
    """The behaviour of simulated shoppers.

    Attributes:
        examination: η.
        noise_probability: probability of a click on an irrelevant product, once it is examined.
        right_probability: the same for the right product; in between it grows with the square root of the gain.
        shown: number of products of an answer that are shown.
    """

    examination: float = 1.0
    noise_probability: float = 0.1
    right_probability: float = 0.9
    shown: int = 10

    def visit(
        self, dataset: RankingDataset, scores: Floats, rows: npt.NDArray[np.int64], rng: np.random.Generator
    ) -> list[LoggedImpression]:
        """Return the answers to these queries, with their clicks; answers without a click are left out, because nothing
        is learned from them.

        Args:
            scores: float32 (q, n), by which candidates are ranked.
            rows: int64 (v,), the queries, in their order; a query may come several times.
        """
        right, seen_answers = is_right(dataset), []
        for visit, n in enumerate(rows.tolist()):
            order = np.argsort(-scores[n], kind="stable")[: self.shown]
            examined = rng.random(len(order)) < (1.0 + np.arange(len(order))) ** -self.examination
            probabilities = self.noise_probability + (self.right_probability - self.noise_probability) * np.sqrt(
                dataset.gains[n][order]
            )
            clicks = examined & (rng.random(len(order)) < probabilities)
            if not clicks.any():
                continue
            ids = [dataset.groups[n] if right[n, c] else f"{n}-{c}" for c in order.tolist()]
            ranks = range(1, len(ids) + 1)
            features = RankerFeatures(
                dataset.names, dataset.embeddings[n], dataset.signals[n], dataset.similarities[n][order]
            )
            impression = Impression(f"{visit}-{n}", float(visit), "", "filters-static", "", {}, features, ids, ranks)
            events = {ids[place]: frozenset({"click"}) for place in np.flatnonzero(clicks).tolist()}
            seen_answers.append(LoggedImpression(impression, events, frozenset()))
        return seen_answers
