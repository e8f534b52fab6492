"""Judged queries -> a calibration: what scores and their margins mean, and from where on a claim may be made.

Every query counts twice: as it was, and as if its right products were not in the catalogue, weighted so that the
second kind is as frequent as ``absent_share`` says. All that is promised is measured by cross-fitting: probabilities
of the photos of a product come from coefficients that were fitted to other products.
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
from shoplens.evaluation.statistics.reliability import calibration_error
from shoplens.ranking.match_probability import FEATURES, PRECISIONS, REFERENCE, SAME, Calibration, features

LEAST_QUERIES = 100
LEAST_CLUSTERS = 20
"""With fewer of either nothing is fitted: the folds would be too small to measure anything."""

ABSENT_SHARE = 0.5
"""How often shoppers photograph what the shop does not have, unless it is told: nothing is known, so even odds."""

FOLDS = 5
CONFIDENCE = 0.95
"""That a claim holds its precision, before it is made at all."""
LEAST_CLAIMS = 30
"""Claims, counted as in :func:`precision_thresholds`, that a threshold must have been tried on."""
LEAST_PROBABLE = 0.5
"""No claim is made that is thought to be less likely than this."""
_RIDGE = 1.0
_STEP = math.sqrt(2)

_Floats = npt.NDArray[np.float64]
_Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class CalibrationSample:
    """One query with what was found for it, the query's own photo left out where it is in the catalogue.

    Attributes:
        scores: of the first ``REFERENCE`` products, best first; fewer only where the catalogue has fewer.
        right: for each of these, whether it is in the photo.
        without: the first ``REFERENCE`` scores once *all* right products are taken out, also those further down.
        cluster: the product or group in the photo. Photos of one never meet on both sides of a fold.

    Raises:
        InvalidValue: for anything else.
    """

    scores: tuple[float, ...]
    right: tuple[bool, ...]
    without: tuple[float, ...]
    cluster: str

    def __post_init__(self) -> None:
        if not self.scores or len(self.right) != len(self.scores):
            raise InvalidValue(
                f"There are {len(self.scores)} scores and {len(self.right)} flags.",
                "Give a score or more, a flag each.",
            )
        for scores in (self.scores, self.without):
            falling = all(a >= b - SAME for a, b in pairwise(scores))
            if len(scores) > REFERENCE or not falling or not all(map(math.isfinite, scores)):
                raise InvalidValue(
                    f"The scores {list(scores)[:20]} make no sense.", f"Give {REFERENCE} or fewer, best first."
                )


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the samples come from; see :class:`~shoplens.ranking.match_probability.Calibration`."""

    strategy: str
    model: str
    products: int
    created: str


class Firsts(NamedTuple):
    """First results, of queries as they were and then of the same without their right products; equally long arrays.

    Attributes:
        match: probability that it is right, from other folds.
        absent: probability that there is no right one, from other folds.
        right: whether it is right.
        gone: whether there is no right one.
        weight: sums to 1 - absent_share and absent_share.
        cluster: of the query.
    """

    match: _Floats
    absent: _Floats
    right: npt.NDArray[np.bool_]
    gone: npt.NDArray[np.bool_]
    weight: _Floats
    cluster: npt.NDArray[np.object_]


class _Rows(NamedTuple):
    """Features and outcomes: of first results (n, 3), for absence; of all results of whole catalogues, for matches."""

    first: _Floats
    gone: npt.NDArray[np.bool_]
    weight: _Floats
    first_query: _Places
    result: _Floats
    right: npt.NDArray[np.bool_]
    result_query: _Places


def fit_calibration(
    samples: Sequence[CalibrationSample], origin: Origin, absent_share: float = ABSENT_SHARE
) -> Calibration:
    """What the scores mean, and the thresholds from which on claims hold.

    The form is that of ``match_probability``: one logistic regression of absence over the first results, and
    one of matching over the first ``REFERENCE`` results of every query whose product is in the catalogue. Features
    are standardised, with a ridge of 1 on each slope; a slope of the wrong sign is left out (0), the worst first.

    Raises:
        InvalidValue: ``too-few-queries`` below ``LEAST_QUERIES`` queries or ``LEAST_CLUSTERS`` clusters; or the share
            is not above 0 and below 1.
    """
    _check_enough(samples, absent_share)
    rows = _rows(samples, absent_share)
    match, absent = _coefficients(rows, np.arange(len(samples)))
    firsts = cross_fitted(samples, absent_share)
    exact_thresholds = precision_thresholds(firsts.match, firsts.right, firsts.cluster, firsts.weight)
    absent_thresholds = precision_thresholds(firsts.absent, firsts.gone, firsts.cluster, firsts.weight)
    return Calibration(
        strategy=origin.strategy,
        model=origin.model,
        products=origin.products,
        queries=len(samples),
        clusters=len({sample.cluster for sample in samples}),
        absent_share=float(absent_share),
        created=origin.created,
        match=dict(zip(FEATURES, match.tolist(), strict=True)),
        absent=dict(zip(FEATURES, absent.tolist(), strict=True)),
        exact_thresholds=exact_thresholds,
        absent_thresholds=absent_thresholds,
        measured=_cross_fit_metrics(firsts, exact_thresholds, absent_thresholds),
    )


