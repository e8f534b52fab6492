"""The weight of a trained look beside the other dimensions, chosen on photos that the look has not learned from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.filters.dimensions.dimension import LOOK
from shoplens.filters.fitting.crossfit import fold_index
from shoplens.ranking.ranker_features import Floats
from shoplens.store.ranker_file import adopt_ranker
from shoplens.training.data.samples import BUCKETS, NEW_GROUPS
from shoplens.training.ranker_training.cross_validation import binary_ndcg
from shoplens.training.ranker_training.ranking_dataset import RankingDataset, build_ranking_dataset
from shoplens.training.ranker_training.ranking_queries import MIN_GROUPS, MIN_QUERIES

MULTIPLES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Multiples of the default weight of the look, of which one is chosen."""


def choose_look_weight(dataset: RankingDataset) -> float:
    """Return the smallest multiple of the look's default weight whose nDCG@10 is within one standard error of the best.

    A trained look knows more of the shop than the untouched one, for which the default weights were chosen. The more it
    counts, the better are products found that it has learned, and the worse those that are added later; hence the
    smallest one.

    Args:
        dataset: queries of which the look that scored their candidates has learned nothing. Those of products of which
            it knows other photos decide where there are enough, since it knows all of the shop's products.
    """
    is_known = np.array([fold_index(group, BUCKETS) >= NEW_GROUPS for group in dataset.groups])
    if is_known.sum() >= MIN_QUERIES and len({dataset.groups[n] for n in np.flatnonzero(is_known)}) >= MIN_GROUPS:
        dataset = dataset.subset(is_known)
    values = np.stack([binary_ndcg(dataset, dataset.similarities @ _weights(dataset, one)) for one in MULTIPLES])
    lost = values[np.argmax(values.mean(axis=1))] - values
    errors = lost.std(axis=1) / np.sqrt(lost.shape[1])
    return MULTIPLES[int(np.argmax(lost.mean(axis=1) <= errors))]


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
