"""A shop lives with a second model: it is added from a folder, measured, indexed, searched, trained on, and left."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from shoplens.embedders.shipped import shipped_file
from shoplens.rendered.catalogue import RenderedCatalogue, render_catalogue
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


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RenderedCatalogue:
    """A drawn catalogue, which the shipped network has indexed."""
    monkeypatch.setenv("SHOPLENS_MODEL_FOLDER", str(tmp_path / "models"))
    monkeypatch.setenv("SHOPLENS_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("SHOPLENS_TUNE", "false")
    shop = render_catalogue(tmp_path / "shop", products=36, queries=36, views=2, size=160)
    assert run_command("index", shop.feed).code == 0
    return shop


def test_a_shop_moves_to_a_second_model_and_back(shop: RenderedCatalogue, tmp_path: Path) -> None:
    first = run_command("info", "--json").json["model"]
    added = run_command("models", "add", write_folder(tmp_path / "second"), "--measure", shop.queries_file, "--json")
    assert added.code == 0, added.err
    assert added.json["card"]["output"] == "embedding" and added.json["card"]["dimensions"] == 256
    full = [row for row in added.json["measured"] if row["vectors"] == "full"]
    assert [row["model"] for row in full] == [first.partition("@")[0], "second"]
    assert all(row["recall_10"]["value"] > 0.5 for row in full)
    live_with(shop, "second", first, added.json["model"], tmp_path)
    colors = {one["name"]: one for one in run_command("dimensions", "--json").json["dimensions"]}
    assert any(one["quality"] and one["quality"]["is_visible"] for one in colors.values())


@pytest.mark.extras
@pytest.mark.filterwarnings("ignore")
def test_a_shop_moves_to_a_transformer_that_was_exported_and_back(shop: RenderedCatalogue, tmp_path: Path) -> None:
    """DINOv2 with random weights: the vector is its first token, the photo is cut, and nothing else is the same."""
    pytest.importorskip("transformers", reason="the extra `export` is not installed")
    from tests.training.exports.tiny_transformers import save_model

    save_model("dinov2", tmp_path / "tiny-dinov2")
    first = run_command("info", "--json").json["model"]
    added = run_command("models", "add", tmp_path / "tiny-dinov2", "--export", "--json")
    assert added.code == 0, added.err
    card = added.json["card"]
    assert (card["fit"], card["resize"], card["dimensions"]) == ("shortest", 73, 32)
    live_with(shop, "tiny-dinov2", first, added.json["model"], tmp_path)


def live_with(shop: RenderedCatalogue, name: str, first: str, model: str, folder: Path) -> None:
    """Move a shop to a model: index, compare, search, train filters, look and ranker; then go back to the first one."""
    assert run_command("index", shop.feed, "--replace", "--keep", "--model", name).code == 0
    info = run_command("info", "--json").json
    assert info["model"] == model and info["objects"]["framed"]
    compared = run_command("generations", "compare", shop.queries_file, "--json")
    assert compared.code == 0, compared.err
    assert [row["model"] for row in compared.json["rows"]] == [model, first]
    query = next((folder / "shop").rglob("*.jpg"))
    found = run_command("search", query, "--explain", "--json").json
    assert found["query"]["model"] == model and found["results"][0]["parts"]["object"] >= 0

    filters = run_command("train", "filters", "--json")
    assert filters.code == 0, filters.err
    trained = run_command("train", "look", "--force", "--json")
    assert trained.code == 0 and trained.json["promoted"] and not trained.json["ended_early"], trained.err
    metric = run_command("search", query, "--strategy", "metric", "--json")
    assert metric.json["query"]["model"] == model
    ranker = run_command("train", "ranker", "--queries", shop.queries_file, "--force", "--json")
    assert ranker.code == 0 and ranker.json["selected"], ranker.err
    dynamic = run_command("search", query, "--strategy", "filters-dynamic", "--json")
    assert dynamic.code == 0 and dynamic.json["results"], dynamic.err

    kept = {one["model"]: one["name"] for one in run_command("generations", "--json").json["generations"]}
    assert run_command("generations", "roll-back", kept[first]).code == 0
    assert run_command("info", "--json").json["model"] == first
    assert run_command("search", query, "--json").json["query"]["model"] == first
    assert run_command("generations", "roll-back", kept[model]).code == 0
