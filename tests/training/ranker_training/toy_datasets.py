"""Queries whose deciding dimension is known: a signal says which one it is."""

from __future__ import annotations

import numpy as np

from shoplens.ranking.ranker_features import SIGNALS
from shoplens.training.ranker_training.ranking_dataset import RankingDataset
from shoplens.training.ranker_training.ranking_networks import RankerRecipe
from shoplens.training.ranker_training.relevance import SAME

QUICK = (
    RankerRecipe("static", prior=1e-2, steps=60),
    RankerRecipe("gate", shrinkage=1e-2, steps=60),
    RankerRecipe("listwise", steps=30, batch_size=32),
)
NAMES = ("look", "color", "pattern")


def create_toy_dataset(
    queries: int = 240, seed: int = 0, *, signal: bool = True, candidates: int = 20
) -> RankingDataset:
    """Return queries whose right candidate stands out in one dimension; in the others its similarity is random.

    Args:
        signal: whether the entropy of a dimension says that it decides; else nothing does.
    """
    rng = np.random.default_rng(seed)
    similarities = rng.normal(size=(queries, candidates, len(NAMES))).astype(np.float32)
    signals = rng.normal(size=(queries, len(NAMES), len(SIGNALS))).astype(np.float32)
    gains = np.zeros((queries, candidates), np.float32)
    deciding = rng.integers(0, len(NAMES), queries)
    right = rng.integers(0, candidates, queries)
    all_queries = np.arange(queries)
    similarities[all_queries, right, deciding] += 4
    gains[all_queries, right] = SAME
    if signal:
        signals[:, :, 1] = 1.0
        signals[all_queries, deciding, 1] = -1.0
    return RankingDataset(
        NAMES,
        np.array([1.0, 0.5, 0.5], np.float32),
        similarities,
        gains,
        signals,
        rng.normal(size=(queries, 12)).astype(np.float32),
        tuple(f"group {n // 2}" for n in range(queries)),
        tuple(f"{n:012x}{0:052x}" for n in range(queries)),
        tuple(f"/{n}.png" for n in range(queries)),
        "made",
    )
