"""Test ``shoplens dimensions`` and ``shoplens train filters``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shoplens.store.files.atomic import copy_tree
from shoplens.store.store import Store
from tests.cli.command_line import run_command
from tests.cli.searching.squares import run_invalid_command


def test_dimensions_as_json(store: Path, folder: Path) -> None:
    result = run_command("dimensions", "--store", store, "--json")
    rows = {row["name"]: row for row in result.json["dimensions"]}
    assert list(rows)[:3] == ["look", "object", "shape"]
    color = rows["color"]
    assert (color["kind"], color["classes"]) == ("single", {"Blue": 12, "Green": 12, "Red": 12})
    assert color["untrained"] == {"Pink": 1}
    assert color["quality"]["accuracy"] > 0.9
    assert rows["look"]["quality"] is None
    assert (rows["shape"]["own_weight"], rows["look"]["own_weight"]) == (0, None)
    assert rows["design"]["kind"] == "none"
    assert "20 are needed" in rows["design"]["note"]
    assert rows["category"]["classes"] == {"Squares": 39, "Squares > Plain": 21, "Squares > Striped": 18}


def test_dimensions_as_a_table(store: Path, folder: Path) -> None:
    out = run_command("dimensions", "--store", store).out
    lines = {line.split()[0]: line for line in out.splitlines() if not line.startswith(" ")}
    assert "3: Blue 12, Green 12, Red 12" in out
    assert "(shoplens.toml)" in lines["shape"]
    assert "classes are untrained" in out
    assert "Squares > Plain" not in out.split("note")[0]
    with_classes = run_command("dimensions", "--classes", "--store", store).out
    assert "Squares > Striped  18" in with_classes
    assert "Pink" in with_classes
    single = run_command("dimensions", "COLOR", "--store", store).out
    assert "untrained: it has too few products to learn from" in single
    assert "Squares" not in single
    assert run_invalid_command(folder, "colour", command="dimensions")["code"] == "unknown-dimension"


def test_train_filters_applies_changed_preferences(
    store: Path, folder: Path, tmp_path: Path, preferences: Path
) -> None:
    copy_tree(store, tmp_path / "store")
    (preferences / "shoplens.toml").write_text("[dimensions.pattern]\nuse = false\n")
    result = run_command("train", "filters", "--store", tmp_path / "store", "--json")
    assert (result.code, result.json["products"], result.json["dimensions"]) == (0, 39, 5)
    assert (result.json["photos_embedded"], result.json["photos_known"]) == (0, 39)
    assert "5 dimensions were fitted" in result.err
    output = json.loads(run_command("dimensions", "pattern", "--store", tmp_path / "store", "--json").out)
    assert [(row["kind"], row["note"]) for row in output["dimensions"]] == [("none", "shoplens.toml drops it.")]
    Store(tmp_path / "store", lock_wait=0.0).close()


@pytest.mark.parametrize("words", [("similar",), ("dimensions",), ("train",), ("train", "filters")])
def test_commands_and_groups_have_help(words: tuple[str, ...]) -> None:
    result = run_command(*words, "--help")
    assert (result.code, result.err) == (0, "")
    assert f"shoplens {' '.join(words)}" in result.out
    assert words[0] in run_command("--help").out
