"""Static weights: the score is the weighted sum, and everything has its place."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.ranking.weighted_sum import rank_candidates, similarity_from_cosine
from shoplens.types import Candidate
from tests.fakes import product


def candidate(name: str, same_photo: bool = False, **scores: float) -> Candidate:
    return Candidate(product(name, f"/{name}.png"), scores, f"/{name}.png", same_photo)


@pytest.mark.parametrize(
    ("cosine", "similarity"), [(-1.0, 0.0), (0.0, 0.5), (0.5, 0.75), (1.0, 1.0), (1.0000001, 1.0), (-1.0000001, 0.0)]
)
def test_similarity_from_cosine(cosine: float, similarity: float) -> None:
    assert similarity_from_cosine(cosine) == similarity


def test_nothing_gives_nothing() -> None:
    assert rank_candidates([], {"look": 1.0}) == []


def test_the_score_is_the_weighted_sum() -> None:
    rng = np.random.default_rng(1)
    candidates = [candidate(f"p{n}", look=float(rng.random()), color=float(rng.random())) for n in range(50)]
    results = rank_candidates(candidates, {"look": 3.0, "color": 1.0})
    expected = {one.product.id: 0.75 * one.scores["look"] + 0.25 * one.scores["color"] for one in candidates}
    assert [result.product.id for result in results] == sorted(expected, key=lambda name: -expected[name])
    assert [result.score for result in results] == pytest.approx([expected[result.product.id] for result in results])
    assert [result.rank for result in results] == list(range(1, 51))
    for result in results:
        assert sum(result.parts.values()) == pytest.approx(result.score)
        assert set(result.parts) == {"look", "color"}


def test_only_the_ratio_of_weights_matters() -> None:
    one = [candidate("a", look=0.2, color=0.8)]
    assert rank_candidates(one, {"look": 1, "color": 3})[0].score == pytest.approx(
        rank_candidates(one, {"look": 10, "color": 30})[0].score
    )


def test_a_dimension_without_a_score_counts_as_nothing() -> None:
    (result,) = rank_candidates([candidate("a", look=0.8)], {"look": 1.0, "color": 1.0})
    assert dict(result.parts) == {"look": 0.4, "color": 0.0}


def test_the_same_photo_comes_first_and_equals_are_ordered_by_id() -> None:
    results = rank_candidates(
        [
            candidate("c", look=0.9),
            candidate("b", look=0.5),
            candidate("a", look=0.5),
            candidate("z", same_photo=True, look=0.1),
            candidate("y", same_photo=True, look=0.1),
        ],
        {"look": 1.0},
    )
    assert [result.product.id for result in results] == ["y", "z", "c", "a", "b"]
    assert [result.same_photo for result in results] == [True, True, False, False, False]
    assert results[2].photo == "/c.png"


@pytest.mark.parametrize("weights", [{}, {"look": 0.0}, {"look": -1.0, "color": 2.0}, {"look": float("nan")}])
def test_weights_that_make_no_sense_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(InvalidValue, match="Weights"):
        rank_candidates([candidate("a", look=0.5)], weights)
