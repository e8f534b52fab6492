"""The weight of `caption` is above zero only where titles with unknown words find more by it."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.filters.fitting.caption_weight import COMPLETE, HIDDEN, MIN_TITLES, fit_caption
from shoplens.filters.model.caption import CaptionModel
from shoplens.filters.photo_features.pixels import Floats

COUNT = 60
RIGHT = range(COUNT)
GROUPS = [f"g{number}" for number in RIGHT]
SAME = np.eye(COUNT, dtype=np.float32)


def noise(seed: int) -> Floats:
    return np.random.default_rng(seed).normal(0, 0.02, (COUNT, COUNT)).astype(np.float32)


def test_a_tower_that_knows_the_photos_counts() -> None:
    model = fit_caption("t", noise(1) + 0.2 * SAME, 10 * SAME, np.zeros_like(SAME), RIGHT, GROUPS)
    assert model.weight > 0 and model.gain > 0.5 > model.error
    assert model.ndcg[HIDDEN][1] == pytest.approx(1.0) and model.ndcg[COMPLETE] == (1.0, 1.0)
    assert model.similarities(np.array([model.low, model.high, model.high + 1], np.float32)).tolist() == [0, 1, 1]
    assert "find more" in model.reason


def test_a_tower_that_knows_nothing_does_not_count() -> None:
    model = fit_caption("t", noise(1), 10 * SAME, 3 * SAME, RIGHT, GROUPS)
    assert (model.weight, model.gain) == (0.0, 0.0) and model.reason.startswith("not used: titles find no more")


def test_a_weight_by_which_complete_titles_find_less_is_left_out() -> None:
    wrong = np.roll(SAME, 1, axis=1)  # the tower takes the next product for it, unless it knows nothing else
    model = fit_caption("t", noise(1) + 0.15 * SAME + 0.2 * wrong, 0.4 * SAME, np.zeros_like(SAME), RIGHT, GROUPS)
    assert model.ndcg[COMPLETE][1] >= model.ndcg[COMPLETE][0] == 1.0


def test_products_of_a_group_are_not_wrong_and_equal_scores_share_their_ranks() -> None:
    flat = np.zeros_like(SAME)
    groups = ["one"] * COUNT
    assert fit_caption("t", flat, flat, flat, RIGHT, groups).reason.startswith("not used")
    pairs = [f"g{number // 2}" for number in RIGHT]
    model = fit_caption("t", noise(1) + 0.2 * SAME, flat, flat, RIGHT, pairs)
    assert model.ndcg[HIDDEN] == (0.0, pytest.approx(1.0))  # the middle of 58 equal scores is below the tenth


def test_too_few_titles_choose_nothing() -> None:
    few = slice(0, MIN_TITLES - 1)
    cosines = (noise(1) + 0.2 * SAME)[few]
    model = fit_caption("t", cosines, 0 * cosines, 0 * cosines, RIGHT[few], GROUPS)
    assert model.weight == 0 and "too few" in model.reason
    empty = np.zeros((0, 0), np.float32)
    assert fit_caption("t", empty, empty, empty, [], []).weight == 0


def test_the_file_says_the_same() -> None:
    model = fit_caption("t", noise(1) + 0.2 * SAME, 10 * SAME, np.zeros_like(SAME), RIGHT, GROUPS)
    assert isinstance(model, CaptionModel) and f'"weight": {model.weight}' in model.to_json()
