"""What may be claimed of results: by the calibration, and without one."""

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
    # The logistic function of a lead is one distance from 1.01 divided by the sum of both: no tables are needed.
    match=dict(zip(FEATURES, (0.0, 0.0, 1.0, 0.0), strict=True)),
    absent=dict(zip(FEATURES, (0.0, 0.0, -1.0, 0.0), strict=True)),
    exact_thresholds=tuple(0.8 if precision <= 0.95 else None for precision in PRECISIONS),
    absent_thresholds=tuple(0.4 if precision <= 0.95 else None for precision in PRECISIONS),
    measured={},
)
CLEAR, TIED = [1.0, 0.76, 0.51], [0.76, 0.76, 0.51]
"""Distances from 1.01 of .01, .25, .50; and of .25, .25, .50."""


def shown(scores: list[float], same: Collection[int] = ()) -> list[Result]:
    return [
        Result(place + 1, product(f"p{place}", f"/{place}.png"), score, f"/{place}.png", {"look": score}, place in same)
        for place, score in enumerate(scores)
    ]


def test_probabilities_are_told_by_the_lead() -> None:
    found = judge(shown(CLEAR), CLEAR, CALIBRATION, 0.95)
    absent = 0.01 / 0.26
    second, third = 0.01 / (0.01 + 0.25), 0.01 / (0.01 + 0.50)
    expected = [(1 - absent) * one for one in (1 - absent, second, third)]
    assert [one.match_probability for one in found.results] == pytest.approx(expected)
    assert found.verdict == "exact" and found.absent_probability == pytest.approx(absent)
    assert [replace(one, match_probability=None) for one in found.results] == shown(CLEAR)


def test_a_tie_is_called_absent_where_the_threshold_says_so() -> None:
    found = judge(shown(TIED), TIED, CALIBRATION, 0.95)
    assert [one.match_probability for one in found.results] == pytest.approx([0.25, 0.25, 0.5 * 0.25 / 0.75])
    assert found.verdict == "not-in-catalogue" and found.absent_probability == pytest.approx(0.5)


@pytest.mark.parametrize("scores", [CLEAR, TIED])
def test_a_precision_that_nothing_supports_claims_nothing(scores: list[float]) -> None:
    found = judge(shown(scores), scores, CALIBRATION, 0.96)
    assert found.verdict == "similar"
    assert found.results == judge(shown(scores), scores, CALIBRATION, 0.95).results


def test_what_is_shown_may_be_less_than_the_reference() -> None:
    """Only the second product meets a condition: it stays behind the first."""
    found = judge(shown(CLEAR)[1:2], CLEAR, CALIBRATION, 0.95)
    assert [one.match_probability for one in found.results] == pytest.approx([(0.25 / 0.26) * (0.01 / 0.26)])
    assert found.verdict == "similar" and found.absent_probability == pytest.approx(0.01 / 0.26)


def test_nothing_shown_still_says_whether_the_product_is_there() -> None:
    assert judge([], CLEAR, CALIBRATION, 0.95).verdict == "similar"
    assert judge([], TIED, CALIBRATION, 0.95).verdict == "not-in-catalogue"
    empty = judge([], [], CALIBRATION, 0.95)
    assert (empty.results, empty.verdict, empty.absent_probability) == ([], "not-in-catalogue", 1.0)


def test_without_calibration_nothing_is_claimed() -> None:
    found = judge(shown(CLEAR), [], None, 0.95)
    assert (found.results, found.verdict, found.absent_probability) == (shown(CLEAR), "uncalibrated", None)
    nothing = judge([], [], None, 0.95)
    assert (nothing.results, nothing.verdict, nothing.absent_probability) == ([], "uncalibrated", None)


@pytest.mark.parametrize("precision", [0.5, 0.95, 0.99])
def test_the_query_photo_itself_is_certain(precision: float) -> None:
    """Though the scores alone would say that the product is absent."""
    tied = [1.0, 1.0, 0.51]
    for calibration, rest in ((None, None), (CALIBRATION, pytest.approx(0.5 * 0.01 / 0.51))):
        found = judge(shown(tied, same={0, 1}), tied if calibration else [], calibration, precision)
        assert [one.match_probability for one in found.results] == [1.0, 1.0, rest]
        assert (found.verdict, found.absent_probability) == ("exact", 0.0 if calibration else None)


def test_the_query_photo_put_last_is_certain_to_be_there_and_the_first_is_not_it() -> None:
    """As where sold-out products come last."""
    scores, reference = [0.76, 0.51, 1.0], [1.0, 0.76, 0.51]
    found = judge(shown(scores, same={2}), reference, CALIBRATION, 0.5)
    assert (found.verdict, found.absent_probability, found.results[2].match_probability) == ("similar", 0.0, 1.0)
    tied = judge(shown([0.76, 0.76], same={1}), TIED, CALIBRATION, 0.5)
    assert (tied.verdict, tied.absent_probability) == ("similar", 0.0)
    unknown = judge(shown(scores, same={2}), [], None, 0.95)
    assert [one.match_probability for one in unknown.results] == [None, None, 1.0]
    assert (unknown.verdict, unknown.absent_probability) == ("uncalibrated", None)


def test_a_precision_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(InvalidValue, match=r"precision is 0\.3.*0\.50 to 0\.99"):
        judge(shown(CLEAR), CLEAR, CALIBRATION, 0.3)


def test_every_verdict_has_a_sentence() -> None:
    assert set(VERDICTS) == set(get_args(Verdict))
    assert len(set(VERDICTS.values())) == 4
    assert "`shoplens calibrate`" in VERDICTS["uncalibrated"]
    assert not any("calibrate" in VERDICTS[name] for name in VERDICTS if name != "uncalibrated")


def test_the_words_for_people() -> None:
    assert [verdict_words(one) for one in VERDICTS] == ["exact", "similar", "not in this catalogue", "uncalibrated"]
