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
    changed,
    check,
    left_out,
    made_shop,
    quartered,
    recall,
    refused,
)
from tests.fakes import ColourEmbedder, FakePhotos, feed_of, photo, row


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_shop(tmp_path_factory.mktemp("shop"), count=14)


@pytest.fixture
def store(folder: Path, tmp_path: Path) -> Path:
    """A copy of the store, to be changed."""
    copy_tree(folder / "store", tmp_path / "store")
    return tmp_path / "store"


# What cannot be compared


def test_without_a_baseline_it_says_how_to_make_one(store: Path, tmp_path: Path) -> None:
    path = store / "evaluation/baseline.json"
    path.unlink()
    for told, where in (
        (refused(store), path),
        (refused(store, CheckOptions(tmp_path / "b.json")), tmp_path / "b.json"),
    ):
        assert (told.code, told.exit_code) == ("no-baseline", 3)
        assert told.problem == f"There is no baseline at {where}."
        assert told.fix.endswith("shoplens check make-baseline.")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"format": "shoplens-gate", "version": 2}', b"\xff"])
def test_a_damaged_or_foreign_baseline_is_named(store: Path, text: str | bytes) -> None:
    path = store / "evaluation/baseline.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    told = refused(store)
    assert told.problem.startswith(f"{path}: The file is no usable baseline")
    assert "make a new baseline" in told.fix


def test_a_folder_is_no_baseline(store: Path, tmp_path: Path) -> None:
    assert f"The baseline {tmp_path} cannot be read" in refused(store, CheckOptions(tmp_path)).problem
    told = refused(store, CheckOptions(tmp_path, make_baseline=True, count=2))
    assert f"The baseline {tmp_path} cannot be written" in told.problem


