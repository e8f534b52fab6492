"""Fits a calibration to judged queries: the probabilities of scores, and the thresholds from which on claims are made.

Every query counts twice: as it is, and as if its right products were not in the catalogue, weighted so that the second
case has the frequency ``absent_share``. Everything that is promised is measured by cross-fitting: the probabilities of
a product's photos come from coefficients that were fitted to other products.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue
from shoplens.evaluation.statistics.precision_thresholds import precision_thresholds
from shoplens.evaluation.statistics.reliability import calibration_error
from shoplens.ranking.match_probability import (
    EVIDENCE,
    FEATURES,
    PRECISIONS,
    REFERENCE,
    SAME,
    SIGNED,
    Calibration,
    ScoreScale,
    absence_evidence,
    features,
)

MIN_QUERIES = 100
MIN_CLUSTERS = 20
"""With fewer queries or clusters nothing is fitted, because the folds would be too small to measure anything."""

ABSENT_SHARE = 0.5
"""Default for the share of photos whose product the shop does not have. It is unknown, so both cases are equal."""

FOLDS = 5
_RIDGE = 1.0

_Floats = npt.NDArray[np.float64]
_Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class CalibrationSample:
    """The scores of one query; its own photo was left out of the search where it is in the catalogue.

    Attributes:
        scores: scores of the first ``REFERENCE`` products, best first; fewer only where the catalogue has fewer.
        right: for each of these products, whether it is in the photo.
        scores_without_right: the first ``REFERENCE`` scores without *all* right products.
        cluster: the product or group in the photo; its photos are all on the same side of a fold.
        scale: of the query; None for a strategy without weights.

    Raises:
        InvalidValue: the numbers of scores and flags differ, or scores are not finite, not sorted or too many.
    """

    scores: tuple[float, ...]
    right: tuple[bool, ...]
    scores_without_right: tuple[float, ...]
    cluster: str
    scale: ScoreScale | None = None

    def __post_init__(self) -> None:
        if not self.scores or len(self.right) != len(self.scores):
            raise InvalidValue(
                f"There are {len(self.scores)} scores and {len(self.right)} flags.",
                "Give one score or more, and a flag for each.",
            )
        for scores in (self.scores, self.scores_without_right):
            falling = all(a >= b - SAME for a, b in pairwise(scores))
            if len(scores) > REFERENCE or not falling or not all(map(math.isfinite, scores)):
                raise InvalidValue(
                    f"The scores {list(scores)[:20]} are invalid.",
                    f"Give {REFERENCE} finite scores or fewer, best first.",
                )


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of the samples; see :class:`~shoplens.ranking.match_probability.Calibration`."""

    strategy: str
    model: str
    products: int
    created: str


class FirstResults(NamedTuple):
    """The first results of all queries, then of the same queries without their right products; arrays of equal length.

    Attributes:
        match_probability: probability that the result is right, by coefficients of other folds.
        absent_probability: probability that the catalogue has no right product, by coefficients of other folds.
        is_right: whether the result is right.
        is_absent: whether the catalogue has no right product.
        weights: weights of the results; the two halves sum to 1 - absent_share and to absent_share.
        clusters: cluster of the query.
    """

    match_probability: _Floats
    absent_probability: _Floats
    is_right: npt.NDArray[np.bool_]
    is_absent: npt.NDArray[np.bool_]
    weights: _Floats
    clusters: npt.NDArray[np.object_]


class _TrainingRows(NamedTuple):
    """Features and outcomes: of the first results for absence, (n, 3) or with those of ``EVIDENCE`` (n, 7), and of all
    results as they are for matches, (n, 3)."""

    first_features: _Floats
    is_absent: npt.NDArray[np.bool_]
    weights: _Floats
    first_query: _Places
    result_features: _Floats
    is_right: npt.NDArray[np.bool_]
    result_query: _Places


def fit_calibration(
    samples: Sequence[CalibrationSample], origin: Origin, absent_share: float = ABSENT_SHARE
) -> Calibration:
    """Fit the probabilities of scores, and the thresholds from which on claims hold their precision.

    The model is that of ``match_probability``: one logistic regression of absence over the first results, and one of
    matching over the first ``REFERENCE`` results of every query whose product is in the catalogue. Features are
    standardised, with a ridge penalty of 1 on each slope; slopes of the wrong sign are set to 0, the worst first. The
    evidence of absence is used where every sample has a scale.

    Raises:
        InvalidValue: ``too-few-queries`` for fewer than ``MIN_QUERIES`` queries or ``MIN_CLUSTERS`` clusters; or the
            share is not above 0 and below 1.
    """
    _validate_samples(samples, absent_share)
    rows = _build_rows(samples, absent_share)
    match, absent = _fit_coefficients(rows, np.arange(len(samples)))
    firsts = cross_fit(samples, absent_share)
    exact_thresholds = precision_thresholds(firsts.match_probability, firsts.is_right, firsts.clusters, firsts.weights)
    absent_thresholds = precision_thresholds(
        firsts.absent_probability, firsts.is_absent, firsts.clusters, firsts.weights
    )
    return Calibration(
        strategy=origin.strategy,
        model=origin.model,
        products=origin.products,
        queries=len(samples),
        clusters=len({sample.cluster for sample in samples}),
        absent_share=float(absent_share),
        created=origin.created,
        match=dict(zip(FEATURES, match.tolist(), strict=True)),
        absent=dict(zip((*FEATURES, *EVIDENCE), absent.tolist(), strict=False)),
        exact_thresholds=exact_thresholds,
        absent_thresholds=absent_thresholds,
        measured=_cross_fit_metrics(firsts, exact_thresholds, absent_thresholds),
    )


