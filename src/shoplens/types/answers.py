"""Answers of a search, their results, and the reasons for them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from shoplens.errors import InvalidValue
from shoplens.types.catalogue import Photo, Product
from shoplens.types.queries import ObjectBox, Region
from shoplens.types.vectors import ByteMask
from shoplens.types.words import WordMeaning

View = Literal["whole", "object"]
Verdict = Literal["exact", "similar", "not-in-catalogue", "no-product", "uncalibrated"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A product that at least one filter retrieved.

    Attributes:
        product: the product.
        scores: similarity to the query in every dimension, each in [0, 1]; bigger is better.
        photo: the product's photo that matched best.
        same_photo: whether the query is this very photo, byte for byte or pixel for pixel.
        barcode: the barcode in the query photo that is the product's; empty for none.
        product_photos: the photos of the product as the index stores them, with their hashes.
        adjustments: further named parts of the score, positive or negative, e.g. a merchandiser's ``boost``.
        reasons: why the product is a result; None where the query did not ask for reasons.
    """

    product: Product
    scores: Mapping[str, float]
    photo: str
    same_photo: bool = False
    adjustments: Mapping[str, float] = field(default_factory=dict)
    reasons: Reasons | None = None
    barcode: str = ""
    product_photos: tuple[Photo, ...] = ()


@dataclass(frozen=True, slots=True)
class ClassMatch:
    """The class of a dimension in which a query and a product agree most.

    Attributes:
        name: the class.
        query, product: probability of the class for the query and for the product.
    """

    name: str
    query: float
    product: float


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why a product has its rank.

    Attributes:
        weights: dimension -> weight that was used; the weights sum to 1.
        similarities: dimension -> similarity in [0, 1]; weight times similarity is the dimension's part of the score.
        matches: dimension -> the class that matched, for dimensions that have classes.
        ranks_without: dimension -> the rank that the product would have if the dimension did not count, for dimensions
            that do count.
    """

    weights: Mapping[str, float]
    similarities: Mapping[str, float]
    matches: Mapping[str, ClassMatch]
    ranks_without: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Result:
    """A result of an answer.

    Attributes:
        rank: the first rank is 1.
        product: the product.
        score: bigger is better; in [0, 1] except for what a merchandiser or ``not`` adds or subtracts.
        photo: the product's photo that matched.
        parts: dimension -> weight times similarity, and the named adjustments; they add up to ``score``.
        same_photo: whether the query is this very photo.
        match_probability: probability that this product is the one in the photo; None where no calibration exists.
        reasons: why the product is a result; None where the query did not ask for reasons.
        predicted: dimension -> class -> probability: the values predicted by the filters with which the product meets
            the conditions.
        barcode: the barcode in the query photo that is the product's, as it is printed; empty for none.
        product_photos: the photos of the product as the index stores them, with their hashes.

    Raises:
        InvalidValue: the parts do not add up to the score.
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
    barcode: str = ""
    product_photos: tuple[Photo, ...] = ()

    def __post_init__(self) -> None:
        if not math.isclose(sum(self.parts.values()), self.score, abs_tol=1e-6):
            raise InvalidValue(
                f"The parts {dict(self.parts)} do not add up to the score {self.score}.", "Give the sum of the parts."
            )


@dataclass(frozen=True, slots=True)
class MatchPoint:
    """A place that a query photo and a product's photo have in common.

    Attributes:
        query, product: x and y in pixels of each photo.
        similarity: of the network's features at the two places, above 0 and at most 1.
    """

    query: tuple[int, int]
    product: tuple[int, int]
    similarity: float


@dataclass(frozen=True, slots=True)
class MatchRegions:
    """Where a query photo and a product's photo match.

    Attributes:
        query: the box around the thing in the query photo that is most similar to the product.
        product: the box around the product in its photo.
        product_size: width and height of the product's photo in pixels.
        points: places that the two have in common, the most similar first.
    """

    query: Region
    product: Region
    product_size: tuple[int, int]
    points: tuple[MatchPoint, ...]


@dataclass(frozen=True, slots=True)
class Facet:
    """The values of a field, with the number of products that have each.

    Attributes:
        field: name of the field, as in conditions.
        values: value -> (number of products that are relevant to the query, number of all products that meet the other
            conditions), sorted by the first number, then by the second, then by value.
        relevant: number of products that are relevant to the query.
        complete: whether all relevant products were counted.
    """

    field: str
    values: Mapping[str, tuple[int, int]]
    relevant: int
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a query.

    Attributes:
        query_id: id of this answer in logs and feedback.
        source: the photo's path or URL, or ``upload``.
        region: the box that was searched for, or None for the whole photo.
        object: the box around the thing in the photo that was compared beside the whole; None where none was found, and
            for strategies that look for none.
        objects: the boxes of the things in the photo, or in the region, the largest first; of several photos, in the
            first one. A single thing has the box ``object``.
        mask: uint8 (rows, columns), where ``object`` is in the photo or region, whose cells divide it evenly; 255 is
            certain. None where the query did not ask for reasons, or none was found.
        view: what decided which product is first: the photo as a whole, or the thing in it alone; None where the query
            did not ask for reasons, or it was neither.
        object_answers: an answer for each of ``objects`` by itself, where they were asked for.
        model: id of the model that embedded the query.
        strategy: name of the strategy that was used.
        results: the results, best first.
        took_ms: milliseconds per stage: read, decode, scan, embed, filter, weigh, retrieve, rank, judge, facets, other
            (all between them), and total, their sum.
        verdict: ``exact`` if the first result is the product in the photo, ``similar`` if results only resemble it,
            ``not-in-catalogue`` if the catalogue lacks it, each at the query's precision; ``no-product`` for a photo of
            nothing but grey or noise, which has no results; ``uncalibrated`` where no calibration exists.
        absent_probability: probability that the product in the photo is not in the catalogue; None where no
            calibration exists.
        notes: sentences for people, e.g. about a condition that no product meets.
        weights: dimension -> weight that ranked, summing to 1; empty for a strategy without weights.
        facets: the counts of the fields that the query names.
        importances: dimension -> how much it counts as people and rankers weigh it, in units of the standard deviation
            of its similarities over the shop's products, summing to 1; empty where there are no weights. Each weight
            is proportional to its importance divided by that standard deviation.
        words: what the words of the query were read as, in order; empty where it has none.
        remembered: whether feedback can be given on this answer.
        barcodes: the barcodes that were read in the photo, as they are printed.
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
    importances: Mapping[str, float] = field(default_factory=dict)
    remembered: bool = False
    object: Region | None = None
    objects: tuple[ObjectBox, ...] = ()
    object_answers: tuple[Answer, ...] = ()
    words: tuple[WordMeaning, ...] = ()
    barcodes: tuple[str, ...] = ()
    mask: ByteMask | None = None
    view: View | None = None

    @property
    def object_share(self) -> float | None:
        """The share of the photo or region that shows ``object``; None without a mask."""
        return None if self.mask is None else float((self.mask > 127).mean())
