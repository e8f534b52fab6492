"""Match probabilities: by the formula, in every catalogue; verdicts; the file."""

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
    FEATURES,
    PRECISIONS,
    REFERENCE,
    Calibration,
    Verdict,
    absent_probability,
    features,
    match_probabilities,
    verdict,
)

NEVER: tuple[float | None, ...] = (None,) * len(PRECISIONS)
FROM_NINE_TENTHS = tuple(0.9 if precision <= 0.95 else None for precision in PRECISIONS)
FROM_SEVEN_TENTHS = tuple(0.7 if precision <= 0.8 else None for precision in PRECISIONS)
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
    exact_thresholds=FROM_NINE_TENTHS,
    absent_thresholds=FROM_SEVEN_TENTHS,
    measured={"match_error": 0.02, "first_right": 0.5},
)
SCORES = [0.93, 0.88, 0.87, 0.8, 0.79, 0.78, 0.77, 0.76, 0.75, 0.74, 0.73]


def by_definition(place: int, scores: list[float]) -> tuple[float, float]:
    """Match probability of one of these products, and probability of absence, as the module's formulas say."""

    def logistic(coefficients: Any, score: float, others: list[float]) -> float:
        lead = math.log((1.01 - max(others)) / (1.01 - score)) if others else 0.0
        contrast = score - float(np.mean(others)) if others else 0.0
        z = np.dot([coefficients[name] for name in FEATURES], [1.0, score, lead, contrast])
        return 1 / (1 + math.exp(-z))

    absent = logistic(CALIBRATION.absent, scores[0], scores[1:REFERENCE])
    others = [score for number, score in enumerate(scores) if number != place][: REFERENCE - 1]
    return (1 - absent) * logistic(CALIBRATION.match, scores[place], others), absent


@pytest.mark.parametrize("count", [1, 2, 5, REFERENCE, 40])
def test_every_product_has_the_probability_of_the_formula(count: int) -> None:
    rng = np.random.default_rng(count)
    scores = sorted(rng.uniform(0.3, 1.0, count).tolist(), reverse=True)
    expected = [by_definition(place, scores) for place in range(count)]
    assert match_probabilities(CALIBRATION, scores, scores[:REFERENCE]) == pytest.approx([one for one, _ in expected])
    assert absent_probability(CALIBRATION, scores[:REFERENCE]) == pytest.approx(expected[0][1])


def test_results_that_a_condition_left_keep_their_probabilities() -> None:
    everything = match_probabilities(CALIBRATION, SCORES, SCORES)
    assert match_probabilities(CALIBRATION, SCORES[3::2], SCORES) == everything[3::2]


def test_only_the_first_of_the_reference_are_looked_at() -> None:
    assert match_probabilities(CALIBRATION, SCORES, [*SCORES, 0.7, 0.1]) == match_probabilities(
        CALIBRATION, SCORES, SCORES
    )
    assert absent_probability(CALIBRATION, [*SCORES, 0.1]) == absent_probability(CALIBRATION, SCORES)


def test_a_better_score_is_more_probable() -> None:
    for reference in ([0.9], SCORES[:2], SCORES):
        shown = np.linspace(reference[-1] - 0.3, reference[0], 200).tolist()
        found = match_probabilities(CALIBRATION, shown, reference)
        assert all(later > earlier for earlier, later in pairwise(found))


def test_a_better_first_score_and_a_longer_lead_make_absence_less_probable() -> None:
    rest = SCORES[1:]
    leads = [[score, *rest] for score in np.linspace(0.88, 1.0, 50)]
    absent = [absent_probability(CALIBRATION, scores) for scores in leads]
    matches = [match_probabilities(CALIBRATION, scores[:1], scores)[0] for scores in leads]
    assert all(later < earlier for earlier, later in pairwise(absent))
    assert all(later > earlier for earlier, later in pairwise(matches))
    rivals = [[0.93, rival, *SCORES[2:]] for rival in np.linspace(0.88, 0.93, 50)]
    matches = [match_probabilities(CALIBRATION, scores[:1], scores)[0] for scores in rivals]
    assert all(later < earlier for earlier, later in pairwise(matches))


def test_the_first_match_and_absence_add_up_to_one_at_most() -> None:
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
    assert match_probabilities(CALIBRATION, [0.4] * 11, [0.4] * 11) == [pytest.approx(first_of([0.4] * 11))] * 11


