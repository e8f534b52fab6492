"""Models of `transformers` are exported, added, and give the vectors of torch."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shoplens.embedders import OnnxEmbedder, embed_photos
from shoplens.embedders.preprocessing import network_input
from shoplens.errors import ModelError
from shoplens.models.add import AddOptions
from shoplens.training.exports.export import add_exported_model
from shoplens.training.exports.towers import LARGEST_DIFFERENCE
from tests.images.made_photos import scene
from tests.training.exports.tiny_transformers import FAMILIES, SIDE, save_model

pytestmark = [pytest.mark.extras, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
pytest.importorskip("transformers", reason="the extra `export` is not installed")

PHOTOS = [np.asarray(scene(*size, seed=seed)) for seed, size in enumerate([(90, 64), (64, 64), (70, 201)])]


def torch_vectors(family: str, model: Any, inputs: np.ndarray[Any, np.dtype[np.float32]]) -> Any:
    """The vectors as the documentation of `transformers` gets them."""
    import torch

    with torch.no_grad():
        pixels = torch.from_numpy(inputs)
        if family in ("clip", "siglip"):
            found = model.get_image_features(pixel_values=pixels)
            found = getattr(found, "pooler_output", found)
        elif family in ("dinov2", "dinov3_vit", "vit"):
            found = model(pixel_values=pixels).last_hidden_state[:, 0]
        else:
            found = model(pixel_values=pixels).pooler_output
    vectors = found.numpy()
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_vectors_are_those_of_torch(family: str, tmp_path: Path) -> None:
    model = save_model(family, tmp_path / f"tiny-{family}")
    added = add_exported_model(str(tmp_path / f"tiny-{family}"), AddOptions(), tmp_path / "models")
    embedder = OnnxEmbedder(added.path)
    found = embed_photos(embedder, ["a", "b", "c"], PHOTOS).vectors
    inputs = np.stack([network_input(photo, embedder.card) for photo in PHOTOS])
    assert inputs.shape == (3, 3, SIDE, SIDE)
    difference = float(np.abs(found - torch_vectors(family, model, inputs)).max())
    print(f"{family}: the largest difference is {difference:.1e}")
    assert difference < LARGEST_DIFFERENCE
    assert added.card["export_difference"] < LARGEST_DIFFERENCE
    assert "transformers" in added.card["exported_by"]


TEXTS = (
    "a red lamp",
    "Green  cup",
    "wood",
    "a photo of a blue chair of red wood and much more that is not known at all",
)


@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_the_vectors_of_texts_are_those_of_torch(family: str, tmp_path: Path) -> None:
    import torch
    from tokenizers import Tokenizer

    model = save_model(family, tmp_path / f"tiny-{family}")
    added = add_exported_model(str(tmp_path / f"tiny-{family}"), AddOptions(), tmp_path / "models")
    tower = OnnxEmbedder(added.path).text_tower
    assert tower is not None
    tokenizer = Tokenizer.from_file(str(tmp_path / f"tiny-{family}" / "tokenizer.json"))
    tokenizer.enable_truncation(16)
    if family == "siglip":
        tokenizer.enable_padding(length=16, pad_id=10, pad_token="<pad>")
    expected = []
    for text in TEXTS:
        with torch.no_grad():
            ids = torch.tensor([tokenizer.encode(text.lower() if family == "siglip" else text).ids])
            found = model.get_text_features(input_ids=ids)
        expected.append(getattr(found, "pooler_output", found)[0].numpy())
    wanted = np.stack(expected) / np.linalg.norm(np.stack(expected), axis=1, keepdims=True)
    difference = float(np.abs(tower.embed(TEXTS) - wanted).max())
    print(f"{family}, texts: the largest difference is {difference:.1e}")
    assert difference < LARGEST_DIFFERENCE and added.card["text_export_difference"] < LARGEST_DIFFERENCE
    scale = float(model.logit_scale.exp())
    assert tower.card.scale == pytest.approx(scale, rel=1e-5)
    assert tower.card.bias == (pytest.approx(float(model.logit_bias)) if family == "siglip" else 0.0)
    assert (tower.card.length, tower.card.padding) == (16, 10 if family == "siglip" else None)


def test_the_text_tower_can_be_left_out(tiny_clip: Path, tmp_path: Path) -> None:
    added = add_exported_model(str(tiny_clip), AddOptions(text=False), tmp_path / "models")
    assert OnnxEmbedder(added.path).text_tower is None and "text" not in added.card


@pytest.fixture(scope="module")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository") / "tiny"
    save_model("clip", folder)
    return folder


def error_of(folder: Path, models: Path) -> ModelError:
    with pytest.raises(ModelError) as error:
        add_exported_model(str(folder), AddOptions(), models)
    assert not models.exists()
    return error.value


def test_weights_that_lack_the_tower_are_refused(tiny_clip: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = shutil.copytree(tiny_clip, tmp_path / "tiny")
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if not name.startswith("visual_projection")}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    error = error_of(folder, tmp_path / "models")
    assert error.code == "missing-weights" and "visual_projection.weight" in error.problem


def test_what_cannot_be_exported_is_explained(tiny_clip: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_clip, tmp_path / "tiny")
    (folder / "model.safetensors").write_bytes(b"no weights")
    assert "transformers cannot read" in error_of(folder, tmp_path / "models").problem
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    assert error_of(folder, tmp_path / "models").code == "unknown-family"
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert error_of(folder, tmp_path / "models").code == "no-weights"
