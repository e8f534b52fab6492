"""A shop for the filters: 72 products of four colours, plain or striped, half of whose colours the feed leaves out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.fakes import Color, feed_of, row

COLORS: dict[str, Color] = {
    "red": (200, 30, 30),
    "green": (30, 160, 50),
    "blue": (30, 60, 200),
    "yellow": (230, 210, 40),
}
PATTERNS = ("plain", "striped")
PER_KIND = 9
PRODUCTS = PER_KIND * len(COLORS) * len(PATTERNS)


def picture(color: str, pattern: str, seed: int) -> Image.Image:
    """A square of about this colour on white, with or without black stripes below its middle."""
    rng = np.random.default_rng([len(color), PATTERNS.index(pattern), seed])
    shade = np.clip(np.array(COLORS[color]) + rng.integers(-18, 19, 3), 0, 255).astype(np.uint8)
    pixels = np.full((48, 48, 3), 255, np.uint8)
    pixels[6:42, 6:42] = shade
    if pattern == "striped":
        pixels[26:42:4, 6:42] = 0
        pixels[27:42:4, 6:42] = 0
    return Image.fromarray(pixels)


def kinds() -> list[tuple[str, str, int]]:
    """Colour, pattern and number of every product, in the order of their ids."""
    return [(color, pattern, n) for color in COLORS for pattern in PATTERNS for n in range(PER_KIND)]


def product_name(color: str, pattern: str, number: int) -> str:
    return f"{color}-{pattern}-{number}"


def tells_color(number: int) -> bool:
    """Whether the feed says the colours of products of this number."""
    return number % 2 == 0


def made_feed(folder: Path) -> Path:
    """The feed, and its photos beside it; another photo of every kind is ``asked-COLOR-PATTERN.png``."""
    rows = []
    for color, pattern, number in kinds():
        name = product_name(color, pattern, number)
        picture(color, pattern, number).save(folder / f"{name}.png")
        attributes: dict[str, Any] = {"pattern": pattern, "season": "summer"}
        if tells_color(number):
            attributes["color"] = color.title()
        category = ["Home", "Rugs"] if number % 3 == 0 else ["Women", "Tops"]
        rows.append(row(name, attributes=attributes, category=category, price=float(number)))
    for color in COLORS:
        for pattern in PATTERNS:
            picture(color, pattern, 99).resize((40, 40)).save(asked(folder, color, pattern))
    return feed_of(folder / "feed.jsonl", rows)


def asked(folder: Path, color: str, pattern: str) -> Path:
    """A query photo of a product that the shop does not have."""
    return folder / f"asked-{color}-{pattern}.png"
