"""Small shops whose products can be learned: the photo's colour says which it is, its lower half only disturbs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from shoplens import Shop
from shoplens.settings import Settings
from tests.fakes import ColourEmbedder, feed_of, row

SETTINGS = Settings(threads=2)


def spotted(path: Path, number: int, view: int) -> Path:
    """A photo whose upper left quarter, which the fake network sees, says nothing of the product; the rest does."""
    rng = np.random.default_rng((number, view))
    pixels = np.empty((16, 16, 3), np.uint8)
    pixels[:] = np.random.default_rng(number).integers(0, 256, 3)
    pixels[:8, :8] = rng.integers(0, 256, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def learnable_feed(folder: Path, products: int = 60, photos: int = 3) -> Path:
    rows = [
        row(
            f"p{number}",
            *(spotted(folder / f"p{number}-{view}.png", number, view).name for view in range(photos)),
            group_id=f"g{number // 2}",
        )
        for number in range(products)
    ]
    return feed_of(folder / "feed.jsonl", rows)


def learnable_shop(folder: Path, products: int = 60, photos: int = 3) -> Shop:
    feed = learnable_feed(folder, products, photos)
    shop, _ = Shop.index(feed, folder / "store", embedder=ColourEmbedder(), settings=SETTINGS)
    return shop
