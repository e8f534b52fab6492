"""The calibration on one screen: judged answers -> samples -> match probabilities, kept with the generation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shoplens.errors import InvalidValue, StoreError
from shoplens.evaluation.evaluate import EvaluationContext, QuerySet, for_each_answer
from shoplens.evaluation.results import LeftOut, Reliability
from shoplens.evaluation.runs import Gallery, JudgedRun
from shoplens.evaluation.statistics.calibration import (
    ABSENT_SHARE,
    CalibrationSample,
    Firsts,
    Origin,
    cross_fitted,
    fit_calibration,
)
from shoplens.evaluation.statistics.reliability import calibration_error, reliability
from shoplens.ranking.match_probability import REFERENCE, Calibration
from shoplens.ranking.strategies import Strategy
from shoplens.store.calibration_file import write_calibration
from shoplens.store.files.atomic import disk_errors_told, timestamp
from shoplens.store.generation import Generation

SAME_PHOTO = "query-is-in-catalogue"


@dataclass(frozen=True, slots=True)
class CalibrationResult:
    """A calibration, how reliable it is, and the queries that could not be used."""

    calibration: Calibration
    reliability: tuple[Reliability, ...]
    left_out: tuple[LeftOut, ...]
    queries_from: str


def calibrate(
    bench: EvaluationContext, queries: QuerySet, strategy: Strategy, absent_share: float = ABSENT_SHARE
) -> CalibrationResult:
    """Fit a strategy's match probability and keep it with the live generation, in place of the one before.

    Raises:
        InvalidValue: ``too-few-queries``, and as :func:`~shoplens.evaluation.evaluate.evaluate`.
    """
    if not 0 < absent_share < 1:  # said before all queries are searched for, not after
        raise InvalidValue(f"The absent share is {absent_share!r}.", "Give a number above 0 and below 1, e.g. 0.5.")
    with bench.reading() as generation:
        samples, left_out = samples_of(bench, queries, strategy)
        origin = Origin(strategy.name, bench.embedder.model, generation.index.count(), timestamp())
        bench.progress("Fitting", 0, 0)
        try:
            calibration = fit_calibration(samples, origin, absent_share)
        except InvalidValue as problem:
            raise _with_reasons(problem, queries, left_out) from None
        told = reliabilities(cross_fitted(samples, absent_share))
        _keep(bench, generation, calibration)
    return CalibrationResult(calibration, told, left_out, queries.name)


def _keep(bench: EvaluationContext, generation: Generation, calibration: Calibration) -> None:
    """With the live generation, if that is the one that was searched, or a copy of it with another graph."""
    with bench.store.writing(), disk_errors_told(bench.store.folder):
        live = bench.store.live
        if (live.manifest.model, live.manifest.created) != (generation.manifest.model, generation.manifest.created):
            raise StoreError(
                "The store was built anew while its answers were calibrated.", "Run it again.", code="store-changed"
            )
        write_calibration(live, calibration)


def _with_reasons(problem: InvalidValue, queries: QuerySet, left_out: Sequence[LeftOut]) -> InvalidValue:
    """The same error, with the queries that could have been used if they were mended."""
    told = "; ".join(f"{one.times} × {one.kind} ({one.example})" for one in left_out)
    lost = f" Left out of {queries.name}: {told}." if told else ""
    return InvalidValue(problem.problem + lost, problem.fix, code=problem.code)


def samples_of(
    bench: EvaluationContext, queries: QuerySet, strategy: Strategy
) -> tuple[list[CalibrationSample], tuple[LeftOut, ...]]:
    """A sample per query, and what was left out: photos that are in the catalogue need no probability."""
    samples: list[CalibrationSample] = []
    same: list[str] = []

    def take(run: JudgedRun, _: Strategy) -> None:
        if run.results and run.results[0].same_photo:
            same.append(run.query.photo)
        elif run.results:
            samples.append(sample_of(run))

    # A shop's own further photo is looked for among all the others, as a search would.
    gallery: Gallery = "all" if queries.file else "other-photos"
    with bench.reading() as generation:
        left_out = list(for_each_answer([strategy], bench, queries, generation, take, gallery))
    if same:
        left_out.append(LeftOut(SAME_PHOTO, len(same), same[0], "Nothing: such a photo finds its product for sure."))
    return samples, tuple(left_out)


def sample_of(run: JudgedRun) -> CalibrationSample:
    """What calibration takes of a judged answer."""
    first = run.results[:REFERENCE]
    wrong = [result.score for result in run.results if result.product.id not in run.query.grades]
    return CalibrationSample(
        tuple(result.score for result in first),
        tuple(result.product.id in run.query.grades for result in first),
        tuple(wrong[:REFERENCE]),
        run.cluster,
    )


def reliabilities(firsts: Firsts) -> tuple[Reliability, ...]:
    """Of the two probabilities that claims are made by."""
    kinds = (
        ("The first result is the product in the photo", firsts.match, firsts.right),
        ("The product in the photo is not in this catalogue", firsts.absent, firsts.gone),
    )
    return tuple(
        Reliability(
            claim,
            reliability(said, true, firsts.cluster, firsts.weight),
            calibration_error(said, true, firsts.cluster, firsts.weight),
            len(said),
        )
        for claim, said, true in kinds
    )
