"""Calibrates a strategy: judged answers -> samples -> match probabilities, which are stored with the generation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shoplens.errors import InvalidValue, StoreError
from shoplens.evaluation.evaluate import EvaluationContext, QuerySet, judge_queries
from shoplens.evaluation.query_runs import Gallery, JudgedRun
from shoplens.evaluation.results import OmissionCount, Reliability
from shoplens.evaluation.statistics.calibration import (
    ABSENT_SHARE,
    CalibrationSample,
    FirstResults,
    Origin,
    cross_fit,
    fit_calibration,
)
from shoplens.evaluation.statistics.reliability import calibration_error, reliability_bins
from shoplens.ranking.match_probability import REFERENCE, Calibration
from shoplens.ranking.strategies import Strategy
from shoplens.store.calibration_file import write_calibration
from shoplens.store.files.atomic import timestamp, translate_disk_errors
from shoplens.store.generation import Generation

SAME_PHOTO = "query-is-in-catalogue"


@dataclass(frozen=True, slots=True)
class CalibrationResult:
    """A calibration, its reliability, and the queries that could not be used."""

    calibration: Calibration
    reliability: tuple[Reliability, ...]
    left_out: tuple[OmissionCount, ...]
    queries_from: str


def calibrate(
    context: EvaluationContext, queries: QuerySet, strategy: Strategy, absent_share: float = ABSENT_SHARE
) -> CalibrationResult:
    """Fit a strategy's match probability, and store it with the live generation in place of an earlier one.

    Raises:
        InvalidValue: ``too-few-queries``, and as :func:`~shoplens.evaluation.evaluate.evaluate`.
    """
    if not 0 < absent_share < 1:  # checked before the long work, not after it
        raise InvalidValue(f"The absent share is {absent_share!r}.", "Give a number above 0 and below 1, e.g. 0.5.")
    with context.reading() as generation:
        samples, left_out = collect_samples(context, queries, strategy)
        origin = Origin(strategy.name, context.embedder.model, generation.index.count(), timestamp())
        context.progress("Fitting", 0, 0)
        try:
            weights = context.settings.preferences.weights if strategy.filters else {}
            calibration = replace(fit_calibration(samples, origin, absent_share), weights=dict(weights))
        except InvalidValue as problem:
            raise _add_reasons(problem, queries, left_out) from None
        diagrams = measure_reliability(cross_fit(samples, absent_share))
        _store(context, generation, calibration)
    return CalibrationResult(calibration, diagrams, left_out, queries.name)


def _store(context: EvaluationContext, generation: Generation, calibration: Calibration) -> None:
    """Write it to the live generation, if that is the one that was searched, or a copy of it with another graph."""
    with context.store.writing(), translate_disk_errors(context.store.folder):
        live = context.store.live
        if (live.manifest.model, live.manifest.created) != (generation.manifest.model, generation.manifest.created):
            raise StoreError(
                "The store was built anew while its answers were calibrated.",
                "Run the calibration again.",
                code="store-changed",
            )
        write_calibration(live, calibration)


def _add_reasons(problem: InvalidValue, queries: QuerySet, left_out: Sequence[OmissionCount]) -> InvalidValue:
    """Return the same error with the queries that were left out, because some of them could be corrected."""
    reasons = "; ".join(f"{omission.times} × {omission.kind} ({omission.example})" for omission in left_out)
    note = f" Left out of {queries.name}: {reasons}." if reasons else ""
    return InvalidValue(problem.problem + note, problem.fix, code=problem.code)


def collect_samples(
    context: EvaluationContext, queries: QuerySet, strategy: Strategy
) -> tuple[list[CalibrationSample], tuple[OmissionCount, ...]]:
    """Build a sample per query, and count what was left out: photos in the catalogue need no probability."""
    samples: list[CalibrationSample] = []
    known_photos: list[str] = []

    def add(run: JudgedRun, _: Strategy) -> None:
        if run.results and run.results[0].same_photo:
            known_photos.append(run.query.photo)
        elif run.results:
            samples.append(build_sample(run))

    # A further photo of the shop itself is searched for among all its other photos, as in a search.
    gallery: Gallery = "all" if queries.file else "other-photos"
    context = context.without_merchandising()
    with context.reading() as generation:
        left_out = list(judge_queries([strategy], context, queries, generation, add, gallery))
    if known_photos:
        fix = "Nothing is to be done, because such a photo finds its product for certain."
        left_out.append(OmissionCount(SAME_PHOTO, len(known_photos), known_photos[0], fix))
    return samples, tuple(left_out)


def build_sample(run: JudgedRun) -> CalibrationSample:
    """Return the scores of a judged answer as a sample of the calibration."""
    first = run.results[:REFERENCE]
    wrong = [result.score for result in run.results if result.product.id not in run.query.grades]
    return CalibrationSample(
        tuple(result.score for result in first),
        tuple(result.product.id in run.query.grades for result in first),
        tuple(wrong[:REFERENCE]),
        run.cluster,
        None if run.photo.filtered is None else run.photo.filtered.scale,
    )


def measure_reliability(firsts: FirstResults) -> tuple[Reliability, ...]:
    """Measure the reliability of the two probabilities that claims are based on."""
    claims = (
        ("The first result is the product in the photo", firsts.match_probability, firsts.is_right),
        ("The product in the photo is not in this catalogue", firsts.absent_probability, firsts.is_absent),
    )
    return tuple(
        Reliability(
            claim,
            reliability_bins(probabilities, outcomes, firsts.clusters, firsts.weights),
            calibration_error(probabilities, outcomes, firsts.clusters, firsts.weights),
            len(probabilities),
        )
        for claim, probabilities, outcomes in claims
    )
