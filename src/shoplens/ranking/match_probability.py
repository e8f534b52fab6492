"""Scores -> match probabilities, and what an answer may claim by them: ``exact``, ``not-in-catalogue``, or neither.

Everything is read off the scores s1 >= s2 >= ... of the first products of the whole ranking, the *reference*. Two
logistic regressions, fitted by :mod:`shoplens.evaluation.statistics.calibration`, make two probabilities:

    P(absent)     = logistic(a0 + a1 s1 + a2 lead(s1) + a3 contrast(s1) + e)     no right product is in the catalogue
    P(r is right) = (1 - P(absent)) * logistic(m0 + m1 s + m2 lead(s) + m3 contrast(s))     of a result r of score s

    lead(s)     = log((1.01 - rival) / (1.01 - s))     rival: the best score of the other reference products
    contrast(s) = s - the mean score of the other reference products, ten at most

    e = a4 t1 + a5 (t1 - t2) + a6 mean(t2, t3, ...) + a7 log(spread)     for strategies with weights; 0 for others

Here t = (s - average) / spread is the score in standard deviations over the shop's products, as this very photo
compares with them (:class:`ScoreScale`): a blurred photo is as similar to all products as a clear one to its own.

The lead is the ratio of two distances, as in Lowe 2004, "Distinctive Image Features from Scale-Invariant Keypoints",
section 7.1: 0 for a tie, below 0 behind a better product, and longest for what is all but the product's own photo.
a1 to a5 are 0 or less, m1 to m3 are 0 or more: a better score, a longer lead and a greater contrast never make a match
less probable. a6 and a7, of the query and not of the result, have any sign. The product of the two keeps them coherent:
P(first is right) + P(absent) is at most 1. This is Platt's scaling (1999, "Probabilistic Outputs for Support Vector
Machines") of a score and its margins, with the open world of Scheirer and others 2013, "Toward Open Set Recognition",
as a probability of its own.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from shoplens.errors import InvalidValue, StoreError
from shoplens.types import Verdict

FORMAT = 1
"""Of the text that :meth:`Calibration.as_json` writes."""

REFERENCE = 11
"""So many first scores of the whole ranking are looked at: one product and ten others."""

FEATURES = ("intercept", "score", "lead", "contrast")
"""Names of the coefficients, in this order."""

EVIDENCE = ("standard_score", "standard_lead", "standard_rest", "spread")
"""Names of the further coefficients of absence, a4 to a7, which strategies without weights lack."""
SIGNED = (*FEATURES[1:], *EVIDENCE[:2])
"""The coefficients that have a sign."""

PRECISIONS = tuple(percent / 100 for percent in range(50, 100))
"""For which thresholds are kept; one in between takes the next higher."""

_NEAREST = 0.01
"""Added to distances, so that a score of 1 has a lead that is finite."""

SAME = 1e-6
"""Scores this near are of one product: they are sums of float32."""


class ScoreScale(NamedTuple):
    """What the scores of one query mean among the shop's products.

    Attributes:
        average: score of the shop's average product.
        spread: weighted mean of the standard deviations of similarities, above 0.
    """

    average: float
    spread: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What one strategy's scores mean in one catalogue.

    Attributes:
        strategy, model: whose scores these are; those of another mean something else.
        products: in the catalogue when this was fitted.
        queries, clusters: it was fitted to: query photos, and the products or groups that they show.
        absent_share: how often shoppers are taken to photograph what the shop does not have, above 0 and below 1.
        created: UTC, ISO 8601.
        match: coefficients of a result's probability, the answer not being absent; by the names of ``FEATURES``.
        absent: coefficients of the probability that the answer is absent; those of ``EVIDENCE``, too, where a strategy
            has weights.
        exact_thresholds: smallest match probability of the first result at which ``exact`` may be claimed, for each
            of ``PRECISIONS``, never falling; None where the data supports no claim.
        absent_thresholds: the same for ``not-in-catalogue``, on the probability of absence.
        measured: name -> figure, on photos of products that were not fitted to.
        weights: those of ``[weights]`` in ``shoplens.toml`` that the scores were made with; others mean other scores.
            None in files of earlier versions, which do not say.

    Raises:
        InvalidValue: for anything else.
    """

    strategy: str
    model: str
    products: int
    queries: int
    clusters: int
    absent_share: float
    created: str
    match: Mapping[str, float]
    absent: Mapping[str, float]
    exact_thresholds: tuple[float | None, ...]
    absent_thresholds: tuple[float | None, ...]
    measured: Mapping[str, float]
    weights: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.absent_share < 1:
            raise InvalidValue(f"The absent share is {self.absent_share!r}.", "Give a number above 0 and below 1.")
        for name, coefficients, sign in (("match", self.match, 1), ("absent", self.absent, -1)):
            further = set(EVIDENCE) if name == "absent" and set(coefficients) != set(FEATURES) else set()
            finite = set(coefficients) == {*FEATURES, *further} and all(map(math.isfinite, coefficients.values()))
            if not finite or any(sign * coefficients.get(feature, 0.0) < 0 for feature in SIGNED):
                ordered = f"{', '.join(FEATURES)}, all but the first {'0 or more' if sign > 0 else '0 or less'}"
                raise InvalidValue(f"The coefficients of {name} are {dict(coefficients)}.", f"Give {ordered}.")
        _check_thresholds("exact", self.exact_thresholds)
        _check_thresholds("absent", self.absent_thresholds)
        if not all(map(math.isfinite, self.measured.values())):
            raise InvalidValue(f"A measured figure of {dict(self.measured)} is not finite.", "Leave it out.")
        for name in _MAPPINGS:
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, MappingProxyType(dict(value)))

    def as_json(self) -> str:
        """The file's text; :meth:`from_json` gives back an equal calibration."""
        mappings = {name: dict(value) for name in _MAPPINGS if (value := getattr(self, name)) is not None}
        plain = {name: getattr(self, name) for name in (*_PLAIN, *_THRESHOLDS)}
        content = {"format": FORMAT, **plain, **mappings}
        return json.dumps({**content, "checksum": _checksum(content)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The calibration that :meth:`as_json` wrote.

        Raises:
            StoreError: ``bad-calibration``: the text is something else, damaged, or of a newer format.
        """
        try:
            told = json.loads(text)
            if _validate_type(told["format"], int) != FORMAT:
                raise TypeError(f"format {told['format']} is not {FORMAT}, the one that this Shoplens reads")
            checksum = told.pop("checksum", None)  # older files have none
            if checksum is not None and checksum != _checksum(told):
                raise TypeError("a value is not the one that was written")
            fields: dict[str, Any] = {name: _validate_type(told[name], kind) for name, kind in _PLAIN.items()}
            for name in [name for name in _MAPPINGS if name in told]:
                fields[name] = {key: float(_validate_type(value, float, int)) for key, value in told[name].items()}
            for name in _THRESHOLDS:
                values = _validate_type(told[name], list)
                fields[name] = tuple(
                    None if value is None else float(_validate_type(value, float, int)) for value in values
                )
            return cls(**fields)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
            what = problem.problem if isinstance(problem, InvalidValue) else repr(problem)
            raise StoreError(
                f"The calibration cannot be used: {what}", "Run `shoplens calibrate` again.", code="bad-calibration"
            ) from None


_PLAIN: dict[str, type[Any]] = {
    "strategy": str,
    "model": str,
    "products": int,
    "queries": int,
    "clusters": int,
    "absent_share": float,
    "created": str,
}
_MAPPINGS = ("match", "absent", "measured", "weights")
_THRESHOLDS = ("exact_thresholds", "absent_thresholds")


def match_probabilities(
    calibration: Calibration, shown: Sequence[float], reference: Sequence[float], scale: ScoreScale | None = None
) -> list[float]:
    """Of each result shown, the probability that its product is the one in the photo.

    Args:
        shown: scores of the results, in any order; conditions may have left out better ones.
        reference: the first ``REFERENCE`` scores of all products, without conditions, best first; fewer only where
            the catalogue has fewer; more are not looked at.
        scale: of the query; None for a strategy without weights.

    Returns:
        One in [0, 1] for each of ``shown``, in its order. Equal scores have equal probabilities. A product without any
        other has a lead and a contrast of 0: that nothing else came near says nothing where nothing else was there.

    Raises:
        InvalidValue: a score is not finite, the reference is not best first, or results are shown without it.
    """
    _check_scores(shown, reference)
    present = 1.0 - absent_probability(calibration, reference, scale)
    coefficients = [calibration.match[name] for name in FEATURES]
    reference = reference[:REFERENCE]
    return [present * _logistic(coefficients, score, reference) for score in shown]


def absent_probability(calibration: Calibration, reference: Sequence[float], scale: ScoreScale | None = None) -> float:
    """Probability that the product in the photo is not in the catalogue; 1 when the catalogue is empty.

    Args:
        reference, scale: as for :func:`match_probabilities`.

    Raises:
        InvalidValue: a score is not finite, or the reference is not best first.
    """
    _check_scores((), reference)
    if not reference:
        return 1.0
    coefficients, reference = calibration.absent, reference[:REFERENCE]
    further = 0.0
    if scale is not None:
        values = zip(EVIDENCE, absence_evidence(reference, scale), strict=True)
        further = sum(coefficients.get(name, 0.0) * value for name, value in values)
    return _logistic([coefficients[name] for name in FEATURES], reference[0], reference, further)


def absence_evidence(reference: Sequence[float], scale: ScoreScale) -> tuple[float, float, float, float]:
    """Return the values of ``EVIDENCE`` for the first scores of a query; a product without any other has no lead."""
    first, *others = ((score - scale.average) / scale.spread for score in reference)
    rest = sum(others) / len(others) if others else first
    return first, first - max(others, default=first), rest, math.log(scale.spread)


def verdict(
    calibration: Calibration | None, first_probability: float | None, absent_probability: float, precision: float = 0.95
) -> Verdict:
    """What the answer may say when, of all answers that say so, a share of ``precision`` shall be right.

    ``exact`` is about the first result; ``not-in-catalogue`` about the answer; ``similar`` claims nothing. Where both
    claims could be made nothing is claimed, for one of them is wrong. That needs a threshold below 0.5, since the two
    probabilities add up to at most 1; thresholds are never fitted below that.

    Args:
        calibration: None gives ``uncalibrated``.
        first_probability: match probability of the first result; None when there is none.
        precision: 0.50 to 0.99; one between two of ``PRECISIONS`` takes the higher.

    Raises:
        InvalidValue: for another precision.
    """
    place = _place(precision)
    if calibration is None:
        return "uncalibrated"
    exact = _reaches(first_probability, calibration.exact_thresholds[place])
    absent = _reaches(absent_probability, calibration.absent_thresholds[place])
    if exact == absent:
        return "similar"
    return "exact" if exact else "not-in-catalogue"


def claims_anything(calibration: Calibration, precision: float) -> bool:
    """Whether any answer can be called ``exact`` or ``not-in-catalogue`` at this precision.

    Raises:
        InvalidValue: as :func:`verdict`.
    """
    place = _place(precision)
    return calibration.exact_thresholds[place] is not None or calibration.absent_thresholds[place] is not None


def _place(precision: float) -> int:
    """Of a precision among ``PRECISIONS``; one in between takes the next higher."""
    place = math.ceil(round(100 * precision - 50, 6)) if math.isfinite(precision) else -1
    if not 0 <= place < len(PRECISIONS):
        raise InvalidValue(f"The precision is {precision!r}.", "Choose 0.50 to 0.99.")
    return place


def features(score: float, reference: Sequence[float]) -> tuple[float, float, float]:
    """Score, lead and contrast of a result; ``reference`` has one score or more, ``REFERENCE`` at most, best first.

    A result is taken for one of the reference products when its score is no lower than theirs; else the last of them
    makes room for it, so that there are always the same number of others.

    >>> score, lead, contrast = features(0.91, [0.91, 0.71, 0.51])
    >>> round(lead, 6) == round(math.log(0.3 / 0.1), 6), round(contrast, 6)
    (True, 0.3)
    """
    others = len(reference) - 1
    if not others:
        return score, 0.0, 0.0
    rival = reference[1] if score >= reference[0] - SAME else reference[0]
    mean = (sum(reference) - max(score, reference[-1])) / others
    return score, math.log(_distance(rival) / _distance(score)), score - mean


def _distance(score: float) -> float:
    return 1.0 + _NEAREST - min(1.0, score)


def _logistic(coefficients: Sequence[float], score: float, reference: Sequence[float], further: float = 0.0) -> float:
    intercept, *slopes = coefficients
    z = (
        intercept
        + further
        + sum(slope * value for slope, value in zip(slopes, features(score, reference), strict=True))
    )
    small = math.exp(-abs(z))  # never overflows
    return (1.0 if z >= 0 else small) / (1.0 + small)


def _reaches(probability: float | None, threshold: float | None) -> bool:
    return probability is not None and threshold is not None and probability >= threshold


def _check_scores(shown: Sequence[float], reference: Sequence[float]) -> None:
    if not all(map(math.isfinite, shown)) or not all(map(math.isfinite, reference)):
        raise InvalidValue(f"A score of {[*shown, *reference][:20]} is not finite.", "Give scores from 0 to 1.")
    if any(later > earlier + SAME for earlier, later in pairwise(reference)):
        raise InvalidValue(f"The reference {list(reference)[:20]} is not in order.", "Give the best score first.")
    if len(shown) and not len(reference):
        raise InvalidValue(
            f"{len(shown)} results are shown and there is no reference.", "Give the first scores of the whole ranking."
        )


def _check_thresholds(name: str, thresholds: Sequence[float | None]) -> None:
    known = [threshold for threshold in thresholds if threshold is not None]
    reachable = list(thresholds[: len(known)]) == known
    in_range = all(0 <= threshold <= 1 for threshold in known)
    if len(thresholds) != len(PRECISIONS) or not (reachable and in_range and known == sorted(known)):
        raise InvalidValue(
            f"The thresholds for {name} are {list(thresholds)}.",
            f"Give {len(PRECISIONS)} from 0 to 1, never falling, and none after the last that can be reached.",
        )


def _checksum(content: Mapping[str, Any]) -> int:
    """Return the checksum of a calibration's values, by which a damaged file is found."""
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())


def _validate_type(value: Any, *kinds: type[Any]) -> Any:
    if type(value) not in kinds:
        raise TypeError(f"{value!r} stands where a value of type {kinds[0].__name__} belongs")
    return value
