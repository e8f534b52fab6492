"""Replays remembered answers: what would change in them if they were ranked by what was learned from clicks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from shoplens.evaluation.results import Estimate, PairedDifference
from shoplens.evaluation.statistics.intervals import paired_difference
from shoplens.filters.fitting.crossfit import fold_index
from shoplens.ranking.ranker_features import Floats
from shoplens.training.ranker_training.click_dataset import ClickDataset
from shoplens.training.ranker_training.click_model import (
    MAX_PROPENSITY,
    ClickModelOptions,
    fit_click_model,
    limit_update,
    log_likelihoods,
    score_answers,
)
from shoplens.training.ranker_training.cross_validation import FOLDS
from shoplens.training.ranker_training.ranking_networks import RankingNetwork

MAX_LOG_LOSS = 10.0
"""A choice whose probability is below exp(-10) counts as one of that probability."""
MAX_EXAMPLES, EXAMPLE_PRODUCTS = 8, 3


@dataclass(frozen=True, slots=True)
class ReorderedAnswer:
    """The first products of an answer, as they were and as they would be; which answer it is, is not kept."""

    before: Sequence[str]
    after: Sequence[str]


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What would change in the remembered answers, among the products that they showed.

    Attributes:
        changed_first: share of answers with another first product.
        mean_move: mean number of places that a product moves.
        chosen_first: before and after: share of choices that fall on the first product, each choice weighted by the
            inverse of its propensity (Joachims, Swaminathan, Schnabel 2017), by weights that did not see it.
        examples: the answers that change most.
    """

    changed_first: float
    mean_move: float
    chosen_first: tuple[float, float]
    examples: Sequence[ReorderedAnswer]


@dataclass(frozen=True, slots=True, eq=False)
class HeldOutClicks:
    """Answers ranked by weights that did not see them; all of q answers, n products wide.

    Attributes:
        before, after: float32 (q, n), scores.
        likelihoods: before and after, float64 (q,): mean logarithms of the probabilities of the reactions.
        propensities: float64 (q, n), the probability that a product is examined, relative to the first.
    """

    before: Floats
    after: Floats
    likelihoods: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
    propensities: npt.NDArray[np.float64]


def cross_validate_clicks(answers: ClickDataset, start: RankingNetwork) -> HeldOutClicks:
    """Rank every answer by weights that learned from answers in which no design of its fold was chosen or marked."""
    options = ClickModelOptions()
    folds = np.array([fold_index(group, FOLDS) for group in answers.groups])
    shape = answers.shown.shape
    before, after = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    likelihoods = np.zeros(len(answers)), np.zeros(len(answers))
    propensities = np.ones(shape)
    for fold in range(FOLDS):
        in_fold = folds == fold
        outside = np.array([all(fold_index(name, FOLDS) != fold for name in names) for names in answers.designs])
        if not in_fold.any() or not outside.any():
            continue
        train, held_out = answers.subset(outside), answers.subset(in_fold)
        old = fit_click_model(train, start, options, fit_weights=False)
        end, _ = limit_update(train, start, fit_click_model(train, start, options).network)
        new = fit_click_model(train, end, options, fit_weights=False)
        for scores, values, model in ((before, likelihoods[0], old), (after, likelihoods[1], new)):
            scores[in_fold], values[in_fold] = score_answers(model.network, held_out), log_likelihoods(held_out, model)
        propensities[in_fold] = np.maximum(held_out.ranks**-old.examination, 1 / MAX_PROPENSITY)
    return HeldOutClicks(before, after, likelihoods, propensities)


def _compute_ranks(scores: Floats) -> npt.NDArray[np.int64]:
    """Return ranks from 1, int64 (q, n); among equals the one shown first comes first."""
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, scores.shape[1] + 1)[None], axis=1)
    return ranks


def measure_changes(
    answers: ClickDataset, held_out: HeldOutClicks, seed: int
) -> tuple[PairedDifference, PairedDifference]:
    """Return the change of the logarithms of probabilities, and the change of nDCG@10.

    Of the intervals by designs and by shoppers, the first change has the one with the lower end.
    """
    scaled = [np.clip(1 + values / MAX_LOG_LOSS, 0, 1) for values in held_out.likelihoods]
    clusterings = (answers.groups, answers.shoppers)
    changes = [paired_difference(scaled[1], scaled[0], clusters, seed) for clusters in clusterings]
    likelihood = min(changes, key=lambda change: change.difference.low)
    weights = answers.chosen / held_out.propensities
    largest, mean = max(float(weights.sum(axis=1).max()), 1e-9), max(float(weights.sum(axis=1).mean()), 1e-9)
    ranks = [_compute_ranks(scores) for scores in (held_out.after, held_out.before)]
    gains = [(weights * np.where(part <= 10, 1 / np.log2(1.0 + part), 0)).sum(axis=1) / largest for part in ranks]
    ndcg = paired_difference(gains[0], gains[1], answers.groups, seed)
    return _scale_change(likelihood, MAX_LOG_LOSS), _scale_change(ndcg, largest / mean)


def _scale_change(change: PairedDifference, factor: float) -> PairedDifference:
    interval = change.difference
    return replace(change, difference=Estimate(interval.value * factor, interval.low * factor, interval.high * factor))


def replay_answers(
    answers: ClickDataset, held_out: HeldOutClicks, start: RankingNetwork, end: RankingNetwork
) -> ReplayResult:
    """Return what changes from one network to the other."""
    before, after = (_compute_ranks(score_answers(network, answers)) for network in (start, end))
    moves = np.where(answers.shown, np.abs(after - before), 0)
    weights = answers.chosen / held_out.propensities
    total = max(float(weights.sum()), 1e-9)
    shares = [
        float((weights * (_compute_ranks(scores) == 1)).sum()) / total for scores in (held_out.before, held_out.after)
    ]
    return ReplayResult(
        float((before.argmin(axis=1) != after.argmin(axis=1)).mean()),
        float(moves.sum() / answers.shown.sum()),
        (shares[0], shares[1]),
        [
            _example(answers, n, before[n], after[n])
            for n in np.argsort(-moves.sum(axis=1), kind="stable")[:MAX_EXAMPLES].tolist()
            if before[n].argmin() != after[n].argmin()
        ],
    )


def _example(
    answers: ClickDataset, n: int, before: npt.NDArray[np.int64], after: npt.NDArray[np.int64]
) -> ReorderedAnswer:
    products, count = answers.products[n], min(EXAMPLE_PRODUCTS, len(answers.products[n]))
    orders = [[products[i] for i in np.argsort(ranks)[:count].tolist()] for ranks in (before, after)]
    return ReorderedAnswer(orders[0], orders[1])
