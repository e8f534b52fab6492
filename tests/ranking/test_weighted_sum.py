"""Ranking by static weights: the score is the weighted sum, and results are ordered by it."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.ranking.weighted_sum import rank_candidates, similarity_from_cosine
from shoplens.types import Candidate
from tests.fakes import product


def make_candidate(name: str, same_photo: bool = False, **scores: float) -> Candidate:
    return Candidate(product(name, f"/{name}.png"), scores, f"/{name}.png", same_photo)


@pytest.mark.parametrize(
    ("cosine", "similarity"), [(-1.0, 0.0), (0.0, 0.5), (0.5, 0.75), (1.0, 1.0), (1.0000001, 1.0), (-1.0000001, 0.0)]
)
def test_similarity_from_cosine(cosine: float, similarity: float) -> None:
    assert similarity_from_cosine(cosine) == similarity


def test_no_candidates_give_no_results() -> None:
    assert rank_candidates([], {"look": 1.0}) == []


def test_the_score_is_the_weighted_sum() -> None:
    rng = np.random.default_rng(1)
    candidates = [make_candidate(f"p{n}", look=float(rng.random()), color=float(rng.random())) for n in range(50)]
    results = rank_candidates(candidates, {"look": 3.0, "color": 1.0})
    expected = {
        candidate.product.id: 0.75 * candidate.scores["look"] + 0.25 * candidate.scores["color"]
        for candidate in candidates
    }
    assert [result.product.id for result in results] == sorted(expected, key=lambda name: -expected[name])
    assert [result.score for result in results] == pytest.approx([expected[result.product.id] for result in results])
    assert [result.rank for result in results] == list(range(1, 51))
    later = rank_candidates(candidates, {"look": 3.0, "color": 1.0}, first_rank=8)
    assert [result.rank for result in later] == list(range(8, 58))
    for result in results:
        assert sum(result.parts.values()) == pytest.approx(result.score)
        assert set(result.parts) == {"look", "color"}


def test_only_the_ratio_of_weights_matters() -> None:
    candidates = [make_candidate("a", look=0.2, color=0.8)]
    (result,), (scaled,) = (rank_candidates(candidates, {"look": n, "color": 3 * n}) for n in (1, 10))
    assert result.score == pytest.approx(scaled.score)


def test_a_dimension_without_a_score_counts_as_zero() -> None:
    (result,) = rank_candidates([make_candidate("a", look=0.8)], {"look": 1.0, "color": 1.0})
    assert dict(result.parts) == {"look": 0.4, "color": 0.0}


def test_the_query_photo_comes_first_and_ties_are_ordered_by_id() -> None:
    results = rank_candidates(
        [
            make_candidate("c", look=0.9),
            make_candidate("b", look=0.5),
            make_candidate("a", look=0.5),
            make_candidate("z", same_photo=True, look=0.1),
            make_candidate("y", same_photo=True, look=0.1),
        ],
        {"look": 1.0},
    )
    assert [result.product.id for result in results] == ["y", "z", "c", "a", "b"]
    assert [result.same_photo for result in results] == [True, True, False, False, False]
    assert results[2].photo == "/c.png"


@pytest.mark.parametrize("weights", [{}, {"look": 0.0}, {"look": -1.0, "color": 2.0}, {"look": float("nan")}])
def test_missing_zero_negative_or_nan_weights_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(InvalidValue, match="Weights"):
        rank_candidates([make_candidate("a", look=0.5)], weights)
