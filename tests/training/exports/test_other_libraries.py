"""Models of `timm` and `open_clip` are exported, and photos prepared as these libraries prepare them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shoplens.embedders import OnnxEmbedder, embed_photos
from shoplens.embedders.card import ModelCard
from shoplens.embedders.embedder import NO_OBJECTS
from shoplens.embedders.preprocessing import network_input
from shoplens.errors import ModelError
from shoplens.models.add import AddOptions
from shoplens.training.exports.export import add_exported_model
from shoplens.training.exports.open_clip_models import processor_of_open_clip
from shoplens.training.exports.timm_models import processor_of_timm
from shoplens.training.exports.torchvision_operators import repair_torchvision
from shoplens.training.exports.towers import LARGEST_DIFFERENCE
from tests.images.made_photos import scene
from tests.training.exports.tiny_transformers import WORDS, write_tokenizer

pytestmark = [pytest.mark.extras, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
pytest.importorskip("transformers", reason="the extra `export` is not installed")
SIZES = [(640, 480), (333, 777), (224, 224), (256, 256), (1001, 503), (100, 90), (257, 255), (31, 200), (500, 499)]
PHOTOS = [scene(*SIZES[seed % len(SIZES)], seed=seed) for seed in range(50)]
README = "---\nlicense: mit\n---\n"


def library(name: str) -> Any:
    repair_torchvision()
    return pytest.importorskip(name, reason=f"{name} is not installed", exc_type=ImportError)


def largest_difference(keys: dict[str, Any], transform: Any) -> float:
    card = ModelCard("m", **{key: tuple(value) if isinstance(value, list) else value for key, value in keys.items()})
    pairs = ((transform(photo).numpy(), network_input(np.asarray(photo), card)) for photo in PHOTOS)
    return max(float(np.abs(expected - found).max()) for expected, found in pairs)


@pytest.mark.parametrize("change", [{}, {"crop_mode": "squash"}, {"crop_pct": 0.875, "interpolation": "bilinear"}])
def test_photos_are_prepared_as_timm_does(change: dict[str, Any]) -> None:
    timm = library("timm")
    config = {"input_size": (3, 160, 160), "interpolation": "bicubic", "crop_pct": 0.95, "crop_mode": "center"}
    config = {**config, "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4), **change}
    difference = largest_difference(processor_of_timm(config), timm.data.create_transform(**config))
    print(f"timm {change}: the largest difference is {difference:.1e}")
    assert difference < 1e-5


@pytest.mark.parametrize("mode", ["shortest", "squash"])
def test_photos_are_prepared_as_open_clip_does(mode: str) -> None:
    open_clip = library("open_clip")
    config = {"size": 224, "resize_mode": mode, "interpolation": "bicubic"}
    keys = processor_of_open_clip({}, config)
    transform = open_clip.image_transform(
        224, False, tuple(keys["mean"]), tuple(keys["std"]), resize_mode=mode, interpolation="bicubic"
    )
    difference = largest_difference(keys, transform)
    print(f"open_clip {mode}: the largest difference is {difference:.1e}")
    assert difference < 1e-5


def test_other_ways_to_prepare_photos_are_refused() -> None:
    with pytest.raises(ModelError) as error:
        processor_of_timm({"input_size": (3, 64, 64), "crop_mode": "border", "mean": (0, 0, 0), "std": (1, 1, 1)})
    assert error.value.code == "unknown-processor"
    with pytest.raises(ModelError):
        processor_of_open_clip({"vision_cfg": {"image_size": 64}}, {"resize_mode": "longest"})


def test_a_model_of_timm_gives_its_vectors(tmp_path: Path) -> None:
    timm = library("timm")
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(7)
    model = timm.create_model("test_vit", pretrained=False, num_classes=10).eval()
    folder = tmp_path / "tiny-timm"
    folder.mkdir()
    save_file(model.state_dict(), folder / "model.safetensors")
    config = {"architecture": "test_vit", "num_classes": 10, "pretrained_cfg": dict(model.pretrained_cfg)}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "README.md").write_text(README)
    added = add_exported_model(str(folder), AddOptions(), tmp_path / "models")
    embedder = OnnxEmbedder(added.path, objects=NO_OBJECTS)
    photos = [np.asarray(photo) for photo in PHOTOS[:3]]
    inputs = torch.from_numpy(np.stack([network_input(photo, embedder.card) for photo in photos]))
    with torch.no_grad():
        expected = model.forward_head(model.forward_features(inputs), pre_logits=True).numpy()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.abs(embed_photos(embedder, ["a", "b", "c"], photos).vectors - expected).max() < LARGEST_DIFFERENCE
    assert "timm" in added.card["exported_by"] and added.card["licence"] == "mit"


def test_a_model_of_open_clip_gives_its_vectors_of_photos_and_texts(tmp_path: Path) -> None:
    open_clip = library("open_clip")
    import torch
    from safetensors.torch import save_file

    vocabulary = len(WORDS) + 4
    vision = {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16}
    text = {"context_length": 16, "vocab_size": vocabulary, "width": 32, "heads": 2, "layers": 2}
    folder = tmp_path / "tiny-open-clip"
    folder.mkdir()
    config = {
        "model_cfg": {"embed_dim": 24, "vision_cfg": vision, "text_cfg": text},
        "preprocess_cfg": {"size": [64, 64]},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    (folder / "README.md").write_text(README)
    write_tokenizer(folder)
    torch.manual_seed(7)
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False).eval()
    save_file(
        {name: value.contiguous() for name, value in model.state_dict().items()}, folder / "open_clip_model.safetensors"
    )
    added = add_exported_model(str(folder), AddOptions(), tmp_path / "models")
    embedder = OnnxEmbedder(added.path, objects=NO_OBJECTS)
    tower = embedder.text_tower
    assert tower is not None and tower.card.scale == pytest.approx(float(model.logit_scale.exp()), rel=1e-5)
    photos = [np.asarray(photo) for photo in PHOTOS[:3]]
    inputs = torch.from_numpy(np.stack([network_input(photo, embedder.card) for photo in photos]))
    tokens = torch.full((1, 16), len(WORDS), dtype=torch.int64)
    tokens[0, :5] = torch.tensor(
        [vocabulary - 2, WORDS.index("a"), WORDS.index("red"), WORDS.index("lamp"), vocabulary - 1]
    )
    with torch.no_grad():
        expected = model.encode_image(inputs, normalize=True).numpy()
        words = model.encode_text(tokens, normalize=True).numpy()
    assert np.abs(embed_photos(embedder, ["a", "b", "c"], photos).vectors - expected).max() < LARGEST_DIFFERENCE
    assert np.abs(tower.embed(["A red lamp"]) - words).max() < LARGEST_DIFFERENCE
    assert "open_clip" in added.card["exported_by"]
