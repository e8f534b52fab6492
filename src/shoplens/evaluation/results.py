"""The results of evaluations: small frozen values that become JSON and report pages."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shoplens.types import Region


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % confidence interval; shares and metrics are in [0, 1]."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """One way of answering minus another, on the same queries.

    Attributes:
        difference: mean of the differences with its interval; above 0 where the first way is better.
        p: two-sided p-value of the hypothesis that both ways are equally good.
    """

    difference: Estimate
    p: float


@dataclass(frozen=True, slots=True)
class CategoryMetrics:
    """The metrics over the queries of one category.

    Attributes:
        name: the category, its levels joined by `` / ``.
        queries: number of queries.
        metrics: name of a metric -> its mean over these queries.
    """

    name: str
    queries: int
    metrics: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class ProductSummary:
    """A product in an answer, with the photo of it that matched the query."""

    product_id: str
    title: str
    photo: str
    score: float


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """One query with the first results of its answer.

    Attributes:
        photo: source of the query photo.
        region: the part of the photo that was searched for; None for the whole photo.
        right: the most relevant right product in the store, then the other right products among the results.
        rank: rank of the first right product, from 1; None when it is below the ranks that were examined.
        results: the first few results.
    """

    photo: str
    region: Region | None
    right: tuple[ProductSummary, ...]
    rank: int | None
    results: tuple[ProductSummary, ...]


@dataclass(frozen=True, slots=True)
class Confusion:
    """A pair of products: the one in the photo, the other one that was ranked first, and how often that happened."""

    right: ProductSummary
    first_result: ProductSummary
    times: int


@dataclass(frozen=True, slots=True)
class OmissionCount:
    """The number of queries, or of right products of queries, that were left out for one reason.

    Attributes:
        kind: code of the reason.
        times: how often it occurred.
        example: the first case.
        fix: what to do about it.
    """

    kind: str
    times: int
    example: str
    fix: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How often one strategy finds the right product, on one set of queries.

    Attributes:
        store: folder of the store.
        queries_from: the file of the queries, or a description of their origin.
        strategy, model: the strategy and the model that answered.
        products: number of products that were searched.
        queries: number of queries that the metrics are means of.
        absent: number of queries without a right product in the store; no metric includes them.
        left_out: everything that was not used, counted by kind, including ``absent``.
        overall: name of a metric -> its mean over all queries.
        categories: the metrics per category of the right product, the category with the most queries first.
        curve: share of queries with a right product among the first k, for k = 1, 2, ….
        worst: the queries with the worst ranks of their right product.
        confused: pairs of products that were mistaken for each other, the most frequent first.
        milliseconds: stage (``retrieve``, ``rank``) -> median milliseconds per query.
        seed: seed of the resampling.
    """

    store: str
    queries_from: str
    strategy: str
    model: str
    products: int
    queries: int
    absent: int
    left_out: Sequence[OmissionCount]
    overall: Mapping[str, Estimate]
    categories: Sequence[CategoryMetrics]
    curve: Sequence[Estimate]
    worst: Sequence[JudgedAnswer]
    confused: Sequence[Confusion]
    milliseconds: Mapping[str, float]
    seed: int

    def as_json(self) -> dict[str, Any]:
        """Return the documented object: ``overall`` is called ``metrics``, everything else has its own name."""
        fields = to_json_values(self)
        return {"queries": fields.pop("queries"), "metrics": fields.pop("overall"), **fields}


@dataclass(frozen=True, slots=True)
class RetrainingCost:
    """The cost of a complete training, for a strategy that must be trained again whenever a product is added.

    Attributes:
        products: number of products in the catalogue.
        seconds: training time in seconds, without the time to compute the features.
        training_bytes: memory for the features and the trained parameters.
        network_bytes: size of the network that answers searches.
    """

    products: int
    seconds: float
    training_bytes: int
    network_bytes: int


@dataclass(frozen=True, slots=True)
class StrategyRow:
    """One strategy in a comparison.

    Attributes:
        name: name of the strategy.
        about: a sentence that describes it.
        metrics: name of a metric -> its mean over the queries.
        against: name of a metric -> this strategy minus the one compared with; empty for that one itself.
        query_ms: milliseconds per query, from the file's bytes to ranked results: ``median``, ``p95``.
        bytes_per_product: size on disk of the generation's folder, divided by the number of products.
        adding_ms: milliseconds until one more product can be found: ``median``, ``p95``.
        adding: the work that this takes, in words, such as "decode, embed, write".
        unknown: number of products that it cannot find because it was not trained on them.
        retraining_costs: the cost of a training as the catalogue grows; empty for strategies that need none.
    """

    name: str
    about: str
    metrics: Mapping[str, Estimate]
    against: Mapping[str, PairedDifference]
    query_ms: Mapping[str, float]
    bytes_per_product: float
    adding_ms: Mapping[str, float]
    adding: str
    unknown: int = 0
    retraining_costs: Sequence[RetrainingCost] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """The results of all strategies on the same queries; ``compared_with`` names the row that is the reference."""

    store: str
    queries_from: str
    products: int
    queries: int
    left_out: Sequence[OmissionCount]
    compared_with: str
    rows: Sequence[StrategyRow]
    seed: int

    def as_json(self) -> dict[str, Any]:
        """Return the documented object."""
        fields: dict[str, Any] = to_json_values(self)
        return fields


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Answers with about the same predicted probability.

    Attributes:
        count: number of answers.
        predicted: mean of the predicted probabilities.
        observed: share of the answers that were right, with its interval.
    """

    count: int
    predicted: float
    observed: Estimate


@dataclass(frozen=True, slots=True)
class Reliability:
    """How well one kind of probability is calibrated.

    Attributes:
        claim: the statement that has the probability, such as "The first result is the product".
        bins: the answers by their predicted probability, the least probable first.
        ece: expected calibration error, debiased: root mean square of observed minus predicted.
        answers: number of answers that were judged.
    """

    claim: str
    bins: Sequence[ReliabilityBin]
    ece: Estimate
    answers: int


@dataclass(frozen=True, slots=True)
class GateCell:
    """One figure of the quality gate.

    Attributes:
        kind: ``all``, ``corruption`` or ``category``.
        name: name of the corruption or category; ``all`` for the whole.
        queries: number of queries that were compared.
        before, now: recall of the baseline and of this run.
        difference: ``now`` minus ``before``.
        p: one-sided p-value: probability of a drop this large or larger in a system that did not change.
        fell: whether the drop is significant, so that the gate fails.
    """

    kind: str
    name: str
    queries: int
    before: Estimate
    now: Estimate
    difference: Estimate
    p: float
    fell: bool


def to_json_values(value: Any) -> Any:
    """Convert nested dataclasses, mappings and sequences to dictionaries, lists and scalars for JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json_values(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json_values(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json_values(item) for item in value]
    return value