def test_another_file_can_be_the_baseline(store: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "ci/baseline.json"
    made = check(store, CheckOptions(elsewhere, make_baseline=True, count=9))
    assert Baseline.from_json(elsewhere.read_bytes()) == made.run
    assert len(check(store, CheckOptions(elsewhere)).run.queries) == 9
    assert len(check(store).run.queries) == 14


def test_removed_products_are_counted_and_named(store: Path) -> None:
    changed(store, lambda index: index.remove(["p3", "p4"]))
    found = check(store)
    assert found.report is not None and found.report.passed and found.report.paired
    assert found.left_out == {"p3": "product-gone", "p4": "product-gone"}
    assert left_out(found) == {"product-gone": (2, "p3, p4")}
    assert any(line.startswith("left out  2 x product-gone: p3, p4. ") for line in found.report.lines())
    assert (found.report.cells[0].queries, found.run.products) == (12, 12)


def test_with_more_than_half_gone_the_baseline_is_too_old(store: Path) -> None:
    changed(store, lambda index: index.remove(f"p{number}" for number in range(7)))
    assert left_out(check(store))["product-gone"][0] == 7
    changed(store, lambda index: index.remove(["p7"]))
    told = refused(store)
    assert told.code == "old-baseline"
    where = store / "evaluation/baseline.json"
    assert told.problem == f"Only 6 of the 14 photos of {where} can still be searched for (8 × product-gone)."
    assert "shoplens check make-baseline" in told.fix


def test_photos_that_changed_or_went_are_counted_and_named(folder: Path) -> None:
    other = (folder / "p9.png").read_bytes()
    missing = PhotoError("There is no file.", "Put it back.", code="photo-missing")
    source = FakePhotos(
        {str(folder / "p1.png"): other, str(folder / "p2.png"): missing, str(folder / "p5.png"): other}, SETTINGS
    )
    found = check(folder / "store", source=source)
    assert found.report is not None and found.report.passed
    assert left_out(found) == {"photo-changed": (2, "p1, p5"), "photo-gone": (1, "p2")}
    fresh = check(folder / "store", CheckOptions(fresh=2), source=source)
    assert {kind: times for kind, (times, _) in left_out(fresh).items()} == {"photo-changed": 2, "photo-gone": 1}


def test_with_nothing_to_search_for_it_says_why(folder: Path) -> None:
    gone = PhotoError("There is no file.", "Put it back.", code="photo-missing")
    source = FakePhotos({str(folder / f"p{number}.png"): gone for number in range(14)}, SETTINGS)
    told = refused(folder / "store", source=source)
    assert (told.code, told.problem) == (
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
    assert "sample of 0" in refused(folder / "store", CheckOptions(make_baseline=True, count=0)).problem


def test_odd_photos_of_the_store_do_not_stop_it(folder: Path, tmp_path: Path) -> None:
    """One is too small to be corrupted; the other so narrow that a crop of it may be refused."""
    photo(folder / "tiny.png", (9, 9, 9), (6, 6))
    photo(folder / "belt.png", (9, 200, 9), (180, 9))
    rows = [row("tiny"), row("belt"), *(row(f"p{number}") for number in range(3))]
    feed = feed_of(folder / "odd.jsonl", rows)
    Shop.index(feed, tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS)[0].close()
    made = check(tmp_path / "store", UPDATE)
    assert made.left_out == {"tiny": "photo-too-small"}
    belt = [one.product_id for one in made.run.queries].index("belt")
    assert 0 in {ranks[belt] for ranks in made.run.ranks.values()}
    assert left_out(check(tmp_path / "store", CheckOptions(fresh=1))) == {"photo-too-small": (1, "tiny")}
    found = check(tmp_path / "store")
    assert found.report is not None and found.report.passed and found.report.left_out == ()


# The shop's own photos


def test_queries_of_a_file_are_corrupted_and_those_that_cannot_be_are_counted(folder: Path, store: Path) -> None:
    rows = [("photo", "product_id", "region")]
    for number in range(12):
        rows.append((str(quartered(folder / f"own{number}.png", COLORS[number])), f"p{number}", ""))
    rows += [("gone.png", "p1", ""), ("own1.png", "nothing", ""), (str(folder / "p13.png"), "p13", "0,0,9,9")]
    rows += [("", "p1", "")]
    with (folder / "queries.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    made = check(store, CheckOptions(make_baseline=True, queries=folder / "queries.csv"))
    assert {one.photo for one in made.run.queries} == {rows[place][0] for place in (*range(1, 13), 15)}
    assert recall(made.run, "clean") == 1
    expected = {"photo-missing": 1, "product-not-in-store": 1, "query-incomplete": 1, "region-not-used": 1}
    assert {one.kind: one.times for one in made.rejected} == expected
    assert "row 13" in next(one.example for one in made.rejected if one.kind == "photo-missing")
    found = check(store)
    assert found.report is not None and found.report.passed
    assert {one.photo for one in found.run.queries} == {one.photo for one in made.run.queries}
    fresh = check(store, CheckOptions(fresh=4, count=20, queries=folder / "queries.csv"))
    assert {kind: times for kind, (times, _) in left_out(fresh).items()} == expected
    assert refused(store, CheckOptions(make_baseline=True, queries=folder / "none.csv")).code == "no-queries"


# What is written


def test_the_report(folder: Path, store: Path, tmp_path: Path) -> None:
    changed(store, lambda index: index.remove(["p3"]))
    found = check(store, COMPARE, Negated())
    assert found.report is not None
    write_gate(report_file(tmp_path / "reports/check.html"), found)
    told = json.loads((tmp_path / "reports/check.json").read_text())
    assert told == found.report.as_json()
    assert list(told) == ["passed", "cells", "recall_at_5", "paired", "left_out", "alpha"]
    cell = ["kind", "name", "queries", "before", "now", "difference", "p", "fell"]
    assert (told["passed"], told["cells"][0]["fell"], list(told["cells"][0])) == (False, True, cell)
    page = (tmp_path / "reports/check.html").read_text()
    assert "13 photos in 10 kinds, 13 products; strategy pretrained, model colour@1." in page
    assert "The same photos were compared." in page and "1 × product-gone left out: p3." in page
    fresh = check(store, CheckOptions(fresh=8))
    write_gate(tmp_path / "fresh.html", fresh)
    assert "Two samples of photos were compared." in (tmp_path / "fresh.html").read_text()


def test_the_shop_checks_and_reports(store: Path, tmp_path: Path) -> None:
    with Shop(store, embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        told: list[tuple[str, int, int]] = []
        made = shop.quality.check(UPDATE, progress=lambda what, done, total: told.append((what, done, total)))
        found = shop.quality.check(report=tmp_path / "check.html")
    assert made.report is None
    assert told[13:] == [("Searching for corrupted photos", 14, 14), ("Computing the power", 0, 0)]
    assert found.report is not None and found.report.passed
    assert json.loads((tmp_path / "check.json").read_text())["passed"] is True
