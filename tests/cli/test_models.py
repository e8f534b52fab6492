"""shoplens models, and a store that is built and searched by a model that was added."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command_line import run_command
from tests.models.repositories import TOKENS, WIDTH, write_repository
from tests.training.shops import write_learnable_feed


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a feed, and the repository of a model; the folder of models is in it."""
    monkeypatch.setenv("SHOPLENS_MODEL_FOLDER", str(tmp_path / "models"))
    write_learnable_feed(tmp_path, 12, 1)
    write_repository(tmp_path / "tiny", readme="---\nlicense: mit\n---\n")
    return tmp_path


def test_a_model_is_added_listed_and_used_by_its_name(shop: Path) -> None:
    added = run_command("models", "add", shop / "tiny", "--json")
    assert added.code == 0 and added.json["card"]["dimensions"] == TOKENS * WIDTH
    assert added.json["model"].startswith("tiny@")
    rows = {row["name"]: row for row in run_command("models", "--json").json["models"]}
    assert (rows["tiny"]["state"], rows["tiny"]["licence"]) == ("added", "mit")
    assert (rows["dinov2-small"]["state"], rows["dinov2-small"]["cpu_ms"]) == ("known", None)
    feed, store = shop / "feed.jsonl", shop / "store"
    assert run_command("index", feed, "--model", "tiny", "--store", store).code == 0
    found = run_command("search", shop / "p3-0.png", "--store", store, "--json")
    assert found.json["results"][0]["product_id"] == "p3"
    assert run_command("info", "--store", store, "--json").json["model"] == added.json["model"]


def test_the_table_and_what_was_added_are_told_in_words(shop: Path) -> None:
    listing = run_command("models").out
    assert "siglip2-base-patch16-224" in listing and "not measured" in listing
    told = run_command("models", "add", shop / "tiny", "--name", "mine").err
    assert "mine was added: 192 dimensions" in told and "--model mine" in told


def test_a_model_is_removed(shop: Path) -> None:
    run_command("models", "add", shop / "tiny")
    assert run_command("models", "remove", "tiny").code == 0
    assert [path.name for path in (shop / "models").iterdir()] in ([], [".lock"])
    for name in "tiny", "..", "efficientnet-lite2":
        refused = run_command("models", "remove", name)
        assert (refused.code, "was added" in refused.err) == (3, True)
    assert (shop / "models").is_dir()


def test_models_and_options_that_do_not_fit_are_explained(shop: Path) -> None:
    assert "no known model" in run_command("models", "add", "nothing").err
    assert "without `--output`" in run_command("models", "add", shop / "tiny", "--pool", "cls").err
    assert "has no ONNX file" in run_command("models", "add", "pe-core-b16-224").err
    refused = run_command("models", "add", "mobileclip-s0")
    assert refused.code == 6 and "apple-amlr" in refused.err
    missing = run_command("index", shop / "feed.jsonl", "--model", "other", "--store", shop / "store")
    assert missing.code == 3 and "There is no model at other." in missing.err
