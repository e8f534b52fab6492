"""Answers to keep."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shoplens.feedback.impressions import Impression
from shoplens.ranking.ranker_features import SIGNALS, RankerFeatures

NAMES = ("look", "color")


def impression(
    query_id: str, at: float = 1000.0, user: str = "", products: Sequence[str] = ("a", "b", "c"), seed: int = 0
) -> Impression:
    """An answer, with numbers that float16 holds; what came first was the very photo."""
    rng = np.random.default_rng(seed)

    def numbers(*shape: int) -> np.ndarray:
        return (rng.integers(-64, 64, shape) / 16).astype(np.float32)

    seen = RankerFeatures(NAMES, numbers(4), numbers(len(NAMES), len(SIGNALS)), numbers(len(products), len(NAMES)))
    weights, ranks = {"look": 0.75, "color": 0.25}, range(2, 2 + len(products))
    return Impression(query_id, at, user, "filters-static", "model", weights, seen, products, ranks)
