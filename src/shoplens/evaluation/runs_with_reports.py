"""Runs evaluations and writes their reports; the report's path is checked before the work."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from shoplens.errors import InvalidValue
from shoplens.evaluation.calibrate import CalibrationResult, calibrate
from shoplens.evaluation.catalogue_map.mapping import QuerySample, build_catalogue_map
from shoplens.evaluation.compare import compare
from shoplens.evaluation.doctor.diagnose import diagnose
from shoplens.evaluation.doctor.findings import Diagnosis
from shoplens.evaluation.evaluate import EvaluationContext, QuerySet, evaluate
from shoplens.evaluation.regression.check import CheckOptions, CheckResult, baseline_file, check_regression
from shoplens.evaluation.report_files import (
    LINES_SUFFIX,
    report_file,
    write_calibration_report,
    write_comparison,
    write_diagnosis,
    write_evaluation,
    write_gate,
)
from shoplens.evaluation.results import Comparison, Evaluation
from shoplens.ranking.strategies import Strategy

ReportPath = str | Path | None
"""Path of a report; None for no report."""


def evaluate_with_report(
    context: EvaluationContext, queries: QuerySet, strategy: Strategy, report: ReportPath, seed: int
) -> Evaluation:
    """Run :func:`~shoplens.evaluation.evaluate.evaluate`, and write the report with the map of the catalogue."""
    page, sample = _page(report, queries), QuerySample()
    evaluation = evaluate(context, queries, strategy, seed, sample.add)
    if page is not None:
        context.progress("Drawing the map", 0, 0)
        with context.reading() as generation:
            catalogue_map = build_catalogue_map(generation.index, sample, seed)
        loaders = (context.load_photo, context.load_thumbnail, context.load_cut_out)
        write_evaluation(page, evaluation, catalogue_map, *loaders)
    return evaluation


def compare_with_report(context: EvaluationContext, queries: QuerySet, report: ReportPath, seed: int) -> Comparison:
    """Run :func:`~shoplens.evaluation.compare.compare`, and write the report."""
    page = _page(report, queries)
    comparison = compare(context, queries, seed)
    if page is not None:
        write_comparison(page, comparison)
    return comparison


def calibrate_with_report(
    context: EvaluationContext, queries: QuerySet, strategy: Strategy, absent_share: float, report: ReportPath
) -> CalibrationResult:
    """Run :func:`~shoplens.evaluation.calibrate.calibrate`, and write the report."""
    page = _page(report, queries)
    result = calibrate(context, queries, strategy, absent_share)
    if page is not None:
        write_calibration_report(page, result)
    return result


def check_with_report(
    context: EvaluationContext, options: CheckOptions, strategy: Strategy, report: ReportPath
) -> CheckResult:
    """Run :func:`~shoplens.evaluation.regression.check.check_regression`, and write the report.

    Raises:
        InvalidValue: also if a report of a new baseline is requested, which has none.
    """
    if report is not None and options.make_baseline:
        raise InvalidValue(
            "A new baseline has no report.", "Leave out --report, which is for the result of a comparison."
        )
    page = None if report is None else report_file(report, options.queries, baseline_file(context.store, options))
    result = check_regression(context, strategy, options)
    if page is not None:
        write_gate(page, result)
    return result


def diagnose_with_report(context: EvaluationContext, kinds: Iterable[str], report: ReportPath, seed: int) -> Diagnosis:
    """Run :func:`~shoplens.evaluation.doctor.diagnose.diagnose`, and write the page and a JSON Lines file beside it."""
    page = None if report is None else report_file(report, suffix=LINES_SUFFIX)
    diagnosis = diagnose(context, kinds, seed)
    if page is not None:
        write_diagnosis(page, diagnosis, context.load_thumbnail)
    return diagnosis


def _page(report: ReportPath, queries: QuerySet) -> Path | None:
    return None if report is None else report_file(report, queries.file)
