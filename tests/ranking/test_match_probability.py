"""Match probabilities compared with their formulas, verdicts, and the file of a calibration."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from shoplens.errors import InvalidValue, StoreError
from shoplens.ranking.match_probability import (
    EVIDENCE,
    FEATURES,
    PRECISIONS,
    REFERENCE,
    Calibration,
    ScoreScale,
    Verdict,
    absence_evidence,
    absent_probability,
    features,
    match_probabilities,
    verdict,
)

NO_THRESHOLDS: tuple[float | None, ...] = (None,) * len(PRECISIONS)
EXACT_THRESHOLDS = tuple(0.9 if precision <= 0.95 else None for precision in PRECISIONS)
ABSENT_THRESHOLDS = tuple(0.7 if precision <= 0.8 else None for precision in PRECISIONS)
CALIBRATION = Calibration(
    strategy="pretrained",
    model="net@123",
    products=40,
    queries=300,
    clusters=30,
    absent_share=0.5,
    created="2025-05-01T12:00:00Z",
    match=dict(zip(FEATURES, (-8.0, 6.0, 2.0, 9.0), strict=True)),
    absent=dict(zip(FEATURES, (6.0, -5.0, -1.0, -4.0), strict=True)),
    exact_thresholds=EXACT_THRESHOLDS,
    absent_thresholds=ABSENT_THRESHOLDS,
    measured={"match_error": 0.02, "first_right": 0.5},
)
SCORES = [0.93, 0.88, 0.87, 0.8, 0.79, 0.78, 0.77, 0.76, 0.75, 0.74, 0.73]


def probabilities_by_formula(position: int, scores: list[float]) -> tuple[float, float]:
    """Return the match probability of the product at this position, and the probability of absence, by the formulas."""

    def logistic(coefficients: Any, score: float, others: list[float]) -> float:
        lead = math.log((1.01 - max(others)) / (1.01 - score)) if others else 0.0
        contrast = score - float(np.mean(others)) if others else 0.0
        z = np.dot([coefficients[name] for name in FEATURES], [1.0, score, lead, contrast])
        return 1 / (1 + math.exp(-z))

    absent = logistic(CALIBRATION.absent, scores[0], scores[1:REFERENCE])
    others = [score for n, score in enumerate(scores) if n != position][: REFERENCE - 1]
    return (1 - absent) * logistic(CALIBRATION.match, scores[position], others), absent


@pytest.mark.parametrize("count", [1, 2, 5, REFERENCE, 40])
def test_every_match_probability_equals_the_formula(count: int) -> None:
    rng = np.random.default_rng(count)
    scores = sorted(rng.uniform(0.3, 1.0, count).tolist(), reverse=True)
    matches, absences = zip(*(probabilities_by_formula(position, scores) for position in range(count)), strict=True)
    assert match_probabilities(CALIBRATION, scores, scores[:REFERENCE]) == pytest.approx(list(matches))
    assert absent_probability(CALIBRATION, scores[:REFERENCE]) == pytest.approx(absences[0])


def test_a_condition_does_not_change_the_probabilities_of_the_remaining_results() -> None:
    probabilities = match_probabilities(CALIBRATION, SCORES, SCORES)
    assert match_probabilities(CALIBRATION, SCORES[3::2], SCORES) == probabilities[3::2]


def test_only_the_first_scores_of_the_reference_count() -> None:
    assert match_probabilities(CALIBRATION, SCORES, [*SCORES, 0.7, 0.1]) == match_probabilities(
        CALIBRATION, SCORES, SCORES
    )
    assert absent_probability(CALIBRATION, [*SCORES, 0.1]) == absent_probability(CALIBRATION, SCORES)


def test_a_higher_score_has_a_higher_match_probability() -> None:
    for reference in ([0.9], SCORES[:2], SCORES):
        shown = np.linspace(reference[-1] - 0.3, reference[0], 200).tolist()
        probabilities = match_probabilities(CALIBRATION, shown, reference)
        assert all(later > earlier for earlier, later in pairwise(probabilities))


def test_a_higher_first_score_and_a_longer_lead_lower_absence_and_raise_the_match() -> None:
    rest = SCORES[1:]
    score_lists = [[score, *rest] for score in np.linspace(0.88, 1.0, 50)]
    absent = [absent_probability(CALIBRATION, scores) for scores in score_lists]
    matches = [match_probabilities(CALIBRATION, scores[:1], scores)[0] for scores in score_lists]
    assert all(later < earlier for earlier, later in pairwise(absent))
    assert all(later > earlier for earlier, later in pairwise(matches))
    score_lists = [[0.93, rival, *SCORES[2:]] for rival in np.linspace(0.88, 0.93, 50)]
    matches = [match_probabilities(CALIBRATION, scores[:1], scores)[0] for scores in score_lists]
    assert all(later < earlier for earlier, later in pairwise(matches))


def test_match_and_absence_of_the_first_result_sum_to_one_at_most() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        scores = np.sort(rng.uniform(0, 1, rng.integers(1, 12)))[::-1].tolist()
        (first, *_), absent = match_probabilities(CALIBRATION, scores, scores), absent_probability(CALIBRATION, scores)
        assert 0 <= first <= 1 and 0 <= absent <= 1
        assert first + absent <= 1 + 1e-12


def test_equal_scores_have_no_lead_and_equal_probabilities() -> None:
    tied = [0.9, 0.9, 0.5]
    assert features(0.9, tied)[1] == 0.0
    first, second, third = match_probabilities(CALIBRATION, tied, tied)
    assert first == second > third
    assert (
        match_probabilities(CALIBRATION, [0.4] * 11, [0.4] * 11)
        == [pytest.approx(probabilities_by_formula(0, [0.4] * 11)[0])] * 11
    )


def test_a_rounding_error_does_not_change_the_features() -> None:
    assert features(0.93 - 1e-8, SCORES)[1] == pytest.approx(features(0.93, SCORES)[1], abs=1e-5)


def test_a_single_product_has_no_lead_and_no_contrast() -> None:
    assert features(0.9, [0.9]) == (0.9, 0.0, 0.0)


def test_a_score_of_one_has_a_finite_lead() -> None:
    assert features(1.0, [1.0, 0.5])[1] == pytest.approx(math.log(0.51 / 0.01))
    assert features(1.0000001, [1.0000001, 0.5])[1] == pytest.approx(math.log(0.51 / 0.01))


def test_in_an_empty_catalogue_absence_is_certain() -> None:
    assert match_probabilities(CALIBRATION, [], []) == []
    assert absent_probability(CALIBRATION, []) == 1.0


def test_extreme_coefficients_do_not_overflow() -> None:
    steep = replace(CALIBRATION, match=dict(zip(FEATURES, (-9e5, 1e6, 0.0, 0.0), strict=True)))
    high, low = match_probabilities(steep, [1.0, 0.1], [1.0, 0.1])
    assert high > 0.5 and low == 0.0


@pytest.mark.parametrize(
    ("shown", "reference", "problem"),
    [
        ([0.5], [], "no reference"),
        ([0.5], [0.4, 0.6], "not in order"),
        ([math.nan], [0.4], "not finite"),
        ([0.4], [math.inf], "not finite"),
    ],
)
def test_scores_that_are_unordered_or_not_finite_are_refused(
    shown: list[float], reference: list[float], problem: str
) -> None:
    with pytest.raises(InvalidValue, match=problem):
        match_probabilities(CALIBRATION, shown, reference)


@pytest.mark.parametrize(
    ("first", "absent", "precision", "expected"),
    [
        (0.9, 0.05, 0.95, "exact"),
        (0.8999, 0.05, 0.95, "similar"),
        (0.9, 0.05, 0.945, "exact"),
        (0.99, 0.0, 0.951, "similar"),
        (0.99, 0.0, 0.96, "similar"),
        (0.1, 0.7, 0.8, "not-in-catalogue"),
        (0.1, 0.6999, 0.8, "similar"),
        (0.1, 0.9, 0.95, "similar"),
        (None, 1.0, 0.5, "not-in-catalogue"),
        (None, 0.5, 0.5, "similar"),
        (0.9, 0.7, 0.8, "similar"),
    ],
)
def test_a_verdict_needs_a_probability_of_its_threshold_or_more(
    first: float | None, absent: float, precision: float, expected: Verdict
) -> None:
    assert verdict(CALIBRATION, first, absent, precision) == expected


def test_without_thresholds_every_verdict_is_similar() -> None:
    calibration = replace(CALIBRATION, exact_thresholds=NO_THRESHOLDS, absent_thresholds=NO_THRESHOLDS)
    assert {verdict(calibration, 1.0, 0.0, precision) for precision in PRECISIONS} == {"similar"}
    assert {verdict(calibration, 0.0, 1.0, precision) for precision in PRECISIONS} == {"similar"}


def test_without_a_calibration_the_verdict_is_uncalibrated() -> None:
    assert verdict(None, 1.0, 0.0) == "uncalibrated"


@pytest.mark.parametrize("precision", [0.49, 0.991, 1.0, 95.0, -1.0, math.nan, math.inf])
def test_a_precision_out_of_range_is_refused(precision: float) -> None:
    with pytest.raises(InvalidValue, match=r"0\.50 to 0\.99"):
        verdict(CALIBRATION, 0.9, 0.1, precision)


def test_every_precision_has_its_own_threshold() -> None:
    thresholds = tuple(0.5 + n / 200 for n in range(len(PRECISIONS)))
    calibration = replace(CALIBRATION, exact_thresholds=thresholds)
    for precision, threshold in zip(PRECISIONS, thresholds, strict=True):
        assert verdict(calibration, threshold, 0.0, precision) == "exact"
        assert verdict(calibration, threshold - 1e-9, 0.0, precision) == "similar"


def test_a_calibration_survives_writing_and_reading() -> None:
    text = CALIBRATION.as_json()
    assert Calibration.from_json(text) == CALIBRATION
    assert Calibration.from_json(text.encode()) == CALIBRATION
    assert Calibration.from_json(text).as_json() == text


def json_with(**fields: Any) -> str:
    """Return the JSON of the calibration with these fields replaced, as older versions wrote it, without a checksum."""
    content = {**json.loads(CALIBRATION.as_json()), **fields}
    return json.dumps({name: value for name, value in content.items() if name != "checksum" or "checksum" in fields})


def test_a_calibration_of_an_older_version_has_no_checksum() -> None:
    assert Calibration.from_json(json_with()) == CALIBRATION


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        b"\xff\xfe",
        json_with(checksum=1),
        CALIBRATION.as_json().replace('"products": ', '"products": 1'),
        json_with(format=2),
        json_with(format="1"),
        json_with(products="40"),
        json_with(absent_share=1.5),
        json_with(match={"intercept": 1.0}),
        json_with(match={"intercept": 0.0, "score": -1.0, "lead": 0.0, "contrast": 0.0}),
        json_with(absent={"intercept": 0.0, "score": 1.0, "lead": 0.0, "contrast": 0.0}),
        json_with(absent={"intercept": math.nan, "score": 0.0, "lead": 0.0, "contrast": 0.0}),
        json_with(exact_thresholds=[0.9]),
        json_with(exact_thresholds=[0.9, 0.8, *[None] * 48]),
        json_with(exact_thresholds=[None, 0.8, *[None] * 48]),
        json_with(exact_thresholds=[1.5, *[None] * 49]),
        json_with(exact_thresholds=["0.9", *[None] * 49]),
        json_with(absent_thresholds={}),
        json_with(absent_thresholds=None),
        json_with(measured=[]),
        json_with(measured={"match_error": "low"}),
        json.dumps({name: value for name, value in json.loads(json_with()).items() if name != "model"}),
    ],
)
def test_the_error_for_a_bad_file_says_to_calibrate_again(text: str | bytes) -> None:
    with pytest.raises(StoreError, match="Run `shoplens calibrate` again") as error:
        Calibration.from_json(text)
    assert error.value.code == "bad-calibration"


WEIGHTED = replace(
    CALIBRATION,
    absent={**CALIBRATION.absent, **dict(zip(EVIDENCE, (-0.5, -0.25, 0.75, -1.5), strict=True))},
)
SCALE = ScoreScale(0.6, 0.05)


def test_strategies_with_weights_compare_the_score_with_the_shop() -> None:
    first, second, *_ = standard = [(score - 0.6) / 0.05 for score in SCORES]
    rest = float(np.mean(standard[1:]))
    added = -0.5 * first - 0.25 * (first - second) + 0.75 * rest - 1.5 * math.log(0.05)
    plain = absent_probability(CALIBRATION, SCORES)
    expected = 1 / (1 + math.exp(-(math.log(plain / (1 - plain)) + added)))
    assert absent_probability(WEIGHTED, SCORES, SCALE) == pytest.approx(expected)
    (match,) = match_probabilities(WEIGHTED, SCORES[:1], SCORES, SCALE)
    (without,) = match_probabilities(CALIBRATION, SCORES[:1], SCORES)
    assert match / without == pytest.approx((1 - expected) / (1 - plain))


def test_a_better_first_score_lowers_absence_also_by_its_scale() -> None:
    absent = [absent_probability(WEIGHTED, [score, *SCORES[1:]], SCALE) for score in np.linspace(0.89, 1, 20)]
    assert absent == sorted(absent, reverse=True) and absent[0] > absent[-1]
    assert absence_evidence([0.7], SCALE) == pytest.approx((2.0, 0.0, 2.0, math.log(0.05)))


def test_older_calibrations_have_no_such_coefficients_and_halves_are_refused() -> None:
    assert absent_probability(CALIBRATION, SCORES, SCALE) == absent_probability(CALIBRATION, SCORES)
    assert Calibration.from_json(WEIGHTED.as_json()) == WEIGHTED
    for name, value in (("standard_score", 0.1), ("standard_lead", 0.1)):
        with pytest.raises(InvalidValue):
            replace(WEIGHTED, absent={**WEIGHTED.absent, name: value})
    with pytest.raises(InvalidValue):
        replace(CALIBRATION, absent={**CALIBRATION.absent, "spread": 0.1})
