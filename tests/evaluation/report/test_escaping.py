"""Texts of a catalogue stay text on every kind of page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shoplens.evaluation.doctor.findings import Diagnosis, Finding, FindingPhoto
from shoplens.evaluation.report.calibration import calibration_page
from shoplens.evaluation.report.catalogue_map import MapProduct, map_html
from shoplens.evaluation.report.comparison import comparison_page
from shoplens.evaluation.report.doctor import doctor_page
from shoplens.evaluation.report.evaluation import evaluation_page
from shoplens.evaluation.report.gate import gate_page
from shoplens.evaluation.report.searches import ShownSearch, write_search_report
from shoplens.evaluation.results import (
    CategoryMetrics,
    Comparison,
    Confusion,
    Estimate,
    Evaluation,
    GateCell,
    JudgedAnswer,
    OmissionCount,
    PairedDifference,
    ProductSummary,
    Reliability,
    ReliabilityBin,
    RetrainingCost,
    StrategyRow,
)
from shoplens.types import Answer, Pixels, Product, Result
from tests.page_elements import HOSTILE, PageElements

SHARE = Estimate(0.3, 0.2, 0.4)
LEFT_OUT = (OmissionCount(HOSTILE, 1, HOSTILE, HOSTILE),)


def read(source: str) -> Pixels:
    return np.full((8, 8, 3), 128, np.uint8)


def fail_to_read(source: str) -> Pixels:
    raise OSError(source)


def evaluation(folder: Path) -> str:
    found = ProductSummary(HOSTILE, HOSTILE, HOSTILE, 0.5)
    page = Evaluation(
        store=HOSTILE,
        queries_from=HOSTILE,
        strategy=HOSTILE,
        model=HOSTILE,
        products=2,
        queries=2,
        absent=1,
        left_out=LEFT_OUT,
        overall={HOSTILE: SHARE},
        categories=(
            CategoryMetrics(HOSTILE, 1, {"recall@1": SHARE}),
            CategoryMetrics(HOSTILE + "2", 1, {"recall@1": SHARE}),
        ),
        curve=(SHARE, SHARE),
        worst=(JudgedAnswer(HOSTILE, None, (found,), None, (found,)),),
        confused=(Confusion(found, found, 2),),
        milliseconds={HOSTILE: 1.0},
        seed=0,
    )
    products = [MapProduct(HOSTILE, HOSTILE, "p", 0.5, 0.5, {HOSTILE: HOSTILE})]
    return evaluation_page(page, fail_to_read, map_html(products, [], read, HOSTILE))


def comparison(folder: Path) -> str:
    old = StrategyRow(HOSTILE, HOSTILE, {HOSTILE: SHARE}, {}, {"median": 1.0}, 10, {"median": 1.0}, HOSTILE)
    new = replace(
        old,
        name=HOSTILE + "2",
        against={HOSTILE: PairedDifference(SHARE, 0.5)},
        retraining_costs=(RetrainingCost(1, 1.0, 1, 1),),
        unknown=1,
    )
    return comparison_page(Comparison(HOSTILE, HOSTILE, 2, 2, LEFT_OUT, HOSTILE, (old, new), 0))


def doctor(folder: Path) -> str:
    photos = (FindingPhoto(HOSTILE, HOSTILE, HOSTILE, HOSTILE), FindingPhoto("other", HOSTILE, HOSTILE, HOSTILE))
    ids = (HOSTILE, *(f"{HOSTILE}{number}" for number in range(12)))
    findings = (
        Finding("wrong-value", (HOSTILE,), HOSTILE, HOSTILE, photos, HOSTILE, HOSTILE, HOSTILE, 0.5),
        Finding("shared-photo", ids[:4], HOSTILE, HOSTILE, photos[:1]),
        Finding("shared-photo", ids, HOSTILE, HOSTILE, photos[:1]),
    )
    return doctor_page(Diagnosis(findings, ("wrong-value", "shared-photo"), 20, HOSTILE, (HOSTILE,)), read)


def gate(folder: Path) -> str:
    return gate_page([GateCell(HOSTILE, HOSTILE + "2", 9, SHARE, SHARE, SHARE, 0.5, True)], False, [HOSTILE])


def calibration(folder: Path) -> str:
    part = Reliability(HOSTILE, [ReliabilityBin(9, 0.3, SHARE)], SHARE, 9)
    return calibration_page(HOSTILE, [HOSTILE], [part], [(HOSTILE, HOSTILE), (HOSTILE, HOSTILE)])


def searches(folder: Path) -> str:
    product = Product(HOSTILE, HOSTILE, (HOSTILE,), price=1.0, currency=HOSTILE, attributes={"a": ("<i>",)})
    results = [Result(1, product, 0.5, HOSTILE, {HOSTILE: 0.5})]
    answer = Answer("q", HOSTILE, None, HOSTILE, HOSTILE, results, {"total": 1.0})
    shown = [ShownSearch(answer, HOSTILE, product, 1), ShownSearch(answer, HOSTILE, product)]
    write_search_report(folder / "searches.html", HOSTILE, [HOSTILE], shown, read)
    return (folder / "searches.html").read_text("utf-8")


@pytest.mark.parametrize("page", [evaluation, comparison, doctor, gate, calibration, searches])
def test_texts_of_a_catalogue_stay_text(page: Callable[[Path], str], tmp_path: Path) -> None:
    elements = PageElements(page(tmp_path))
    assert elements.scripts == (2 if page is evaluation else 0), "only the map has scripts: its data and its code"
    assert elements.unsafe_attributes == []
    assert HOSTILE in elements.text
