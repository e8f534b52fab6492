"""A shop for the filters: 72 products of four colours, plain or striped; the feed has the colours of about half."""

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
    """Draw a square of about this colour on white, with or without black stripes below its middle."""
    rng = np.random.default_rng([len(color), PATTERNS.index(pattern), seed])
    shade = np.clip(np.array(COLORS[color]) + rng.integers(-18, 19, 3), 0, 255).astype(np.uint8)
    pixels = np.full((48, 48, 3), 255, np.uint8)
    pixels[6:42, 6:42] = shade
    if pattern == "striped":
        pixels[26:42:4, 6:42] = 0
        pixels[27:42:4, 6:42] = 0
    return Image.fromarray(pixels)


def kinds() -> list[tuple[str, str, int]]:
    """Return colour, pattern and number of every product, in the order of the feed."""
    return [(color, pattern, n) for color in COLORS for pattern in PATTERNS for n in range(PER_KIND)]


def product_name(color: str, pattern: str, number: int) -> str:
    return f"{color}-{pattern}-{number}"


def feed_has_color(number: int) -> bool:
    """Whether the feed has the colour of products of this number."""
    return number % 2 == 0


def write_feed(folder: Path) -> Path:
    """Write the feed, the photos of its products, and a query photo of every kind; return the path of the feed."""
    rows = []
    for color, pattern, number in kinds():
        name = product_name(color, pattern, number)
        picture(color, pattern, number).save(folder / f"{name}.png")
        attributes: dict[str, Any] = {"pattern": pattern, "season": "summer"}
        if feed_has_color(number):
            attributes["color"] = color.title()
        category = ["Home", "Rugs"] if number % 3 == 0 else ["Women", "Tops"]
        rows.append(row(name, attributes=attributes, category=category, price=float(number)))
    for color in COLORS:
        for pattern in PATTERNS:
            picture(color, pattern, 99).resize((40, 40)).save(query_photo(folder, color, pattern))
    return feed_of(folder / "feed.jsonl", rows)


def query_photo(folder: Path, color: str, pattern: str) -> Path:
    """Return the path of a query photo of this kind, of a product that the shop does not have."""
    return folder / f"query-{color}-{pattern}.png"
