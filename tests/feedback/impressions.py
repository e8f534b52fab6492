"""Impressions for the tests of the feedback log."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shoplens.feedback.impressions import Impression
from shoplens.ranking.ranker_features import SIGNALS, RankerFeatures

NAMES = ("look", "color")


def impression(
    query_id: str, at: float = 1000.0, user: str = "", products: Sequence[str] = ("a", "b", "c"), seed: int = 0
) -> Impression:
    """Return an impression of random features that float16 represents exactly.

    The ranks of its products start at 2: the product at rank 1 had the query photo itself.
    """
    rng = np.random.default_rng(seed)

    def random_array(*shape: int) -> np.ndarray:
        return (rng.integers(-64, 64, shape) / 16).astype(np.float32)

    features = RankerFeatures(
        NAMES, random_array(4), random_array(len(NAMES), len(SIGNALS)), random_array(len(products), len(NAMES))
    )
    weights, ranks = {"look": 0.75, "color": 0.25}, range(2, 2 + len(products))
    return Impression(query_id, at, user, "filters-static", "model", weights, features, products, ranks)
