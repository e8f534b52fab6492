"""Photos are prepared exactly as the image processors of `transformers` prepare them."""

from __future__ import annotations

import importlib
import json
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from shoplens.embedders.card import ModelCard
from shoplens.embedders.preprocessing import network_input
from shoplens.images import decode_photo
from shoplens.models.processor import card_keys
from shoplens.settings import Settings
from shoplens.training.exports.torchvision_operators import repair_torchvision
from tests.images.made_photos import encoded, scene

pytestmark = pytest.mark.extras
pytest.importorskip("transformers", reason="the extra `export` is not installed")

LARGEST_DIFFERENCE = 1e-5
SIZES = [(640, 480), (333, 777), (224, 224), (256, 256), (1001, 503), (100, 90), (257, 255), (31, 200), (500, 499)]
FAMILIES: list[tuple[str, str, dict[str, Any]]] = [
    ("clip", "CLIP", {}),
    ("siglip", "Siglip", {}),
    ("siglip", "Siglip", {"size": {"height": 384, "width": 384}, "resample": 2}),
    ("bit", "Bit", {"size": {"shortest_edge": 256}, "image_mean": [0.485, 0.456, 0.406]}),
    ("vit", "ViT", {}),
    ("deit", "DeiT", {}),
    ("beit", "Beit", {}),
    ("pvt", "Pvt", {}),
    ("mobilenet_v1", "MobileNetV1", {}),
    ("mobilenet_v2", "MobileNetV2", {}),
    ("mobilevit", "MobileViT", {"size": {"shortest_edge": 288}}),
    ("convnext", "ConvNext", {"size": {"shortest_edge": 224}}),
    ("convnext", "ConvNext", {"size": {"shortest_edge": 384}}),
    ("chinese_clip", "ChineseCLIP", {}),
]
"""SigLIP2 of fixed size uses SigLIP's; DINOv3's runs with torchvision only."""
GREY_LEVEL = 1 / 255 / 0.224
"""One grey level in units of the network's input."""


@pytest.fixture(autouse=True, scope="module")
def torchvision() -> None:
    """Let `torchvision` be imported, where it is installed."""
    repair_torchvision()


def files() -> list[bytes]:
    """Fifty photos: of odd sizes, turned by EXIF, grey, with transparency."""
    photos = []
    for seed in range(50):
        image = scene(*SIZES[seed % len(SIZES)], seed=seed)
        if seed % 5 == 1:
            exif = Image.Exif()
            exif[0x0112] = 1 + seed % 8
            photos.append(encoded(image, "JPEG", exif=exif))
        elif seed % 5 == 2:
            photos.append(encoded(image.convert("L"), "PNG"))
        elif seed % 5 == 3:
            image.putalpha(image.convert("L"))
            photos.append(encoded(image, "PNG"))
        else:
            photos.append(encoded(image, "JPEG"))
    return photos


def opened(data: bytes) -> Image.Image:
    """The photo as a careful user of `transformers` gives it to a processor: upright, on white, in RGB."""
    image = ImageOps.exif_transpose(Image.open(BytesIO(data)))
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


@pytest.mark.parametrize(
    ("module", "name", "options"), FAMILIES, ids=[f"{name}-{number}" for number, (_, name, _) in enumerate(FAMILIES)]
)
def test_the_input_is_that_of_the_library(module: str, name: str, options: dict[str, Any]) -> None:
    family = importlib.import_module(f"transformers.models.{module}.image_processing_pil_{module}")
    processor = getattr(family, f"{name}ImageProcessorPil")(**options)
    keys = card_keys(json.loads(processor.to_json_string()))
    card = ModelCard("m", **{key: tuple(value) if isinstance(value, list) else value for key, value in keys.items()})
    worst = 0.0
    for data in files():
        pixels = decode_photo(data, Settings()).pixels
        np.testing.assert_allclose(pixels, np.asarray(opened(data)), atol=1)
        expected = processor(Image.fromarray(pixels), return_tensors="np")["pixel_values"][0]
        worst = max(worst, float(np.abs(expected - network_input(pixels, card)).max()))
    print(f"{name} {card.side} {card.fit}: the largest difference is {worst:.1e}")
    assert worst < LARGEST_DIFFERENCE


def test_the_input_of_dinov3_is_within_a_grey_level() -> None:
    """Its processor scales by torchvision, which rounds otherwise than Pillow."""
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    family = importlib.import_module("transformers.models.dinov3_vit.image_processing_dinov3_vit")
    processor = family.DINOv3ViTImageProcessor()
    keys = card_keys(json.loads(processor.to_json_string()))
    card = ModelCard("m", **{key: tuple(value) if isinstance(value, list) else value for key, value in keys.items()})
    worst = 0.0
    for data in files():
        pixels = decode_photo(data, Settings()).pixels
        expected = np.asarray(processor(Image.fromarray(pixels), return_tensors="pt")["pixel_values"][0])
        worst = max(worst, float(np.abs(expected - network_input(pixels, card)).max()))
    print(f"DINOv3: the largest difference is {worst:.1e}, and a grey level {GREY_LEVEL:.1e}")
    assert worst < 1.01 * GREY_LEVEL
