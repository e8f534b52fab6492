"""The file that says how photos are prepared, as keys of a card."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shoplens.embedders.card import ModelCard
from shoplens.embedders.preprocessing import network_input
from shoplens.errors import ModelError
from shoplens.models.processor import CLIP_MEAN, IMAGENET_MEAN, card_keys


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"feature_extractor_type": "CLIPFeatureExtractor"}, ("shortest", 224, 224, "bicubic", list(CLIP_MEAN))),
        (
            {"feature_extractor_type": "CLIPFeatureExtractor", "size": 240, "crop_size": 224},
            ("shortest", 224, 240, "bicubic", list(CLIP_MEAN)),
        ),
        ({"image_processor_type": "SiglipImageProcessorFast"}, ("squash", 224, 224, "bicubic", [0.5] * 3)),
        ({"image_processor_type": "ViTFeatureExtractor", "size": 384}, ("squash", 384, 384, "bilinear", [0.5] * 3)),
        ({"image_processor_type": "DeiTImageProcessor"}, ("squash", 224, 256, "bicubic", list(IMAGENET_MEAN))),
        (
            {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 224}, "crop_pct": 0.9},
            ("shortest", 224, 248, "bicubic", list(IMAGENET_MEAN)),
        ),
        ({"image_processor_type": "ConvNextImageProcessor"}, ("squash", 384, 0, "bicubic", list(IMAGENET_MEAN))),
        ({"image_processor_type": "MobileViTImageProcessor"}, ("shortest", 256, 288, "bilinear", [0.0] * 3)),
    ],
)
def test_a_file_and_what_its_processor_does_where_it_is_silent(config: dict[str, Any], expected: tuple[Any]) -> None:
    keys = card_keys(config)
    found = (keys["fit"], keys["side"], keys.get("resize", 0), keys["resample"], keys["mean"])
    assert found == expected
    assert keys["channels"] == ("BGR" if "MobileViT" in str(config) else "RGB")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image_processor_type": "Owlv2ImageProcessor"}, "is 'Owlv2ImageProcessor', which is none of"),
        ({"image_processor_type": "Siglip2ImageProcessor", "max_num_patches": 256}, "NaFlex"),
        ({"do_pad": True}, "pads photos"),
        ({"do_resize": False}, "does not scale"),
        ({"size": {"height": 224, "width": 336}}, "which are no squares"),
        ({"size": {"shortest_edge": 200}}, "cuts 224 pixels out of 200"),
        ({"size": {"longest_edge": 200}}, "scales to"),
        ({"resample": 9}, "uses the filter 9"),
        ({"image_mean": [0.5]}, "has the mean"),
    ],
)
def test_what_no_card_can_say_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words) as error:
        card_keys({"image_processor_type": "CLIPImageProcessor", **change})
    assert error.value.code == "unknown-processor"


def test_the_shorter_side_is_scaled_and_the_centre_is_cut_out() -> None:
    photo = np.zeros((20, 40, 3), np.uint8)
    photo[:, 10:30] = 255
    card = ModelCard("m", 16, fit="shortest", resize=20, resample="bilinear", layout="NHWC", dtype="uint8")
    np.testing.assert_array_equal(network_input(photo, card), photo[2:18, 12:28])


def test_squash_may_cut_a_margin_off() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    card = ModelCard("m", 16, fit="squash", resize=20, resample="bilinear", layout="NHWC", dtype="uint8")
    np.testing.assert_array_equal(network_input(photo, card), photo[2:18, 2:18])


def test_pixels_are_rescaled_turned_and_rounded_as_the_card_says() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    scale = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25), "rescale": 1 / 255, "layout": "NHWC"}
    found = network_input(photo, ModelCard("m", 8, channels="BGR", dtype="float16", **scale))  # type: ignore[arg-type]
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, (photo[..., ::-1] / 255 - 0.5) / 0.25, atol=2e-3)


def test_a_border_may_have_a_colour() -> None:
    photo = np.full((8, 16, 3), 100, np.uint8)
    found = network_input(photo, ModelCard("m", 16, fit="pad", fill=(1, 2, 3), layout="NHWC", dtype="uint8"))
    assert (found[0, 0] == (1, 2, 3)).all() and (found[8, 8] == 100).all()
