"""Dimensions whose classes the shop only names: photos are scored by the names, through the text tower of the model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shoplens import Shop
from shoplens.errors import InvalidValue, SettingsError
from shoplens.models.add import AddOptions, ModelSource, add_model
from shoplens.settings import Settings
from shoplens.settings.dimensions import DimensionRule, DimensionRules
from shoplens.settings.preferences import Preferences
from shoplens.types import Steering
from tests.models.colour_model import COLORS, write_colour_model

pytestmark = [pytest.mark.extras, pytest.mark.slow]
pytest.importorskip("tokenizers", reason="the extra `hub` is not installed")

NAMES = ("Crimson", "Emerald", "Azure")
RULE = DimensionRule(classes=NAMES, template="a photo of a {} vase")
MakeShop = Callable[..., Shop]


@pytest.fixture(scope="module")
def make_shop(tmp_path_factory: pytest.TempPathFactory) -> MakeShop:
    """Makes a shop of vases in three colours, of which the feed labels some in the attribute `tone`."""
    folder, rng = tmp_path_factory.mktemp("shop"), np.random.default_rng(3)
    for number in range(45):
        pixels = 128 + 100 * np.array(COLORS[NAMES[number % 3].lower()]) + rng.normal(0, 12, (48, 48, 3))
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / f"{number}.png")
    add_model(
        ModelSource(write_colour_model(folder / "colours"), "colours"), AddOptions(name="colours"), folder / "models"
    )

    def make(name: str, labelled: int = 0, model: str = "colours", rule: DimensionRule = RULE) -> Shop:
        rows: list[dict[str, Any]] = []
        for number in range(45):
            tone = {"attributes": {"tone": NAMES[number % 3].lower()}} if number < labelled else {}
            rows.append({"id": f"v{number}", "title": f"Vase {number}", "photos": [f"{number}.png"], **tone})
        feed = folder / f"{name}.jsonl"
        feed.write_text("".join(json.dumps(row) + "\n" for row in rows))
        rules = DimensionRules(rules={"tone": rule})
        settings = Settings(threads=1, model=Path(model), model_folder=folder / "models", objects=False, tune=False)
        settings = replace(settings, preferences=Preferences(dimensions=rules))
        return Shop.index(feed, folder / name, settings=settings)[0]

    return make


def tones(shop: Shop, answer: Any) -> set[str]:
    return {NAMES[int(result.product.id[1:]) % 3] for result in answer.results}


def test_nobody_need_label_anything(make_shop: MakeShop) -> None:
    with make_shop("unlabelled") as shop:
        (row,) = [one for one in shop.dimensions() if one.name == "tone"]
        assert "not calibrated" in row.note and row.weight == 0 and list(row.classes or ()) == list(NAMES)
        answer = shop.search(k=10, steering=Steering(text="azure"))
        assert tones(shop, answer) == {"Azure"} and len(answer.results) == 10
        assert any("not calibrated" in note for note in answer.notes)
        predicted = shop.search(k=45, where="tone = emerald", steering=Steering(text="emerald", predicted=0.5))
        assert tones(shop, predicted) == {"Emerald"} and len(predicted.results) == 15
    with Shop(settings=shop.settings) as again:  # as it is stored
        assert tones(again, again.search(k=10, steering=Steering(text="azure"))) == {"Azure"}


def test_labels_of_the_feed_calibrate_the_names(make_shop: MakeShop) -> None:
    with make_shop("labelled", 30) as shop:
        (row,) = [one for one in shop.dimensions() if one.name == "tone"]
        assert "calibrated by 30 labelled photos" in row.note
        assert row.quality is not None and row.quality.accuracy == 1.0 and row.quality.is_visible
        answer = shop.search(k=10, steering=Steering(text="azure"))
        assert tones(shop, answer) == {"Azure"}
        assert not any("not calibrated" in note for note in answer.notes)


def test_a_model_without_a_text_tower_says_what_to_do(make_shop: MakeShop) -> None:
    with pytest.raises(InvalidValue) as error:
        make_shop("without", model="efficientnet-lite2-int8")
    assert error.value.code == "no-text-tower"


@pytest.mark.parametrize(
    "rule",
    [
        {"classes": ("boho",)},
        {"classes": ("boho", "Boho")},
        {"classes": ("boho", "minimal"), "template": "a photo"},
        {"classes": ("boho", "minimal"), "kind": "multi"},
    ],
)
def test_names_that_cannot_be_used_are_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        DimensionRule(**rule)
