"""The shipped network finds the thing in a photo; a photo of nothing is answered by no product, without calibration."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from shoplens import Shop
from shoplens.settings import Settings
from shoplens.types import Region
from tests.images.made_photos import scene

SETTINGS = Settings(threads=1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blank")
    lines = []
    for number in range(3):
        scene(120, 90, number).save(folder / f"{number}.png")
        lines.append(json.dumps({"id": f"p{number}", "title": "P", "photos": [f"{number}.png"]}))
    (folder / "feed.jsonl").write_text("\n".join(lines) + "\n")
    Shop.index(folder / "feed.jsonl", folder / "store", settings=SETTINGS)[0].close()
    return folder / "store"


def test_a_photo_of_nothing_has_no_results(store: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype(np.uint8)
    photos = {"black": np.zeros((90, 120, 3), np.uint8), "white": np.full((90, 120, 3), 255, np.uint8), "noise": noise}
    with Shop(store, settings=SETTINGS) as shop:
        for name, pixels in photos.items():
            Image.fromarray(pixels).save(tmp_path / f"{name}.png")
            for strategy in ("", "pretrained"):
                answer = shop.search(tmp_path / f"{name}.png", strategy=strategy)
                assert (answer.verdict, answer.results, answer.absent_probability) == ("no-product", (), None)


def test_the_blank_photo_of_a_product_finds_that_product(store: Path, tmp_path: Path) -> None:
    Image.new("RGB", (70, 50), (128, 128, 128)).save(tmp_path / "tile.png")
    feed = tmp_path / "feed.jsonl"
    feed.write_text(json.dumps({"id": "tile", "title": "Grey tile", "photos": ["tile.png"]}) + "\n")
    shop, _ = Shop.index(feed, tmp_path / "store", settings=SETTINGS)
    with shop:
        answer = shop.search(tmp_path / "tile.png")
        assert (answer.verdict, answer.results[0].product.id, answer.results[0].same_photo) == ("exact", "tile", True)


def test_a_photo_of_something_is_answered(store: Path, tmp_path: Path) -> None:
    scene(120, 90, 1).resize((96, 72)).save(tmp_path / "smaller.png")
    with Shop(store, settings=SETTINGS) as shop:
        answer = shop.search(tmp_path / "smaller.png")
        assert (answer.verdict, answer.results[0].product.id) == ("uncalibrated", "p1")
        assert set(answer.results[0].parts) >= {"look", "object"}


def test_the_box_around_the_thing_is_in_pixels_of_the_photo(store: Path, tmp_path: Path) -> None:
    image = Image.new("RGB", (800, 600), (225, 222, 215))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((480, 180, 720, 460), 40, fill=(150, 30, 40), outline=(90, 10, 20), width=8)
    draw.ellipse((560, 260, 640, 340), fill=(240, 220, 120))
    image.save(tmp_path / "thing.jpg", quality=95)
    with Shop(store, settings=SETTINGS) as shop:
        for region in (None, Region(300, 50, 480, 500)):
            box = shop.search(tmp_path / "thing.jpg", region=region).object
            assert box is not None
            assert abs(box.x - 480) < 40 and abs(box.y - 180) < 40
            assert abs(box.x + box.width - 720) < 40 and abs(box.y + box.height - 460) < 40
        assert shop.search(tmp_path / "thing.jpg", strategy="pretrained").object is None
