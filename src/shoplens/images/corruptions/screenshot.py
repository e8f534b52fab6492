"""A screenshot of a shop's page instead of a photo."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from shoplens.images.corruptions.framing import resize_by

WIDTH = 384
_Rgb = tuple[int, ...]


def draw_screenshot(image: Image.Image, height: int, rng: np.random.Generator) -> Image.Image:
    """Draw a shop's page on a phone, :data:`WIDTH` x ``height``: bars above and below, the picture between them."""
    paper, ink, soft = ((250, 250, 250), (30, 30, 32), (205, 205, 208))
    if rng.random() < 0.35:
        paper, ink, soft = ((20, 20, 22), (235, 235, 235), (70, 70, 74))
    screen = Image.new("RGB", (WIDTH, height), paper)
    margin = int(rng.integers(0, 24))
    room = (WIDTH - 2 * margin, int(height * rng.uniform(0.5, 0.62)))
    shown = resize_by(image, min(room[0] / image.width, room[1] / image.height))
    screen.paste(shown, ((WIDTH - shown.width) // 2, 84))
    draw = ImageDraw.Draw(screen)
    _draw_bars_above(draw, ink, soft)
    accent = tuple(int(n) for n in rng.integers(30, 200, 3))
    y = 84 + shown.height + 18
    for share, thick in ((float(rng.uniform(0.5, 0.85)), 16), (0.28, 20), *((float(s), 8) for s in rng.random(9))):
        if y + thick > height - 120:
            break
        draw.rounded_rectangle((20, y, 40 + share * (WIDTH - 70), y + thick), 3, ink if thick > 8 else soft)
        y += thick + 12
    draw.rounded_rectangle((20, height - 108, WIDTH - 20, height - 64), 22, accent)
    draw.rectangle((WIDTH * 0.32, height - 92, WIDTH * 0.68, height - 80), (255, 255, 255))
    for k in range(4):
        draw.ellipse((36 + k * 94, height - 42, 62 + k * 94, height - 16), soft)
    return screen


def _draw_bars_above(draw: ImageDraw.ImageDraw, ink: _Rgb, soft: _Rgb) -> None:
    """Draw the clock, the battery and its neighbours, then the shop's name between two buttons."""
    for k, x in enumerate((22, 31, 44, 53)):
        draw.rectangle((x, 12, x + 6, 22), ink if k % 2 else soft)
    for k in range(4):
        draw.rectangle((WIDTH - 92 + k * 6, 20 - k * 3, WIDTH - 89 + k * 6, 22), ink)
    draw.rounded_rectangle((WIDTH - 48, 11, WIDTH - 22, 22), 3, outline=ink)
    draw.rectangle((WIDTH - 46, 13, WIDTH - 32, 20), ink)
    draw.line(((30, 48), (20, 57), (30, 66)), ink, 3)
    draw.rounded_rectangle((WIDTH * 0.34, 50, WIDTH * 0.66, 64), 4, ink)
    draw.ellipse((WIDTH - 42, 46, WIDTH - 20, 68), outline=ink, width=3)
    draw.line(((0, 80), (WIDTH, 80)), soft, 1)
