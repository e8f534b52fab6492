"""What evaluations say, as values: small, frozen, ready for JSON and for a report."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shoplens.types import Region


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval; shares and metrics are in [0, 1]."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Paired:
    """One way of answering less another, on the same queries.

    Attributes:
        difference: mean of the differences, with its interval; above 0 where the first is better.
        p: two-sided, of the hypothesis that the two are equal.
    """

    difference: Estimate
    p: float


@dataclass(frozen=True, slots=True)
class Part:
    """The metrics over some of the queries.

    Attributes:
        name: ``all``, or a category, its levels joined by `` / ``.
        queries: how many.
        metrics: name of a metric -> its mean over the queries.
    """

    name: str
    queries: int
    metrics: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Found:
    """A product that an answer holds: its photo is the one that matched."""

    product_id: str
    title: str
    photo: str
    score: float


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """One query and what was found for it.

    Attributes:
        photo: source of the query photo.
        region: the part of it that was searched for.
        right: the most wanted right product in the store, then the others that were found.
        rank: of the first right product, from 1; None when it came too late to be looked at.
        found: the first few results.
    """

    photo: str
    region: Region | None
    right: tuple[Found, ...]
    rank: int | None
    found: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Confusion:
    """A product that came first although another one was in the photo, and how often."""

    right: Found
    found: Found
    times: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Queries, or right products of them, that do not count, and why."""

    kind: str
    times: int
    example: str
    fix: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How often one strategy is right, on one set of queries.

    Attributes:
        store: its folder.
        queries_from: the file, or in words where the queries came from.
        strategy, model: that answered.
        products: how many there were to be found.
        queries: how many the metrics are means of.
        absent: queries none of whose right products is in the store; they are in no metric.
        left_out: everything that was not used, counted by kind, ``absent`` included.
        overall: name of a metric -> its mean.
        categories: the same per category of the right product, the most queries first.
        curve: share of queries with a right product among the first k, for k = 1, 2, ….
        worst: the queries whose right product came last.
        confused: pairs of products, the most frequent first.
        milliseconds: median per query: ``retrieve``, ``rank``.
        seed: of the resampling.
    """

    store: str
    queries_from: str
    strategy: str
    model: str
    products: int
    queries: int
    absent: int
    left_out: Sequence[LeftOut]
    overall: Mapping[str, Estimate]
    categories: Sequence[Part]
    curve: Sequence[Estimate]
    worst: Sequence[JudgedAnswer]
    confused: Sequence[Confusion]
    milliseconds: Mapping[str, float]
    seed: int

    def as_json(self) -> dict[str, Any]:
        """The documented object: ``queries``, ``metrics``, and everything else under its own name."""
        told = plain(self)
        return {"queries": told.pop("queries"), "metrics": told.pop("overall"), **told}


@dataclass(frozen=True, slots=True)
class RetrainingCost:
    """What a training from the beginning takes, for a strategy that needs one for every product that is added.

    Attributes:
        products: in the catalogue.
        seconds: of training, once the features are there.
        training_bytes: features and trained numbers in memory.
        network_bytes: of the network that serves.
    """

    products: int
    seconds: float
    training_bytes: int
    network_bytes: int


@dataclass(frozen=True, slots=True)
class StrategyRow:
    """One strategy in a comparison.

    Attributes:
        name, about: of the strategy; ``about`` is a sentence for people.
        metrics: name -> mean over the queries.
        against: name -> this strategy less the one compared with; empty for that one itself.
        query_ms: per query, from pixels to ranked results: ``median``, ``p95``.
        bytes_per_product: that its part of the store takes on disk.
        adding_ms: what one more product costs until it is found: ``median``, ``p95``.
        adding: that cost in words, such as "decode, embed, write".
        unknown: products that it cannot find, since it was not trained on them.
        retraining_costs: what a training takes as the catalogue grows; empty for strategies that need none.
    """

    name: str
    about: str
    metrics: Mapping[str, Estimate]
    against: Mapping[str, Paired]
    query_ms: Mapping[str, float]
    bytes_per_product: float
    adding_ms: Mapping[str, float]
    adding: str
    unknown: int = 0
    retraining_costs: Sequence[RetrainingCost] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """All strategies on the same queries. ``compared_with`` names the row that the others are compared with."""

    store: str
    queries_from: str
    products: int
    queries: int
    left_out: Sequence[LeftOut]
    compared_with: str
    rows: Sequence[StrategyRow]
    seed: int

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = plain(self)
        return told


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Answers of about the same probability: what was said (mean), and how often it was true.

    Attributes:
        count: how many.
        said: mean probability.
        true: share that was right, with its interval.
    """

    count: int
    said: float
    true: Estimate


@dataclass(frozen=True, slots=True)
class Reliability:
    """What one kind of probability is worth.

    Attributes:
        claim: what it is the probability of, such as "The first result is the product".
        bins: answers of about the same probability, the least probable first.
        ece: expected calibration error, debiased: how far what was said is from what was true, root mean square.
        answers: how many were judged.
    """

    claim: str
    bins: Sequence[ReliabilityBin]
    ece: Estimate
    answers: int


@dataclass(frozen=True, slots=True)
class GateCell:
    """One line of the quality gate.

    Attributes:
        kind: ``all``, ``corruption`` or ``category``.
        name: which one.
        queries: compared.
        before, now: recall.
        difference: now less before.
        p: of a drop this large or larger in a system that did not change (one-sided).
        fell: whether the gate fails by it.
    """

    kind: str
    name: str
    queries: int
    before: Estimate
    now: Estimate
    difference: Estimate
    p: float
    fell: bool


def plain(value: Any) -> Any:
    """Dictionaries, lists and scalars for JSON out of these values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value
