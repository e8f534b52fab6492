"""What would change in answers that were given, were they ranked by what clicks taught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from shoplens.evaluation.results import Estimate, Paired
from shoplens.evaluation.statistics.intervals import paired_difference
from shoplens.filters.fitting.crossfit import fold_of
from shoplens.ranking.ranker_features import Floats
from shoplens.training.ranker_training.click_dataset import ClickDataset
from shoplens.training.ranker_training.click_model import (
    MAX_PROPENSITY,
    ClickModelOptions,
    fit_click_model,
    likelihood,
    limit_update,
    score_answers,
)
from shoplens.training.ranker_training.cross_validation import FOLDS
from shoplens.training.ranker_training.ranking_networks import RankingNetwork

NATS = 10.0
"""A choice of a probability below exp(-10) counts as that."""
EXAMPLES, EXAMPLE_PRODUCTS = 8, 3


@dataclass(frozen=True, slots=True)
class ReorderedAnswer:
    """First products of an answer, as they were and as they would be, of which answer is not kept."""

    before: Sequence[str]
    after: Sequence[str]


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What would change in the answers that are remembered, among the products that they showed.

    Attributes:
        first: share of answers with another first product.
        places: mean number of places that a product moves.
        chosen_first: before and after: share of choices that fall on the first product, each choice weighed by the
            inverse of its propensity (Joachims, Swaminathan, Schnabel 2017), by weights that did not see it.
        examples: answers that change most.
    """

    first: float
    places: float
    chosen_first: tuple[float, float]
    examples: Sequence[ReorderedAnswer]


@dataclass(frozen=True, slots=True, eq=False)
class HeldOutClicks:
    """Answers, and how they were ranked by weights that did not see them; all of q answers, n products wide.

    Attributes:
        before, after: float32 (q, n), scores.
        gains: (float64 (q,), float64 (q,)): logarithms of probabilities.
        propensities: float64 (q, n), that a product was looked at, relative to the first.
    """

    before: Floats
    after: Floats
    gains: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
    propensities: npt.NDArray[np.float64]


def cross_validate_clicks(answers: ClickDataset, start: RankingNetwork) -> HeldOutClicks:
    """Rank every answer by weights that learned from answers in which no design of its fold was chosen or marked."""
    course = ClickModelOptions()
    folds = np.array([fold_of(group, FOLDS) for group in answers.groups])
    shape = answers.shown.shape
    before, after = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    gains = np.zeros(len(answers)), np.zeros(len(answers))
    propensities = np.ones(shape)
    for fold in range(FOLDS):
        mine = folds == fold
        others = np.array([all(fold_of(name, FOLDS) != fold for name in names) for names in answers.designs])
        if not mine.any() or not others.any():
            continue
        learned, held_out = answers.subset(others), answers.subset(mine)
        old = fit_click_model(learned, start, course, weights=False)
        end, _ = limit_update(learned, start, fit_click_model(learned, start, course).network)
        new = fit_click_model(learned, end, course, weights=False)
        for scores, values, one in ((before, gains[0], old), (after, gains[1], new)):
            scores[mine], values[mine] = score_answers(one.network, held_out), likelihood(held_out, one)
        propensities[mine] = np.maximum(held_out.ranks**-old.examination, 1 / MAX_PROPENSITY)
    return HeldOutClicks(before, after, gains, propensities)


def _ranks(scores: Floats) -> npt.NDArray[np.int64]:
    """int64 (q, n): from 1; of equals the one shown first comes first."""
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, scores.shape[1] + 1)[None], axis=1)
    return ranks


def measure_changes(answers: ClickDataset, asked: HeldOutClicks, seed: int) -> tuple[Paired, Paired]:
    """Of the logarithms of probabilities, and of nDCG@10."""
    scaled = [np.clip(1 + one / NATS, 0, 1) for one in asked.gains]
    by = [paired_difference(scaled[1], scaled[0], clusters, seed) for clusters in (answers.groups, answers.voices)]
    likely = min(by, key=lambda one: one.difference.low)
    weights = answers.chosen / asked.propensities
    most, mean = max(float(weights.sum(axis=1).max()), 1e-9), max(float(weights.sum(axis=1).mean()), 1e-9)
    ranks = [_ranks(one) for one in (asked.after, asked.before)]
    values = [(weights * np.where(one <= 10, 1 / np.log2(1.0 + one), 0)).sum(axis=1) / most for one in ranks]
    return _times(likely, NATS), _times(paired_difference(values[0], values[1], answers.groups, seed), most / mean)


def _times(change: Paired, factor: float) -> Paired:
    one = change.difference
    return replace(change, difference=Estimate(one.value * factor, one.low * factor, one.high * factor))


def replay_answers(
    answers: ClickDataset, asked: HeldOutClicks, start: RankingNetwork, end: RankingNetwork
) -> ReplayResult:
    """What changes from the one network to the other."""
    before, after = (_ranks(score_answers(one, answers)) for one in (start, end))
    moves = np.where(answers.shown, np.abs(after - before), 0)
    weights = answers.chosen / asked.propensities
    total = max(float(weights.sum()), 1e-9)
    first = [float((weights * (_ranks(one) == 1)).sum()) / total for one in (asked.before, asked.after)]
    return ReplayResult(
        float((before.argmin(axis=1) != after.argmin(axis=1)).mean()),
        float(moves.sum() / answers.shown.sum()),
        (first[0], first[1]),
        [
            _example(answers, n, before[n], after[n])
            for n in np.argsort(-moves.sum(axis=1), kind="stable")[:EXAMPLES].tolist()
            if before[n].argmin() != after[n].argmin()
        ],
    )


def _example(
    answers: ClickDataset, n: int, before: npt.NDArray[np.int64], after: npt.NDArray[np.int64]
) -> ReorderedAnswer:
    products, count = answers.products[n], min(EXAMPLE_PRODUCTS, len(answers.products[n]))
    first = [[products[place] for place in np.argsort(ranks)[:count].tolist()] for ranks in (before, after)]
    return ReorderedAnswer(first[0], first[1])
