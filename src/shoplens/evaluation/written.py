"""Reports on disk: an HTML page for people and a JSON (or JSON Lines) file beside it for machines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shoplens.errors import InvalidValue
from shoplens.evaluation.calibrate import CalibrationResult
from shoplens.evaluation.catalogue_map.mapping import CatalogueMap
from shoplens.evaluation.doctor.findings import Diagnosis
from shoplens.evaluation.regression.check import Checked
from shoplens.evaluation.report.calibration import calibration_page
from shoplens.evaluation.report.catalogue_map import map_html
from shoplens.evaluation.report.comparison import comparison_page
from shoplens.evaluation.report.doctor import doctor_page
from shoplens.evaluation.report.evaluation import evaluation_page
from shoplens.evaluation.report.gate import gate_page
from shoplens.evaluation.results import Comparison, Evaluation, plain
from shoplens.ranking.match_probability import PRECISIONS, Calibration
from shoplens.types import Pixels

Picture = Callable[[str], Pixels]
LINES = ".jsonl"
SHOWN_PRECISIONS = (0.8, 0.9, 0.95, 0.99)


def write_evaluation(
    path: Path, evaluation: Evaluation, drawn: CatalogueMap, picture: Picture, small_picture: Picture
) -> None:
    """The evaluation with the map of the catalogue.

    Args:
        picture: source of a photo -> all its pixels, since regions count them.
        small_picture: the same, reduced, for the map.
    """
    fragment = map_html(drawn.products, drawn.queries, small_picture, drawn.note)
    _write(path, evaluation_page(evaluation, picture, fragment), evaluation.as_json())


def write_comparison(path: Path, comparison: Comparison) -> None:
    """The strategies side by side."""
    _write(path, comparison_page(comparison), comparison.as_json())


def write_calibration_report(path: Path, result: CalibrationResult) -> None:
    """How reliable the probabilities are, and what may be claimed by them."""
    calibration = result.calibration
    facts = [
        f"{calibration.queries:,} query photos of {calibration.clusters:,} designs ({result.queries_from}), "
        f"{calibration.products:,} products; strategy {calibration.strategy}, model {calibration.model}.",
        "Every photo counts twice: as it is, and as if its product were not in the catalogue, "
        f"which is taken to be so in {calibration.absent_share:.0%} of all searches.",
        "Everything below was measured on photos of products that the probabilities were not fitted to.",
        *(f"{one.times} × {one.kind} left out: {one.example}." for one in result.left_out),
    ]
    page = calibration_page("How sure an answer is", facts, result.reliability, claims(calibration))
    _write(path, page, calibration_json(result))


def write_gate(path: Path, checked: Checked) -> None:
    """What a check found."""
    report = checked.report
    if report is None:
        return
    run = checked.run
    facts = [
        f"{len(run.queries):,} photos in {len(run.ranks)} kinds, {run.products:,} products; strategy {run.strategy}, "
        f"model {run.model}.",
        "Compared query by query." if report.paired else "Two samples were compared.",
        "A figure falls when chance hardly explains its drop, all figures considered (Holm's correction): "
        f"a system that did not change fails in {report.alpha:.2%} of checks at most.",
        *(f"{one.times} × {one.kind} left out: {one.example}. {one.fix}" for one in report.left_out),
    ]
    _write(path, gate_page(report.cells, report.passed, facts), report.as_json())


def write_diagnosis(path: Path, diagnosis: Diagnosis, picture: Picture) -> None:
    """What the doctor found: the strongest of each kind on the page, all of them in the lines."""
    lines = (json.dumps(finding.as_json(), ensure_ascii=False) + "\n" for finding in diagnosis.findings)
    write_both(path, doctor_page(diagnosis, picture), LINES, "".join(lines))


def claims(calibration: Calibration) -> list[tuple[str, ...]]:
    """From which probability on a claim is made at some precisions; the first row names the columns."""
    rows: list[tuple[str, ...]] = [("precision", "“exact” from", "“not in this catalogue” from")]
    for precision in SHOWN_PRECISIONS:
        place = PRECISIONS.index(precision)
        thresholds = (calibration.exact_thresholds[place], calibration.absent_thresholds[place])
        rows.append((f"{precision:.0%}", *("never said" if one is None else f"{one:.3f}" for one in thresholds)))
    return rows


def calibration_json(result: CalibrationResult) -> dict[str, Any]:
    """The documented object."""
    told: dict[str, Any] = json.loads(result.calibration.as_json())
    parts = [
        {"claim": one.claim, "answers": one.answers, "error": plain(one.ece), "bins": plain(list(one.bins))}
        for one in result.reliability
    ]
    return {**told, "queries_from": result.queries_from, "reliability": parts, "left_out": plain(result.left_out)}


def report_file(path: str | Path, *inputs: Path | None, beside: str = ".json") -> Path:
    """The page's file; checked before the work is done that it will tell of.

    Args:
        path: the page, or the JSON file that lies beside it.
        inputs: files that must not be written over.
        beside: suffix of the file for machines.

    Raises:
        InvalidValue: it cannot be written, or would be written over an input.
    """
    page = Path(path).with_suffix(".html") if Path(path).suffix == beside else Path(path)
    for file in (page, page.with_suffix(beside)):
        if any(one is not None and one.resolve() == file.resolve() for one in inputs):
            raise InvalidValue(f"The report would be written over {file}.", "Give another file with --report.")
        if file.is_dir():
            raise InvalidValue(f"The report {file} is a folder.", "Give a file with --report.")
    if page.suffix.lower() not in (".html", ".htm"):
        raise InvalidValue(f"The report {page} is no page by its name.", "Give --report a name that ends in .html.")
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise _unwritable(page, problem) from None
    return page


def _write(page: Path, text: str, told: dict[str, Any]) -> None:
    write_both(page, text, ".json", json.dumps(told, ensure_ascii=False, indent=1) + "\n")


def write_both(page: Path, text: str, beside: str, told: str) -> None:
    """A page, and what is for machines in a file of the same name but for its suffix.

    Raises:
        InvalidValue: they cannot be written.
    """
    try:
        page.write_text(text, "utf-8")
        page.with_suffix(beside).write_text(told, "utf-8", errors="backslashreplace")
    except OSError as problem:
        raise _unwritable(page, problem) from None


def _unwritable(page: Path, problem: OSError) -> InvalidValue:
    return InvalidValue(f"The report {page} cannot be written: {problem.strerror}.", "Give another file with --report.")
