"""Evaluations with their reports: the file is checked before the work, and written after it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from shoplens.errors import InvalidValue
from shoplens.evaluation.calibrate import CalibrationResult, calibrate
from shoplens.evaluation.catalogue_map.mapping import QuerySample, catalogue_map
from shoplens.evaluation.compare import compare
from shoplens.evaluation.doctor.diagnose import diagnose
from shoplens.evaluation.doctor.findings import Diagnosis
from shoplens.evaluation.evaluate import EvaluationContext, QuerySet, evaluate
from shoplens.evaluation.regression.check import Checked, CheckOptions, baseline_file, check_regression
from shoplens.evaluation.results import Comparison, Evaluation
from shoplens.evaluation.written import (
    report_file,
    write_calibration_report,
    write_comparison,
    write_diagnosis,
    write_evaluation,
    write_gate,
)
from shoplens.ranking.strategies import Strategy

File = str | Path | None
"""Of a report; None for none."""


def evaluate_with_report(
    bench: EvaluationContext, asked: QuerySet, strategy: Strategy, report: File, seed: int
) -> Evaluation:
    """As :func:`~shoplens.evaluation.evaluate.evaluate`, with the map of the catalogue."""
    page, sample = _page(report, asked), QuerySample()
    found = evaluate(bench, asked, strategy, seed, sample.add)
    if page is not None:
        bench.progress("Drawing the map", 0, 0)
        with bench.reading() as generation:
            drawn = catalogue_map(generation.index, sample, seed)
        write_evaluation(page, found, drawn, bench.picture, bench.small_picture)
    return found


def compare_with_report(bench: EvaluationContext, asked: QuerySet, report: File, seed: int) -> Comparison:
    """As :func:`~shoplens.evaluation.compare.compare`."""
    page = _page(report, asked)
    found = compare(bench, asked, seed)
    if page is not None:
        write_comparison(page, found)
    return found


def calibrate_with_report(
    bench: EvaluationContext, asked: QuerySet, strategy: Strategy, absent_share: float, report: File
) -> CalibrationResult:
    """As :func:`~shoplens.evaluation.calibrate.calibrate`."""
    page = _page(report, asked)
    found = calibrate(bench, asked, strategy, absent_share)
    if page is not None:
        write_calibration_report(page, found)
    return found


def check_with_report(bench: EvaluationContext, options: CheckOptions, strategy: Strategy, report: File) -> Checked:
    """As :func:`~shoplens.evaluation.regression.check.checked`."""
    if report is not None and options.update:
        raise InvalidValue("A new baseline has no report.", "Leave --report out; it tells what a check found.")
    page = None if report is None else report_file(report, options.queries, baseline_file(bench.store, options))
    found = check_regression(bench, strategy, options)
    if page is not None:
        write_gate(page, found)
    return found


def diagnose_with_report(bench: EvaluationContext, kinds: Iterable[str], report: File, seed: int) -> Diagnosis:
    """As :func:`~shoplens.evaluation.doctor.diagnose.diagnose`, with a JSON Lines file beside the page."""
    page = None if report is None else report_file(report, beside=".jsonl")
    found = diagnose(bench, kinds, seed)
    if page is not None:
        write_diagnosis(page, found, bench.small_picture)
    return found


def _page(report: File, asked: QuerySet) -> Path | None:
    return None if report is None else report_file(report, asked.file)