def cross_fitted(samples: Sequence[CalibrationSample], absent_share: float = ABSENT_SHARE) -> Firsts:
    """Probabilities of every first result by coefficients that were fitted without its cluster.

    Raises:
        InvalidValue: as :func:`fit_calibration`.
    """
    _check_enough(samples, absent_share)
    rows = _rows(samples, absent_share)
    fold = _folds([sample.cluster for sample in samples])
    match, absent = np.empty(len(rows.first)), np.empty(len(rows.first))
    for number in range(FOLDS):
        by_match, by_absent = _coefficients(rows, np.flatnonzero(fold != number))
        here = fold[rows.first_query] == number
        absent[here] = _logistic(by_absent, rows.first[here])
        match[here] = (1 - absent[here]) * _logistic(by_match, rows.first[here])
    best = np.array([sample.right[0] for sample in samples])
    names = np.array([sample.cluster for sample in samples], dtype=object)
    right = best[rows.first_query] & ~rows.gone
    return Firsts(match, absent, right, rows.gone, rows.weight, names[rows.first_query])


def precision_thresholds(
    probabilities: _Floats, true: npt.NDArray[np.bool_], clusters: npt.NDArray[np.object_], weights: _Floats
) -> tuple[float | None, ...]:
    """For each of ``PRECISIONS`` the smallest probability from which on a claim may be made; None for none.

    A threshold supports a precision p when, were the claims from it on right with p only, as few wrong ones as there
    were would have come with a probability of at most 0.05 / J: an exact binomial test (Clopper, Pearson 1934), with
    Bonferroni's correction for the J thresholds looked at, so that with 95 % confidence the chosen one holds what it
    promises. They are looked at from the most probable answer down: at ``LEAST_CLAIMS`` claims, each time there are √2
    times as many, and at probability 0.5. That is "Learn then Test" (Angelopoulos and others 2021) of selective
    prediction (Geifman, El-Yaniv 2017). Without one wrong claim in n, p holds when p^n <= 0.05 / J: 0.95 takes 104
    claims for J = 10.

    Claims about one cluster are alike, and count as fewer (Kish 1965, "Survey Sampling"):

        n = (Σ w)² / ( (1 - r) Σ w² + r Σ_c (Σ_{i in c} w_i)² )

    with r the correlation of what came true less what was said, of two answers of a cluster: over all answers, or over
    those of probability 0.5 and more, whichever is greater; a product that is always mistaken shows in the latter.
    """
    order = np.argsort(-probabilities, kind="stable")
    said, sure, weight = probabilities[order], true[order], weights[order]
    _, owner = np.unique(clusters[order], return_inverse=True)
    off, likely = sure - said, said >= LEAST_PROBABLE
    within = max(_within(off, owner), _within(off[likely], owner[likely]))
    sizes = _effective_sizes(weight, owner, within)
    shares = np.cumsum(weight * sure) / np.cumsum(weight)
    places = _claim_ends(said, sizes)
    chosen: list[float | None] = []
    lowest: float | None = None
    for precision in reversed(PRECISIONS):  # what holds a higher precision holds a lower one
        for place in places:
            wrong = math.ceil((1 - shares[place]) * sizes[place] - 1e-9)
            unlikely = _at_most(wrong, int(sizes[place] + 1e-9), 1 - precision) <= (1 - CONFIDENCE) / len(places)
            if unlikely and (lowest is None or said[place] < lowest):
                lowest = float(said[place])
        chosen.append(lowest)
    return tuple(reversed(chosen))


