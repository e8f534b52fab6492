"""Trains a ranker: query photos with candidates -> weights and networks -> the one that a test shows to be the best.

All are tested on queries that they did not see (:mod:`~shoplens.training.ranker_training.cross_validation`); the one
that is to rank then learns from all queries, by the recipe that was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shoplens.embedders.look import HASH_DIGITS
from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.evaluation.results import Estimate, OmissionCount, PairedDifference, to_json_values
from shoplens.evaluation.statistics.intervals import estimate, paired_difference
from shoplens.feeds import Report
from shoplens.ranking.ranker import KINDS, Kind, Ranker, RankerCard
from shoplens.store.files.atomic import timestamp, translate_disk_errors
from shoplens.training.clicks import ClickTraining
from shoplens.training.optimization.training_loop import import_torch
from shoplens.training.ranker_training.cross_validation import (
    RANKER_RECIPES,
    CrossValidation,
    binary_ndcg,
    compute_ranks,
    cross_validate,
    graded_ndcg,
    train_families,
)
from shoplens.training.ranker_training.ranker_export import export_ranker, measure_ranker_difference
from shoplens.training.ranker_training.ranking_dataset import RankingDataset, build_ranking_dataset
from shoplens.training.ranker_training.ranking_networks import RankerRecipe, RankingNetwork
from shoplens.types import StageTimer

MAIN_METRIC = "ndcg@10"
METRICS = ("recall@1", MAIN_METRIC, "graded ndcg@10")
FITTED, STATIC = "fitted", "static"
RANKER_NAMES = {FITTED: "fitted weights", STATIC: "tuned weights", "gate": "gate", "listwise": "gate and context"}
MAX_EXAMPLES = 12
CHECKED_QUERIES = 64


@dataclass(frozen=True, slots=True)
class RankerOptions:
    """What is trained.

    Attributes:
        queries: a file of ``photo,product_id`` rows; None uses the catalogue's own photos.
        kind: the only network that may rank, ``gate`` or ``listwise``; None chooses by the test.
        seed: seed of all random draws.
        force: use a network, and what clicks say, even if it is not significantly better.
        recipes: the recipes to choose from; some of each family.
        dry_run: change nothing.
    """

    queries: Path | None = None
    kind: Kind | None = None
    seed: int = 0
    force: bool = False
    recipes: Sequence[RankerRecipe] = RANKER_RECIPES
    dry_run: bool = False

    def __post_init__(self) -> None:
        if self.kind is not None and self.kind not in KINDS:
            raise InvalidValue(f"--kind is {self.kind!r}.", f"Choose one of: {', '.join(KINDS)}.")


@dataclass(frozen=True, slots=True)
class WeightExample:
    """The weights that the gate chose for one photo that it did not learn from.

    Attributes:
        photo: path or URL.
        weights: dimension -> weight.
        rank, rank_static: the rank of the right product by the gate, and by the tuned weights.
    """

    photo: str
    weights: Mapping[str, float]
    rank: int
    rank_static: int


@dataclass(frozen=True, slots=True)
class RankerTraining:
    """The result of a training.

    Attributes:
        selected: the ranker that ranks: ``gate``, ``listwise``, ``static`` for tuned weights alone, or empty for none.
        reason: in words.
        queries, groups: number of queries, and of their designs.
        query_photos: what the queries are, in words.
        metrics: ranker -> metric -> value, on queries that it did not see.
        changes: ranker -> metric -> its value less that of the ranker that it is compared with, on the same queries:
            tuned weights with the fitted ones, networks with the tuned weights.
        fitted_weights, tuned_weights: dimension -> static weight, summing to 1.
        gate_weights: dimension -> mean and standard deviation of the gate's weights over the queries.
        examples: the photos with the least usual weights.
        seconds: stage -> its duration.
        export_difference: largest difference of any value between torch and the exported network.
        model: the id of the network; empty if none ranks.
        left_out: photos and rows that could not be learned from.
        options: the options of the training, and the recipes that were chosen.
        clicks: the result of learning from clicks, on top of it; None if there are none.
    """

    selected: str
    reason: str
    queries: int
    groups: int
    query_photos: str
    metrics: Mapping[str, Mapping[str, Estimate]]
    changes: Mapping[str, Mapping[str, PairedDifference]]
    fitted_weights: Mapping[str, float]
    tuned_weights: Mapping[str, float]
    gate_weights: Mapping[str, tuple[float, float]]
    examples: Sequence[WeightExample]
    seconds: Mapping[str, float]
    export_difference: float = 0.0
    model: str = ""
    left_out: Sequence[OmissionCount] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    clicks: ClickTraining | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        document: dict[str, Any] = to_json_values(self)
        return document


@dataclass(frozen=True, slots=True, eq=False)
class RankerProof:
    """A training, and what searches are to be ranked by.

    Attributes:
        weights: dimension -> static weight; empty to keep the fitted ones.
        ranker: None if none is to rank.
        dataset: the queries that it was tested on.
    """

    training: RankerTraining
    weights: Mapping[str, float]
    ranker: Ranker | None
    dataset: RankingDataset


def train_and_test_ranker(context: EvaluationContext, options: RankerOptions) -> RankerProof:
    """Train rankers and test which is the best; the store is only read.

    Raises:
        InvalidValue: ``no-torch``, ``no-filters``, ``too-few-queries``, or the file of queries makes no sense.
        StoreError: ``other-model``, ``unfinished-store``, ``disk``.
    """
    import_torch()  # fails early if it is missing
    folder, clock = context.store.folder, StageTimer()
    report = Report(folder / "reports" / f"{timestamp()}-train-ranker-photos.jsonl")
    with translate_disk_errors(folder), report:
        with clock.stage("candidates"), context.reading() as generation:
            dataset = build_ranking_dataset(context, generation, options.queries, report.add)
        proof = train_ranker_on(dataset, context, options, clock)
        left_out = [OmissionCount(row.kind, row.times, row.example, row.fix) for row in report.summary()]
    return replace(proof, training=replace(proof.training, left_out=left_out))


def train_ranker_on(
    dataset: RankingDataset, context: EvaluationContext, options: RankerOptions, clock: StageTimer
) -> RankerProof:
    """Train rankers on these queries, and test which is the best."""
    with clock.stage("cross-validation"):
        validation = cross_validate(dataset, options.seed, context.progress, options.recipes)
    metrics = {name: _metrics(dataset, scores, options.seed) for name, scores in validation.scores.items()}
    changes = {name: _changes(dataset, validation, name, options.seed) for name in validation.scores if name != FITTED}
    selected, reason = judge_rankers(changes, options)
    with clock.stage("all queries"):
        networks = train_families(dataset, validation.recipes)
    weights = _weights_by_name(dataset, networks["static"].weights(dataset)[0])
    ranker, difference = None, 0.0
    for kind in KINDS:
        if kind == selected:
            ranker = _export(networks[kind], dataset, kind, reason)
            checked = dataset.subset(np.arange(len(dataset)) < CHECKED_QUERIES)
            difference = measure_ranker_difference(ranker, networks[kind], checked)
    training = RankerTraining(
        selected=selected,
        reason=reason,
        queries=len(dataset),
        groups=len(set(dataset.groups)),
        query_photos=dataset.description,
        metrics=metrics,
        changes=changes,
        fitted_weights=_weights_by_name(dataset, dataset.fitted_weights / dataset.fitted_weights.sum()),
        tuned_weights=weights,
        gate_weights={
            name: (float(gate_weights.mean()), float(gate_weights.std()))
            for name, gate_weights in zip(dataset.names, validation.gate_weights.T, strict=True)
        },
        examples=_examples(dataset, validation),
        seconds={name: round(took / 1e3, 1) for name, took in clock.stages().items()},
        export_difference=difference,
        model="" if ranker is None else ranker.model,
        options={
            **to_json_values(replace(options, recipes=())),
            "queries": str(options.queries or ""),
            "recipes": to_json_values(dict(validation.recipes)),
        },
    )
    return RankerProof(training, weights if selected else {}, ranker, dataset)


def judge_rankers(changes: Mapping[str, Mapping[str, PairedDifference]], options: RankerOptions) -> tuple[str, str]:
    """Return which ranker is to rank, and the reason in words.

    A network is if its nDCG@10 is significantly better than that of the tuned weights (the 95 % interval of the change
    is above zero), and the right product does not come first significantly less often. Tuned weights are if they are
    better than the fitted weights.
    """
    kinds: tuple[Kind, ...] = KINDS if options.kind is None else (options.kind,)
    better = [kind for kind in kinds if _is_better(changes[kind])]
    best = max(better or kinds, key=lambda kind: changes[kind][MAIN_METRIC].difference.value)
    network_change = f"{RANKER_NAMES[best]} against tuned weights: {_describe_change(changes[best][MAIN_METRIC])}"
    if better:
        return best, f"Which dimensions matter depends on the photo: {network_change}."
    if options.force:
        return best, f"It was forced, and is not significantly better: {network_change}."
    tuned = changes[STATIC][MAIN_METRIC]
    tuned_change = f"tuned weights against fitted weights: {_describe_change(tuned)}"
    if tuned.difference.value > 0:
        return STATIC, (
            f"No network is significantly better than tuned weights ({network_change}), so tuned weights rank: "
            f"{tuned_change}."
        )
    return "", f"Nothing is better than the fitted weights: {tuned_change}; {network_change}."


def _is_better(change: Mapping[str, PairedDifference]) -> bool:
    return change[MAIN_METRIC].difference.low > 0 and change["recall@1"].difference.high >= 0


def _describe_change(change: PairedDifference) -> str:
    interval = change.difference
    return f"nDCG@10 {100 * interval.value:+.1f} ({100 * interval.low:+.1f} to {100 * interval.high:+.1f}) points"


def _values(dataset: RankingDataset, scores: npt.NDArray[np.float32], metric: str) -> npt.NDArray[np.float64]:
    if metric == "recall@1":
        first: npt.NDArray[np.float64] = (compute_ranks(dataset, scores) == 1).astype(np.float64)
        return first
    return binary_ndcg(dataset, scores) if metric == MAIN_METRIC else graded_ndcg(dataset, scores)


def _metrics(dataset: RankingDataset, scores: npt.NDArray[np.float32], seed: int) -> dict[str, Estimate]:
    return {metric: estimate(_values(dataset, scores, metric), dataset.groups, seed) for metric in METRICS}


def _changes(dataset: RankingDataset, validation: CrossValidation, name: str, seed: int) -> dict[str, PairedDifference]:
    """Return the changes from the ranker that this one is compared with."""
    scores, baseline = validation.scores[name], validation.scores[FITTED if name == STATIC else STATIC]
    return {
        metric: paired_difference(
            _values(dataset, scores, metric), _values(dataset, baseline, metric), dataset.groups, seed
        )
        for metric in METRICS
    }


def _weights_by_name(dataset: RankingDataset, weights: npt.NDArray[np.float32]) -> dict[str, float]:
    return {name: round(weight, 4) for name, weight in zip(dataset.names, weights.tolist(), strict=True)}


def _export(network: RankingNetwork, dataset: RankingDataset, kind: Kind, reason: str) -> Ranker:
    card = RankerCard(
        dataset.names,
        kind,
        dataset.embeddings.shape[1],
        {
            "created": timestamp(),
            "reason": reason,
            "queries": len(dataset),
            "query_photos": dataset.description,
            "recipe": to_json_values(network.recipe),
        },
        sorted({name[:HASH_DIGITS] for name in dataset.photos}),
    )
    return Ranker(export_ranker(network, card))


def _examples(dataset: RankingDataset, validation: CrossValidation) -> list[WeightExample]:
    """Return the photos whose weights are farthest from the mean, one of each group."""
    deviations = np.abs(validation.gate_weights - validation.gate_weights.mean(axis=0)).sum(axis=1)
    gate_ranks = compute_ranks(dataset, validation.scores["gate"])
    static_ranks = compute_ranks(dataset, validation.scores[STATIC])
    by_group: dict[str, WeightExample] = {}
    for n in np.argsort(-deviations, kind="stable").tolist():
        weights = _weights_by_name(dataset, validation.gate_weights[n])
        example = WeightExample(dataset.sources[n], weights, int(gate_ranks[n]), int(static_ranks[n]))
        by_group.setdefault(dataset.groups[n], example)
    return [*by_group.values()][:MAX_EXAMPLES]
