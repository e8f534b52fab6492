"""Test ``train look`` and ``generations`` on the command line with a network of one layer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shoplens.cli.learning.train import parse_duration
from shoplens.errors import InvalidValue
from tests.cli.command_line import run_command
from tests.cli.pixel_shop import pixel_network
from tests.training.shops import write_learnable_feed


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Index a shop with the pixel network, and return its folder: a feed, photos, ``model.onnx`` and ``store``."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "model.onnx").write_bytes(pixel_network())
    (folder / "model.json").write_text(json.dumps({"name": "pixels", "side": 8, "dimensions": 192}))
    write_learnable_feed(folder, 12, 1, per_group=1)  # few enough for a map without UMAP
    assert (
        run_command("index", folder / "feed.jsonl", "--model", folder / "model.onnx", "--store", folder / "store").code
        == 0
    )
    return folder


def test_train_look_promotes_reports_and_can_be_rolled_back(shop: Path) -> None:
    pytest.importorskip("pytorch_metric_learning", reason="the extra train is not installed")
    common = ("--model", shop / "model.onnx", "--store", shop / "store")
    report = ("--report", shop / "look.html")
    result = run_command("train", "look", *common, "--force", "--budget", "4s", *report, "--json")
    assert result.code == 0, result.err
    output = result.json
    assert output["promoted"] is True and output["model"].startswith("look@")
    assert "Searches use the new look from now on" in result.err
    assert "`shoplens generations roll-back` undoes this." in result.err
    assert json.loads((shop / "look.json").read_text("utf-8")) == output
    page = (shop / "look.html").read_text("utf-8")
    assert (
        output["results"][0]["name"] in page and "Searches use it." in page and page.count('class="catalogue-map"') == 2
    )
    store = ("--store", shop / "store")
    generations = run_command("generations", *store, "--json").json["generations"]
    assert [(generation["live"], bool(generation["look"])) for generation in generations] == [
        (True, True),
        (False, False),
    ]
    assert "kept" in run_command("generations", "list", *store).out
    rolled_back = run_command("generations", "roll-back", *common)
    assert (rolled_back.code, "12 products" in rolled_back.err) == (0, True)
    untrained = run_command("search", shop / "p3-0.png", *common, "--strategy", "metric")
    assert (untrained.code, "shoplens train look" in untrained.err) == (3, True)
    unknown = run_command("generations", "roll-back", "000099", *common)
    assert (unknown.code, "000099" in unknown.err) == (3, True)


def test_invalid_options_of_train_look_are_errors_before_training(shop: Path) -> None:
    common = ("--model", shop / "model.onnx", "--store", shop / "store")
    for words, text in (
        (("--loss", "hope"), "supcon"),
        (("--positives", "shop"), "--positives is 'shop'"),
        (("--budget", "soon"), "--budget is 'soon'"),
        (("--pairs", "nowhere.csv"), "nowhere.csv"),
    ):
        result = run_command("train", "look", *common, *words)
        assert (result.code, text in result.err) == (3, True), result.err
    other_model = run_command("train", "look", "--store", shop / "store")
    assert (other_model.code, "made by the model" in other_model.err) == (4, True), "the store is of another model"


@pytest.mark.parametrize(("text", "expected"), [("90s", 90), ("10m", 600), ("1.5h", 5400), ("45", 45)])
def test_durations_are_parsed_from_texts(text: str, expected: float) -> None:
    assert parse_duration(text) == expected
    for invalid in ("", "m", "-1s", "0", "inf", "nan", "1d"):
        with pytest.raises(InvalidValue, match="--budget"):
            parse_duration(invalid)
