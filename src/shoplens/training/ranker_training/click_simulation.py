"""Simulated shoppers: who look at what stands first, and click on what fits, and sometimes on anything.

The position-based model (Craswell et al. 2008, "An Experimental Comparison of Click Position-Bias Models"): the product
at rank r is looked at with probability r^-η, on its own, and one that is looked at is clicked with a probability that
depends on how much it is worth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoplens.feedback.impressions import Impression
from shoplens.feedback.log import Seen
from shoplens.ranking.ranker_features import Evidence, Floats
from shoplens.training.ranker_training.ranking_dataset import Tasks, is_right


@dataclass(frozen=True, slots=True)
class Shoppers:
    """How they behave.

    Attributes:
        examination: η.
        noise: probability of a click on a product that is worth nothing, once it is looked at.
        keen: the same of the right product; what lies between is in proportion to the root of its gain.
        sees: products of an answer that are shown.
    """

    examination: float = 1.0
    noise: float = 0.1
    keen: float = 0.9
    sees: int = 10

    def visit(self, tasks: Tasks, scores: Floats, rows: npt.NDArray[np.int64], rng: np.random.Generator) -> list[Seen]:
        """What came of answers to these queries; those without a click are left out, as they teach nothing.

        Args:
            scores: float32 (q, n), what candidates are shown by.
            rows: int64 (v,), the queries asked, in their order; any of them several times.
        """
        right, found = is_right(tasks), []
        for visit, n in enumerate(rows.tolist()):
            order = np.argsort(-scores[n], kind="stable")[: self.sees]
            looked_at = rng.random(len(order)) < (1.0 + np.arange(len(order))) ** -self.examination
            tempting = self.noise + (self.keen - self.noise) * np.sqrt(tasks.gains[n][order])
            clicks = looked_at & (rng.random(len(order)) < tempting)
            if not clicks.any():
                continue
            ids = [tasks.groups[n] if right[n, c] else f"{n}-{c}" for c in order.tolist()]
            ranks = range(1, len(ids) + 1)
            seen = Evidence(tasks.names, tasks.looks[n], tasks.signals[n], tasks.places[n][order])
            impression = Impression(f"{visit}-{n}", float(visit), "", "filters-static", "", {}, seen, ids, ranks)
            events = {ids[place]: frozenset({"click"}) for place in np.flatnonzero(clicks).tolist()}
            found.append(Seen(impression, events, frozenset()))
        return found
