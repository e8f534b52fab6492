"""Small shops whose products can be learned: a pattern says which product it is, and its colour is noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from shoplens import Shop
from shoplens.settings import Settings
from tests.fakes import ColourEmbedder, feed_of, row

SETTINGS = Settings(threads=1)


def draw_pattern(path: Path, number: int, view: int, margin: int = 0) -> Path:
    """Draw a photo of three by three fields, and return its path. The filled fields say which product it is; their
    colour is another in every photo, and says nothing.

    Args:
        margin: width in pixels of the white that surrounds it.
    """
    is_filled = np.random.default_rng(number).random((3, 3)) < 0.5
    is_filled[1, 1] = True
    pixels = np.full((48, 48, 3), 255, np.uint8)
    pixels[6:42, 6:42][np.kron(is_filled, np.ones((12, 12), bool))] = np.random.default_rng((number, view)).integers(
        0, 190, 3
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), constant_values=255)
    Image.fromarray(pixels).save(path)
    return path


def write_learnable_feed(
    folder: Path, products: int = 60, photos: int = 3, per_group: int = 2, margin: int = 0
) -> Path:
    rows = [
        row(
            f"p{number}",
            *(draw_pattern(folder / f"p{number}-{view}.png", number, view, margin).name for view in range(photos)),
            group_id=f"g{number // per_group}",
        )
        for number in range(products)
    ]
    return feed_of(folder / "feed.jsonl", rows)


def create_learnable_shop(folder: Path, products: int = 60, photos: int = 3) -> Shop:
    feed = write_learnable_feed(folder, products, photos)
    shop, _ = Shop.index(feed, folder / "store", embedder=ColourEmbedder(), settings=SETTINGS)
    return shop
