"""Writes reports: an HTML page, and a JSON (or JSON Lines) file beside it for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shoplens.errors import InvalidValue, ShoplensError, disk_error
from shoplens.evaluation.calibrate import CalibrationResult
from shoplens.evaluation.catalogue_map.mapping import CatalogueMap
from shoplens.evaluation.doctor.findings import Diagnosis
from shoplens.evaluation.regression.check import CheckResult
from shoplens.evaluation.report.calibration import calibration_page
from shoplens.evaluation.report.catalogue_map import map_html
from shoplens.evaluation.report.comparison import comparison_page
from shoplens.evaluation.report.doctor import doctor_page
from shoplens.evaluation.report.evaluation import CutOutLoader, evaluation_page
from shoplens.evaluation.report.gate import gate_page
from shoplens.evaluation.results import Comparison, Evaluation, to_json_values
from shoplens.ranking.match_probability import PRECISIONS, Calibration
from shoplens.types import Pixels

PhotoLoader = Callable[[str], Pixels]
"""Source of a photo -> its pixels, uint8 (h, w, 3)."""
LINES_SUFFIX = ".jsonl"
SHOWN_PRECISIONS = (0.8, 0.9, 0.95, 0.99)


def write_evaluation(
    path: Path,
    evaluation: Evaluation,
    catalogue_map: CatalogueMap,
    load_photo: PhotoLoader,
    load_thumbnail: PhotoLoader,
    load_cut_out: CutOutLoader | None = None,
) -> None:
    """Write the report of an evaluation with the map of the catalogue.

    Args:
        load_photo: returns all pixels of a photo, because regions are in pixels.
        load_thumbnail: returns a reduced photo, for the map.
        load_cut_out: returns the object in a query photo, which is shown beside it; None shows none.
    """
    fragment = map_html(catalogue_map.products, catalogue_map.queries, load_thumbnail, catalogue_map.note)
    _write(path, evaluation_page(evaluation, load_photo, fragment, load_cut_out), evaluation.as_json())


def write_comparison(path: Path, comparison: Comparison) -> None:
    """Write the report that compares the strategies."""
    _write(path, comparison_page(comparison), comparison.as_json())


def write_calibration_report(path: Path, result: CalibrationResult) -> None:
    """Write the report on the reliability of the probabilities, and on the claims that they allow."""
    calibration = result.calibration
    facts = [
        f"{calibration.queries:,} query photos of {calibration.clusters:,} designs ({result.queries_from}), "
        f"{calibration.products:,} products; strategy {calibration.strategy}, model {calibration.model}.",
        "Every photo counts twice: as it is, and as if its product were not in the catalogue. "
        f"The latter is assumed for {calibration.absent_share:.0%} of all searches.",
        "All figures below were measured on photos of products to which the probabilities were not fitted.",
        *(f"{omission.times} × {omission.kind} left out: {omission.example}." for omission in result.left_out),
    ]
    page = calibration_page("How sure an answer is", facts, result.reliability, claim_table(calibration))
    _write(path, page, calibration_json(result))


def write_gate(path: Path, result: CheckResult) -> None:
    """Write the report of a check; the result of a new baseline has no report."""
    report = result.report
    if report is None:
        return
    run = result.run
    omissions = report.left_out
    facts = [
        f"{len(run.queries):,} photos in {len(run.ranks)} kinds, {run.products:,} products; strategy {run.strategy}, "
        f"model {run.model}.",
        "The same photos were compared." if report.paired else "Two samples of photos were compared.",
        "A figure has fallen if its drop is significant, with Holm's correction over all figures: "
        f"a system that did not change fails in {report.alpha:.2%} of checks at most.",
        *(f"{omission.times} × {omission.kind} left out: {omission.example}. {omission.fix}" for omission in omissions),
    ]
    _write(path, gate_page(report.cells, report.passed, facts), report.as_json())


def write_diagnosis(path: Path, diagnosis: Diagnosis, load_thumbnail: PhotoLoader) -> None:
    """Write the report of the doctor: the strongest findings of each kind on the page, all of them in the lines."""
    lines = (json.dumps(finding.as_json(), ensure_ascii=False) + "\n" for finding in diagnosis.findings)
    write_page_and_data(path, doctor_page(diagnosis, load_thumbnail), LINES_SUFFIX, "".join(lines))


def claim_table(calibration: Calibration) -> list[tuple[str, ...]]:
    """Return the probabilities from which on claims are made, as rows of text; the first row names the columns."""
    rows: list[tuple[str, ...]] = [("precision", "“exact” from", "“not in this catalogue” from")]
    for precision in SHOWN_PRECISIONS:
        place = PRECISIONS.index(precision)
        thresholds = (calibration.exact_thresholds[place], calibration.absent_thresholds[place])
        cells = ("never said" if threshold is None else f"{threshold:.3f}" for threshold in thresholds)
        rows.append((f"{precision:.0%}", *cells))
    return rows


def calibration_json(result: CalibrationResult) -> dict[str, Any]:
    """Return the documented object."""
    fields: dict[str, Any] = json.loads(result.calibration.as_json())
    del fields["checksum"]
    diagrams = [
        {
            "claim": diagram.claim,
            "answers": diagram.answers,
            "error": to_json_values(diagram.ece),
            "bins": to_json_values(list(diagram.bins)),
        }
        for diagram in result.reliability
    ]
    return {
        **fields,
        "queries_from": result.queries_from,
        "reliability": diagrams,
        "left_out": to_json_values(result.left_out),
    }


def report_file(path: str | Path, *inputs: Path | None, suffix: str = ".json") -> Path:
    """Return the path of the page, and create its folder; called before the long work whose result is reported.

    Args:
        path: the page, or the data file beside it.
        inputs: files that must not be overwritten.
        suffix: suffix of the data file.

    Raises:
        InvalidValue: the page cannot be written, or would overwrite an input.
    """
    if not Path(path).name:
        raise InvalidValue(f"The report {str(path)!r} names no file.", "Give a file with --report.")
    page = Path(path).with_suffix(".html") if Path(path).suffix == suffix else Path(path)
    for file in (page, page.with_suffix(suffix)):
        if any(path is not None and path.resolve() == file.resolve() for path in inputs):
            raise InvalidValue(f"The report would overwrite {file}.", "Give another file with --report.")
        if file.is_dir():
            raise InvalidValue(f"The report {file} is a folder.", "Give a file with --report.")
    if page.suffix.lower() not in (".html", ".htm"):
        raise InvalidValue(f"The report {page} is not an HTML file.", "Give --report a name that ends in .html.")
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise _unwritable(page, problem) from None
    return page


def _write(page: Path, text: str, fields: dict[str, Any]) -> None:
    write_page_and_data(page, text, ".json", json.dumps(fields, ensure_ascii=False, indent=1) + "\n")


def write_page_and_data(page: Path, text: str, suffix: str, data: str) -> None:
    """Write a page, and its data to a file with the same name and another suffix.

    Raises:
        InvalidValue: the files cannot be written.
        StoreError: ``disk``, there is no room.
    """
    try:
        page.write_text(text, "utf-8")
        page.with_suffix(suffix).write_text(data, "utf-8", errors="backslashreplace")
    except OSError as problem:
        raise _unwritable(page, problem) from None


def _unwritable(page: Path, problem: OSError) -> ShoplensError:
    return disk_error(problem) or InvalidValue(
        f"The report {page} cannot be written: {problem.strerror}.", "Give another file with --report."
    )
