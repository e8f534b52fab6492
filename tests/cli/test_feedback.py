"""search --remember, feedback, and train ranker --clicks, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command_line import shoplens as command
from tests.cli.test_check import pixel_shop
from tests.training.shops import draw_pattern


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``store`` and ``model.onnx``."""
    return pixel_shop(tmp_path_factory.mktemp("cli"), 40, 3)


def test_an_answer_is_remembered_judged_and_forgotten(shop: Path) -> None:
    store = ("--store", shop / "store")
    asked = draw_pattern(shop / "asked.png", 3, 77)
    told = command("search", asked, "--model", shop / "model.onnx", *store, "--remember", "--user", "ann", "--json")
    answer = json.loads(told.out)
    query, first = answer["query_id"], answer["results"][0]["product_id"]
    assert f"query {query}" not in told.err
    shown = command("search", asked, "--model", shop / "model.onnx", *store, "--remember")
    assert "query " in shown.err
    done = command("feedback", "click", query, first, "--user", "ann", *store, "--json")
    assert (done.code, json.loads(done.out)["added"]) == (0, {"click": 1, "purchase": 0, "wrong": 0})
    again = command("feedback", "click", query, first, "--user", "ann", *store)
    assert again.code == 0 and "duplicate-event" in again.err
    assert command("feedback", "purchase", query, first, *store).code == 0
    assert command("feedback", "wrong", query, answer["results"][2]["product_id"], *store).code == 0
    unknown = command("feedback", "click", "nothing", first, *store, "--json")
    assert (unknown.code, json.loads(unknown.out)["error"]["code"]) == (3, "unknown-query")
    counts = json.loads(command("feedback", "show", *store, "--json").out)
    assert counts["impressions"] == 2 and counts["by_rank"] == {"click": [1], "purchase": [1], "wrong": [0, 0, 1]}
    assert "1      1" in command("feedback", "show", *store).out
    lost = command("search", asked, "--model", shop / "model.onnx", *store, "--user", "ann")
    assert (lost.code, "--remember" in lost.err) == (3, True)
    gone = command("feedback", "forget", "--user", "ann", *store, "--json")
    assert json.loads(gone.out) == {"forgotten": 4}
    assert command("feedback", "forget", *store).code == 3


def test_a_file_of_clicks_is_kept_and_learned_from(shop: Path) -> None:
    pytest.importorskip("torch", reason="the extra train is not installed")
    common = ("--model", shop / "model.onnx", "--store", shop / "store")
    rows = []
    for visit in range(3):
        asked = draw_pattern(shop / "asked.png", visit, 100 + visit)
        answer = json.loads(command("search", asked, *common, "--remember", "--json").out)
        rows.append({"query_id": answer["query_id"], "product_id": answer["results"][0]["product_id"], "kind": "click"})
    clicks = shop / "clicks.jsonl"
    clicks.write_text("\n".join(map(json.dumps, [*rows, {**rows[0], "query_id": "gone"}])) + "\nrubbish\n")
    strict = command("feedback", "add", clicks, "--store", shop / "store", "--strict")
    assert (strict.code, "unknown-query" in strict.err, "bad-event" in strict.err) == (5, True, True)
    done = command("train", "ranker", *common, "--clicks", clicks, "--only-clicks", "--dry-run", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["promoted"], told["answers"]) == (False, 3)
    assert "duplicate-event" in done.err and "cannot help yet" in done.err and "Nothing was changed" in done.err
    missing = command("train", "ranker", *common, "--clicks", shop / "none.jsonl", "--only-clicks")
    assert (missing.code, "none.jsonl" in missing.err) == (3, True)
