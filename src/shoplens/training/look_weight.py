"""The weight of a trained look beside the other dimensions, chosen on photos that the look has not learned from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.filters.dimensions.dimension import LOOK
from shoplens.ranking.ranker_features import Floats
from shoplens.store.ranker_file import adopt_ranker
from shoplens.training.ranker_training.cross_validation import binary_ndcg
from shoplens.training.ranker_training.ranking_dataset import RankingDataset, build_ranking_dataset

MULTIPLES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Multiples of the default weight of the look, of which one is chosen."""


def choose_look_weight(dataset: RankingDataset) -> float:
    """Return the multiple of the look's default weight with the best mean nDCG@10; the smallest of equal ones.

    A trained look knows more of the shop than the untouched one, for which the default weights were chosen.

    Args:
        dataset: queries of which the look that scored their candidates has learned nothing.
    """
    values = [binary_ndcg(dataset, dataset.similarities @ _weights(dataset, one)).mean() for one in MULTIPLES]
    return MULTIPLES[int(np.argmax(values))]


def adopt_look_weight(context: EvaluationContext, pairs: Path | None) -> float:
    """Choose the weight of the live generation's trained look, rank by it from now on, and return its multiple.

    Without filters, or with too few photos that the look has not learned from, the default weights stay.

    Args:
        pairs: shoppers' photos with their products, as for the training of the look; None uses the catalogue's own.
    """
    with context.reading() as generation:
        if generation.filters is None:
            return 1.0
        try:
            dataset = build_ranking_dataset(context, generation, pairs, lambda rejection: None)
        except InvalidValue as problem:
            if problem.code != "too-few-queries":
                raise
            return 1.0
    multiple = choose_look_weight(dataset)
    if multiple != 1:
        weights = _weights(dataset, multiple)
        shares = dict(zip(dataset.names, (weights / weights.sum()).tolist(), strict=True))
        with context.store.writing(), context.reading() as generation:
            adopt_ranker(generation, shares, None)
    return multiple


def _weights(dataset: RankingDataset, multiple: float) -> Floats:
    factors = np.array([multiple if name == LOOK else 1.0 for name in dataset.names], np.float32)
    weights: Floats = dataset.fitted_weights * factors
    return weights
