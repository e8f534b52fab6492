"""Fitting: on shops whose truth is known, what is said is true of new products, and what is promised is kept."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.evaluation.statistics.calibration import (
    MIN_CLUSTERS,
    MIN_QUERIES,
    CalibrationSample,
    Origin,
    cross_fit,
    fit_calibration,
)
from shoplens.evaluation.statistics.precision_thresholds import precision_thresholds
from shoplens.evaluation.statistics.reliability import calibration_error
from shoplens.ranking.match_probability import (
    EVIDENCE,
    FEATURES,
    PRECISIONS,
    REFERENCE,
    Calibration,
    ScoreScale,
    absent_probability,
    match_probabilities,
    verdict,
)

ORIGIN = Origin("pretrained", "net@123", 60, "2025-05-01T12:00:00Z")
NEVER = (None,) * len(PRECISIONS)


def shop(seed: int, clusters: int, size: int = 4, likeness: float = 0.9, others: int = 60) -> list[CalibrationSample]:
    """Queries of products that never come in a shop of another seed; the right one scores about ``likeness``.

    Some products look like their photos, some do not; the others score about 0.6.
    """
    rng = np.random.default_rng(seed)
    samples = []
    for number in range(clusters):
        own = rng.normal(likeness, 0.05)
        for _ in range(size):
            right = float(np.clip(rng.normal(own, 0.04), 0, 1))
            wrong = np.clip(rng.normal(0.6, 0.07, others), 0, 1)
            samples.append(sample(right, wrong.tolist(), f"{seed}/{number}"))
    return samples


def sample(right: float, wrong: Sequence[float], cluster: str) -> CalibrationSample:
    rows = sorted([(right, True), *((score, False) for score in wrong)], key=lambda row: -row[0])[:REFERENCE]
    without = sorted(wrong, reverse=True)[:REFERENCE]
    return CalibrationSample(
        tuple(score for score, _ in rows), tuple(flag for _, flag in rows), tuple(without), cluster
    )


@pytest.fixture(scope="module")
def easy() -> Calibration:
    return fit_calibration(shop(1, 200), ORIGIN)


@pytest.fixture(scope="module")
def hard() -> Calibration:
    return fit_calibration(shop(1, 200, likeness=0.72), ORIGIN)


def said_of(calibration: Calibration, samples: Sequence[CalibrationSample]) -> tuple[list[float], list[float]]:
    """Match probability of the first and probability of absence: of all as they were, then without the right ones."""
    references = [item.scores for item in samples] + [item.scores_without_right for item in samples]
    firsts = [match_probabilities(calibration, scores[:1], scores)[0] for scores in references]
    return firsts, [absent_probability(calibration, scores) for scores in references]


def truth_of(samples: Sequence[CalibrationSample]) -> tuple[list[bool], list[bool]]:
    return [item.right[0] for item in samples] + [False] * len(samples), [False] * len(samples) + [True] * len(samples)


@pytest.mark.parametrize("likeness", [0.72, 0.8, 0.9])
def test_probabilities_of_new_products_are_calibrated(likeness: float) -> None:
    calibration = fit_calibration(shop(1, 200, likeness=likeness), ORIGIN)
    fresh = shop(2, 400, likeness=likeness)
    clusters = [item.cluster for item in fresh] * 2
    for said, true in zip(said_of(calibration, fresh), truth_of(fresh), strict=True):
        assert calibration_error(said, true, clusters).value < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("precision", [0.8, 0.95])
def test_promised_precision_is_kept_on_new_products(seed: int, precision: float) -> None:
    calibration = fit_calibration(shop(10 + seed, 250), ORIGIN)
    fresh = shop(100 + seed, 300)
    right, gone = truth_of(fresh)
    verdicts = [verdict(calibration, *pair, precision) for pair in zip(*said_of(calibration, fresh), strict=True)]
    exact = [true for true, item in zip(right, verdicts, strict=True) if item == "exact"]
    absent = [true for true, item in zip(gone, verdicts, strict=True) if item == "not-in-catalogue"]
    assert len(exact) > 300 and np.mean(exact) >= precision
    assert len(absent) > 300 and np.mean(absent) >= precision


def test_uninformative_scores_have_no_thresholds() -> None:
    blind = [replace(item, scores=item.scores_without_right, right=(False,) * REFERENCE) for item in shop(1, 50)]
    calibration = fit_calibration(blind, ORIGIN)
    assert calibration.exact_thresholds == NEVER
    assert [threshold for threshold in calibration.absent_thresholds[5:] if threshold is not None] == []
    assert verdict(calibration, *[said[0] for said in said_of(calibration, blind)]) == "similar"


def test_a_shop_with_similar_products_claims_fewer_matches(easy: Calibration, hard: Calibration) -> None:
    assert verdict(easy, 1.0, 0.0, 0.95) == "exact"
    assert verdict(hard, 1.0, 0.0, 0.99) == "similar"
    assert hard.measured["right_called_exact"] < easy.measured["right_called_exact"]


def test_thresholds_rise_with_the_precision(easy: Calibration, hard: Calibration) -> None:
    for calibration in (easy, hard):
        for thresholds in (calibration.exact_thresholds, calibration.absent_thresholds):
            known = [math.inf if item is None else item for item in thresholds]
            assert known == sorted(known)
            assert known[0] >= 0.5


def test_slopes_have_their_signs(easy: Calibration) -> None:
    assert all(easy.match[name] >= 0 >= easy.absent[name] for name in FEATURES[1:])
    assert easy.match["lead"] > 0 and easy.absent["score"] < 0


def test_a_slope_of_the_wrong_sign_is_left_out() -> None:
    """Where the right product scores lower than the others, a better score must still not count against it."""
    calibration = fit_calibration(shop(1, 100, likeness=0.45), ORIGIN)
    assert all(calibration.match[name] >= 0 >= calibration.absent[name] for name in FEATURES[1:])
    assert 0.0 in calibration.match.values()


def test_the_share_of_absent_products_is_the_prior() -> None:
    samples = shop(3, 60, likeness=0.75)
    means = []
    for share in (0.1, 0.5, 0.9):
        calibration = fit_calibration(samples, ORIGIN, share)
        _, absent = said_of(calibration, samples)
        count = len(samples)
        means.append((1 - share) * np.mean(absent[:count]) + share * np.mean(absent[count:]))
        assert calibration.absent_share == share
    assert means == pytest.approx([0.1, 0.5, 0.9], abs=0.01)


def test_probabilities_of_a_cluster_do_not_depend_on_its_own_answers() -> None:
    """Cross-fitted: turning all that is right in one cluster to wrong changes nothing that is said of it."""
    samples = shop(4, 40, likeness=0.8)
    name = samples[0].cluster
    second = [replace(first, right=(False,) * REFERENCE) if first.cluster == name else first for first in samples]
    before, after = cross_fit(samples), cross_fit(second)
    own = before.clusters == name
    assert own.sum() == 8
    assert before.match_probability[own].tolist() == after.match_probability[own].tolist()
    assert before.match_probability[~own].tolist() != after.match_probability[~own].tolist()


def test_the_order_of_the_samples_does_not_matter() -> None:
    samples = shop(5, 40)
    mixed = [samples[place] for place in np.random.default_rng(0).permutation(len(samples))]
    first, second = fit_calibration(samples, ORIGIN), fit_calibration(mixed, ORIGIN)
    assert dict(first.match) == pytest.approx(dict(second.match))
    assert dict(first.measured) == pytest.approx(dict(second.measured), abs=1e-6)


def test_a_calibration_records_its_origin_and_measurements(easy: Calibration) -> None:
    assert (easy.strategy, easy.model, easy.products) == ("pretrained", "net@123", 60)
    assert (easy.queries, easy.clusters, easy.created) == (800, 200, ORIGIN.created)
    assert set(easy.measured) == {
        "first_right",
        *(f"{name}_error{end}" for name in ("match", "absent") for end in ("", "_low", "_high")),
        "right_called_exact",
        "absent_refused",
        "present_refused",
    }
    assert Calibration.from_json(easy.as_json()) == easy


def test_probabilities_rise_with_score_and_lead(easy: Calibration) -> None:
    rest = [0.75 - 0.01 * place for place in range(10)]
    firsts = [match_probabilities(easy, [score], [score, *rest])[0] for score in np.linspace(0.75, 1, 30)]
    assert all(later > earlier for earlier, later in itertools.pairwise(firsts))


@pytest.mark.parametrize("others", [0, 1, 3, 9])
def test_tiny_catalogues_can_be_calibrated(others: int) -> None:
    """With no other product the rest is empty, and absence is certain."""
    samples = shop(6, 40, others=others)
    calibration = fit_calibration(samples, ORIGIN)
    (first, *_) = match_probabilities(calibration, samples[0].scores, samples[0].scores)
    assert 0 <= first <= 1
    assert 0 <= absent_probability(calibration, samples[0].scores) <= 1
    assert absent_probability(calibration, ()) == 1.0


def test_equal_scores_give_zero_slopes_and_prior_probabilities() -> None:
    tied = [CalibrationSample((0.5,) * 5, (True, *[False] * 4), (0.5,) * 4, f"p{number // 4}") for number in range(200)]
    calibration = fit_calibration(tied, ORIGIN)
    assert [calibration.match[name] for name in FEATURES[1:]] == [0.0] * 3
    assert absent_probability(calibration, (0.5,) * 5) == pytest.approx(0.5)
    assert match_probabilities(calibration, [0.5], (0.5,) * 5) == pytest.approx([0.5 * 0.2], abs=0.01)


def test_a_single_wrong_claim_needs_more_right_ones() -> None:
    """Of 200 independent claims of one probability: the exact binomial test, one threshold looked at."""
    names = np.array([str(number) for number in range(200)], dtype=object)

    def best(wrong: int) -> float:
        true = np.arange(200) >= wrong
        thresholds = precision_thresholds(np.full(200, 0.9), true, names, np.ones(200))
        reached = [precision for precision, item in zip(PRECISIONS, thresholds, strict=True) if item is not None]
        assert {item for item in thresholds if item is not None} == {0.9}
        return max(reached)

    def supported(wrong: int) -> float:
        tails = {
            precision: sum(
                math.comb(200, count) * (1 - precision) ** count * precision ** (200 - count)
                for count in range(wrong + 1)
            )
            for precision in PRECISIONS
        }
        return max(precision for precision, tail in tails.items() if tail <= 0.05)

    assert [best(wrong) for wrong in range(6)] == [supported(wrong) for wrong in range(6)]
    assert best(0) == 0.98


def test_many_claims_about_few_products_are_few_claims() -> None:
    """1,000 claims, all right but those about one of 20 products: the luck of 20, which supports no 0.95."""
    clusters = np.repeat(np.arange(20), 50).astype(object)
    true = clusters != 7
    values = precision_thresholds(np.full(1000, 0.95), true, clusters, np.ones(1000))
    alone = precision_thresholds(np.full(1000, 0.95), true, np.arange(1000).astype(object), np.ones(1000))
    assert values[PRECISIONS.index(0.9)] is None
    assert alone[PRECISIONS.index(0.9)] == 0.95


def test_probabilities_below_one_half_have_no_threshold() -> None:
    names = np.array([str(number) for number in range(500)], dtype=object)
    assert precision_thresholds(np.full(500, 0.49), np.full(500, True), names, np.ones(500)) == NEVER


@pytest.mark.parametrize(
    ("clusters", "size"),
    [(MIN_CLUSTERS - 1, 10), (MIN_QUERIES - 1, 1), (1, 500)],
    ids=["products", "queries", "one"],
)
def test_too_few_are_refused(clusters: int, size: int) -> None:
    with pytest.raises(InvalidValue, match="Give 100 or more, of 20 or more products") as caught:
        fit_calibration(shop(7, clusters, size), ORIGIN)
    assert caught.value.code == "too-few-queries"
    with pytest.raises(InvalidValue, match="There are 0 queries") as none:
        fit_calibration([], ORIGIN)
    assert none.value.code == "too-few-queries"


def test_the_fewest_are_enough() -> None:
    assert fit_calibration(shop(8, MIN_CLUSTERS, MIN_QUERIES // MIN_CLUSTERS), ORIGIN).queries == MIN_QUERIES


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, math.nan])
def test_a_share_outside_of_its_range_is_refused(share: float) -> None:
    with pytest.raises(InvalidValue, match="absent share"):
        fit_calibration(shop(9, 30), ORIGIN, share)


@pytest.mark.parametrize(
    ("scores", "right", "without", "problem"),
    [
        ((), (), (), "0 scores and 0 flags"),
        ((0.5,), (), (), "1 scores and 0 flags"),
        ((0.5, 0.6), (True, False), (), r"\[0\.5, 0\.6\]"),
        ((0.5,), (True,), (0.1, 0.2), r"\[0\.1, 0\.2\]"),
        ((math.nan,), (True,), (), r"\[nan\]"),
        ((0.5,) * 12, (False,) * 12, (), r"\[(0\.5, ){11}0\.5\]"),
        ((0.5,), (True,), (0.5,) * 12, r"\[(0\.5, ){11}0\.5\]"),
    ],
)
def test_an_invalid_sample_is_refused(
    scores: tuple[float, ...], right: tuple[bool, ...], without: tuple[float, ...], problem: str
) -> None:
    with pytest.raises(InvalidValue, match=problem):
        CalibrationSample(scores, right, without, "p1")


def scaled_shop(seed: int, clusters: int) -> list[CalibrationSample]:
    """Queries of photos that are more or less clear: an unclear one is alike to all products, and the better its own
    score, the better are all others."""
    rng, samples = np.random.default_rng(seed), []
    for number, item in enumerate(shop(seed, clusters, likeness=0.75)):
        average, spread = float(rng.uniform(0.3, 0.7)), float(rng.uniform(0.02, 0.06))
        scores, without = (
            tuple(average + spread * (score - 0.5) / 0.07 for score in one)
            for one in (item.scores, item.scores_without_right)
        )
        scale = ScoreScale(average, spread)
        samples.append(CalibrationSample(scores, item.right, without, f"{seed}/{number // 4}", scale))
    return samples


def test_scores_in_deviations_of_the_query_tell_absence_where_plain_ones_do_not() -> None:
    fresh = scaled_shop(2, 150)
    areas = []
    for samples in (fresh, [replace(item, scale=None) for item in fresh]):
        firsts = cross_fit(samples)
        said, is_absent = firsts.absent_probability, firsts.is_absent
        areas.append(float((said[is_absent][:, None] > said[~is_absent]).mean()))
    assert areas[0] > areas[1] + 0.05
    calibration = fit_calibration(fresh, ORIGIN)
    assert set(calibration.absent) == {*FEATURES, *EVIDENCE}
    assert calibration.absent["standard_score"] <= 0 and calibration.absent["standard_lead"] <= 0
    scales = [item.scale for item in fresh]
    said = [absent_probability(calibration, item.scores, scale) for item, scale in zip(fresh, scales, strict=True)]
    gone = [
        absent_probability(calibration, item.scores_without_right, scale)
        for item, scale in zip(fresh, scales, strict=True)
    ]
    assert np.mean(gone) > np.mean(said)
