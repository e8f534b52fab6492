"""Verdicts and match probabilities of results, with and without a calibration."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import get_args

import pytest

from shoplens.errors import InvalidValue
from shoplens.ranking.match_probability import FEATURES, PRECISIONS, Calibration
from shoplens.ranking.verdict import VERDICTS, judge, verdict_words
from shoplens.types import Result, Verdict
from tests.fakes import product

CALIBRATION = Calibration(
    strategy="pretrained",
    model="colour@1",
    products=3,
    queries=200,
    clusters=40,
    absent_share=0.5,
    created="20260101T000000000000Z",
    # The logistic function of a lead is one distance from 1.01 divided by the sum of both, which is easy to compute.
    match=dict(zip(FEATURES, (0.0, 0.0, 1.0, 0.0), strict=True)),
    absent=dict(zip(FEATURES, (0.0, 0.0, -1.0, 0.0), strict=True)),
    exact_thresholds=tuple(0.8 if precision <= 0.95 else None for precision in PRECISIONS),
    absent_thresholds=tuple(0.4 if precision <= 0.95 else None for precision in PRECISIONS),
    measured={},
)
CLEAR_LEAD, TIED = [1.0, 0.76, 0.51], [0.76, 0.76, 0.51]
"""Scores, best first, with distances from 1.01 of .01, .25, .50; and of .25, .25, .50."""


def make_results(scores: list[float], same_photo: Collection[int] = ()) -> list[Result]:
    """Return a result of each score; those at the positions ``same_photo`` have the query photo itself."""
    return [
        Result(n + 1, product(f"p{n}", f"/{n}.png"), score, f"/{n}.png", {"look": score}, n in same_photo)
        for n, score in enumerate(scores)
    ]


def test_match_probabilities_follow_the_formula_of_the_lead() -> None:
    judgement = judge(make_results(CLEAR_LEAD), CLEAR_LEAD, CALIBRATION, 0.95)
    absent = 0.01 / 0.26
    second, third = 0.01 / (0.01 + 0.25), 0.01 / (0.01 + 0.50)
    expected = [(1 - absent) * probability for probability in (1 - absent, second, third)]
    assert [result.match_probability for result in judgement.results] == pytest.approx(expected)
    assert judgement.verdict == "exact" and judgement.absent_probability == pytest.approx(absent)
    assert [replace(result, match_probability=None) for result in judgement.results] == make_results(CLEAR_LEAD)


def test_a_tie_is_not_in_catalogue_when_absence_reaches_its_threshold() -> None:
    judgement = judge(make_results(TIED), TIED, CALIBRATION, 0.95)
    expected = [0.25, 0.25, 0.5 * 0.25 / 0.75]
    assert [result.match_probability for result in judgement.results] == pytest.approx(expected)
    assert judgement.verdict == "not-in-catalogue" and judgement.absent_probability == pytest.approx(0.5)


@pytest.mark.parametrize("scores", [CLEAR_LEAD, TIED])
def test_a_precision_without_thresholds_gives_the_verdict_similar(scores: list[float]) -> None:
    judgement = judge(make_results(scores), scores, CALIBRATION, 0.96)
    assert judgement.verdict == "similar"
    assert judgement.results == judge(make_results(scores), scores, CALIBRATION, 0.95).results


def test_a_filtered_result_is_judged_against_all_products() -> None:
    """Only the second product meets the condition, and the first one still lowers its probability."""
    judgement = judge(make_results(CLEAR_LEAD)[1:2], CLEAR_LEAD, CALIBRATION, 0.95)
    expected = [(0.25 / 0.26) * (0.01 / 0.26)]
    assert [result.match_probability for result in judgement.results] == pytest.approx(expected)
    assert judgement.verdict == "similar" and judgement.absent_probability == pytest.approx(0.01 / 0.26)


def test_a_search_without_results_still_has_a_verdict() -> None:
    assert judge([], CLEAR_LEAD, CALIBRATION, 0.95).verdict == "similar"
    assert judge([], TIED, CALIBRATION, 0.95).verdict == "not-in-catalogue"
    empty = judge([], [], CALIBRATION, 0.95)
    assert (empty.results, empty.verdict, empty.absent_probability) == ([], "not-in-catalogue", 1.0)


def test_without_calibration_results_have_no_probabilities() -> None:
    judgement = judge(make_results(CLEAR_LEAD), [], None, 0.95)
    assert (judgement.results, judgement.verdict, judgement.absent_probability) == (
        make_results(CLEAR_LEAD),
        "uncalibrated",
        None,
    )
    empty = judge([], [], None, 0.95)
    assert (empty.results, empty.verdict, empty.absent_probability) == ([], "uncalibrated", None)


@pytest.mark.parametrize("precision", [0.5, 0.95, 0.99])
def test_a_result_with_the_query_photo_itself_has_probability_one(precision: float) -> None:
    """By the scores alone, the verdict would be that the product is absent."""
    tied = [1.0, 1.0, 0.51]
    for calibration, rest in ((None, None), (CALIBRATION, pytest.approx(0.5 * 0.01 / 0.51))):
        judgement = judge(make_results(tied, same_photo={0, 1}), tied if calibration else [], calibration, precision)
        assert [result.match_probability for result in judgement.results] == [1.0, 1.0, rest]
        assert (judgement.verdict, judgement.absent_probability) == ("exact", 0.0 if calibration else None)


def test_a_result_with_the_query_photo_that_comes_last_is_certain_and_the_verdict_is_similar() -> None:
    """A result with the query photo comes last when its product is sold out."""
    scores, reference = [0.76, 0.51, 1.0], [1.0, 0.76, 0.51]
    judgement = judge(make_results(scores, same_photo={2}), reference, CALIBRATION, 0.5)
    assert (judgement.verdict, judgement.absent_probability) == ("similar", 0.0)
    assert judgement.results[2].match_probability == 1.0
    tied = judge(make_results([0.76, 0.76], same_photo={1}), TIED, CALIBRATION, 0.5)
    assert (tied.verdict, tied.absent_probability) == ("similar", 0.0)
    uncalibrated = judge(make_results(scores, same_photo={2}), [], None, 0.95)
    assert [result.match_probability for result in uncalibrated.results] == [None, None, 1.0]
    assert (uncalibrated.verdict, uncalibrated.absent_probability) == ("uncalibrated", None)


def test_a_precision_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidValue, match=r"precision is 0\.3.*0\.50 to 0\.99"):
        judge(make_results(CLEAR_LEAD), CLEAR_LEAD, CALIBRATION, 0.3)


def test_every_verdict_has_a_sentence() -> None:
    assert set(VERDICTS) == set(get_args(Verdict))
    assert len(set(VERDICTS.values())) == 5
    assert "`shoplens calibrate`" in VERDICTS["uncalibrated"]
    assert not any("calibrate" in VERDICTS[name] for name in VERDICTS if name != "uncalibrated")


def test_verdict_words_are_readable() -> None:
    words = ["exact", "similar", "not in this catalogue", "no product in this photo", "uncalibrated"]
    assert [verdict_words(name) for name in VERDICTS] == words


@pytest.mark.parametrize(("part", "value"), [("pin", 2.0), ("boost", 0.2), ("bury", -0.2)])
def test_merchandising_claims_nothing(part: str, value: float) -> None:
    plain = make_results(CLEAR_LEAD)
    expected = [result.match_probability for result in judge(plain, CLEAR_LEAD, CALIBRATION, 0.95).results]
    moved = replace(plain[1], score=plain[1].score + value, parts={**plain[1].parts, part: value})
    judged = judge([plain[0], moved, plain[2]], CLEAR_LEAD, CALIBRATION, 0.95).results
    assert [result.match_probability for result in judged] == pytest.approx(expected)
    assert judged[1].score == moved.score


def test_a_pinned_product_that_is_not_in_the_photo_is_not_called_exact() -> None:
    results = make_results(CLEAR_LEAD)
    pinned = replace(results[2], score=results[2].score + 2.0, parts={**results[2].parts, "pin": 2.0})
    judgement = judge([pinned, *results[:2]], CLEAR_LEAD, CALIBRATION, 0.95)
    assert judgement.verdict == "similar"
    assert judgement.results[0].match_probability == pytest.approx((1 - 0.01 / 0.26) * 0.01 / (0.01 + 0.50))
