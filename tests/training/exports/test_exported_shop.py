"""A shop lives with an exported model: it is indexed, searched, evaluated and trained on top of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command_line import run_command
from tests.training.exports.tiny_transformers import save_model
from tests.training.shops import write_learnable_feed

pytestmark = [pytest.mark.extras, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
pytest.importorskip("transformers", reason="the extra `export` is not installed")


def test_a_shop_is_built_searched_evaluated_and_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPLENS_MODEL_FOLDER", str(tmp_path / "models"))
    save_model("clip", tmp_path / "tiny-clip")
    added = run_command("models", "add", tmp_path / "tiny-clip", "--export", "--json")
    assert added.code == 0, added.err
    feed, store = write_learnable_feed(tmp_path, 40, 3), tmp_path / "store"
    assert run_command("index", feed, "--no-tune", "--model", "tiny-clip", "--store", store).code == 0
    found = run_command("search", tmp_path / "p7-0.png", "--store", store, "--json").json
    assert (found["results"][0]["product_id"], found["query"]["model"]) == ("p7", added.json["model"])
    assert run_command("evaluate", "--held-out", "--store", store, "--json").code == 0
    trained = run_command("train", "look", "--force", "--budget", "4s", "--store", store, "--json")
    assert trained.code == 0 and trained.json["promoted"], trained.err
    metric = run_command("search", tmp_path / "p7-0.png", "--store", store, "--strategy", "metric", "--json").json
    assert metric["results"][0]["product_id"] == "p7"
