"""A shop of four drawn products, and photos of several of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from shoplens import Region, Shop
from shoplens.rendered import ProductSpec, product_photo
from shoplens.rendered.scene_photo import scene_photo
from shoplens.settings import Settings

SETTINGS = Settings(threads=1, rate=0)
PRODUCTS = {
    "backpack": ProductSpec("backpack", "green", "solid", "canvas", "brown", "classic", number=1, group=1),
    "beanie": ProductSpec("beanie", "red", "solid", "knit", "white", "cuffed", number=2, group=2),
    "cushion": ProductSpec("cushion", "yellow", "dots", "cotton", "navy", "square", "small", number=3, group=3),
    "tee": ProductSpec("t-shirt", "blue", "solid", "cotton", "white", "crew neck", number=4, group=4),
}


@dataclass(frozen=True)
class Scenes:
    """A shop of four drawn products, and photos of them.

    Attributes:
        folder: with ``store``, ``two.png`` (beanie and backpack), ``one.png`` (beanie) and ``none.png``.
        boxes: of beanie and backpack in ``two.png``.
    """

    folder: Path
    boxes: tuple[Region, ...]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Scenes:
    folder = tmp_path_factory.mktemp("scenes")
    lines = []
    for name, product in PRODUCTS.items():
        product_photo(product).save(folder / f"{name}.png")
        lines.append(json.dumps({"id": name, "title": name, "photos": [f"{name}.png"]}))
    (folder / "feed.jsonl").write_text("\n".join(lines) + "\n")
    Shop.index(folder / "feed.jsonl", folder / "store", settings=SETTINGS)[0].close()
    two = scene_photo([PRODUCTS["beanie"], PRODUCTS["backpack"]], seed=4)
    two.picture.save(folder / "two.png")
    scene_photo([PRODUCTS["beanie"]], seed=4).picture.save(folder / "one.png")
    Image.new("RGB", (320, 240)).save(folder / "none.png")
    return Scenes(folder, two.boxes)


@pytest.fixture(scope="module")
def shop(scenes: Scenes) -> Iterator[Shop]:
    with Shop(scenes.folder / "store", settings=SETTINGS) as shop:
        yield shop


def overlap(one: Region, two: Region) -> float:
    """Return the intersection over union of two boxes."""
    wide = min(one.x + one.width, two.x + two.width) - max(one.x, two.x)
    high = min(one.y + one.height, two.y + two.height) - max(one.y, two.y)
    common = max(wide, 0) * max(high, 0)
    return common / (one.width * one.height + two.width * two.height - common)
