"""What an answer may claim: match probabilities of its results, and its verdict in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shoplens.ranking.match_probability import (
    Calibration,
    ScoreScale,
    absent_probability,
    match_probabilities,
    verdict,
)
from shoplens.ranking.merchandising.adjustments import BOOST, BURY, PIN
from shoplens.types import Result, Verdict

VERDICTS: dict[Verdict, str] = {
    "exact": "The first result is the product in the photo.",
    "similar": "These products are the most similar. Whether one of them is the product in the photo is uncertain.",
    "not-in-catalogue": "The product in the photo is not in this catalogue. These products are the most similar.",
    "no-product": "No product can be seen in this photo. Take another one, with more light or from nearer.",
    "uncalibrated": "How certain this is has not been measured yet: run `shoplens calibrate`.",
}
"""Verdict -> a sentence for people."""


_MERCHANDISING = (PIN, BOOST, BURY)


def is_merchandised(result: Result) -> bool:
    """Whether a pin, a boost or a bury moved this result."""
    return any(name in result.parts for name in _MERCHANDISING)


def evidence_score(result: Result) -> float:
    """Return the score without merchandising: a pin or a boost claims nothing about the product in the photo."""
    return result.score - sum(result.parts.get(name, 0.0) for name in _MERCHANDISING)


def verdict_words(verdict: Verdict) -> str:
    """Return the verdict as people write it."""
    words = {"not-in-catalogue": "not in this catalogue", "no-product": "no product in this photo"}
    return words.get(verdict, verdict)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Results with their match probabilities, and what the answer as a whole may claim."""

    results: Sequence[Result]
    verdict: Verdict
    absent_probability: float | None


def judge(
    results: Sequence[Result],
    reference: Sequence[float],
    calibration: Calibration | None,
    precision: float,
    scale: ScoreScale | None = None,
) -> Judgement:
    """Give results their match probabilities, and decide what the answer may claim at this precision.

    A product that has the query photo itself needs no calibration: its probability is 1.

    Args:
        results: as shown, best first. One with the query photo may come late, where sold-out products are put last.
        reference: first scores of all products without merchandising, best first; see :func:`match_probabilities`.
        calibration: None claims nothing.
        scale: of the query; None for a strategy without weights.
    """
    first_certain = bool(results) and results[0].same_photo
    present = any(result.same_photo for result in results)
    if calibration is None:
        judged = [replace(result, match_probability=1.0) if result.same_photo else result for result in results]
        return Judgement(judged, "exact" if first_certain else "uncalibrated", None)
    probabilities = match_probabilities(calibration, [evidence_score(result) for result in results], reference, scale)
    judged = [
        replace(result, match_probability=1.0 if result.same_photo else probability)
        for result, probability in zip(results, probabilities, strict=True)
    ]
    if first_certain:
        return Judgement(judged, "exact", 0.0)
    absent = 0.0 if present else absent_probability(calibration, reference, scale)
    first = judged[0].match_probability if judged else None
    return Judgement(judged, verdict(calibration, first, absent, precision), absent)