def cross_fit(samples: Sequence[CalibrationSample], absent_share: float = ABSENT_SHARE) -> FirstResults:
    """Compute the probabilities of every first result, by coefficients that were fitted without its cluster.

    Raises:
        InvalidValue: as :func:`fit_calibration`.
    """
    _validate_samples(samples, absent_share)
    rows = _build_rows(samples, absent_share)
    folds = _assign_folds([sample.cluster for sample in samples])
    match, absent = np.empty(len(rows.first_features)), np.empty(len(rows.first_features))
    for fold in range(FOLDS):
        match_coefficients, absent_coefficients = _fit_coefficients(rows, np.flatnonzero(folds != fold))
        in_fold = folds[rows.first_query] == fold
        absent[in_fold] = _predict(absent_coefficients, rows.first_features[in_fold])
        match[in_fold] = (1 - absent[in_fold]) * _predict(
            match_coefficients, rows.first_features[in_fold, : len(FEATURES) - 1]
        )
    first_is_right = np.array([sample.right[0] for sample in samples])
    clusters = np.array([sample.cluster for sample in samples], dtype=object)
    is_right = first_is_right[rows.first_query] & ~rows.is_absent
    return FirstResults(match, absent, is_right, rows.is_absent, rows.weights, clusters[rows.first_query])


def _validate_samples(samples: Sequence[CalibrationSample], absent_share: float) -> None:
    clusters = len({sample.cluster for sample in samples})
    if len(samples) < MIN_QUERIES or clusters < MIN_CLUSTERS:
        raise InvalidValue(
            f"There are {len(samples)} queries of {clusters} products or groups.",
            f"Give {MIN_QUERIES} or more, of {MIN_CLUSTERS} or more products: photos whose products you know.",
            code="too-few-queries",
        )
    if not 0 < absent_share < 1:
        raise InvalidValue(f"The absent share is {absent_share!r}.", "Give a number above 0 and below 1, e.g. 0.5.")


def _build_rows(samples: Sequence[CalibrationSample], absent_share: float) -> _TrainingRows:
    """Build features and outcomes; a query with right products only has no absent row, as absence is then certain."""
    has_scale = all(sample.scale is not None for sample in samples)
    present = [(_first_features(sample.scores, sample, has_scale), query) for query, sample in enumerate(samples)]
    absent = [
        (_first_features(sample.scores_without_right, sample, has_scale), query)
        for query, sample in enumerate(samples)
        if sample.scores_without_right
    ]
    results = [
        (features(score, sample.scores), right, query)
        for query, sample in enumerate(samples)
        for score, right in zip(sample.scores, sample.right, strict=True)
    ]
    weights = ((1 - absent_share) / len(present), absent_share / max(1, len(absent)))
    return _TrainingRows(
        first_features=np.array([row for row, _ in (*present, *absent)]),
        is_absent=np.repeat([False, True], [len(present), len(absent)]),
        weights=np.repeat(weights, [len(present), len(absent)]),
        first_query=np.array([query for _, query in (*present, *absent)]),
        result_features=np.array([row for row, _, _ in results]),
        is_right=np.array([right for _, right, _ in results]),
        result_query=np.array([query for _, _, query in results]),
    )


def _first_features(scores: Sequence[float], sample: CalibrationSample, has_scale: bool) -> tuple[float, ...]:
    evidence = absence_evidence(scores, sample.scale) if has_scale and sample.scale is not None else ()
    return (*features(scores[0], scores), *evidence)


