"""The weights of a trained look and of words, chosen on photos that the look has not learned from."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.filters.dimensions.dimension import LOOK, TEXT
from shoplens.filters.fitting.crossfit import fold_index
from shoplens.ranking.ranker_features import Floats
from shoplens.store.ranker_file import adopt_ranker
from shoplens.training.data.samples import BUCKETS, NEW_GROUPS
from shoplens.training.ranker_training.cross_validation import binary_ndcg
from shoplens.training.ranker_training.ranking_dataset import RankingDataset, build_ranking_dataset
from shoplens.training.ranker_training.ranking_queries import MIN_GROUPS, MIN_QUERIES

MULTIPLES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Multiples of the default weight of the look, of which one is chosen."""
TEXT_MULTIPLES = (1.0, 0.5, 2.0, 4.0, 8.0, 16.0, 32.0)
"""The same for ``text``; of equally good ones the first."""


class LookWeights(NamedTuple):
    """Multiples of the default weights of the look and of ``text``."""

    look: float = 1.0
    text: float = 1.0


def choose_look_weights(dataset: RankingDataset) -> LookWeights:
    """Return the smallest multiple of the look's default weight whose nDCG@10, with the best weight of ``text``, is
    within one standard error of the best; and that weight of ``text``.

    A trained look knows more of the shop than the untouched one, for which the default weights were chosen. The more it
    counts, the better are products found that it has learned, and the worse those that are added later; hence the
    smallest one. Words know all products equally well; they only have to keep up with the look.

    Args:
        dataset: queries of which the look that scored their candidates has learned nothing. Those of products of which
            it knows other photos decide where there are enough, since it knows all of the shop's products.
    """
    is_known = np.array([fold_index(group, BUCKETS) >= NEW_GROUPS for group in dataset.groups])
    if is_known.sum() >= MIN_QUERIES and len({dataset.groups[n] for n in np.flatnonzero(is_known)}) >= MIN_GROUPS:
        dataset = dataset.subset(is_known)
    text_multiples = TEXT_MULTIPLES if TEXT in dataset.names else (1.0,)
    values, choices = [], []
    for look in MULTIPLES:
        choice = [LookWeights(look, text) for text in text_multiples]
        gains = [binary_ndcg(dataset, dataset.similarities @ _weights(dataset, one)) for one in choice]
        best = max(range(len(choice)), key=lambda n: gains[n].mean())
        values.append(gains[best])
        choices.append(choice[best])
    lost = values[int(np.argmax([one.mean() for one in values]))] - np.stack(values)
    errors = lost.std(axis=1) / np.sqrt(lost.shape[1])
    return choices[int(np.argmax(lost.mean(axis=1) <= errors))]


def adopt_look_weights(context: EvaluationContext, pairs: Path | None) -> LookWeights:
    """Choose the weights of the live generation's trained look and of words, rank by them from now on, and return their
    multiples.

    Without filters, or with too few photos that the look has not learned from, the default weights stay.

    Args:
        pairs: shoppers' photos with their products, as for the training of the look; None uses the catalogue's own.
    """
    with context.reading() as generation:
        if generation.filters is None:
            return LookWeights()
        try:
            dataset = build_ranking_dataset(context, generation, pairs, lambda rejection: None)
        except InvalidValue as problem:
            if problem.code != "too-few-queries":
                raise
            return LookWeights()
    multiples = choose_look_weights(dataset)
    if multiples != LookWeights():
        weights = _weights(dataset, multiples)
        shares = dict(zip(dataset.names, (weights / weights.sum()).tolist(), strict=True))
        with context.store.writing(), context.reading() as generation:
            adopt_ranker(generation, shares, None)
    return multiples


def _weights(dataset: RankingDataset, multiples: LookWeights) -> Floats:
    by_name = {LOOK: multiples.look, TEXT: multiples.text}
    factors = np.array([by_name.get(name, 1.0) for name in dataset.names], np.float32)
    weights: Floats = dataset.fitted_weights * factors
    return weights
