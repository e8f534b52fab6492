"""Test ``shoplens evaluate`` and ``compare`` on a small catalogue with the shipped model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shoplens.ranking.strategies import BASELINE
from shoplens.store.files.atomic import copy_tree
from tests.cli.command_line import run_command
from tests.fakes import feed_of, row
from tests.images.made_photos import scene

METRICS = ["recall@1", "recall@5", "recall@10", "mrr", "map@r", "ndcg@10", "recall@1/category"]
PRODUCTS = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Index eight products with a whole and a cropped photo each, and write a file of valid and invalid queries."""
    folder = tmp_path_factory.mktemp("shop")
    rows = []
    for number in range(PRODUCTS):
        photo = scene(96, 64, seed=number)
        photo.save(folder / f"p{number}.png")
        photo.crop((2, 1, 94, 63)).save(folder / f"p{number}-crop.png")
        category = ["[red]Things[/]", "Even" if number % 2 == 0 else "Odd"]
        rows.append(row(f"p{number}", f"p{number}.png", f"p{number}-crop.png", category=category))
    feed_of(folder / "feed.jsonl", rows)
    result = run_command("index", folder / "feed.jsonl", "--store", folder / "store", "--json")
    assert (result.code, result.json["products"]) == (0, PRODUCTS)
    lines = ["photo,product_id", "p1-crop.png,p1", "p2-crop.png,p2|p3", "gone.png,p1", "p1.png,[bold]mauve"]
    (folder / "queries.csv").write_text("\n".join(lines))
    return folder


@pytest.fixture
def store(folder: Path, tmp_path: Path) -> Path:
    """Copy the store for one test."""
    copy_tree(folder / "store", tmp_path / "store")
    return tmp_path / "store"


@pytest.mark.parametrize("command", ["evaluate", "compare"])
def test_help_describes_the_columns_of_the_queries_and_the_options(command: str) -> None:
    result = run_command(command, "--help")
    assert (result.code, result.err) == (0, "")
    for word in ("photo,product_id", "region", "exclude", "grade", "--held-out", "--report", "--seed", "--store"):
        assert word in result.out


def test_evaluate_held_out_as_json(store: Path) -> None:
    result = run_command("evaluate", "--held-out", "--store", store, "--json")
    assert result.code == 0
    output = result.json
    assert list(output)[:2] == ["queries", "metrics"]
    assert output["queries"] == PRODUCTS
    assert list(output["metrics"]) == METRICS
    assert all(list(metric) == ["value", "low", "high"] for metric in output["metrics"].values())
    assert output["metrics"]["recall@1"]["value"] == 1
    assert (output["strategy"], output["store"], output["left_out"], output["absent"]) == (
        "filters-static",
        str(store),
        [],
        0,
    )
    reports = {path.suffix: path for path in (store / "reports").glob("*-evaluate.*")}
    assert set(reports) == {".html", ".json"}
    assert json.loads(reports[".json"].read_text("utf-8")) == output
    assert str(reports[".html"]) in result.err


def test_evaluate_a_file_of_queries_as_a_table(store: Path, folder: Path, tmp_path: Path) -> None:
    report = tmp_path / "report [1].html"
    result = run_command("evaluate", folder / "queries.csv", "--store", store, "--report", report)
    assert result.code == 0
    for words in ("recall@1", "100.0 (", "recall@1/category", "ndcg@10", "[red]Things[/] / Odd", "map@r"):
        assert words in result.out
    assert (
        "2 queries" in result.err
        and f"were searched for among {PRODUCTS} products with the strategy filters-static" in result.err
    )
    assert "The product of 1 more query is not in the store, so this query does not count." in result.err
    assert "product-not-in-store" in result.err and "row 4, product_id: [bold]mauve" in result.err
    assert "photo-missing" in result.err and "gone.png" in result.err
    assert str(report) in result.err
    assert report.is_file() and report.with_suffix(".json").is_file()


