"""Test ``calibrate``, ``check`` and the verdicts of ``search`` on the command line with a network of one layer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shoplens.images.corruptions.corruption import CORRUPTIONS
from shoplens.index.protocol import IndexedProduct
from shoplens.ranking.match_probability import EVIDENCE, FEATURES
from shoplens.store.files.atomic import copy_tree
from shoplens.store.store import Store
from tests.cli.command_line import CommandResult, run_command
from tests.cli.pixel_shop import SIDE, pixel_network
from tests.fakes import feed_of, row
from tests.images.made_photos import scene

PRODUCTS = 26
CALIBRATION_KEYS = [
    *("format", "strategy", "model", "products", "queries", "clusters", "absent_share", "created"),
    *(
        "exact_thresholds",
        "absent_thresholds",
        "match",
        "absent",
        "measured",
        "weights",
        "queries_from",
        "reliability",
        "left_out",
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the pixel network, a feed of products with a photo and four darker copies each, and query photos."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "pixels.onnx").write_bytes(pixel_network())
    (folder / "pixels.json").write_text(json.dumps({"name": "pixels", "side": SIDE}))
    rows = []
    for number in range(PRODUCTS):
        image = scene(24, 16, seed=number)
        names = [f"p{number}-{light}.png" for light in (100, 92, 84, 76, 68)]
        for name, light in zip(names, (100, 92, 84, 76, 68), strict=True):
            image.point([value * light // 100 for value in range(256)] * 3).save(folder / name)
        image.point([value * 95 // 100 for value in range(256)] * 3).resize((27, 18)).save(
            folder / f"query{number}.png"
        )
        rows.append(row(f"p{number}", *names))
    scene(27, 18, seed=999).save(folder / "absent.png")
    feed_of(folder / "feed.jsonl", rows)
    return folder


@pytest.fixture(scope="module")
def calibrated_store(folder: Path) -> Path:
    """Index, calibrate and make a baseline of 26 photos; keep a copy of the store from before calibration."""
    words = ("--store", folder / "calibrated", "--model", folder / "pixels.onnx")
    assert run_command("index", folder / "feed.jsonl", *words).code == 0
    copy_tree(folder / "calibrated", folder / "uncalibrated")
    assert run_command("calibrate", *words).code == 0
    assert run_command("check", "make-baseline", *words).code == 0
    return folder / "calibrated"


@pytest.fixture
def store(calibrated_store: Path, tmp_path: Path) -> Iterator[Path]:
    """Copy the calibrated store for one test, and check at its end that no command still holds the lock."""
    copy_tree(calibrated_store, tmp_path / "store")
    yield tmp_path / "store"
    Store(tmp_path / "store", lock_wait=0.0).close()


@pytest.fixture
def uncalibrated_store(calibrated_store: Path, folder: Path, tmp_path: Path) -> Path:
    """Copy the store without calibration and baseline for one test."""
    copy_tree(folder / "uncalibrated", tmp_path / "uncalibrated")
    return tmp_path / "uncalibrated"


def run_with_pixels(name: str, folder: Path, store: Path, *words: object) -> CommandResult:
    """Run a command on the store with the pixel network of the folder."""
    return run_command(name, *words, "--store", store, "--model", folder / "pixels.onnx")


def swap_vectors(store: Path) -> None:
    """Give every product the vectors of the next one."""
    opened = Store(store)
    index = opened.live.index
    records = sorted(index.all_records(), key=lambda record: record.product.id)
    vectors = index.photo_vectors(photo.content_hash for record in records for photo in record.photos)
    for record, following in zip(records, [*records[1:], records[0]], strict=True):
        stacked = np.stack([vectors[photo.content_hash][1] for photo in following.photos])
        index.upsert([IndexedProduct(record.product, record.photos, stacked)])
    opened.close()


# search


def test_an_uncalibrated_search_suggests_calibration(uncalibrated_store: Path, folder: Path) -> None:
    result = run_with_pixels("search", folder, uncalibrated_store, folder / "query3.png", "-k", 2)
    assert result.code == 0
    assert "uncalibrated: How certain this is has not been measured yet: run `shoplens calibrate`." in result.err
    assert result.out.splitlines()[1].split()[2] == "p3"
    assert "%" not in result.out
    output = run_with_pixels("search", folder, uncalibrated_store, folder / "query3.png", "-k", 2, "--json").json
    assert (output["verdict"], output["absent_probability"]) == ("uncalibrated", None)
    assert [product["match_probability"] for product in output["results"]] == [None, None]
    same_photo = run_with_pixels("search", folder, uncalibrated_store, folder / "p3-100.png", "-k", 2)
    assert "exact: The first result is the product in the photo." in same_photo.err
    assert same_photo.out.splitlines()[1].split()[-1] == "100%" and "%" not in same_photo.out.splitlines()[2]


def test_a_calibrated_search_gives_probabilities(store: Path, folder: Path) -> None:
    result = run_with_pixels("search", folder, store, folder / "query3.png", "-k", 3, "--json", "--precision", 0.5)
    output = result.json
    assert list(output) == [
        *("query_id", "remembered", "query", "strategy", "words", "weights", "importances", "verdict"),
        *("absent_probability", "results", "object_answers", "facets", "notes", "took_ms"),
    ]
    assert output["strategy"] == {"used": "filters-static"}
    first, *others = [product["match_probability"] for product in output["results"]]
    assert output["verdict"] == "exact" and output["results"][0]["product_id"] == "p3"
    assert 0.5 < first < 1 and all(0 <= probability < first for probability in others)
    assert 0 < output["absent_probability"] < 0.5 and first + output["absent_probability"] <= 1
    assert result.err == ""
    table = run_with_pixels("search", folder, store, folder / "query3.png", "-k", 3).out.splitlines()
    assert "match" in table[0].split() and f"{first:.0%}" in table[1].split()


def test_an_absent_product_is_probably_absent_and_a_high_precision_gives_no_verdict(store: Path, folder: Path) -> None:
    output = run_with_pixels("search", folder, store, folder / "absent.png", "--json", "--precision", "0.5").json
    assert output["absent_probability"] > 0.5 > output["results"][0]["match_probability"]
    strict = run_with_pixels("search", folder, store, folder / "absent.png", "--precision", 0.99)
    assert "similar: These products are the most similar. Whether one of them" in strict.err
    assert "No verdict reaches a precision of 0.99" in strict.err


def test_the_environment_sets_the_precision(store: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for precision, verdict in (("0.5", "exact"), ("0.99", "similar")):
        monkeypatch.setenv("SHOPLENS_PRECISION", precision)
        assert run_with_pixels("search", folder, store, folder / "query3.png", "--json").json["verdict"] == verdict
    monkeypatch.setenv("SHOPLENS_PRECISION", "95")
    result = run_with_pixels("search", folder, store, folder / "query3.png", "--json")
    assert (result.code, result.json["error"]["code"]) == (2, "bad-settings")


def test_index_replace_drops_the_calibration(store: Path, folder: Path) -> None:
    assert run_with_pixels("index", folder, store, folder / "feed.jsonl", "--replace").code == 0
    assert run_with_pixels("search", folder, store, folder / "query3.png", "--json").json["verdict"] == "uncalibrated"


# calibrate


def test_calibrate_prints_one_json_object_with_the_documented_keys(
    uncalibrated_store: Path, folder: Path, tmp_path: Path
) -> None:
    result = run_with_pixels(
        "calibrate", folder, uncalibrated_store, "--json", "--absent-share", 0.3, "--report", tmp_path / "c.html"
    )
    output = result.json
    assert (result.code, list(output)) == (0, CALIBRATION_KEYS)
    assert (output["strategy"], output["products"], output["queries"], output["clusters"]) == (
        "filters-static",
        26,
        104,
        26,
    )
    assert (output["absent_share"], output["queries_from"], output["left_out"]) == (0.3, "held-out photos", [])
    assert (list(output["match"]), list(output["absent"])) == (list(FEATURES), [*FEATURES, *EVIDENCE])
    assert [diagram["answers"] for diagram in output["reliability"]] == [208, 208]
    assert json.loads((tmp_path / "c.json").read_text()) == output
    assert (
        "The first result is the product in the photo: the probability differs from the true share by " in result.err
        and "208 answers" in result.err
    )
    assert f"The report has reliability diagrams: {tmp_path / 'c.html'}" in result.err
    assert (
        run_with_pixels("search", folder, uncalibrated_store, folder / "query3.png", "--json").json["verdict"]
        != "uncalibrated"
    )


def test_calibrate_with_a_file_prints_thresholds_and_counts_queries_left_out(
    uncalibrated_store: Path, folder: Path
) -> None:
    rows = [(f"p{number}-{light}.png", f"p{number}") for number in range(PRODUCTS) for light in (92, 84, 76, 68)]
    lines = [f"query{number}.png,p{number}" for number in range(PRODUCTS)] * 4
    (folder / "queries.csv").write_text("\n".join(["photo,product_id", *map(",".join, rows[:3]), *lines, "no.png,p1"]))
    result = run_with_pixels("calibrate", folder, uncalibrated_store, "--queries", folder / "queries.csv")
    assert result.code == 0
    header, *thresholds = result.out.splitlines()
    assert header.split()[0] == "precision" and [line.split()[0] for line in thresholds] == ["80%", "90%", "95%", "99%"]
    left_out = {
        line.split()[0]: line.split()[1]
        for line in result.err.splitlines()
        if "query-is" in line or "photo-mis" in line
    }
    assert left_out == {"query-is-in-catalogue": "3", "photo-missing": "1"}
    assert list((uncalibrated_store / "reports").glob("*-calibrate.html")) and list(
        (uncalibrated_store / "reports").glob("*-calibrate.json")
    )


# check


def test_check_without_a_baseline_names_the_command_that_makes_one(uncalibrated_store: Path, folder: Path) -> None:
    result = run_with_pixels("check", folder, uncalibrated_store, "--json")
    assert (result.code, result.json["error"]["code"]) == (3, "no-baseline")
    assert "shoplens check make-baseline" in result.err


def test_check_makes_a_baseline_and_passes(uncalibrated_store: Path, folder: Path) -> None:
    result = run_with_pixels("check", folder, uncalibrated_store, "make-baseline", "--count", 14, "--json")
    assert (result.code, list(result.json)) == (0, ["baseline", "left_out", "rejected"])
    baseline = result.json["baseline"]
    assert (baseline["queries"], baseline["kinds"]) == (14, list(CORRUPTIONS))
    assert "The baseline was made of 14 photos in 10 versions each. If 5 % of the vectors were swapped" in result.err
    assert f"with a probability of {baseline['power']:.2f}." in result.err
    passed = run_with_pixels("check", folder, uncalibrated_store, "--json")
    assert (passed.code, passed.json["passed"], passed.json["paired"]) == (0, True, True)
    assert all(cell["before"] == cell["now"] for cell in passed.json["cells"])
    table = run_with_pixels("check", folder, uncalibrated_store)
    assert (table.code, table.out) == (0, "")
    assert (
        "passed  11 of 11 figures, on the same queries" in table.err
        and "The report compares the baseline with this run: " in table.err
    )


def test_a_failed_gate_prints_one_object_and_exits_with_1(store: Path, folder: Path, tmp_path: Path) -> None:
    swap_vectors(store)
    result = run_with_pixels("check", folder, store, "--json", "--report", tmp_path / "check.html")
    assert result.code == 1
    output = result.json
    assert len(result.out.splitlines()) == 1
    assert (output["passed"], "error" in output) == (False, False)
    fell = {cell["name"] for cell in output["cells"] if cell["fell"]}
    assert {"all", "clean", "sideways"} <= fell
    assert output == json.loads((tmp_path / "check.json").read_text())
    assert f"Error: {len(fell)} of {len(output['cells'])} figures fell." in result.err
    assert "To do: Find out what changed" in result.err and "shoplens check make-baseline" in result.err
    assert sum(line.startswith("FELL  ") for line in result.err.splitlines()) == len(fell)
    table = run_with_pixels("check", folder, store)
    assert (table.code, table.out) == (1, "")
    assert "FELL  clean: 100.0 % -> 0.0 % (-100.0, interval " in table.err


def test_a_new_baseline_accepts_the_change(store: Path, folder: Path) -> None:
    swap_vectors(store)
    assert run_with_pixels("check", folder, store, "make-baseline").code == 0
    assert run_with_pixels("check", folder, store).code == 0


def test_check_takes_a_fresh_sample_and_another_baseline_file(store: Path, folder: Path, tmp_path: Path) -> None:
    fresh = run_with_pixels("check", folder, store, "--fresh", 3, "--count", 20, "--json").json
    assert (fresh["passed"], fresh["paired"], fresh["cells"][0]["queries"]) == (True, False, 20)
    copy = tmp_path / "baseline.json"
    copy.write_bytes((store / "evaluation/baseline.json").read_bytes())
    assert run_with_pixels("check", folder, store, "--baseline", copy, "--json").json["passed"] is True
    copy.write_text("{")
    result = run_with_pixels("check", folder, store, "--baseline", copy, "--json")
    assert (result.code, result.json["error"]["code"]) == (3, "invalid-value")
    assert str(copy) in result.json["error"]["problem"]


def test_queries_that_were_left_out_are_reported(store: Path, folder: Path) -> None:
    assert run_command("remove", "p3", "--store", store).code == 0
    result = run_with_pixels("check", folder, store, "--json")
    (left_out,) = result.json["left_out"]
    assert (result.code, left_out["kind"], left_out["times"], left_out["example"]) == (0, "product-gone", 1, "p3")
    assert "left out  1 x product-gone: p3." in result.err
    (folder / "own.csv").write_text("photo,product_id\nquery1.png,p1\ngone.png,p2\nquery2.png,p3\n")
    baseline = run_with_pixels("check", folder, store, "make-baseline", "--queries", folder / "own.csv", "--json")
    assert (baseline.code, baseline.json["baseline"]["queries"], baseline.json["left_out"]) == (0, 1, {})
    assert {problem["kind"] for problem in baseline.json["rejected"]} == {"photo-missing", "product-not-in-store"}
    assert "photo-missing" in baseline.err


@pytest.mark.parametrize(
    ("name", "words", "exit_code", "code"),
    [
        ("search", ("query3.png", "--precision", "2"), 3, "invalid-value"),
        ("search", ("query3.png", "--strategy", "guess"), 3, "unknown-strategy"),
        ("calibrate", ("--strategy", "guess"), 3, "unknown-strategy"),
        ("calibrate", ("--absent-share", "1"), 3, "invalid-value"),
        ("calibrate", ("--queries", "few.csv"), 3, "too-few-queries"),
        ("calibrate", ("--queries", "none.csv"), 3, "no-queries"),
        ("check", ("--count", "5"), 3, "invalid-value"),
        ("check", ("make-baseline", "--queries", "none.csv"), 3, "no-queries"),
        ("check", ("--strategy", "guess"), 3, "unknown-strategy"),
    ],
)
def test_invalid_input_is_an_error_with_a_code(
    store: Path, folder: Path, name: str, words: tuple[str, ...], exit_code: int, code: str
) -> None:
    (folder / "few.csv").write_text("photo,product_id\nquery1.png,p1\n")
    arguments = [folder / word if word.endswith((".png", ".csv")) else word for word in words]
    result = run_with_pixels(name, folder, store, *arguments, "--json")
    assert (result.code, result.json["error"]["code"]) == (exit_code, code)
    assert result.json["error"]["fix"] and "To do:" in result.err and "Traceback" not in result.err


def test_a_damaged_calibration_exits_with_4(store: Path, folder: Path) -> None:
    (path,) = store.glob("generations/*/calibration-filters-static.json")
    path.write_text("{")
    result = run_with_pixels("search", folder, store, folder / "query3.png", "--json")
    assert (result.code, result.json["error"]["code"]) == (4, "bad-calibration")
    assert "Run `shoplens calibrate` again." in result.err
