"""Verdicts of steered searches, which the scores of a calibration say nothing about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.ranking.match_probability import Calibration
from shoplens.search.answer_notes import OTHER_WEIGHTS
from shoplens.settings import Preferences
from shoplens.store.calibration_file import delete_calibration, write_calibration
from tests.patterned_shop import query_photo
from tests.search.steering.steered_search import search
from tests.search.test_search_verdicts import toy_calibration

STRATEGY = "filters-static"


@pytest.fixture
def calibrated(shop: Shop) -> Iterator[Shop]:
    """Give the shop a calibration of its default strategy."""
    generation = shop._parts.store.live
    write_calibration(generation, toy_calibration(generation.manifest.model, STRATEGY))
    yield shop
    delete_calibration(generation, STRATEGY)


def test_words_without_a_photo_have_no_verdict(calibrated: Shop, folder: Path) -> None:
    """There is no photo whose product could be in the catalogue, or not."""
    assert search(calibrated, query_photo(folder, "red", "plain")).verdict != "uncalibrated"
    for words in ("under 1000", "red"):
        answer = search(calibrated, None, text=words)
        assert (answer.verdict, answer.absent_probability) == ("uncalibrated", None)
        assert {result.match_probability for result in answer.results} == {None}


def test_a_calibration_counts_for_the_weights_that_it_was_made_with(calibrated: Shop, folder: Path) -> None:
    generation, photo = calibrated._parts.store.live, query_photo(folder, "red", "plain")
    own = calibrated._parts.settings
    calibrated._parts.settings = replace(own, preferences=Preferences(weights={"color": 2.0}))
    try:
        assert search(calibrated, photo).verdict != "uncalibrated", "a file of an earlier version does not say"
        write_calibration(generation, replace(toy_calibration(generation.manifest.model, STRATEGY), weights={}))
        answer = search(calibrated, photo)
        assert answer.verdict == "uncalibrated" and OTHER_WEIGHTS in answer.notes
        with_weights = replace(toy_calibration(generation.manifest.model, STRATEGY), weights={"color": 2.0})
        assert Calibration.from_json(with_weights.as_json()) == with_weights
        write_calibration(generation, with_weights)
        answer = search(calibrated, photo)
        assert answer.verdict != "uncalibrated" and OTHER_WEIGHTS not in answer.notes
    finally:
        calibrated._parts.settings = own
    assert OTHER_WEIGHTS in search(calibrated, photo).notes
