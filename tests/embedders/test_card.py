"""A model's card: what it must say, and what the pixels then look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shoplens.embedders.card import ModelCard, load_card
from shoplens.embedders.preprocessing import network_input
from shoplens.errors import ModelError
from shoplens.types import Pixels


def card_of(folder: Path, text: str | bytes) -> ModelCard:
    path = folder / "model.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_card(folder / "model.onnx")


def test_name_and_side_are_enough(tmp_path: Path) -> None:
    assert card_of(tmp_path, '{"name": "mine", "side": 224}') == ModelCard("mine", 224)


def test_lists_become_tuples_and_unknown_keys_are_ignored(tmp_path: Path) -> None:
    card = card_of(tmp_path, '{"name": "mine", "side": 8, "mean": [1, 2, 3], "licence": "MIT", "more": {"a": 1}}')
    assert card == ModelCard("mine", 8, mean=(1, 2, 3))


@pytest.mark.parametrize("text", ["", "{", b"\xff\xfe", '{"name": "mine", "side": 224,}'])
def test_what_is_not_json_is_refused(tmp_path: Path, text: str | bytes) -> None:
    with pytest.raises(ModelError, match=r"model\.json is not JSON"):
        card_of(tmp_path, text)


@pytest.mark.parametrize("text", ["[]", "null", "3", "{}", '{"name": "mine"}', '{"side": 224}'])
def test_a_card_without_name_or_side_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(ModelError, match=r"model\.json lacks `name` or `side`"):
        card_of(tmp_path, text)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", '""'),
        ("name", "7"),
        ("side", "0"),
        ("side", "1e9"),
        ("side", '"224"'),
        ("side", "true"),
        ("side", "[224]"),
        ("fit", '"stretch"'),
        ("fit", "{}"),
        ("layout", '"NWHC"'),
        ("dtype", '"float64"'),
        ("resize", "200"),
        ("resample", '"cubic"'),
        ("fill", "[0, 0, 300]"),
        ("rescale", "0"),
        ("channels", '"GBR"'),
        ("pool", '"max"'),
        ("pool", '"cls"'),
        ("prefix_tokens", "-1"),
        ("files", '["model.onnx"]'),
        ("mean", "127"),
        ("mean", "[1, 2]"),
        ("mean", '["a", "b", "c"]'),
        ("std", "[1, 0, 1]"),
        ("std", "[1, 1, null]"),
        ("std", '"abc"'),
        ("output", "3"),
        ("dimensions", "-1"),
        ("dimensions", "2.5"),
    ],
)
def test_an_invalid_value_is_named(tmp_path: Path, key: str, value: str) -> None:
    others = {"name": '"mine"', "side": "224"} | {key: value}
    with pytest.raises(ModelError, match=f"card says {key} = "):
        card_of(tmp_path, "{" + ", ".join(f'"{name}": {item}' for name, item in others.items()) + "}")


HALVES: Pixels = np.zeros((16, 32, 3), np.uint8)
HALVES[:, 16:] = (200, 100, 50)


def test_the_input_has_the_layout_type_and_scale_of_the_card() -> None:
    plain = network_input(HALVES, ModelCard("m", 16, layout="NHWC", dtype="uint8"))
    assert (plain.shape, plain.dtype) == ((16, 16, 3), np.uint8)
    channels_first = network_input(HALVES, ModelCard("m", 16, layout="NCHW", dtype="uint8"))
    np.testing.assert_array_equal(channels_first, plain.transpose(2, 0, 1))
    scaled = network_input(HALVES, ModelCard("m", 16, layout="NHWC", mean=(100, 50, 25), std=(50, 25, 12.5)))
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, (plain - np.array([100.0, 50, 25])) / [50, 25, 12.5], rtol=1e-6)


def test_a_photo_of_the_right_size_is_left_as_it_is() -> None:
    square: Pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    for fit in "squash", "crop", "pad":
        card = ModelCard("m", 16, fit=fit, layout="NHWC", dtype="uint8")  # type: ignore[arg-type]
        np.testing.assert_array_equal(network_input(square, card), square)


def test_squash_keeps_all_of_the_photo() -> None:
    pixels = network_input(HALVES, ModelCard("m", 16, fit="squash", layout="NHWC", dtype="uint8"))
    assert (pixels[:, 0] == 0).all()
    assert (pixels[:, -1] == (200, 100, 50)).all()


def test_crop_takes_the_middle() -> None:
    thirds: Pixels = np.zeros((10, 30, 3), np.uint8)
    thirds[:, 10:20] = 255
    assert (network_input(thirds, ModelCard("m", 10, fit="crop", layout="NHWC", dtype="uint8")) == 255).all()


def test_pad_keeps_the_shape_and_fills_with_the_border() -> None:
    framed: Pixels = np.full((32, 64, 3), 240, np.uint8)
    framed[8:24, 16:48] = (10, 20, 30)
    pixels = network_input(framed, ModelCard("m", 16, fit="pad", layout="NHWC", dtype="uint8"))
    assert (pixels[:4] == 240).all()
    assert (pixels[12:] == 240).all()
    assert (np.abs(pixels[8, 8].astype(int) - (10, 20, 30)) < 8).all()