def _check_enough(samples: Sequence[CalibrationSample], absent_share: float) -> None:
    clusters = len({sample.cluster for sample in samples})
    if len(samples) < LEAST_QUERIES or clusters < LEAST_CLUSTERS:
        raise InvalidValue(
            f"There are {len(samples)} queries of {clusters} products or groups.",
            f"Give {LEAST_QUERIES} or more, of {LEAST_CLUSTERS} or more products: photos whose products you know.",
            code="too-few-queries",
        )
    if not 0 < absent_share < 1:
        raise InvalidValue(f"The absent share is {absent_share!r}.", "Give a number above 0 and below 1, e.g. 0.5.")


def _rows(samples: Sequence[CalibrationSample], absent_share: float) -> _Rows:
    """An empty rest has no row: there the product is absent for certain."""
    present = [(features(sample.scores[0], sample.scores), query) for query, sample in enumerate(samples)]
    gone = [(features(sample.without[0], sample.without), n) for n, sample in enumerate(samples) if sample.without]
    results = [
        (features(score, sample.scores), right, query)
        for query, sample in enumerate(samples)
        for score, right in zip(sample.scores, sample.right, strict=True)
    ]
    weights = ((1 - absent_share) / len(present), absent_share / max(1, len(gone)))
    return _Rows(
        first=np.array([row for row, _ in (*present, *gone)]),
        gone=np.repeat([False, True], [len(present), len(gone)]),
        weight=np.repeat(weights, [len(present), len(gone)]),
        first_query=np.array([query for _, query in (*present, *gone)]),
        result=np.array([row for row, _, _ in results]),
        right=np.array([right for _, right, _ in results]),
        result_query=np.array([query for _, _, query in results]),
    )


def _folds(clusters: Sequence[str]) -> npt.NDArray[np.int64]:
    """Fold of each query; clusters are dealt out in the order of their SHA-256, so that all folds have as many."""
    ordered = sorted(set(clusters), key=lambda name: hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest())
    places = {name: place % FOLDS for place, name in enumerate(ordered)}
    return np.array([places[name] for name in clusters])


def _coefficients(rows: _Rows, queries: _Places) -> tuple[_Floats, _Floats]:
    """Of matching and of absence, fitted to some of the queries; in the order of ``FEATURES``."""
    first, result = np.isin(rows.first_query, queries), np.isin(rows.result_query, queries)
    match = _sign_constrained_fit(rows.result[result], rows.right[result], np.ones(int(result.sum())), 1)
    absent = _sign_constrained_fit(rows.first[first], rows.gone[first], rows.weight[first], -1)
    return match, absent


def _sign_constrained_fit(values: _Floats, outcomes: npt.NDArray[np.bool_], weights: _Floats, sign: int) -> _Floats:
    """Intercept and slopes; a slope of the wrong sign is 0."""
    mean, deviation = np.average(values, axis=0, weights=weights), np.std(values, axis=0)
    kept = [column for column in range(values.shape[1]) if deviation[column] > SAME]
    while True:
        columns = (values[:, kept] - mean[kept]) / deviation[kept]
        coefficients = _ridge_fit(np.column_stack([np.ones(len(values)), columns]), outcomes, weights)
        slopes = sign * coefficients[1:]
        if not kept or slopes.min() >= 0:
            break
        del kept[int(slopes.argmin())]
    whole = np.zeros(1 + values.shape[1])
    whole[[1 + column for column in kept]] = coefficients[1:] / deviation[kept]
    whole[0] = coefficients[0] - whole[1:] @ mean
    return whole


def _ridge_fit(values: _Floats, outcomes: npt.NDArray[np.bool_], weights: _Floats) -> _Floats:
    """Logistic regression by Newton's method, halving steps that do not help (Hastie, Tibshirani, Friedman 2009, 4.4).

    Maximises Σ w (y log p + (1 - y) log(1 - p)) - ½ ridge |slopes|², the weights made to sum to their number.
    """
    weights = weights / weights.mean()
    ridge = np.full(values.shape[1], _RIDGE)
    ridge[0] = 1e-6 * len(values)

    def loss(tried: _Floats) -> float:
        signed = np.where(outcomes, -1.0, 1.0) * (values @ tried)
        return float(weights @ np.logaddexp(0.0, signed) + ridge @ tried**2 / 2)

    found = np.zeros(values.shape[1])
    for _ in range(100):
        said = _logistic_of(values @ found)
        slope = values.T @ (weights * (outcomes - said)) - ridge * found
        curve = (values * (weights * said * (1 - said))[:, None]).T @ values + np.diag(ridge)
        step = np.linalg.solve(curve, slope)
        while loss(found + step) > loss(found) + 1e-12 and np.abs(step).max() > 1e-9:
            step /= 2
        found = found + step
        if np.abs(step).max() < 1e-9:
            break
    return found


