"""``shoplens dimensions`` and ``shoplens train filters``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shoplens.store.files.atomic import copy_tree
from shoplens.store.store import Store
from tests.cli.command_line import shoplens
from tests.cli.searching.squares import error_of


def test_dimensions(store: Path, folder: Path) -> None:
    done = shoplens("dimensions", "--store", store, "--json")
    rows = {one["name"]: one for one in done.told["dimensions"]}
    assert list(rows)[:3] == ["look", "shape", "color"]
    color = rows["color"]
    assert (color["kind"], color["classes"]) == ("single", {"Blue": 12, "Green": 12, "Red": 12})
    assert color["untrained"] == {"Pink": 1}
    assert color["quality"]["accuracy"] > 0.9
    assert rows["look"]["quality"] is None
    assert (rows["shape"]["own_weight"], rows["look"]["own_weight"]) == (0, None)
    assert rows["design"]["kind"] == "none"
    assert "20 are needed" in rows["design"]["note"]
    assert rows["category"]["classes"] == {"Squares": 39, "Squares > Plain": 21, "Squares > Striped": 18}


def test_dimensions_for_people(store: Path, folder: Path) -> None:
    out = shoplens("dimensions", "--store", store).out
    lines = {line.split()[0]: line for line in out.splitlines() if not line.startswith(" ")}
    assert "3: Blue 12, Green 12, Red 12" in out
    assert "(shoplens.toml)" in lines["shape"]
    assert "classes are untrained" in out
    assert "Squares > Plain" not in out.split("note")[0]
    every = shoplens("dimensions", "--classes", "--store", store).out
    assert "Squares > Striped  18" in every
    assert "Pink" in every
    one = shoplens("dimensions", "COLOR", "--store", store).out
    assert "untrained: it has too few products to learn from" in one
    assert "Squares" not in one
    assert error_of(folder, "colour", command="dimensions")["code"] == "unknown-dimension"


def test_filters_are_trained_anew(store: Path, folder: Path, tmp_path: Path, preferences: Path) -> None:
    copy_tree(store, tmp_path / "own")
    (preferences / "shoplens.toml").write_text("[dimensions.pattern]\nuse = false\n")
    done = shoplens("train", "filters", "--store", tmp_path / "own", "--json")
    assert (done.code, done.told["products"], done.told["dimensions"]) == (0, 39, 4)
    assert (done.told["photos_embedded"], done.told["photos_known"]) == (0, 39)
    assert "4 dimensions were fitted" in done.err
    told = json.loads(shoplens("dimensions", "pattern", "--store", tmp_path / "own", "--json").out)
    assert [(one["kind"], one["note"]) for one in told["dimensions"]] == [("none", "shoplens.toml drops it.")]
    Store(tmp_path / "own", lock_wait=0.0).close()


@pytest.mark.parametrize("words", [("similar",), ("dimensions",), ("train",), ("train", "filters")])
def test_every_new_command_has_help(words: tuple[str, ...]) -> None:
    done = shoplens(*words, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"shoplens {' '.join(words)}" in done.out
    assert words[0] in shoplens("--help").out
