"""Every key of the documented JSON stands in the table about it, and every one that stands there is in the JSON."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

from shoplens.build.run import Summary
from shoplens.cli.output import print_summary
from shoplens.evaluation.calibrate import CalibrationResult
from shoplens.evaluation.doctor.findings import Diagnosis
from shoplens.evaluation.regression.comparison import GateReport
from shoplens.evaluation.report_files import calibration_json
from shoplens.evaluation.results import Comparison, Evaluation, to_json_values
from shoplens.evaluation.statistics.calibration import ABSENT_SHARE, MIN_CLUSTERS, Origin, fit_calibration
from shoplens.ranking.match_probability import EVIDENCE, FEATURES, PRECISIONS, Calibration
from shoplens.search.answer_json import as_json
from shoplens.service.schemas import AnswerDocument, ErrorDocument, ResultDocument
from shoplens.types import Answer, Rejection
from tests.docs.pages import ROOT, names, page, paths, rows, spans
from tests.docs.samples import NAME, key_paths, sample
from tests.evaluation.statistics.test_calibration import shop as shop_samples

MASK = np.zeros((2, 2), np.uint8)


def calibration() -> dict[str, Any]:
    coefficients = dict.fromkeys(FEATURES, 0.0)
    absent = dict.fromkeys((*FEATURES, *EVIDENCE), 0.0)
    levels = tuple(PRECISIONS)
    fitted = sample(Calibration, match=coefficients, absent=absent, exact_thresholds=levels, absent_thresholds=levels)
    return calibration_json(sample(CalibrationResult, calibration=fitted))


def diagnosis() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(sample(Diagnosis).as_json()))
    return {**found, "counts": {NAME: 1}}


def documented(file: str, key: str) -> list[str]:
    """The paths in the first column of the table with this heading."""
    return [path for cell, *_ in rows(page(file), key) for path in paths(cell)]


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [
        ("docs/searching.md", "key of an answer", as_json(sample(Answer, object_answers=(), mask=MASK))),
        ("docs/evaluation.md", "key of an evaluation", sample(Evaluation).as_json()),
        ("docs/evaluation.md", "key of a comparison", sample(Comparison).as_json()),
        ("docs/evaluation.md", "key of a calibration", calibration()),
        ("docs/evaluation.md", "key of a check", sample(GateReport).as_json()),
        ("docs/filters.md", "key of a diagnosis", diagnosis()),
        ("docs/feeds.md", "key of a report's line", to_json_values(sample(Rejection))),
    ],
    ids=lambda value: value.rpartition(" ")[2] if isinstance(value, str) else "",
)
def test_keys_are_documented(file: str, key: str, value: dict[str, Any]) -> None:
    told = documented(file, key)
    assert len(told) == len(set(told))
    assert sorted(told) == sorted(key_paths(value))


def test_keys_of_a_run_are_documented(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary("Done:", sample(Summary), as_json=True, strict=False)
    printed = json.loads(capsys.readouterr().out)
    assert sorted(documented("docs/feeds.md", "key of a run")) == sorted(key_paths(printed))


def test_the_service_answers_with_the_same_keys_and_two_more() -> None:
    answer = as_json(sample(Answer, object_answers=(), mask=MASK))
    further = AnswerDocument.model_fields.keys() - answer.keys()
    assert (
        answer.keys() <= AnswerDocument.model_fields.keys()
        and answer["results"][0].keys() <= ResultDocument.model_fields.keys()
    )
    text = page("docs/service.md")
    assert further == {"verdict_words", "next_offset"} and [name for name in further if f"`{name}`" not in text] == []
    told = next(code for code in spans(text) if code.startswith('{"error"'))
    error = set(ErrorDocument.model_fields["error"].annotation.model_fields)  # type: ignore[union-attr]
    assert {name for name in error if f'"{name}"' in told} == error


def test_measured_figures_are_documented() -> None:
    origin = Origin("pretrained", "colour@1", 100, "2026-01-01T00:00:00Z")
    measured = fit_calibration(shop_samples(0, MIN_CLUSTERS, 5), origin, ABSENT_SHARE).measured
    assert sorted(documented("docs/evaluation.md", "figure that was measured")) == sorted(measured)


def test_the_stages_of_a_search_are_documented() -> None:
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "src/shoplens/search").glob("*.py"))
    stages = {*re.findall(r"\.stage\(\"(\w+)\"\)", sources), "other", "total"}
    (told,) = [names(what) for key, what in rows(page("docs/searching.md"), "key of an answer") if key == "`took_ms`"]
    assert len(stages) > 5 and set(told) == stages
