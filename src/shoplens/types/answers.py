"""What is answered, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from shoplens.errors import InvalidValue
from shoplens.types.catalogue import Product
from shoplens.types.queries import Region

Verdict = Literal["exact", "similar", "not-in-catalogue", "uncalibrated"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A product that at least one filter retrieved.

    Attributes:
        product: the record.
        scores: similarity to the query in every dimension, each in [0, 1], bigger is better.
        photo: the product's photo that matched best.
        same_photo: the query is this very photo, byte for byte or pixel for pixel.
        adjustments: further named parts of the score, e.g. a merchandiser's ``boost``; any sign.
        reasons: why it is there; None where nobody asked.
    """

    product: Product
    scores: Mapping[str, float]
    photo: str
    same_photo: bool = False
    adjustments: Mapping[str, float] = field(default_factory=dict)
    reasons: Reasons | None = None


@dataclass(frozen=True, slots=True)
class ClassMatch:
    """The class of a dimension that a query and a product share most, and its probability in each."""

    name: str
    query: float
    product: float


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why a product is where it is.

    Attributes:
        weights: dimension -> weight that was used; they sum to 1.
        similarities: dimension -> similarity in [0, 1]; weight times similarity is the part.
        matches: dimension -> the class that matched, of dimensions that have classes.
        ranks_without: dimension -> the rank it would have had if the dimension had not counted, of dimensions that do.
    """

    weights: Mapping[str, float]
    similarities: Mapping[str, float]
    matches: Mapping[str, ClassMatch]
    ranks_without: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Result:
    """One row of an answer. ``parts`` add up to ``score``.

    Attributes:
        rank: from 1.
        product: the record.
        score: bigger is better; in [0, 1] but for what a merchandiser or ``not`` adds or takes.
        photo: the product's photo that matched.
        parts: dimension -> weight times similarity, and the named adjustments.
        same_photo: the query is this very photo.
        match_probability: that this product is the one in the photo; None where nothing was calibrated.
        reasons: why it is there; None where nobody asked.
        predicted: dimension -> class -> probability: values by the filters that made it meet the conditions.
    """

    rank: int
    product: Product
    score: float
    photo: str
    parts: Mapping[str, float]
    same_photo: bool = False
    match_probability: float | None = None
    reasons: Reasons | None = None
    predicted: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not math.isclose(sum(self.parts.values()), self.score, abs_tol=1e-6):
            raise InvalidValue(f"Parts {dict(self.parts)} do not add up to {self.score}.", "Sum the parts.")


@dataclass(frozen=True, slots=True)
class Facet:
    """Values of a field, counted in products.

    Attributes:
        field: as conditions call it.
        values: value -> (products that are relevant to the query, all products that meet the other conditions), most
            relevant first, then most, then by value.
        relevant: how many products were relevant.
        complete: whether no further product can have been relevant.
    """

    field: str
    values: Mapping[str, tuple[int, int]]
    relevant: int
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything a search has to say.

    Attributes:
        query_id: names this answer in logs and feedback.
        source: the photo's path or URL, or ``upload``.
        region: the box that was searched for, or None for the whole photo.
        model: id of the model that embedded the query.
        strategy: the way of answering that was used.
        results: best first.
        took_ms: milliseconds per stage: decode, embed, filter, weigh, retrieve, rank, judge, facets, total.
        verdict: whether the first result ``exact``-ly is the product in the photo, results are ``similar``, or the
            product is ``not-in-catalogue``, at the precision asked for; ``uncalibrated`` where nobody knows.
        absent_probability: that the product in the photo is not in the catalogue; None where nothing was calibrated.
        notes: what a person should know, e.g. a condition that no product meets.
        weights: dimension -> weight that ranked, summing to 1; empty for a strategy without any.
        facets: the counts that were asked for.
        asked: dimension -> how much it counts, as people and rankers weigh it: in standard deviations over the shop's
            products; summing to 1. ``weights`` are these, each divided by that spread; empty where there are none.
        remembered: whether feedback can be given on it.
    """

    query_id: str
    source: str
    region: Region | None
    model: str
    strategy: str
    results: Sequence[Result]
    took_ms: Mapping[str, float]
    verdict: Verdict = "uncalibrated"
    absent_probability: float | None = None
    notes: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    facets: tuple[Facet, ...] = ()
    asked: Mapping[str, float] = field(default_factory=dict)
    remembered: bool = False
