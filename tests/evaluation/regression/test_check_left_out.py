"""What the gate cannot compare is counted and named, or an error; what it writes."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from shoplens import Shop
from shoplens.errors import InvalidValue, PhotoError
from shoplens.evaluation.regression.baseline import Baseline
from shoplens.evaluation.regression.check import CheckOptions
from shoplens.evaluation.report_files import report_file, write_gate
from shoplens.store.files.atomic import copy_tree
from tests.evaluation.regression.checked_shop import (
    COLORS,
    COMPARE,
    SETTINGS,
    UPDATE,
    Negated,
    change_index,
    check,
    check_error,
    create_shop,
    left_out,
    recall,
    write_quartered_photo,
)
from tests.fakes import ColourEmbedder, FakePhotos, feed_of, photo, row


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create_shop(tmp_path_factory.mktemp("shop"), count=14)


@pytest.fixture
def store(folder: Path, tmp_path: Path) -> Path:
    """A copy of the store, to be changed."""
    copy_tree(folder / "store", tmp_path / "store")
    return tmp_path / "store"


# What cannot be compared


@pytest.mark.parametrize("path", ["", "."])
def test_a_report_needs_a_name(path: str) -> None:
    with pytest.raises(InvalidValue, match="names no file"):
        report_file(path)


def test_a_check_without_a_baseline_names_the_command_that_makes_one(store: Path, tmp_path: Path) -> None:
    path = store / "evaluation/baseline.json"
    path.unlink()
    for error, where in (
        (check_error(store), path),
        (check_error(store, CheckOptions(tmp_path / "b.json")), tmp_path / "b.json"),
    ):
        assert (error.code, error.exit_code) == ("no-baseline", 3)
        assert error.problem == f"There is no baseline at {where}."
        assert error.fix.endswith("shoplens check make-baseline.")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"format": "shoplens-gate", "version": 2}', b"\xff"])
def test_a_damaged_or_foreign_baseline_is_named(store: Path, text: str | bytes) -> None:
    path = store / "evaluation/baseline.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    error = check_error(store)
    assert error.problem.startswith(f"{path}: The file is no usable baseline")
    assert "make a new baseline" in error.fix


def test_a_folder_is_no_baseline(store: Path, tmp_path: Path) -> None:
    assert f"The baseline {tmp_path} cannot be read" in check_error(store, CheckOptions(tmp_path)).problem
    error = check_error(store, CheckOptions(tmp_path, make_baseline=True, count=2))
    assert f"The baseline {tmp_path} cannot be written" in error.problem


def test_another_file_can_be_the_baseline(store: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "ci/baseline.json"
    baseline_result = check(store, CheckOptions(elsewhere, make_baseline=True, count=9))
    assert Baseline.from_json(elsewhere.read_bytes()) == baseline_result.run
    assert len(check(store, CheckOptions(elsewhere)).run.queries) == 9
    assert len(check(store).run.queries) == 14


def test_removed_products_are_counted_and_named(store: Path) -> None:
    change_index(store, lambda index: index.remove(["p3", "p4"]))
    result = check(store)
    assert result.report is not None and result.report.passed and result.report.paired
    assert result.left_out == {"p3": "product-gone", "p4": "product-gone"}
    assert left_out(result) == {"product-gone": (2, "p3, p4")}
    assert any(line.startswith("left out  2 x product-gone: p3, p4. ") for line in result.report.lines())
    assert (result.report.cells[0].queries, result.run.products) == (12, 12)


def test_a_baseline_with_most_products_removed_is_an_error(store: Path) -> None:
    change_index(store, lambda index: index.remove(f"p{number}" for number in range(7)))
    assert left_out(check(store))["product-gone"][0] == 7
    change_index(store, lambda index: index.remove(["p7"]))
    error = check_error(store)
    assert error.code == "old-baseline"
    where = store / "evaluation/baseline.json"
    assert error.problem == f"Only 6 of the 14 photos of {where} can still be searched for (8 × product-gone)."
    assert "shoplens check make-baseline" in error.fix


def test_photos_that_changed_or_went_are_counted_and_named(folder: Path) -> None:
    other = (folder / "p9.png").read_bytes()
    missing = PhotoError("There is no file.", "Put it back.", code="photo-missing")
    source = FakePhotos(
        {str(folder / "p1.png"): other, str(folder / "p2.png"): missing, str(folder / "p5.png"): other}, SETTINGS
    )
    result = check(folder / "store", source=source)
    assert result.report is not None and result.report.passed
    assert left_out(result) == {"photo-changed": (2, "p1, p5"), "photo-gone": (1, "p2")}
    fresh = check(folder / "store", CheckOptions(fresh=2), source=source)
    assert {kind: times for kind, (times, _) in left_out(fresh).items()} == {"photo-changed": 2, "photo-gone": 1}


def test_a_check_without_queries_is_an_error_with_reasons(folder: Path) -> None:
    gone = PhotoError("There is no file.", "Put it back.", code="photo-missing")
    source = FakePhotos({str(folder / f"p{number}.png"): gone for number in range(14)}, SETTINGS)
    error = check_error(folder / "store", source=source)
    assert (error.code, error.problem) == (
        "nothing-checked",
        "None of 14 photos could be searched for (14 × photo-gone).",
    )


@pytest.mark.parametrize(
    ("given", "fix"),
    [
        ({"make_baseline": True, "fresh": 3}, "--seed draws other photos"),
        ({"seed": 1}, "Give --fresh SEED"),
        ({"count": 3}, "Leave these out"),
        ({"queries": Path("q.csv")}, "Leave these out"),
    ],
)
def test_options_that_would_not_be_used_are_refused(given: dict[str, Any], fix: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        CheckOptions(**given)
    assert fix in caught.value.fix


def test_a_sample_of_nothing_is_refused(folder: Path) -> None:
    assert "sample of 0" in check_error(folder / "store", CheckOptions(make_baseline=True, count=0)).problem


def test_photos_too_small_to_be_corrupted_do_not_stop_a_check(folder: Path, tmp_path: Path) -> None:
    """One is too small to be corrupted; the other so narrow that a crop of it may be refused."""
    photo(folder / "tiny.png", (9, 9, 9), (6, 6))
    photo(folder / "belt.png", (9, 200, 9), (180, 9))
    rows = [row("tiny"), row("belt"), *(row(f"p{number}") for number in range(3))]
    feed = feed_of(folder / "odd.jsonl", rows)
    Shop.index(feed, tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS)[0].close()
    baseline_result = check(tmp_path / "store", UPDATE)
    assert baseline_result.left_out == {"tiny": "photo-too-small"}
    belt = [item.product_id for item in baseline_result.run.queries].index("belt")
    assert 0 in {ranks[belt] for ranks in baseline_result.run.ranks.values()}
    assert left_out(check(tmp_path / "store", CheckOptions(fresh=1))) == {"photo-too-small": (1, "tiny")}
    result = check(tmp_path / "store")
    assert result.report is not None and result.report.passed and result.report.left_out == ()


# The shop's own photos


def test_queries_of_a_file_are_corrupted_and_those_that_cannot_be_are_counted(folder: Path, store: Path) -> None:
    rows = [("photo", "product_id", "region")]
    for number in range(12):
        rows.append((str(write_quartered_photo(folder / f"own{number}.png", COLORS[number])), f"p{number}", ""))
    rows += [("gone.png", "p1", ""), ("own1.png", "nothing", ""), (str(folder / "p13.png"), "p13", "0,0,9,9")]
    rows += [("", "p1", "")]
    with (folder / "queries.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    baseline_result = check(store, CheckOptions(make_baseline=True, queries=folder / "queries.csv"))
    assert {item.photo for item in baseline_result.run.queries} == {rows[place][0] for place in (*range(1, 13), 15)}
    assert recall(baseline_result.run, "clean") == 1
    expected = {"photo-missing": 1, "product-not-in-store": 1, "query-incomplete": 1, "region-not-used": 1}
    assert {item.kind: item.times for item in baseline_result.rejected} == expected
    assert "row 13" in next(item.example for item in baseline_result.rejected if item.kind == "photo-missing")
    result = check(store)
    assert result.report is not None and result.report.passed
    assert {item.photo for item in result.run.queries} == {item.photo for item in baseline_result.run.queries}
    fresh = check(store, CheckOptions(fresh=4, count=20, queries=folder / "queries.csv"))
    assert {kind: times for kind, (times, _) in left_out(fresh).items()} == expected
    assert check_error(store, CheckOptions(make_baseline=True, queries=folder / "none.csv")).code == "no-queries"


# What is written


def test_the_report(folder: Path, store: Path, tmp_path: Path) -> None:
    change_index(store, lambda index: index.remove(["p3"]))
    result = check(store, COMPARE, Negated())
    assert result.report is not None
    write_gate(report_file(tmp_path / "reports/check.html"), result)
    values = json.loads((tmp_path / "reports/check.json").read_text())
    assert values == result.report.as_json()
    assert list(values) == ["passed", "cells", "recall_at_5", "paired", "left_out", "alpha"]
    cell = ["kind", "name", "queries", "before", "now", "difference", "p", "fell"]
    assert (values["passed"], values["cells"][0]["fell"], list(values["cells"][0])) == (False, True, cell)
    page = (tmp_path / "reports/check.html").read_text()
    assert "13 photos in 10 kinds, 13 products; strategy pretrained, model colour@1." in page
    assert "The same photos were compared." in page and "1 × product-gone left out: p3." in page
    fresh = check(store, CheckOptions(fresh=8))
    write_gate(tmp_path / "fresh.html", fresh)
    assert "Two samples of photos were compared." in (tmp_path / "fresh.html").read_text()


def test_the_shop_checks_and_writes_a_report(store: Path, tmp_path: Path) -> None:
    with Shop(store, embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        values: list[tuple[str, int, int]] = []
        baseline_result = shop.quality.check(
            UPDATE, progress=lambda what, done, total: values.append((what, done, total))
        )
        result = shop.quality.check(report=tmp_path / "check.html")
    assert baseline_result.report is None
    assert values[13:] == [("Searching for corrupted photos", 14, 14), ("Computing the power", 0, 0)]
    assert result.report is not None and result.report.passed
    assert json.loads((tmp_path / "check.json").read_text())["passed"] is True
