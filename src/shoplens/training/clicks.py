"""Learning from what shoppers did with answers: what ranks now -> a bounded step away from it, if that is proved.

Clicks are asked the way queries are (:mod:`shoplens.training.ranker`): those on one design lie in one fold, and weights
are judged on folds that they did not learn from. What would change is replayed before anything is switched on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.evaluation.results import Estimate, LeftOut, Paired, plain
from shoplens.evaluation.statistics.intervals import paired_difference
from shoplens.feedback.impressions import embedding_model_id
from shoplens.feedback.log import FeedbackLog
from shoplens.filters.fitting.crossfit import group_of
from shoplens.index.protocol import Index
from shoplens.ranking.ranker import Ranker
from shoplens.store.ranker_file import ClickTrainingState
from shoplens.training.optimization.training_loop import import_torch
from shoplens.training.ranker_training.click_dataset import ClickDataset, build_click_dataset
from shoplens.training.ranker_training.click_model import (
    MAX_WEIGHT_CHANGE,
    ClickModelOptions,
    fit_click_model,
    limit_update,
)
from shoplens.training.ranker_training.cross_validation import binary_ndcg
from shoplens.training.ranker_training.ranker_export import export_ranker, load_ranking_network, static_network
from shoplens.training.ranker_training.ranking_dataset import RankingDataset, build_ranking_dataset
from shoplens.training.ranker_training.ranking_networks import RankingNetwork
from shoplens.training.ranker_training.replay import (
    ReplayResult,
    cross_validate_clicks,
    measure_changes,
    replay_answers,
)
from shoplens.types import Rejection, StageTimer

MIN_ANSWERS, MIN_DESIGNS, MIN_SHOPPERS = 30, 10, 10
"""Below these nothing can be said; the voice of an answer is its user, or its own where nobody is known."""
MAX_NDCG_LOSS = 0.01
"""Of nDCG@10 on photos whose product is known, that clicks may cost."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """What is ranked by.

    Attributes:
        weights: dimension -> static weight, of every dimension.
        ranker: None where there is none.
        taught: answers that it has learned from.
    """

    weights: Mapping[str, float]
    ranker: Ranker | None
    taught: ClickTrainingState = field(default_factory=ClickTrainingState)


@dataclass(frozen=True, slots=True)
class ClickTraining:
    """What clicks came to.

    Attributes:
        taken: whether searches rank by it, or would but for a dry run.
        why: in words.
        answers, designs, voices: how many taught; different designs chosen or marked; different users, where an answer
            to nobody that is known counts as one.
        muted: answers that do not teach, since one user or one design has too many.
        examination: η: a product at rank r is looked at r^-η times as often as the first.
        weights: dimension -> before and after: mean weight over the answers.
        moved: part of the weight that moves.
        held_back: whether it was as much as one update may move.
        likelihood: change of the mean logarithm of the probability of what was chosen, on choices that were not seen;
            with the interval by designs or by voices, whichever is lower.
        ndcg: change of nDCG@10 of what was chosen, weighed as in :class:`ReplayResult`; None where nothing was learned.
        known: change of nDCG@10 on photos whose product is known; None where there are too few.
        replay: what changes; None where nothing was learned.
        left_out: answers that taught nothing.
        seconds: stage -> how long it took.
        model: id of the network that was taken; empty for none.
        dry_run: whether nothing was to be taken.
    """

    taken: bool
    why: str
    answers: int
    designs: int
    voices: int
    muted: int
    examination: float = 0.0
    weights: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    moved: float = 0.0
    held_back: bool = False
    likelihood: Paired | None = None
    ndcg: Paired | None = None
    known: Paired | None = None
    replay: ReplayResult | None = None
    left_out: Sequence[LeftOut] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    model: str = ""
    dry_run: bool = False

    def as_json(self) -> dict[str, Any]:
        """The documented object."""
        found: dict[str, Any] = plain(self)
        return found


def learn_from_clicks(
    context: EvaluationContext,
    log: FeedbackLog,
    ranking: Ranking,
    dataset: RankingDataset | None,
    *,
    queries: Path | None = None,
    force: bool = False,
    seed: int = 0,
) -> tuple[ClickTraining, Ranking]:
    """Go a step from what ranks to what was chosen, and prove it; the store is only read.

    Args:
        ranking: what ranks.
        tasks: photos whose product is known; None looks for some in ``queries`` and the store.
        force: go it though it is not proved.

    Returns:
        What came of it, and what is to be ranked by: ``ranking`` where nothing is taken.

    Raises:
        InvalidValue: ``no-torch``, ``no-filters``.
        StoreError: ``damaged-feedback``, ``disk``.
    """
    import_torch()  # before anything is looked at
    clock, useless = StageTimer(), dict[str, LeftOut]()

    def record_rejection(one: Rejection) -> None:
        times = useless[one.kind].times if one.kind in useless else 0
        useless[one.kind] = LeftOut(one.kind, times + 1, one.reason, one.fix)

    names = tuple(ranking.weights) if ranking.ranker is None else tuple(ranking.ranker.card.dimensions)
    with clock.stage("answers"), context.reading() as generation:
        _ = generation.fitted
        seen = [one for one in log.seen() if one.impression.at > ranking.taught.after]
        designs = _designs(generation.index, {product for one in seen for product in one.events})
        model = embedding_model_id(generation.manifest)
        answers = build_click_dataset(
            seen, names, model, record_rejection, lambda product: designs.get(product, product)
        )
    left_out = [*useless.values()]
    if context.settings.preferences.weights:
        why = "[weights] in shoplens.toml says what counts, so clicks cannot. Take it out to learn from them."
        return replace(_cannot_yet(answers, left_out), why=why), ranking
    if not has_enough_clicks(answers):
        return _cannot_yet(answers, left_out), ranking
    new = sum(one.impression.at > ranking.taught.until for one in seen)
    if new < MIN_ANSWERS:
        why = f"Clicks have taught already: {new} answers are new, and it takes {MIN_ANSWERS} for a further step."
        return replace(_cannot_yet(answers, left_out), why=why), ranking
    if dataset is None:
        with clock.stage("known photos"):
            dataset = _load_dataset(context, queries)
    with clock.stage("proof"):
        training, end = train_and_test_on_clicks(answers, _network(ranking, answers), dataset, seed)
    if force and not training.taken:
        training = replace(training, taken=True, why=f"It was forced. {training.why}")
    after = _ranking(ranking, names, end, training) if training.taken else ranking
    return replace(
        training,
        left_out=left_out,
        seconds={name: round(took / 1e3, 1) for name, took in clock.stages().items()},
        model="" if after.ranker is None or not training.taken else after.ranker.model,
    ), replace(after, taught=ClickTrainingState(answers.newest, ranking.taught.after)) if training.taken else ranking


def _designs(index: Index, products: set[str]) -> dict[str, str]:
    """Product -> its design, of those that still exist."""
    return {record.product.id: group_of(record.product) for record in index.records(products)}


def has_enough_clicks(answers: ClickDataset) -> bool:
    """Whether there is anything to be said."""
    few = (MIN_ANSWERS, MIN_DESIGNS, MIN_SHOPPERS)
    return all(there >= wanted for there, wanted in zip(_sizes(answers), few, strict=True))


def _sizes(answers: ClickDataset) -> tuple[int, int, int]:
    return len(answers), len(set().union(*answers.designs)), len(set(answers.voices))


def _cannot_yet(answers: ClickDataset, left_out: Sequence[LeftOut] = ()) -> ClickTraining:
    answers, designs, voices = _sizes(answers)
    why = (
        f"Clicks cannot help yet: {answers} answers, {designs} designs chosen or marked, by {voices} shoppers. It "
        f"takes {MIN_ANSWERS}, {MIN_DESIGNS} and {MIN_SHOPPERS} to say anything."
    )
    return ClickTraining(False, why, answers, designs, voices, answers.muted, left_out=left_out)


def train_and_test_on_clicks(
    answers: ClickDataset, start: RankingNetwork, dataset: RankingDataset | None, seed: int
) -> tuple[ClickTraining, RankingNetwork]:
    """What these answers come to, and the network a bounded step on, whether it is taken or not.

    Args:
        start: what ranks.
        tasks: photos whose product is known, that may not lose much; None for none.
    """
    if not has_enough_clicks(answers):
        return _cannot_yet(answers), start
    asked = cross_validate_clicks(answers, start)
    learned = fit_click_model(answers, start, ClickModelOptions())
    end, moved = limit_update(answers, start, learned.network)
    likely, ndcg = measure_changes(answers, asked, seed)
    means = [one.weights(answers).mean(axis=0).tolist() for one in (start, end)]
    training = replace(
        _cannot_yet(answers),
        examination=round(learned.examination, 3),
        weights={name: (means[0][n], means[1][n]) for n, name in enumerate(answers.names)},
        moved=moved,
        held_back=moved > 0.98 * MAX_WEIGHT_CHANGE,
        likelihood=likely,
        ndcg=ndcg,
        known=None if dataset is None else _on_known(dataset, answers.names, start, end, seed),
        replay=replay_answers(answers, asked, start, end),
    )
    taken, why = verdict(training)
    return replace(training, taken=taken, why=why), end


def verdict(training: ClickTraining) -> tuple[bool, str]:
    """Whether what was learned is taken, and why.

    It is, when the choices that it did not see are surely more probable by it (the interval is above zero), what was
    chosen does not surely come later, and photos whose product is known do not surely lose more than a point of nDCG.
    """
    likely, ndcg, known = training.likelihood, training.ndcg, training.known
    assert likely is not None and ndcg is not None, "something was learned"
    told = f"in {training.answers} answers, what was chosen becomes {_interval(probability_change(likely))} % more probable"
    if not likely.difference.low > 0:
        return False, f"Clicks do not surely help yet: {told}."
    if ndcg.difference.high < 0:
        return False, f"What was chosen would surely come later: nDCG@10 {_interval(ndcg)} points."
    if known is not None and known.difference.high < -MAX_NDCG_LOSS:
        return False, f"Photos whose product is known would be found later: nDCG@10 {_interval(known)} points."
    back = (
        f" It was held back at {MAX_WEIGHT_CHANGE:.0%} of the weight; the next update goes on."
        if training.held_back
        else ""
    )
    return True, f"Clicks help: {told}.{back}"


def probability_change(change: Paired) -> Paired:
    """A change of the logarithm of a probability, as a change of the probability: 0.05 for 5 % more probable."""
    one = change.difference
    low, value, high = (float(np.expm1(end)) for end in (one.low, one.value, one.high))
    return replace(change, difference=Estimate(value, low, high))


def _interval(change: Paired) -> str:
    one = change.difference
    return f"{100 * one.value:+.1f} ({100 * one.low:+.1f} to {100 * one.high:+.1f})"


def _network(ranking: Ranking, answers: ClickDataset) -> RankingNetwork:
    if ranking.ranker is not None:
        return load_ranking_network(ranking.ranker)
    return static_network(np.array([*ranking.weights.values()], np.float32), answers.embeddings.shape[1])


def _ranking(before: Ranking, names: Sequence[str], end: RankingNetwork, training: ClickTraining) -> Ranking:
    if before.ranker is None:
        weights = np.exp(end.base - end.base.max())
        shares = (weights / weights.sum()).tolist()
        return replace(before, weights={name: round(share, 4) for name, share in zip(names, shares, strict=True)})
    card = before.ranker.card
    clicks = {"answers": training.answers, "examination": training.examination, "moved": round(training.moved, 4)}
    return replace(before, ranker=Ranker(export_ranker(end, replace(card, made={**card.made, "clicks": clicks}))))


def _load_dataset(context: EvaluationContext, queries: Path | None) -> RankingDataset | None:
    try:
        with context.reading() as generation:
            return build_ranking_dataset(context, generation, queries, lambda one: None)
    except InvalidValue as problem:
        if problem.code != "too-few-queries":
            raise
        return None


def _on_known(
    dataset: RankingDataset, names: Sequence[str], start: RankingNetwork, end: RankingNetwork, seed: int
) -> Paired:
    places = np.zeros((*dataset.gains.shape, len(names)), np.float32)
    signals = np.zeros((len(dataset), len(names), dataset.signals.shape[2]), np.float32)
    for column, name in enumerate(names):
        if name in dataset.names:
            there = dataset.names.index(name)
            places[:, :, column], signals[:, column] = dataset.similarities[:, :, there], dataset.signals[:, there]
    asked = replace(dataset, names=tuple(names), places=places, signals=signals)
    values = [binary_ndcg(asked, one.scores(asked)) for one in (end, start)]
    return paired_difference(values[0], values[1], dataset.groups, seed)
