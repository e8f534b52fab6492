"""Where phone photos are taken: on a floor or a bed, seen from above, or on a table before a wall."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from shoplens.images.drawing.camera import Camera, back_project
from shoplens.images.drawing.colors import Lab, rgb
from shoplens.images.drawing.patterns import Plane, coverage
from shoplens.images.drawing.relief import noise, slopes

Rng = np.random.Generator
Colors = npt.NDArray[np.floating[Any]]
"""Display colours in 0..1, float32, shape (height, width, 3) or (3,)."""
Ground = Callable[[Plane, Plane, Rng], Colors]
"""(a, b) in drawing units -> the colours there."""

_WOODS: tuple[Lab, ...] = ((62, 12, 27), (48, 14, 24), (34, 12, 17), (76, 6, 18), (68, 2, 8))
_STONES: tuple[Lab, ...] = ((86, 0, 4), (70, 1, 6), (58, 0, -3), (80, 4, 12), (45, -4, -8))
_CLOTHS: tuple[Lab, ...] = (
    (92, 0, 4),
    (74, -6, -12),
    (60, 12, 8),
    (46, -6, -14),
    (82, 10, 8),
    (70, -8, 10),
    (40, 4, -16),
)
_PAINTS: tuple[Lab, ...] = ((90, 0, 6), (86, 1, 2), (78, -6, -4), (74, 8, 16), (60, -10, 2), (82, 6, 4), (50, -4, -14))
_STEP = 2


def draw_flat_scene(camera: Camera, rng: Rng) -> Image.Image:
    """Draw a ground that fills the picture, RGB."""
    a, b, _ = back_project(camera.plane((0, 0, 0), (1, 0, 0), (0, -1, 0)), (camera.width, camera.height), _STEP)
    turn = np.float32(rng.uniform(-0.6, 0.6))
    a, b = a * np.cos(turn) + b * np.sin(turn), b * np.cos(turn) - a * np.sin(turn)
    return _to_image(_choice(FLOORS, rng)(a, b, rng), camera)


def draw_table_scene(camera: Camera, rng: Rng) -> Image.Image:
    """Draw a table top before a wall, RGB."""
    size = camera.width, camera.height
    back = float(rng.uniform(70, 130))
    a, b, depth = back_project(camera.plane((0, 0, 0), (1, 0, 0), (0, -1, 0)), size, _STEP)
    wall_a, wall_b, _ = back_project(camera.plane((0, back, 0), (1, 0, 0), (0, 0, -1)), size, _STEP)
    table = _choice(TABLES, rng)(a, b, rng)
    wall = _choice(WALLS, rng)(wall_a, wall_b, rng)
    on_table = np.clip((b + np.float32(back)) * np.float32(0.6), 0, 1) * (depth > 0)
    dusk = np.clip(1 - np.float32(0.35) * np.exp(wall_b * np.float32(0.05)), 0.5, 1)
    edge = np.float32(1) - np.float32(0.25) * np.exp(-np.abs(b + np.float32(back)) * np.float32(0.06))
    mixed = wall * dusk[..., None] * (1 - on_table[..., None]) + (table * edge[..., None]) * on_table[..., None]
    return _to_image(mixed, camera)


def _choice(grounds: tuple[Ground, ...], rng: Rng) -> Ground:
    return grounds[int(rng.integers(len(grounds)))]


def _to_image(colors: Colors, camera: Camera) -> Image.Image:
    small = Image.fromarray((np.clip(colors, 0, 1) * 255 + 0.5).astype(np.uint8))
    return small.resize((camera.width, camera.height), Image.Resampling.BICUBIC)


def _pick(colors: tuple[Lab, ...], rng: Rng) -> Colors:
    lightness, a, b = colors[int(rng.integers(len(colors)))]
    return rgb((lightness + float(rng.uniform(-5, 5)), a, b))


def _tone(color: Colors, tone: Plane) -> Colors:
    toned: Colors = color * tone[..., None]
    return toned


def _chance(cell: Plane, salt: float) -> Plane:
    """A number in 0..1 for each whole ``cell``."""
    wave = np.sin(cell * np.float32(12.9898) + np.float32(salt)) * np.float32(437.585)
    chance: Plane = wave - np.floor(wave)
    return chance


def _planks(a: Plane, b: Plane, rng: Rng) -> Colors:
    width, salt = rng.uniform(13, 26), float(rng.uniform(0, 9))
    row = np.floor(b / np.float32(width))
    along = a + _chance(row, salt) * 160
    board = row * 7 + np.floor(along / np.float32(140))
    swirl = np.sin(along * np.float32(0.035) + _chance(board, salt + 1) * 20) * np.float32(2.2)
    grain = np.sin(b * np.float32(1.5) + swirl * np.float32(1.7) + _chance(board, salt + 2) * 9)
    grain = grain * np.float32(0.6) + np.sin(b * np.float32(4.3) + swirl * 3 + np.float32(2)) * np.float32(0.4)
    gap = np.abs(b / np.float32(width) - row - np.float32(0.5)) > np.float32(0.5 - 0.45 / width)
    ends = np.abs(along / 140 - np.floor(along / 140) - np.float32(0.5)) > np.float32(0.497)
    tone = np.float32(0.88) + np.float32(0.2) * _chance(board, salt + 3) + grain * np.float32(0.055)
    return _tone(_pick(_WOODS, rng), tone * (1 - np.float32(0.5) * (gap | ends)))


def _table_wood(a: Plane, b: Plane, rng: Rng) -> Colors:
    salt = float(rng.uniform(0, 9))
    swirl = (
        np.sin(a * np.float32(0.022) + np.float32(salt)) * 5 + np.sin(a * np.float32(0.05) + b * np.float32(0.03)) * 2
    )
    grain = np.sin(b * np.float32(0.55) + swirl) * np.float32(0.6) + np.sin(
        b * np.float32(2.1) + swirl * 2
    ) * np.float32(0.4)
    return _tone(_pick(_WOODS, rng), 1 + grain * np.float32(0.07))


def _tiles(a: Plane, b: Plane, rng: Rng) -> Colors:
    side, salt = np.float32(rng.uniform(28, 52)), float(rng.uniform(0, 9))
    x, y = a / side, b / side
    tile = np.floor(x) * 17 + np.floor(y) * 5
    edge = np.maximum(np.abs(x - np.floor(x) - np.float32(0.5)), np.abs(y - np.floor(y) - np.float32(0.5)))
    joint = np.clip((edge - np.float32(0.478)) * 90, 0, 1)
    mottle = noise((a.shape[0], a.shape[1]), (14, 12), rng) * np.float32(0.03)
    tone = np.float32(0.94) + np.float32(0.1) * _chance(tile, salt) + mottle
    color = _pick(_STONES, rng)
    check = ((np.floor(x) + np.floor(y)) % 2) * np.float32(rng.choice([0.0, 0.0, 0.35]))
    colors: Colors = _tone(color, tone * (1 - check)) * (1 - joint[..., None]) + joint[..., None] * (
        color * np.float32(0.72)
    )
    return colors


def _stone(a: Plane, b: Plane, rng: Rng) -> Colors:
    shape = a.shape[0], a.shape[1]
    cloud = sum(
        noise(shape, (cells, cells), rng) * np.float32(weight) for cells, weight in ((4, 0.06), (11, 0.04), (40, 0.03))
    )
    vein = np.exp(-np.abs(np.sin(a * np.float32(0.03) + b * np.float32(0.02) + noise(shape, (5, 5), rng) * 2)) * 22)
    return _tone(_pick(_STONES, rng), 1 + cloud - vein * np.float32(0.16))


def _quilt(a: Plane, b: Plane, rng: Rng) -> Colors:
    side = np.float32(np.pi / rng.uniform(16, 30))
    puff = np.sqrt(np.abs(np.sin((a + b) * side) * np.sin((a - b) * side)))
    slant = np.cos((a + b) * side) * np.sign(np.sin((a + b) * side))
    folds = noise((a.shape[0], a.shape[1]), (4, 3), rng)
    tone = np.float32(0.78) + np.float32(0.2) * puff - np.float32(0.04) * slant + folds * np.float32(0.09)
    return _tone(_pick(_CLOTHS, rng), tone)


def _bedspread(a: Plane, b: Plane, rng: Rng) -> Colors:
    """Cloth in soft folds, often with a print of its own."""
    shape = a.shape[0], a.shape[1]
    height = noise(shape, (4, 3), rng) + np.float32(0.35) * noise(shape, (9, 7), rng)
    right, down = slopes(height)
    folds = np.clip((right * np.float32(0.6) + down) * np.float32(shape[0] / 9.0), -1.2, 1.2)
    color = _pick(_CLOTHS, rng)
    name = str(rng.choice(["solid", "stripes", "checks", "solid", "floral"]))
    second = coverage(name, a + height * 5, b + height * 5, (float(rng.uniform(12, 30)), 0.0), 0.8)[..., None]
    lighter = np.clip(color * np.float32(0.72) + np.float32(0.3), 0, 1)
    printed: Colors = color * (1 - second) + lighter * second
    return printed * (np.float32(0.93) - np.float32(0.17) * folds)[..., None]


def _carpet(a: Plane, b: Plane, rng: Rng) -> Colors:
    shape = a.shape[0], a.shape[1]
    pile = rng.standard_normal(shape, dtype=np.float32) * np.float32(0.05) + noise(shape, (24, 24), rng) * np.float32(
        0.05
    )
    color = _pick(_CLOTHS, rng)
    band = coverage("stripes", a, b, (float(rng.uniform(30, 60)), 0.0), 1.0)[..., None]
    colors: Colors = (color * (1 - band) + color * np.float32(rng.choice([0.7, 1.0, 0.85])) * band) * (1 + pile)[
        ..., None
    ]
    return colors


def _paint(a: Plane, b: Plane, rng: Rng) -> Colors:
    return _tone(_pick(_PAINTS, rng), 1 + noise((a.shape[0], a.shape[1]), (6, 5), rng) * np.float32(0.02))


def _wallpaper(a: Plane, b: Plane, rng: Rng) -> Colors:
    color = _pick(_PAINTS, rng)
    name = str(rng.choice(["stripes", "floral", "leaves", "diamonds"]))
    second = coverage(name, a, b, (float(rng.uniform(14, 26)), 0.0), 1.5)[..., None]
    return color * (1 - np.float32(0.14) * second)


def _bricks(a: Plane, b: Plane, rng: Rng) -> Colors:
    row = np.floor(b / 9)
    x = a / 26 + (row % 2) * np.float32(0.5)
    edge = (np.abs(b / 9 - row - np.float32(0.5)) > 0.44) | (np.abs(x - np.floor(x) - np.float32(0.5)) > 0.475)
    tone = np.float32(0.85) + np.float32(0.25) * _chance(np.floor(x) * 31 + row * 7, 3.0)
    color = _pick(((46, 26, 24), (90, 0, 4), (56, 20, 22)), rng)
    return _tone(color, tone * (1 - np.float32(0.16) * edge))


def _shelf(a: Plane, b: Plane, rng: Rng) -> Colors:
    """A shelf with rows of books behind the table."""
    row = np.floor(b / 58)
    y = b / 58 - row
    salt = float(rng.uniform(0, 9))
    x = a / 9 + np.sin(a * np.float32(0.05) + row) * np.float32(0.8)
    book = np.floor(x) + row * 40
    tall = np.float32(0.32) + np.float32(0.22) * _chance(book, salt)
    hue = _chance(book, salt + 1)[..., None]
    first, second, third = (_pick(tuple(_CLOTHS + _WOODS), rng) for _ in range(3))
    spine = np.where(hue < 0.33, first, np.where(hue < 0.66, second, third))
    round_ = np.sin((x - np.floor(x)) * np.float32(np.pi)) ** np.float32(0.35)
    books = spine * (np.float32(0.55) + np.float32(0.4) * round_)[..., None]
    board = (y > 0.93)[..., None]
    back = _pick(_WOODS, rng) * np.float32(0.55)
    inside = np.where(((y > tall) & (y <= 0.93))[..., None], books, back)
    wood = _pick(_WOODS, rng)
    return np.where(board, wood, inside).astype(np.float32)


FLOORS: tuple[Ground, ...] = (_planks, _tiles, _quilt, _bedspread, _carpet, _bedspread, _planks, _stone)
TABLES: tuple[Ground, ...] = (_table_wood, _planks, _stone, _table_wood, _tiles)
WALLS: tuple[Ground, ...] = (_paint, _wallpaper, _bricks, _shelf, _paint)
