"""Learns from what shoppers did with answers: a bounded step away from the current ranking, if a test shows that it
helps.

Clicks are tested as queries are (:mod:`shoplens.training.ranker`): those on one design lie in one fold, and weights are
judged on folds that they did not learn from. Remembered answers are replayed before anything changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.evaluation.results import Estimate, OmissionCount, PairedDifference, to_json_values
from shoplens.evaluation.statistics.intervals import paired_difference
from shoplens.feedback.impressions import embedding_model_id
from shoplens.feedback.log import FeedbackLog
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
from shoplens.types import Rejection, StageTimer, group_of

MIN_ANSWERS, MIN_DESIGNS, MIN_SHOPPERS = 30, 10, 10
"""Minimum numbers of answers, designs and shoppers to learn from; an answer whose user is unknown counts as a shopper
of its own."""
MAX_NDCG_LOSS = 0.01
"""Maximum loss of nDCG@10 that clicks may cause on photos whose product is known."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """What searches are ranked by.

    Attributes:
        weights: dimension -> static weight, of every dimension.
        ranker: the trained ranker; None if there is none.
        click_state: which answers it has learned from.
    """

    weights: Mapping[str, float]
    ranker: Ranker | None
    click_state: ClickTrainingState = field(default_factory=ClickTrainingState)


@dataclass(frozen=True, slots=True)
class ClickTraining:
    """The result of learning from clicks.

    Attributes:
        promoted: whether searches rank by it, or would but for a dry run.
        reason: in words.
        answers, designs, shoppers: number of answers that were learned from, of the designs chosen or marked in them,
            and of users; an answer whose user is unknown counts as one.
        capped: number of answers that were not learned from, because one user or one design has too many.
        examination: η: a product at rank r is examined r^-η times as often as the first.
        weights: dimension -> before and after: its mean weight over the answers.
        weight_change: share of the weight that moves, 0 to 1.
        is_limited: whether it was as much as one update may move.
        likelihood: change of the mean logarithm of the probability of what was chosen, on choices that were not learned
            from; of the intervals by designs and by shoppers it has the one with the lower end.
        ndcg: change of nDCG@10 of what was chosen, weighted as in :class:`ReplayResult`; None if nothing was learned.
        known_ndcg: change of nDCG@10 on photos whose product is known; None if there are too few.
        replay: what changes; None if nothing was learned.
        left_out: answers that could not be learned from.
        seconds: stage -> its duration.
        model: the id of the network that ranks; empty for none.
        dry_run: whether nothing was to change.
    """

    promoted: bool
    reason: str
    answers: int
    designs: int
    shoppers: int
    capped: int
    examination: float = 0.0
    weights: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    weight_change: float = 0.0
    is_limited: bool = False
    likelihood: PairedDifference | None = None
    ndcg: PairedDifference | None = None
    known_ndcg: PairedDifference | None = None
    replay: ReplayResult | None = None
    left_out: Sequence[OmissionCount] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    model: str = ""
    dry_run: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        document: dict[str, Any] = to_json_values(self)
        return document


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
    """Move the current ranking a step towards what was chosen, and test it; the store is only read.

    Args:
        ranking: the current ranking.
        dataset: photos whose product is known; None looks for some in ``queries`` and the store.
        force: take the step even if the test does not show that it helps.

    Returns:
        The result, and the ranking that searches are to use: ``ranking`` itself if nothing changes.

    Raises:
        InvalidValue: ``no-torch``, ``no-filters``.
        StoreError: ``damaged-feedback``, ``disk``.
    """
    import_torch()  # fails early if it is missing
    clock, rejections = StageTimer(), dict[str, OmissionCount]()

    def record_rejection(rejection: Rejection) -> None:
        times = rejections[rejection.kind].times if rejection.kind in rejections else 0
        rejections[rejection.kind] = OmissionCount(rejection.kind, times + 1, rejection.reason, rejection.fix)

    names = tuple(ranking.weights) if ranking.ranker is None else tuple(ranking.ranker.card.dimensions)
    with clock.stage("answers"), context.reading() as generation:
        generation.require_filters()
        seen = [answer for answer in log.impressions_with_events() if answer.impression.at > ranking.click_state.after]
        designs = _load_designs(generation.index, {product for answer in seen for product in answer.events})
        model = embedding_model_id(generation.manifest)
        answers = build_click_dataset(
            seen, names, model, record_rejection, lambda product: designs.get(product, product)
        )
    new_answers = sum(answer.impression.at > ranking.click_state.until for answer in seen)
    untrained = replace(_too_few_clicks(answers), left_out=[*rejections.values()])
    if context.settings.preferences.weights:
        reason = "[weights] in shoplens.toml fixes the weights, so clicks are not used. Remove it to learn from them."
        return replace(untrained, reason=reason), ranking
    if not has_enough_clicks(answers):
        return untrained, ranking
    if new_answers < MIN_ANSWERS:
        reason = (
            f"These clicks were already learned from: {new_answers} answers are new, and a further step takes "
            f"{MIN_ANSWERS}."
        )
        return replace(untrained, reason=reason), ranking
    if dataset is None:
        with clock.stage("known photos"):
            dataset = _load_dataset(context, queries)
    with clock.stage("training"):
        training, network = train_on_click_dataset(answers, _current_network(ranking, answers), dataset, seed)
    if force and not training.promoted:
        training = replace(training, promoted=True, reason=f"It was forced. {training.reason}")
    training = replace(
        training,
        left_out=untrained.left_out,
        seconds={name: round(took / 1e3, 1) for name, took in clock.stages().items()},
    )
    if not training.promoted:
        return training, ranking
    updated = _update_ranking(ranking, names, network, training)
    updated = replace(updated, click_state=ClickTrainingState(answers.newest, ranking.click_state.after))
    return replace(training, model="" if updated.ranker is None else updated.ranker.model), updated


def _load_designs(index: Index, products: set[str]) -> dict[str, str]:
    """Return the designs of these products, of those that still exist."""
    return {record.product.id: group_of(record.product) for record in index.records(products)}


def has_enough_clicks(answers: ClickDataset) -> bool:
    """Return whether there are enough answers, designs and shoppers to learn from."""
    minimums = (MIN_ANSWERS, MIN_DESIGNS, MIN_SHOPPERS)
    return all(count >= minimum for count, minimum in zip(_counts(answers), minimums, strict=True))


def _counts(answers: ClickDataset) -> tuple[int, int, int]:
    """Return the numbers of answers, of their designs and of their shoppers."""
    return len(answers), len(set().union(*answers.designs)), len(set(answers.shoppers))


def _too_few_clicks(answers: ClickDataset) -> ClickTraining:
    """Return the result of a training that did not happen, because there are too few clicks."""
    count, designs, shoppers = _counts(answers)
    reason = (
        f"Clicks cannot help yet: there are {count} answers with {designs} designs chosen or marked, by {shoppers} "
        f"shoppers. At least {MIN_ANSWERS}, {MIN_DESIGNS} and {MIN_SHOPPERS} are needed."
    )
    return ClickTraining(False, reason, count, designs, shoppers, answers.capped)


def train_on_click_dataset(
    answers: ClickDataset, start: RankingNetwork, dataset: RankingDataset | None, seed: int
) -> tuple[ClickTraining, RankingNetwork]:
    """Learn from these answers; return the result, and the network a bounded step on, whether it is to rank or not.

    Args:
        start: the current ranking.
        dataset: photos whose product is known, which must not lose much; None for none.
    """
    if not has_enough_clicks(answers):
        return _too_few_clicks(answers), start
    held_out = cross_validate_clicks(answers, start)
    model = fit_click_model(answers, start, ClickModelOptions())
    end, weight_change = limit_update(answers, start, model.network)
    likelihood, ndcg = measure_changes(answers, held_out, seed)
    means = [network.weights(answers).mean(axis=0).tolist() for network in (start, end)]
    training = replace(
        _too_few_clicks(answers),
        examination=round(model.examination, 3),
        weights={name: (means[0][n], means[1][n]) for n, name in enumerate(answers.names)},
        weight_change=weight_change,
        is_limited=weight_change > 0.98 * MAX_WEIGHT_CHANGE,
        likelihood=likelihood,
        ndcg=ndcg,
        known_ndcg=None if dataset is None else _known_photos_change(dataset, answers.names, start, end, seed),
        replay=replay_answers(answers, held_out, start, end),
    )
    promoted, reason = judge_click_training(training)
    return replace(training, promoted=promoted, reason=reason), end


def judge_click_training(training: ClickTraining) -> tuple[bool, str]:
    """Return whether the learned weights are to rank, and the reason in words.

    They are if choices that they did not see are significantly more probable (the 95 % interval of the change is above
    zero), chosen products do not come significantly later, and photos whose product is known do not significantly lose
    more than a point of nDCG.
    """
    likelihood, ndcg, known = training.likelihood, training.ndcg, training.known_ndcg
    assert likelihood is not None and ndcg is not None, "something was learned"
    percent = _interval(probability_change(likelihood))
    gain = f"in {training.answers} answers, what was chosen becomes {percent} % more probable"
    if not likelihood.difference.low > 0:
        return False, f"Clicks do not significantly help yet: {gain}."
    if ndcg.difference.high < 0:
        return False, f"Chosen products would come significantly later: nDCG@10 {_interval(ndcg)} points."
    if known is not None and known.difference.high < -MAX_NDCG_LOSS:
        return False, f"Photos whose product is known would find it later: nDCG@10 {_interval(known)} points."
    reason = f"Clicks help: {gain}."
    if training.is_limited:
        reason += f" The update was limited to {MAX_WEIGHT_CHANGE:.0%} of the weight; the next one continues."
    return True, reason


def probability_change(change: PairedDifference) -> PairedDifference:
    """Return the change of a logarithm of a probability as a change of the probability: 0.05 for 5 % more probable."""
    interval = change.difference
    low, value, high = (float(np.expm1(end)) for end in (interval.low, interval.value, interval.high))
    return replace(change, difference=Estimate(value, low, high))


def _interval(change: PairedDifference) -> str:
    interval = change.difference
    return f"{100 * interval.value:+.1f} ({100 * interval.low:+.1f} to {100 * interval.high:+.1f})"


def _current_network(ranking: Ranking, answers: ClickDataset) -> RankingNetwork:
    if ranking.ranker is not None:
        return load_ranking_network(ranking.ranker)
    return static_network(np.array([*ranking.weights.values()], np.float32), answers.embeddings.shape[1])


def _update_ranking(
    ranking: Ranking, names: Sequence[str], network: RankingNetwork, training: ClickTraining
) -> Ranking:
    """Return the ranking by this network: as static weights if there is no ranker, else as a ranker."""
    if ranking.ranker is None:
        weights = np.exp(network.base - network.base.max())
        shares = (weights / weights.sum()).tolist()
        return replace(ranking, weights={name: round(share, 4) for name, share in zip(names, shares, strict=True)})
    card = ranking.ranker.card
    clicks = {
        "answers": training.answers,
        "examination": training.examination,
        "weight_change": round(training.weight_change, 4),
    }
    card = replace(card, training_record={**card.training_record, "clicks": clicks})
    return replace(ranking, ranker=Ranker(export_ranker(network, card)))


def _load_dataset(context: EvaluationContext, queries: Path | None) -> RankingDataset | None:
    """Return photos whose product is known; None if there are too few."""
    try:
        with context.reading() as generation:
            return build_ranking_dataset(context, generation, queries, lambda rejection: None)
    except InvalidValue as problem:
        if problem.code != "too-few-queries":
            raise
        return None


def _known_photos_change(
    dataset: RankingDataset, names: Sequence[str], start: RankingNetwork, end: RankingNetwork, seed: int
) -> PairedDifference:
    """Return the change of nDCG@10 on the dataset, with its dimensions in the order of ``names``."""
    similarities = np.zeros((*dataset.gains.shape, len(names)), np.float32)
    signals = np.zeros((len(dataset), len(names), dataset.signals.shape[2]), np.float32)
    for column, name in enumerate(names):
        if name in dataset.names:
            source = dataset.names.index(name)
            similarities[:, :, column] = dataset.similarities[:, :, source]
            signals[:, column] = dataset.signals[:, source]
    known = replace(dataset, names=tuple(names), similarities=similarities, signals=signals)
    after, before = (binary_ndcg(known, network.scores(known)) for network in (end, start))
    return paired_difference(after, before, dataset.groups, seed)
