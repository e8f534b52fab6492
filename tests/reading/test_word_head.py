"""The head that tells whether a photo shows words: it belongs to one network, and is a weighted sum of its features."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from shoplens.build.photo_features import backbone_width, extract_features, word_features, word_head_of
from shoplens.embedders import OnnxEmbedder
from shoplens.embedders.shipped import NETWORKS, shipped_file
from shoplens.reading.text_reader import QUERY, SEEN
from shoplens.reading.word_head import SURE, WordHead, find_word_head
from shoplens.types import Pixels
from tests.fakes import ColourEmbedder


def test_it_is_a_weighted_sum_of_features() -> None:
    head = WordHead("m", np.array([1, -2], np.float32), -0.5)
    assert head.choose_effort(np.array([1, 0], np.float32)) == SEEN
    assert head.choose_effort(np.array([0.5 + SURE, 0], np.float32)) == SEEN
    assert head.choose_effort(np.array([0.6, 0], np.float32)) == QUERY, "in doubt, the reader looks first"
    assert head.choose_effort(np.array([0.5, 0], np.float16)) == QUERY, "the threshold itself counts"
    assert head.choose_effort(np.array([1, 0.5], np.float32)) is None


def test_other_networks_have_none() -> None:
    assert find_word_head("another@1") is None
    assert word_head_of(ColourEmbedder()) is None
    assert word_head_of(OnnxEmbedder(shipped_file(NETWORKS[1]), threads=1)) is None


@pytest.fixture(scope="module")
def embedder() -> OnnxEmbedder:
    return OnnxEmbedder(shipped_file(), threads=1)


def draw_carton(words: bool) -> Pixels:
    """Draw a carton before a wall, with or without words on it."""
    image = Image.new("RGB", (400, 400), (190, 180, 170))
    draw = ImageDraw.Draw(image)
    draw.rectangle((90, 30, 310, 390), fill=(240, 240, 250))
    if words:
        for place, text in enumerate(("MILK 1.5%", "ORGANIC", "FARM FRESH", "ONE LITRE")):
            draw.text((105, 60 + 80 * place), text, fill=(20, 40, 140), font_size=36)
    return np.asarray(image)


def test_the_head_of_the_shipped_network_sees_words_on_a_carton(embedder: OnnxEmbedder) -> None:
    head = word_head_of(embedder)
    assert head is not None and head.weights.shape == (backbone_width(embedder),)
    shown = []
    for words in (True, False):
        features = extract_features(embedder, "carton", draw_carton(words)).features
        shown.append(head.choose_effort(word_features(embedder, features)) is not None)
    assert shown == [True, False]
