"""Words that no title has find photos by the text tower of the model, as one named part of the score."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shoplens import Shop
from shoplens.errors import InvalidValue
from shoplens.models.add import AddOptions, ModelSource, add_model
from shoplens.settings import Settings
from shoplens.types import Steering
from tests.models.colour_model import COLORS, write_colour_model

pytestmark = [pytest.mark.extras, pytest.mark.slow]
pytest.importorskip("tokenizers", reason="the extra `hub` is not installed")

NAMED = {"crimson": "crimson", "emerald": "emerald", "lemon": "lemon", "azure": "sky"}
"""Colour -> the word that titles have for it; the tower does not know "sky", and no title has "azure"."""

FIRST, SECOND = ("Ba", "Ke", "Li", "Mo", "Nu"), ("dar", "fen", "gol", "hip", "jus", "kam", "lor", "mev")
"""Syllables of the vases' own names."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty vases in four colours, of which the titles name three as the tower does."""
    folder, rng = tmp_path_factory.mktemp("shop"), np.random.default_rng(3)
    rows = []
    for number in range(40):
        color = list(COLORS)[number % 4]
        pixels = np.clip(128 + 100 * np.array(COLORS[color]) + rng.normal(0, 12, (48, 48, 3)), 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
        name = FIRST[number % 5] + SECOND[number // 5]
        title = f"Vase {NAMED[color]} {name}"
        rows.append({"id": f"v{number}", "title": title, "photos": [f"{number}.png"]})
    (folder / "feed.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def shop(folder: Path) -> Iterator[Shop]:
    source = ModelSource(write_colour_model(folder / "colours"), "colours")
    add_model(source, AddOptions(name="colours"), folder / "models")
    settings = Settings(threads=1, model=Path("colours"), model_folder=folder / "models", objects=False, tune=False)
    with Shop.index(folder / "feed.jsonl", folder / "store", settings=settings)[0] as shop:
        yield shop


def test_the_weight_is_chosen_by_titles_with_unknown_words(shop: Shop) -> None:
    caption = shop.info()["caption"]
    assert caption["weight"] > 0 and caption["titles"] == 40
    before, after = caption["ndcg"]["some words unknown"]
    assert after > before and caption["gain"] > caption["error"]
    before, after = caption["ndcg"]["all words known"]
    assert after >= before - 0.01


def test_a_word_that_no_title_has_finds_photos(shop: Shop) -> None:
    answer = shop.search(k=10, steering=Steering(text="an azure vase", explain=True))
    assert {int(result.product.id[1:]) % 4 for result in answer.results} == {2}
    assert {meaning.words: meaning.kind for meaning in answer.words}["azure"] == "caption"
    first = answer.results[0]
    assert first.parts["caption"] > 0 and first.score == pytest.approx(sum(first.parts.values()), abs=1e-5)
    assert first.reasons is not None
    assert first.reasons.matches["caption"].name.endswith("azure vase")


def test_words_and_a_photo_add_up(shop: Shop, folder: Path) -> None:
    answer = shop.search(folder / "0.png", 3, steering=Steering(text="azure"))
    assert {int(result.product.id[1:]) % 4 for result in answer.results} == {2}
    plain = shop.search(folder / "0.png", 3)
    assert "caption" not in plain.weights and plain.results[0].product.id == "v0"


def test_a_weight_of_zero_leaves_it_out(shop: Shop) -> None:
    answer = shop.search(k=5, steering=Steering(text="azure lemon", weights={"caption": 0}))
    assert {int(result.product.id[1:]) % 4 for result in answer.results} == {3}
    assert not answer.results[0].parts.get("caption")


def test_titles_are_found_as_without_it(shop: Shop, folder: Path) -> None:
    for number in (2, 7, 20):
        title = json.loads((folder / "feed.jsonl").read_text().splitlines()[number])["title"]
        assert shop.search(k=1, steering=Steering(text=title)).results[0].product.id == f"v{number}"


def test_a_store_without_the_tower_does_not_understand_the_word(folder: Path) -> None:
    settings = Settings(threads=1, objects=False, tune=False)
    with (
        Shop.index(folder / "feed.jsonl", folder / "plain", settings=settings)[0] as shop,
        pytest.raises(InvalidValue) as error,
    ):
        assert shop.info()["caption"] == {}
        shop.search(steering=Steering(text="azure"))
    assert error.value.code == "not-understood"
