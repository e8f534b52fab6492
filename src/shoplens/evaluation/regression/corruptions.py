"""Made corruptions: what goes wrong with a shopper's photo, each alone, for the quality gate.

Every kind starts from the photo a little smaller than it was (longest side at most :data:`LONGEST`), so that not even
``clean`` is equal, byte for byte or pixel for pixel, to the photo that the store knows.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from zlib import crc32

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from shoplens.errors import InvalidValue
from shoplens.rendered.photography.props import hand_image
from shoplens.types import Pixels

Rng = np.random.Generator
Matrix = npt.NDArray[np.float64]

LONGEST = 800
"""Pixels of the longest side, at most."""
SMALLEST = 8
"""Pixels of the shortest side of a photo that can be corrupted."""

_QUALITY = 92
_SHRINK = 0.94
_ZOOM = 0.86
_HANDS = 12
_ORIENTATION = 0x0112
_STORED_AS = {
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}
"""EXIF orientation -> how an upright picture is turned into the pixels that it is stored as."""


@dataclass(frozen=True, slots=True)
class Corruption:
    """One thing that goes wrong.

    Attributes:
        about: a sentence for people.
        file: upright RGB picture and random numbers -> the JPEG file's bytes.
    """

    about: str
    file: Callable[[Image.Image, Rng], bytes]


def corrupt(pixels: Pixels, kind: str, seed: int) -> bytes:
    """The photo as it would arrive with one thing gone wrong: a JPEG file's bytes.

    Args:
        pixels: uint8 (h, w, 3), RGB, upright, at least 8 x 8.
        kind: of :data:`CORRUPTIONS`.
        seed: 0 or more; the same photo, kind and seed give the same bytes. Give each photo its own, or all of them
            are tilted by the same angle.

    Raises:
        InvalidValue: for anything else.
    """
    if kind not in CORRUPTIONS:
        raise InvalidValue(f"Corruption is {kind!r}.", f"Choose of {', '.join(CORRUPTIONS)}.")
    if seed < 0:
        raise InvalidValue(f"The seed is {seed!r}.", "Choose 0 or more.")
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or min(pixels.shape[:2]) < SMALLEST:
        raise InvalidValue(
            f"A photo of shape {pixels.shape}, {pixels.dtype}, cannot be corrupted.",
            f"Give uint8 of shape (height, width, 3), both at least {SMALLEST}.",
        )
    rng = np.random.default_rng([seed, crc32(kind.encode())])
    return CORRUPTIONS[kind].file(_smaller(pixels), rng)


def _smaller(pixels: Pixels) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return _scale(image, min(_SHRINK, LONGEST / max(image.size)))


def _scale(image: Image.Image, factor: float) -> Image.Image:
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def _jpeg(image: Image.Image, quality: int = _QUALITY, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, exif=b"" if orientation == 1 else exif)
    return file.getvalue()


def _clean(image: Image.Image, rng: Rng) -> bytes:
    return _jpeg(image)


def _blur(image: Image.Image, rng: Rng) -> bytes:
    """Out of focus, and shaken along one side."""
    half = _scale(image, 0.5)  # a quarter of the work, and nothing that fine survives
    radius = float(rng.uniform(0.009, 0.013)) * min(half.size)
    shaken = radius * float(rng.uniform(1.2, 2.2))
    soft = half.filter(ImageFilter.GaussianBlur((shaken, radius) if rng.random() < 0.5 else (radius, shaken)))
    return _jpeg(soft.resize(image.size, Image.Resampling.BILINEAR))


def _glare(image: Image.Image, rng: Rng) -> bytes:
    """A lamp mirrored in the product: a burnt-out spot and a band of light, and a veil over everything."""
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    across = float(rng.uniform(0, np.pi))
    left, top = rng.uniform(-0.45, 0.45, 2)
    along = (x - left) * np.cos(across) + (y - top) * np.sin(across)
    aside = (y - top) * np.cos(across) - (x - left) * np.sin(across)
    spot = 1.5 * np.exp(-((along / rng.uniform(0.30, 0.42)) ** 2) - (aside / rng.uniform(0.22, 0.32)) ** 2)
    band = rng.uniform(0.35, 0.5) * np.exp(-((aside / rng.uniform(0.10, 0.16)) ** 2))
    light = 1 - np.exp(-1.6 * (spot + band) - rng.uniform(0.14, 0.24))
    mask = Image.fromarray((light * 255).astype(np.uint8)).resize(image.size, Image.Resampling.BILINEAR)
    lit = image.copy()
    lit.paste((255, 253, 244), (0, 0), mask)
    return _jpeg(lit)


def _dark(image: Image.Image, rng: Rng) -> bytes:
    """Hardly any light: noise, a warm cast, faint colours."""
    light = float(rng.uniform(0.20, 0.32))
    warm = float(rng.uniform(0.0, 0.25))
    faint = float(rng.uniform(0.55, 0.8))
    mix = faint * np.eye(3) + (1 - faint) * np.array([0.3, 0.59, 0.11])
    gain = light * np.exp([warm / 2, 0.0, -warm / 2])
    matrix = tuple(float(n) for n in np.column_stack([mix * gain[:, None], np.zeros(3)]).ravel())
    dim = np.asarray(image.convert("RGB", matrix)).astype(np.int16)
    grain = (rng.standard_normal((160, 160, 3), dtype=np.float32) * rng.uniform(5.0, 9.0)).astype(np.int16)
    height, width = dim.shape[:2]
    dim += np.tile(grain, (height // 160 + 1, width // 160 + 1, 1))[:height, :width]
    return _jpeg(Image.fromarray(dim.clip(0, 255).astype(np.uint8)))


def _rotation(image: Image.Image, rng: Rng) -> bytes:
    """Tilted by 10 to 25 degrees either way; what lies beyond the photo goes on in the colours of its edges."""
    angle = float(np.radians(rng.uniform(10, 25))) * (1 if rng.random() < 0.5 else -1)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]]) / _ZOOM  # pixel of the tilted picture -> pixel of the photo
    size = np.array(image.size)
    corners = (np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) - 0.5) * (size - 2) @ np.linalg.inv(turn).T + size / 2
    frame = Image.new("L", image.size)
    ImageDraw.Draw(frame).polygon([(float(x), float(y)) for x, y in corners], 255)
    tilted = _extend_edges(image, turn)
    tilted.paste(_rotate(image, image.size, turn), mask=frame)
    return _jpeg(tilted)


def _extend_edges(image: Image.Image, turn: Matrix) -> Image.Image:
    """The photo turned and coarse, its edges drawn out to all sides."""
    coarse = np.array([max(1, image.width // 16), max(1, image.height // 16)])
    small = image.resize((int(coarse[0]), int(coarse[1])), Image.Resampling.BOX)
    wide = np.pad(np.asarray(small), ((small.height,) * 2, (small.width,) * 2, (0, 0)), mode="edge")
    shrink = coarse / image.size
    around = Image.fromarray(wide).filter(ImageFilter.GaussianBlur(1))
    return _rotate(around, small.size, turn * shrink[:, None] / shrink).resize(image.size, Image.Resampling.BICUBIC)


def _rotate(image: Image.Image, size: tuple[int, int], turn: Matrix) -> Image.Image:
    """A picture of ``size`` about the middle of ``image``; ``turn`` leads from it back into ``image``."""
    back = np.column_stack([turn, np.array(image.size) / 2 - turn @ np.array(size) / 2])
    place = tuple(float(n) for n in back.ravel())
    return image.transform(size, Image.Transform.AFFINE, place, Image.Resampling.BILINEAR)


def _crop(image: Image.Image, rng: Rng) -> bytes:
    """Too close: 56 to 72 % of each side, not far from the middle."""
    keep = rng.uniform(0.56, 0.72, 2)
    start = (1 - keep) * rng.uniform(0.25, 0.75, 2)
    width, height = image.size
    left, top = int(start[0] * width), int(start[1] * height)
    box = (left, top, left + max(1, int(keep[0] * width)), top + max(1, int(keep[1] * height)))
    return _jpeg(image.crop(box))


def _screenshot(image: Image.Image, rng: Rng) -> bytes:
    """A shop's page on a phone, as high as :data:`LONGEST`: bars above and below, the photo between them."""
    width, height = 384, LONGEST
    paper, ink, soft = ((250, 250, 250), (30, 30, 32), (205, 205, 208))
    if rng.random() < 0.35:
        paper, ink, soft = ((20, 20, 22), (235, 235, 235), (70, 70, 74))
    screen = Image.new("RGB", (width, height), paper)
    margin = int(rng.integers(0, 24))
    room = (width - 2 * margin, int(height * rng.uniform(0.5, 0.62)))
    shown = image.resize(_fitting(image.size, room), Image.Resampling.BICUBIC, reducing_gap=2.0)
    screen.paste(shown, ((width - shown.width) // 2, 84))
    draw = ImageDraw.Draw(screen)
    _bars_above(draw, width, ink, soft)
    accent = tuple(int(n) for n in rng.integers(30, 200, 3))
    y = 84 + shown.height + 18
    for share, thick in ((float(rng.uniform(0.5, 0.85)), 16), (0.28, 20), *((float(s), 8) for s in rng.random(9))):
        if y + thick > height - 120:
            break
        draw.rounded_rectangle((20, y, 40 + share * (width - 70), y + thick), 3, ink if thick > 8 else soft)
        y += thick + 12
    draw.rounded_rectangle((20, height - 108, width - 20, height - 64), 22, accent)
    draw.rectangle((width * 0.32, height - 92, width * 0.68, height - 80), (255, 255, 255))
    for k in range(4):
        draw.ellipse((36 + k * 94, height - 42, 62 + k * 94, height - 16), soft)
    return _jpeg(screen)


def _bars_above(draw: ImageDraw.ImageDraw, width: int, ink: tuple[int, ...], soft: tuple[int, ...]) -> None:
    """The clock, the battery and its neighbours, then the shop's name between two buttons."""
    for k, x in enumerate((22, 31, 44, 53)):
        draw.rectangle((x, 12, x + 6, 22), ink if k % 2 else soft)
    for k in range(4):
        draw.rectangle((width - 92 + k * 6, 20 - k * 3, width - 89 + k * 6, 22), ink)
    draw.rounded_rectangle((width - 48, 11, width - 22, 22), 3, outline=ink)
    draw.rectangle((width - 46, 13, width - 32, 20), ink)
    draw.line(((30, 48), (20, 57), (30, 66)), ink, 3)
    draw.rounded_rectangle((width * 0.34, 50, width * 0.66, 64), 4, ink)
    draw.ellipse((width - 42, 46, width - 20, 68), outline=ink, width=3)
    draw.line(((0, 80), (width, 80)), soft, 1)


def _fitting(size: tuple[int, int], room: tuple[int, int]) -> tuple[int, int]:
    factor = min(room[0] / size[0], room[1] / size[1])
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _hand(image: Image.Image, rng: Rng) -> bytes:
    """Fingers reach over the product from below or from a side."""
    side = max(4, round(min(image.size) * float(rng.uniform(0.46, 0.58))))
    fingers = _fingers(int(rng.integers(_HANDS))).resize((side, side), Image.Resampling.BICUBIC, reducing_gap=2.0)
    edge = int(rng.integers(3))
    fingers = fingers.rotate((0, 90, -90)[edge], expand=True)
    width, height = image.size
    along = float(rng.uniform(0.3, 0.7))
    left, top = (
        (round((width - side) * along), height - side),
        (width - side, round((height - side) * along)),
        (0, round((height - side) * along)),
    )[edge]
    held = image.copy()
    alpha = fingers.getchannel("A")
    shadow = alpha.filter(ImageFilter.GaussianBlur(side / 40)).point([level * 2 // 5 for level in range(256)])
    held.paste((10, 8, 8), (left + side // 40, top + side // 30), shadow)
    held.paste(fingers.convert("RGB"), (left, top), alpha)
    return _jpeg(held)


@cache
def _fingers(number: int) -> Image.Image:
    """One of a few hands: drawing one takes longer than everything else."""
    return hand_image(np.random.default_rng([86, number]), 360)


def _few_bytes(image: Image.Image, rng: Rng) -> bytes:
    """Forwarded too often: small, and in the blocks of a heavy JPEG."""
    small = _scale(image, min(0.6, float(rng.uniform(280, 360)) / max(image.size)))
    return _jpeg(small, quality=int(rng.integers(10, 16)))


def _sideways(image: Image.Image, rng: Rng) -> bytes:
    """The same picture as ``clean``, turned by 90, 180 or 270 degrees in the file, which says how to turn it back."""
    orientation = tuple(_STORED_AS)[int(rng.integers(len(_STORED_AS)))]
    return _jpeg(image.transpose(_STORED_AS[orientation]), orientation=orientation)


CORRUPTIONS: dict[str, Corruption] = {
    "clean": Corruption("Nothing went wrong: the photo a little smaller, encoded again.", _clean),
    "blur": Corruption("Out of focus and shaken.", _blur),
    "glare": Corruption("A lamp is mirrored in the product.", _glare),
    "dark": Corruption("Hardly any light, and the noise that comes with it.", _dark),
    "rotation": Corruption("The phone was tilted by 10 to 25 degrees.", _rotation),
    "crop": Corruption("Too close: the edges of the product are cut off.", _crop),
    "screenshot": Corruption("A screenshot of a shop's page, with its bars and buttons.", _screenshot),
    "hand": Corruption("Fingers are in front of the product.", _hand),
    "jpeg": Corruption("Small and compressed until blocks show.", _few_bytes),
    "sideways": Corruption("Stored turned, with a tag that says how to turn it back.", _sideways),
}
"""What can go wrong, by name."""
