"""A shop lives with a second model: it is added from a folder, measured, indexed, searched, trained on, and left."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from shoplens.embedders.shipped import shipped_file
from shoplens.rendered.catalogue import render_catalogue
from tests.cli.command_line import run_command

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


def write_folder(folder: Path) -> Path:
    """The float32 network of the package as if it were one of the hub: its vector, and nothing else of it."""
    (folder / "onnx").mkdir(parents=True)
    shutil.copy(shipped_file("efficientnet-lite2"), folder / "onnx" / "model.onnx")
    processor = {"image_processor_type": "SiglipImageProcessor", "size": {"height": 260, "width": 260}}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    return folder


def test_a_shop_moves_to_a_second_model_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPLENS_MODEL_FOLDER", str(tmp_path / "models"))
    monkeypatch.setenv("SHOPLENS_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("SHOPLENS_TUNE", "false")
    shop = render_catalogue(tmp_path / "shop", products=36, queries=36, views=2, size=160)
    feed, queries = shop.feed, shop.queries_file
    assert run_command("index", feed).code == 0
    first = run_command("info", "--json").json["model"]
    added = run_command("models", "add", write_folder(tmp_path / "second"), "--measure", queries, "--json")
    assert added.code == 0, added.err
    assert added.json["card"]["output"] == "embedding" and added.json["card"]["dimensions"] == 256
    full = [row for row in added.json["measured"] if row["vectors"] == "full"]
    assert [row["model"] for row in full] == [first.partition("@")[0], "second"]
    assert all(row["recall_10"]["value"] > 0.5 for row in full)

    assert run_command("index", feed, "--replace", "--keep", "--model", "second").code == 0
    info = run_command("info", "--json").json
    assert info["model"] == added.json["model"] and info["objects"]["framed"]
    compared = run_command("generations", "compare", queries, "--json")
    assert compared.code == 0, compared.err
    query = next((tmp_path / "shop").rglob("*.jpg"))
    found = run_command("search", query, "--explain", "--json").json
    assert found["query"]["model"] == added.json["model"] and found["results"][0]["parts"]["object"] >= 0
    colors = {one["name"]: one for one in run_command("dimensions", "--json").json["dimensions"]}
    assert any(one["quality"] and one["quality"]["is_visible"] for one in colors.values())

    trained = run_command("train", "look", "--force", "--budget", "4s", "--json")
    assert trained.code == 0 and trained.json["promoted"], trained.err
    assert run_command("search", query, "--strategy", "metric", "--json").code == 0
    kept = {one["model"]: one["name"] for one in run_command("generations", "--json").json["generations"]}
    assert run_command("generations", "roll-back", kept[first]).code == 0
    assert run_command("info", "--json").json["model"] == first
    assert run_command("search", query, "--json").json["query"]["model"] == first
