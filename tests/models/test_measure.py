"""Models are measured side by side on a shop's own photos, and cut to fewer numbers."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shoplens.embedders import OnnxEmbedder, embed_photos
from shoplens.embedders.embedder import NO_OBJECTS
from shoplens.errors import InvalidValue, ModelError
from shoplens.models.add import AddOptions, ModelSource, add_model
from shoplens.models.cut import AXES, cut_model
from tests.cli.command_line import run_command
from tests.models.colour_model import write_colour_model
from tests.models.repositories import SIDE, write_repository

COLORS = [(220, 30, 30), (30, 220, 30), (30, 30, 220), (220, 220, 30), (30, 220, 220), (220, 30, 220)]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shop of six vases, each of its own colour, with a query photo for each, built by a model that sees colours."""
    monkeypatch.setenv("SHOPLENS_MODEL_FOLDER", str(tmp_path / "models"))
    monkeypatch.setenv("SHOPLENS_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("SHOPLENS_TUNE", "false")
    rng = np.random.default_rng(0)
    for number, color in enumerate(COLORS):
        for kind in ("photo", "query"):
            pixels = np.clip(np.array(color) + rng.normal(0, 10, (40, 40, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"{kind}{number}.png")
    rows = [{"id": f"v{n}", "title": f"Vase {n}", "photos": [f"photo{n}.png"]} for n in range(6)]
    (tmp_path / "feed.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with (tmp_path / "queries.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("photo", "product_id"), *((f"query{n}.png", f"v{n}") for n in range(6))])
    colours = write_colour_model(tmp_path / "colours")
    assert run_command("models", "add", colours, "--no-text").code == 0
    assert run_command("index", tmp_path / "feed.jsonl", "--model", "colours").code == 0
    return tmp_path


@pytest.mark.slow
def test_models_are_measured_side_by_side(shop: Path) -> None:
    pixels = write_repository(shop / "pixels", readme="---\nlicense: mit\n---\n")
    added = run_command("models", "add", pixels, "--measure", shop / "queries.csv", "--json")
    assert added.code == 0, added.err
    rows = added.json["measured"]
    assert [(row["model"], row["strategy"] == "look", row["vectors"]) for row in rows] == [
        ("colours", False, "int8 codes, rescored"),
        ("colours", True, "full"),
        ("colours", True, "int8 codes, rescored"),
        ("pixels", False, "int8 codes, rescored"),
        ("pixels", True, "full"),
        ("pixels", True, "int8 codes, rescored"),
    ]
    assert [row["dimensions"] for row in rows] == [3, 3, 3, 192, 192, 192]
    assert [row["bytes_per_product"] for row in rows] == [15, 15, 15, 960, 960, 960]
    assert all(row["recall_1"]["value"] == 1.0 for row in rows[:3]) and rows[0]["cpu_ms"] > 0
    assert [row["change_1"] is None for row in rows] == [True, True, True, False, True, True]
    assert all((row["queries"], row["products"]) == (6, 6) for row in rows)
    printed = run_command("models", "measure", shop / "queries.csv", "pixels")
    assert printed.code == 0 and "bytes a product" in printed.out


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["", "[weights]\nlook = 0\ncolor = 0\nobject = 0\nshape = 1\n"])
def test_a_whole_search_is_measured_as_it_would_serve(
    shop: Path, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first row is what ``evaluate`` says of a store that ``index`` builds, whatever the shop's weights are."""
    (shop / "shoplens.toml").write_text(weights)
    monkeypatch.chdir(shop)
    evaluated = run_command("evaluate", shop / "queries.csv", "--json")
    assert evaluated.code == 0, evaluated.err
    measured = run_command("models", "measure", shop / "queries.csv", "colours", "--json")
    assert measured.code == 0, measured.err
    row, expected = measured.json["measured"][0], evaluated.json["metrics"]
    assert row["strategy"] == evaluated.json["strategy"]
    assert (row["recall_1"], row["recall_10"]) == (expected["recall@1"], expected["recall@10"])


def test_nothing_is_added_where_nothing_can_be_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPLENS_MODEL_FOLDER", str(tmp_path / "models"))
    pixels = write_repository(tmp_path / "pixels", readme="---\nlicense: mit\n---\n")
    result = run_command("models", "add", pixels, "--measure", "queries.csv", "--store", tmp_path / "none")
    assert result.code and "There is no store" in result.err
    assert not (tmp_path / "models" / "pixels").exists()


@pytest.mark.slow
def test_queries_of_other_shops_are_refused(shop: Path) -> None:
    (shop / "other.csv").write_text("photo,product_id\nquery0.png,x\n")
    result = run_command("models", "measure", shop / "other.csv", "colours")
    assert result.code and "No query" in result.err


@pytest.mark.slow
def test_vectors_are_cut_along_the_axes_of_the_shop(shop: Path) -> None:
    result = run_command("models", "cut", "colours", "--to", 2, "--json")
    assert result.code == 0, result.err
    short = OnnxEmbedder(shop / "models" / "colours-2" / "vision_model.onnx", objects=NO_OBJECTS)
    full = OnnxEmbedder(shop / "models" / "colours" / "vision_model.onnx", objects=NO_OBJECTS)
    axes = np.load(shop / "models" / "colours-2" / AXES)
    np.testing.assert_allclose(axes.T @ axes, np.eye(2), atol=1e-5)
    photo = np.asarray(Image.open(shop / "query0.png"))
    expected = embed_photos(full, ["q"], [photo]).vectors @ axes
    found = embed_photos(short, ["q"], [photo]).vectors
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-5)
    assert short.dimensions == 2 and short.model != full.model
    assert run_command("models", "cut", "colours", "--to", 2).code != 0  # it is there already


def test_a_card_may_say_where_vectors_can_be_cut(tmp_path: Path) -> None:
    folder = write_repository(tmp_path / "nested", readme="---\nlicense: mit\n---\n")
    (folder / "config.json").write_text(json.dumps({"model_type": "siglip", "matryoshka_dimensions": [64, 192]}))
    models = tmp_path / "models"
    added = add_model(ModelSource(folder, "nested"), AddOptions(), models)
    assert added.card["cuts"] == [64, 192]
    short = OnnxEmbedder(cut_model("nested", 64, None, models).path, objects=NO_OBJECTS)
    photo = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    full = embed_photos(OnnxEmbedder(added.path, objects=NO_OBJECTS), ["p"], [photo]).vectors[0, :64]
    found = embed_photos(short, ["p"], [photo]).vectors[0]
    np.testing.assert_allclose(found, full / np.linalg.norm(full), atol=1e-5)
    with pytest.raises(InvalidValue) as error:
        cut_model("nested-64", 32, None, models)
    assert error.value.code == "bad-cut"
    with pytest.raises(ModelError) as missing:
        cut_model("other", 32, None, models)
    assert missing.value.code == "no-model"