def test_compare_as_json_and_as_a_table(store: Path, folder: Path, tmp_path: Path) -> None:
    words = ("compare", folder / "queries.csv", "--store", store, "--report", tmp_path / "c.html")
    result = run_command(*words, "--json")
    assert result.code == 0
    output = result.json
    assert (output["queries"], output["compared_with"]) == (2, BASELINE)
    assert [row["name"] for row in output["rows"]] == [BASELINE, "filters-static"]
    baseline = output["rows"][0]
    assert set(baseline["query_ms"]) == set(baseline["adding_ms"]) == {"median", "p95"}
    assert baseline["metrics"]["recall@1"]["value"] == 1
    assert json.loads((tmp_path / "c.json").read_text("utf-8")) == output
    assert str(tmp_path / "c.html") in result.err
    table = run_command(*words)
    assert table.code == 0
    for word in ("strategy", BASELINE, "ms per query", "bytes per product", "ms to add a product", "recall@1", "(p95 "):
        assert word in table.out
    assert "photo-missing" in table.err


@pytest.mark.parametrize("command", ["evaluate", "compare"])
@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "Neither queries nor --held-out was given."),
        (("queries.csv", "--held-out"), "Both a file of queries and --held-out were given."),
    ],
)
def test_either_a_file_of_queries_or_held_out_is_required(
    store: Path, folder: Path, command: str, words: tuple[str, ...], problem: str
) -> None:
    result = run_command(command, *words, "--store", store, "--json")
    assert (result.code, result.json["error"]["code"], result.json["error"]["problem"]) == (3, "no-queries", problem)
    assert "--held-out" in result.json["error"]["fix"]


@pytest.mark.parametrize("command", ["evaluate", "compare"])
@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "no-queries"),
        ("", "no-queries"),
        ("photo,product_id\n", "no-queries"),
        ("photo,id\na.png,p1\n", "queries-without-column"),
        ("photo,product_id\ngone.png,p1\n", "nothing-judged"),
        ("photo,product_id\np1.png,unknown\n", "nothing-judged"),
    ],
)
def test_invalid_queries_are_an_error_with_a_code(
    store: Path, tmp_path: Path, command: str, text: str | None, code: str
) -> None:
    if text is not None:
        (tmp_path / "bad.csv").write_text(text)
    result = run_command(command, tmp_path / "bad.csv", "--store", store, "--json")
    assert (result.code, result.json["error"]["code"]) == (3, code)
    assert result.json["error"]["fix"]
    assert "Traceback" not in result.err
    assert not list((store / "reports").glob("*.html"))


def test_unknown_strategies_missing_stores_and_invalid_seeds_are_errors(store: Path, tmp_path: Path) -> None:
    unknown = run_command("evaluate", "--held-out", "--store", store, "--strategy", "magic", "--json")
    assert (unknown.code, unknown.json["error"]["code"]) == (3, "unknown-strategy")
    assert BASELINE in unknown.json["error"]["fix"]
    nowhere = run_command("evaluate", "--held-out", "--store", tmp_path / "nowhere", "--json")
    assert (nowhere.code, nowhere.json["error"]["code"]) == (4, "no-store")
    assert not (tmp_path / "nowhere").exists()
    for seed in "-1", str(2**32), "many":
        assert run_command("evaluate", "--held-out", "--store", store, "--seed", seed).code == 2


def test_the_path_of_the_report_may_end_in_json(store: Path, tmp_path: Path) -> None:
    result = run_command(
        "evaluate", "--held-out", "--store", store, "--report", tmp_path / "r.json", "--seed", 7, "--json"
    )
    assert (result.code, result.json["seed"]) == (0, 7)
    assert json.loads((tmp_path / "r.json").read_text("utf-8")) == result.json
    assert str(tmp_path / "r.html") in result.err and (tmp_path / "r.html").is_file()