def _assign_folds(clusters: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the fold of each query; clusters take turns in the order of their SHA-256, so folds have equally many."""
    ordered = sorted(set(clusters), key=lambda name: hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest())
    folds = {name: place % FOLDS for place, name in enumerate(ordered)}
    return np.array([folds[name] for name in clusters])


def _fit_coefficients(rows: _TrainingRows, queries: _Places) -> tuple[_Floats, _Floats]:
    """Fit the coefficients of matching and of absence to some of the queries; in the order of ``FEATURES``, and of
    ``EVIDENCE``."""
    first, result = np.isin(rows.first_query, queries), np.isin(rows.result_query, queries)
    match = _sign_constrained_fit(rows.result_features[result], rows.is_right[result], np.ones(int(result.sum())), 1)
    absent = _sign_constrained_fit(rows.first_features[first], rows.is_absent[first], rows.weights[first], -1)
    return match, absent


def _sign_constrained_fit(values: _Floats, outcomes: npt.NDArray[np.bool_], weights: _Floats, sign: int) -> _Floats:
    """Fit an intercept and slopes; slopes of the wrong sign are 0, but for those of the last two of ``EVIDENCE``."""
    has_sign = np.arange(values.shape[1]) < len(SIGNED)
    mean, deviation = np.average(values, axis=0, weights=weights), np.std(values, axis=0)
    kept = [column for column in range(values.shape[1]) if deviation[column] > SAME]
    while True:
        columns = (values[:, kept] - mean[kept]) / deviation[kept]
        coefficients = _ridge_fit(np.column_stack([np.ones(len(values)), columns]), outcomes, weights)
        slopes = np.where(has_sign[kept], sign * coefficients[1:], 0.0)
        if not kept or slopes.min() >= 0:
            break
        del kept[int(slopes.argmin())]
    result = np.zeros(1 + values.shape[1])
    result[[1 + column for column in kept]] = coefficients[1:] / deviation[kept]
    result[0] = coefficients[0] - result[1:] @ mean
    return result


def _ridge_fit(values: _Floats, outcomes: npt.NDArray[np.bool_], weights: _Floats) -> _Floats:
    """Fit a logistic regression by Newton's method with step halving (Hastie, Tibshirani, Friedman 2009, 4.4).

    It maximises Σ w (y log p + (1 - y) log(1 - p)) - ½ ridge |slopes|², with weights scaled to sum to their number.
    """
    weights = weights / weights.mean()
    ridge = np.full(values.shape[1], _RIDGE)
    ridge[0] = 1e-6 * len(values)

    def loss(coefficients: _Floats) -> float:
        signed = np.where(outcomes, -1.0, 1.0) * (values @ coefficients)
        return float(weights @ np.logaddexp(0.0, signed) + ridge @ coefficients**2 / 2)

    coefficients = np.zeros(values.shape[1])
    for _ in range(100):
        p = _logistic(values @ coefficients)
        gradient = values.T @ (weights * (outcomes - p)) - ridge * coefficients
        hessian = (values * (weights * p * (1 - p))[:, None]).T @ values + np.diag(ridge)
        step = np.linalg.solve(hessian, gradient)
        while loss(coefficients + step) > loss(coefficients) + 1e-12 and np.abs(step).max() > 1e-9:
            step /= 2
        coefficients = coefficients + step
        if np.abs(step).max() < 1e-9:
            break
    return coefficients


def _predict(coefficients: _Floats, values: _Floats) -> _Floats:
    return _logistic(coefficients[0] + values @ coefficients[1:])


def _logistic(z: _Floats) -> _Floats:
    p: _Floats = np.exp(-np.logaddexp(0.0, -z))
    return p


def _cross_fit_metrics(
    firsts: FirstResults, exact_thresholds: Sequence[float | None], absent_thresholds: Sequence[float | None]
) -> dict[str, float]:
    """Compute the cross-fitted figures of a calibration.

    These are ``first_right``, the share of right first results where the product is in the catalogue; ``match_error``
    and ``absent_error``, the calibration errors, each with ``_low`` and ``_high``; and those of :func:`_claim_shares`.
    """
    metrics = {"first_right": float(firsts.is_right[~firsts.is_absent].mean())}
    for name, probabilities, outcomes in (
        ("match", firsts.match_probability, firsts.is_right),
        ("absent", firsts.absent_probability, firsts.is_absent),
    ):
        error = calibration_error(probabilities, outcomes, firsts.clusters, firsts.weights)
        metrics |= {f"{name}_error": error.value, f"{name}_error_low": error.low, f"{name}_error_high": error.high}
    metrics |= dict(_claim_shares(firsts, exact_thresholds, absent_thresholds))
    return metrics


def _claim_shares(
    firsts: FirstResults, exact_thresholds: Sequence[float | None], absent_thresholds: Sequence[float | None]
) -> Iterator[tuple[str, float]]:
    """Yield the shares of claims at a precision of 0.95.

    ``right_called_exact`` is the share of right first results that are called exact; ``absent_refused`` and
    ``present_refused`` are the shares of absent and of present products that are called not in the catalogue.
    """
    place = PRECISIONS.index(0.95)
    exact, absent = exact_thresholds[place], absent_thresholds[place]
    is_exact = firsts.match_probability >= (math.inf if exact is None else exact)
    is_refused = firsts.absent_probability >= (math.inf if absent is None else absent)
    for name, is_claimed, is_counted in (
        ("right_called_exact", is_exact, firsts.is_right),
        ("absent_refused", is_refused, firsts.is_absent),
        ("present_refused", is_refused, ~firsts.is_absent),
    ):
        yield name, float(is_claimed[is_counted].mean()) if is_counted.any() else 0.0
