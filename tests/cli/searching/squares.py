"""A shop of plain and striped squares for the shipped model, and functions that search it from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from tests.cli.command_line import run_command
from tests.fakes import Color, feed_of, row

SHADES: dict[str, Color] = {"Red": (200, 30, 30), "Green": (30, 140, 50), "Blue": (40, 60, 190)}
PATTERNS = ("Plain", "Striped")


def draw_square(path: Path, color: Color, pattern: str, variant: int) -> None:
    """Save a photo of a square on white; ``variant`` shifts its white stripes and the shade of its upper edge."""
    photo = Image.new("RGB", (96, 96), "white")
    draw = ImageDraw.Draw(photo)
    draw.rectangle((16, 14, 80, 82), fill=color)
    for top in range(18 + variant % 4, 80, 12) if pattern == "Striped" else ():
        draw.rectangle((16, top, 80, top + 5), fill="white")
    shade = tuple(min(255, channel + 2 * variant) for channel in color)
    draw.rectangle((16, 14, 80, 17), fill=shade)  # no two photos are the same
    photo.save(path)


def square_row(product_id: str, pattern: str, color: str | None) -> dict[str, Any]:
    """Return the row of a square for the feed; without a colour, the row has no attribute ``color``."""
    attributes = {"pattern": pattern} | ({"color": color} if color else {})
    return row(product_id, price=10.0, attributes=attributes, category=["Squares", pattern])


def write_squares(folder: Path) -> Path:
    """Write photos and a feed of 39 squares, and return the path of the feed.

    There are six squares of each colour and pattern, a pink one, and a green and a red one without an attribute
    ``color``. ``query.png`` and ``red.png`` in the same folder are photos that no product has.
    """
    rows = []
    for color, shade in SHADES.items():
        for pattern in PATTERNS:
            for number in range(6):
                product_id = f"{color}-{pattern}-{number}".lower()
                draw_square(folder / f"{product_id}.png", shade, pattern, number)
                rows.append(square_row(product_id, pattern, color))
    for color in ("Green", "Red"):
        draw_square(folder / f"unlabeled-{color.lower()}.png", SHADES[color], "Plain", 7)
        rows.append(square_row(f"unlabeled-{color.lower()}", "Plain", None))
    rows.append(square_row("pinkish", "Plain", "Pink"))
    draw_square(folder / "pinkish.png", (250, 150, 170), "Plain", 3)
    draw_square(folder / "query.png", SHADES["Green"], "Striped", 9)
    draw_square(folder / "red.png", SHADES["Red"], "Striped", 9)
    return feed_of(folder / "feed.jsonl", rows)


def run_search(folder: Path, *words: object, command: str = "search") -> dict[str, Any]:
    """Run a search of the shop, which must succeed, and return its answer."""
    result = run_command(command, *words, "--store", folder / "store", "--json")
    assert result.code == 0, result.err
    return result.json


def product_ids(answer: dict[str, Any]) -> list[str]:
    """Return the ids of the results of an answer, best first."""
    return [product["product_id"] for product in answer["results"]]


def run_invalid_command(folder: Path, *words: object, command: str = "search") -> dict[str, str]:
    """Run a command with invalid input, which must exit with 3, and return its error."""
    result = run_command(command, *words, "--store", folder / "store", "--json")
    assert (result.code, "Traceback" in result.err) == (3, False)
    error = result.json["error"]
    assert error["fix"]
    assert isinstance(error, dict)
    return error
