"""A shop of plain and striped squares, with the shipped model, and searches of it from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from tests.cli.command_line import shoplens
from tests.fakes import Color, feed_of, row

SHADES: dict[str, Color] = {"Red": (200, 30, 30), "Green": (30, 140, 50), "Blue": (40, 60, 190)}
PATTERNS = ("Plain", "Striped")


def square(path: Path, color: Color, pattern: str, place: int) -> Path:
    """A square on white, its stripes white and at ``place``."""
    photo = Image.new("RGB", (96, 96), "white")
    draw = ImageDraw.Draw(photo)
    draw.rectangle((16, 14, 80, 82), fill=color)
    for top in range(18 + place % 4, 80, 12) if pattern == "Striped" else ():
        draw.rectangle((16, top, 80, top + 5), fill="white")
    shade = tuple(min(255, channel + 2 * place) for channel in color)
    draw.rectangle((16, 14, 80, 17), fill=shade)  # no two photos are the same
    photo.save(path)
    return path


def product(name: str, color: str, pattern: str, told: bool = True) -> dict[str, Any]:
    said = {"pattern": pattern} | ({"color": color} if told else {})
    return row(name, price=10.0, attributes=said, category=["Squares", pattern])


def write_squares(folder: Path) -> Path:
    """Write a feed of six squares of each colour and pattern; of one green and one red one it does not tell the colour.

    ``asked.png`` and ``red.png`` beside it are photos that no product has.
    """
    rows = []
    for color, shade in SHADES.items():
        for pattern in PATTERNS:
            for number in range(6):
                name = f"{color}-{pattern}-{number}".lower()
                square(folder / f"{name}.png", shade, pattern, number)
                rows.append(product(name, color, pattern))
    for color in ("Green", "Red"):
        square(folder / f"untold-{color.lower()}.png", SHADES[color], "Plain", 7)
        rows.append(product(f"untold-{color.lower()}", color, "Plain", told=False))
    rows.append(product("pinkish", "Pink", "Plain"))
    square(folder / "pinkish.png", (250, 150, 170), "Plain", 3)
    square(folder / "asked.png", SHADES["Green"], "Striped", 9)
    square(folder / "red.png", SHADES["Red"], "Striped", 9)
    return feed_of(folder / "feed.jsonl", rows)


def answer_to(folder: Path, *words: object, command: str = "search") -> dict[str, Any]:
    """The answer to a search, as JSON."""
    done = shoplens(command, *words, "--store", folder / "store", "--json")
    assert done.code == 0, done.err
    return done.told


def product_ids(told: dict[str, Any]) -> list[str]:
    return [one["product_id"] for one in told["results"]]


def error_of(folder: Path, *words: object, command: str = "search") -> dict[str, str]:
    done = shoplens(command, *words, "--store", folder / "store", "--json")
    assert (done.code, "Traceback" in done.err) == (3, False)
    error = done.told["error"]
    assert error["fix"]
    assert isinstance(error, dict)
    return error
