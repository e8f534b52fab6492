"""train look and generations, on the command line, with a network of one layer."""

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
    """A folder with ``store``, a feed and ``model.onnx``; a training was forced upon the store."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "model.onnx").write_bytes(pixel_network())
    (folder / "model.json").write_text(json.dumps({"name": "pixels", "side": 8, "dimensions": 192}))
    write_learnable_feed(folder, 12, 1, per_group=1)  # few enough for a map without UMAP
    assert (
        run_command("index", folder / "feed.jsonl", "--model", folder / "model.onnx", "--store", folder / "store").code
        == 0
    )
    return folder


def test_a_training_ends_with_its_proof_and_can_be_undone(shop: Path) -> None:
    pytest.importorskip("pytorch_metric_learning", reason="the extra train is not installed")
    common = ("--model", shop / "model.onnx", "--store", shop / "store")
    report = ("--report", shop / "look.html")
    result = run_command("train", "look", *common, "--force", "--budget", "4s", *report, "--json")
    assert result.code == 0, result.err
    output = json.loads(result.out)
    assert output["promoted"] is True and output["model"].startswith("look@")
    assert "Searches use the new look from now on" in result.err
    assert "`shoplens generations roll-back` undoes this." in result.err
    assert json.loads((shop / "look.json").read_text("utf-8")) == output
    page = (shop / "look.html").read_text("utf-8")
    assert (
        output["results"][0]["name"] in page and "Searches use it." in page and page.count('class="catalogue-map"') == 2
    )
    store = ("--store", shop / "store")
    listed = json.loads(run_command("generations", *store, "--json").out)["generations"]
    assert [(one["live"], bool(one["look"])) for one in listed] == [(True, True), (False, False)]
    assert "kept" in run_command("generations", "list", *store).out
    back = run_command("generations", "roll-back", *common)
    assert (back.code, "12 products" in back.err) == (0, True)
    refused = run_command("search", shop / "p3-0.png", *common, "--strategy", "metric")
    assert (refused.code, "shoplens train look" in refused.err) == (3, True)
    gone = run_command("generations", "roll-back", "000099", *common)
    assert (gone.code, "000099" in gone.err) == (3, True)


def test_bad_input_is_told_before_any_work(shop: Path) -> None:
    common = ("--model", shop / "model.onnx", "--store", shop / "store")
    for words, said in (
        (("--loss", "hope"), "supcon"),
        (("--positives", "shop"), "--positives is 'shop'"),
        (("--budget", "soon"), "--budget is 'soon'"),
        (("--pairs", "nowhere.csv"), "nowhere.csv"),
    ):
        result = run_command("train", "look", *common, *words)
        assert (result.code, said in result.err) == (3, True), result.err
    other = run_command("train", "look", "--store", shop / "store")
    assert (other.code, "made by the model" in other.err) == (4, True), "a store of another model"


@pytest.mark.parametrize(("text", "expected"), [("90s", 90), ("10m", 600), ("1.5h", 5400), ("45", 45)])
def test_a_budget_is_a_time(text: str, expected: float) -> None:
    assert parse_duration(text) == expected
    for odd in ("", "m", "-1s", "0", "inf", "nan", "1d"):
        with pytest.raises(InvalidValue, match="--budget"):
            parse_duration(odd)
