"""The text tower of a model: its card, its tokens, its vectors, and what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shoplens.embedders import OnnxEmbedder
from shoplens.embedders.text.card import TextCard, load_text_card
from shoplens.embedders.text.tower import TextTower, clean_text, text_tower
from shoplens.errors import ModelError
from shoplens.models.add import AddOptions, ModelSource, add_model
from shoplens.types import Vectors
from tests.models.colour_model import COLORS, write_colour_model


def unchanged(vectors: Vectors) -> Vectors:
    return vectors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of the tower alone."""
    made = write_colour_model(tmp_path / "colours")
    (made / "onnx" / "text_model.onnx").rename(made / "text_model.onnx")
    return made


def tower(folder: Path, **card: Any) -> TextTower:
    return TextTower(folder, TextCard("text_model.onnx", **card), unchanged)


def error_of(tower: TextTower) -> ModelError:
    with pytest.raises(ModelError) as error:
        tower.embed(["azure"])
    return error.value


@pytest.mark.parametrize(
    "values",
    [
        {"network": "../text.onnx"},
        {"tokenizer": ""},
        {"length": 1},
        {"padding": -1},
        {"clean": "upper"},
        {"scale": 0},
        {"pool": "last"},
        {"pool": "cls", "output": "tokens"},
    ],
)
def test_values_that_cannot_be_used_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=f"text.{next(iter(values))} = "):
        TextCard(**{"network": "text_model.onnx", **values})


def test_a_card_without_the_part_has_no_tower(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.with_suffix(".json").write_text('{"name": "m", "side": 8}')
    assert load_text_card(path) is None and text_tower(OnnxEmbedder()) is None
    path.with_suffix(".json").write_text('{"name": "m", "side": 8, "text": {"length": 5}}')
    with pytest.raises(ModelError, match="no `network`"):
        load_text_card(path)


def test_texts_are_cleaned_as_the_model_was_trained() -> None:
    text = "  Don't PANIC,\n it's  azure! "
    assert clean_text(text, TextCard("t.onnx")) == "Don't PANIC, it's azure!"
    assert clean_text(text, TextCard("t.onnx", clean="lowercase")) == "don't panic, it's azure!"
    assert clean_text(text, TextCard("t.onnx", clean="letters")) == "dont panic its azure"


def test_without_the_library_the_error_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    error = error_of(tower(folder))
    assert error.code == "no-tokenizers" and "shoplens[hub]" in error.fix


@pytest.mark.extras
def test_vectors_are_those_of_the_words(folder: Path) -> None:
    pytest.importorskip("tokenizers", reason="the extra `hub` is not installed")
    vectors = tower(folder).embed(["Azure", "crimson lemon"])
    expected = np.array([COLORS["azure"], np.add(COLORS["crimson"], COLORS["lemon"])], np.float32)
    np.testing.assert_allclose(vectors, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-5)
    assert vectors.dtype == np.float32 and tower(folder).embed([]).shape[0] == 0
    cut = tower(folder, length=2).embed(["azure azure crimson"])
    np.testing.assert_allclose(cut, vectors[:1], atol=1e-5)
    padded = tower(folder, length=4, padding=0).embed(["azure"])  # three times the token of unknown words
    np.testing.assert_allclose(padded, vectors[:1], atol=0.05)
    assert not np.array_equal(padded, vectors[:1])


@pytest.mark.extras
def test_what_cannot_be_used_is_explained(folder: Path) -> None:
    pytest.importorskip("tokenizers", reason="the extra `hub` is not installed")
    assert error_of(tower(folder, output="other")).code == "unfit-output"
    assert error_of(tower(folder, output="text_embeds", pool="mean")).code == "unfit-output"
    assert error_of(tower(folder, files={"text_model.onnx": "0" * 64})).code == "wrong-hash"
    (folder / "tokenizer.json").write_text("{}")
    assert error_of(tower(folder)).code == "bad-tokenizer"


@pytest.mark.extras
def test_a_folder_with_both_towers_becomes_one_model(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="the extra `hub` is not installed")
    source = ModelSource(write_colour_model(tmp_path / "colours"), "colours")
    added = add_model(source, AddOptions(), tmp_path / "models")
    text = json.loads(added.path.with_suffix(".json").read_text())["text"]
    assert set(text["files"]) == {"text_model.onnx", "tokenizer.json"}
    assert (text["output"], text["length"], text["padding"], text["scale"]) == ("text_embeds", 77, None, 100.0)
    found = OnnxEmbedder(added.path).text_tower
    assert found is not None and found.embed(["azure"]).shape == (1, 3)
    (added.path.parent / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError):
        OnnxEmbedder(added.path).text_tower.embed(["azure"])  # type: ignore[union-attr]