def _logistic(coefficients: _Floats, values: _Floats) -> _Floats:
    return _logistic_of(coefficients[0] + values @ coefficients[1:])


def _logistic_of(z: _Floats) -> _Floats:
    found: _Floats = np.exp(-np.logaddexp(0.0, -z))
    return found


def _within(residuals: _Floats, owner: _Places) -> float:
    """Correlation of two answers of one cluster, 0 to 1; 0 where no cluster has two."""
    sums, counts = np.bincount(owner, weights=residuals), np.bincount(owner)
    squares, pairs = float(residuals @ residuals), float((counts * (counts - 1)).sum())
    if not pairs or not squares:
        return 0.0
    return min(1.0, max(0.0, (float(sums @ sums) - squares) / pairs / (squares / len(residuals))))


def _effective_sizes(weights: _Floats, owner: _Places, within: float) -> _Floats:
    """Of the first 1, 2, … answers: so many independent ones say as much."""
    by_owner = np.argsort(owner, kind="stable")
    running = np.cumsum(weights[by_owner])
    starts = np.flatnonzero(np.diff(owner[by_owner], prepend=-1))
    before = np.empty(len(weights))
    before[by_owner] = (
        running
        - weights[by_owner]
        - np.repeat(running[starts] - weights[by_owner][starts], np.diff([*starts, len(weights)]))
    )
    squares = np.cumsum(weights**2)
    clustered = np.cumsum(weights**2 + 2 * weights * before)
    sizes: _Floats = np.cumsum(weights) ** 2 / ((1 - within) * squares + within * clustered)
    return sizes


def _claim_ends(said: _Floats, sizes: _Floats) -> list[int]:
    """Last places of the claims that are tested; answers of equal probability are claimed together."""
    ends = np.flatnonzero(np.append(np.diff(said) < 0, True) & (said >= LEAST_PROBABLE))
    places: list[int] = []
    for end in ends.tolist():
        if sizes[end] >= (_STEP * sizes[places[-1]] if places else LEAST_CLAIMS):
            places.append(end)
    if places and places[-1] != ends[-1]:
        places.append(int(ends[-1]))
    return places


def _at_most(wrong: int, count: int, rate: float) -> float:
    """Probability of ``wrong`` or fewer of ``count``, each with probability ``rate``."""
    if wrong >= count:
        return 1.0
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
    terms = np.arange(wrong + 1)
    ways = factorials[count] - factorials[terms] - factorials[count - terms]
    return float(np.exp(ways + terms * math.log(rate) + (count - terms) * math.log1p(-rate)).sum())


def _cross_fit_metrics(
    firsts: Firsts, exact_thresholds: Sequence[float | None], absent_thresholds: Sequence[float | None]
) -> dict[str, float]:
    """Figures for people, all cross-fitted: ``first_right``, of the queries whose product was there; ``match_error``
    and ``absent_error``, the calibration errors, each with ``_low`` and ``_high``; and :func:`_shares`.
    """
    told = {"first_right": float(firsts.right[~firsts.gone].mean())}
    for name, said, true in (("match", firsts.match, firsts.right), ("absent", firsts.absent, firsts.gone)):
        error = calibration_error(said, true, firsts.cluster, firsts.weight)
        told |= {f"{name}_error": error.value, f"{name}_error_low": error.low, f"{name}_error_high": error.high}
    told |= dict(_shares(firsts, exact_thresholds, absent_thresholds))
    return told


def _shares(
    firsts: Firsts, exact_thresholds: Sequence[float | None], absent_thresholds: Sequence[float | None]
) -> Iterator[tuple[str, float]]:
    """Claims at a precision of 0.95: ``right_called_exact``, the share of right first results that are called exact;
    ``absent_refused`` and ``present_refused``, of absent and of present products the share called not in the catalogue.
    """
    place = PRECISIONS.index(0.95)
    exact, absent = exact_thresholds[place], absent_thresholds[place]
    called = firsts.match >= (math.inf if exact is None else exact)
    refused = firsts.absent >= (math.inf if absent is None else absent)
    for name, claimed, among in (
        ("right_called_exact", called, firsts.right),
        ("absent_refused", refused, firsts.gone),
        ("present_refused", refused, ~firsts.gone),
    ):
        yield name, float(claimed[among].mean()) if among.any() else 0.0
