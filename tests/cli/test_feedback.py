"""Test ``search --remember``, ``feedback`` and ``train ranker --clicks`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command_line import run_command
from tests.cli.pixel_shop import index_pixel_shop
from tests.training.shops import draw_pattern


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Index a shop with the pixel network, and return its folder, which holds ``store`` and ``model.onnx``."""
    return index_pixel_shop(tmp_path_factory.mktemp("cli"), 40, 3)


def test_feedback_on_a_remembered_answer_is_counted_and_forgotten(shop: Path) -> None:
    store = ("--store", shop / "store")
    photo = draw_pattern(shop / "query.png", 3, 77)
    result = run_command(
        "search", photo, "--model", shop / "model.onnx", *store, "--remember", "--user", "ann", "--json"
    )
    answer = result.json
    query, first = answer["query_id"], answer["results"][0]["product_id"]
    assert f"query {query}" not in result.err
    table = run_command("search", photo, "--model", shop / "model.onnx", *store, "--remember")
    assert "query " in table.err
    result = run_command("feedback", "click", query, first, "--user", "ann", *store, "--json")
    assert (result.code, result.json["added"]) == (0, {"click": 1, "purchase": 0, "wrong": 0})
    duplicate = run_command("feedback", "click", query, first, "--user", "ann", *store)
    assert duplicate.code == 0 and "duplicate-event" in duplicate.err
    assert run_command("feedback", "purchase", query, first, *store).code == 0
    assert run_command("feedback", "wrong", query, answer["results"][2]["product_id"], *store).code == 0
    unknown = run_command("feedback", "click", "nothing", first, *store, "--json")
    assert (unknown.code, unknown.json["error"]["code"]) == (3, "unknown-query")
    counts = run_command("feedback", "show", *store, "--json").json
    assert counts["impressions"] == 2 and counts["by_rank"] == {"click": [1], "purchase": [1], "wrong": [0, 0, 1]}
    assert "1      1" in run_command("feedback", "show", *store).out
    user_without_remember = run_command("search", photo, "--model", shop / "model.onnx", *store, "--user", "ann")
    assert (user_without_remember.code, "--remember" in user_without_remember.err) == (3, True)
    forgotten = run_command("feedback", "forget", "--user", "ann", *store, "--json")
    assert forgotten.json == {"forgotten": 4}
    assert run_command("feedback", "forget", *store).code == 3


def test_a_file_of_clicks_is_added_and_trains_a_ranker(shop: Path) -> None:
    pytest.importorskip("torch", reason="the extra train is not installed")
    common = ("--model", shop / "model.onnx", "--store", shop / "store")
    rows = []
    for visit in range(3):
        photo = draw_pattern(shop / "query.png", visit, 100 + visit)
        answer = run_command("search", photo, *common, "--remember", "--json").json
        rows.append({"query_id": answer["query_id"], "product_id": answer["results"][0]["product_id"], "kind": "click"})
    clicks = shop / "clicks.jsonl"
    clicks.write_text("\n".join(map(json.dumps, [*rows, {**rows[0], "query_id": "unknown"}])) + "\nnot json\n")
    strict = run_command("feedback", "add", clicks, "--store", shop / "store", "--strict")
    assert (strict.code, "unknown-query" in strict.err, "bad-event" in strict.err) == (5, True, True)
    result = run_command("train", "ranker", *common, "--clicks", clicks, "--only-clicks", "--dry-run", "--json")
    assert result.code == 0, result.err
    output = result.json
    assert (output["promoted"], output["answers"]) == (False, 3)
    assert "duplicate-event" in result.err and "cannot help yet" in result.err and "Nothing was changed" in result.err
    missing = run_command("train", "ranker", *common, "--clicks", shop / "none.jsonl", "--only-clicks")
    assert (missing.code, "none.jsonl" in missing.err) == (3, True)