def first_of(scores: list[float]) -> float:
    return by_definition(0, scores)[0]


def test_a_rounding_apart_is_the_same_product() -> None:
    assert features(0.93 - 1e-8, SCORES)[1] == pytest.approx(features(0.93, SCORES)[1], abs=1e-5)


def test_a_product_alone_has_neither_lead_nor_contrast() -> None:
    assert features(0.9, [0.9]) == (0.9, 0.0, 0.0)


def test_a_score_of_one_has_a_finite_lead() -> None:
    assert features(1.0, [1.0, 0.5])[1] == pytest.approx(math.log(0.51 / 0.01))
    assert features(1.0000001, [1.0000001, 0.5])[1] == pytest.approx(math.log(0.51 / 0.01))


def test_an_empty_catalogue_has_nothing() -> None:
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
def test_scores_that_make_no_sense_are_refused(shown: list[float], reference: list[float], problem: str) -> None:
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
def test_a_claim_needs_its_threshold(first: float | None, absent: float, precision: float, expected: Verdict) -> None:
    assert verdict(CALIBRATION, first, absent, precision) == expected


def test_what_the_data_cannot_support_is_never_claimed() -> None:
    silent = replace(CALIBRATION, exact_thresholds=NEVER, absent_thresholds=NEVER)
    assert {verdict(silent, 1.0, 0.0, one) for one in PRECISIONS} == {"similar"}
    assert {verdict(silent, 0.0, 1.0, one) for one in PRECISIONS} == {"similar"}


def test_without_a_calibration_nothing_is_said() -> None:
    assert verdict(None, 1.0, 0.0) == "uncalibrated"


@pytest.mark.parametrize("precision", [0.49, 0.991, 1.0, 95.0, -1.0, math.nan, math.inf])
def test_a_precision_out_of_range_is_refused(precision: float) -> None:
    with pytest.raises(InvalidValue, match=r"0\.50 to 0\.99"):
        verdict(CALIBRATION, 0.9, 0.1, precision)


def test_every_precision_has_its_own_threshold() -> None:
    rising = tuple(0.5 + place / 200 for place in range(len(PRECISIONS)))
    every = replace(CALIBRATION, exact_thresholds=rising)
    for precision, threshold in zip(PRECISIONS, rising, strict=True):
        assert verdict(every, threshold, 0.0, precision) == "exact"
        assert verdict(every, threshold - 1e-9, 0.0, precision) == "similar"


def test_the_file_gives_back_the_same() -> None:
    text = CALIBRATION.as_json()
    assert Calibration.from_json(text) == CALIBRATION
    assert Calibration.from_json(text.encode()) == CALIBRATION
    assert Calibration.from_json(text).as_json() == text


def changed(**fields: Any) -> str:
    return json.dumps({**json.loads(CALIBRATION.as_json()), **fields})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        b"\xff\xfe",
        changed(format=2),
        changed(format="1"),
        changed(products="40"),
        changed(absent_share=1.5),
        changed(match={"intercept": 1.0}),
        changed(match={"intercept": 0.0, "score": -1.0, "lead": 0.0, "contrast": 0.0}),
        changed(absent={"intercept": 0.0, "score": 1.0, "lead": 0.0, "contrast": 0.0}),
        changed(absent={"intercept": math.nan, "score": 0.0, "lead": 0.0, "contrast": 0.0}),
        changed(exact_thresholds=[0.9]),
        changed(exact_thresholds=[0.9, 0.8, *[None] * 48]),
        changed(exact_thresholds=[None, 0.8, *[None] * 48]),
        changed(exact_thresholds=[1.5, *[None] * 49]),
        changed(exact_thresholds=["0.9", *[None] * 49]),
        changed(absent_thresholds={}),
        changed(absent_thresholds=None),
        changed(measured=[]),
        changed(measured={"match_error": "low"}),
        json.dumps({name: value for name, value in json.loads(CALIBRATION.as_json()).items() if name != "model"}),
    ],
)
def test_a_bad_file_says_to_calibrate_again(text: str | bytes) -> None:
    with pytest.raises(StoreError, match="Run `shoplens calibrate` again") as caught:
        Calibration.from_json(text)
    assert caught.value.code == "bad-calibration"
