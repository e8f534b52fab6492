"""How a phone was held: how far away, how tilted, and what of the thing it cut off."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Rng = np.random.Generator
_Matrix = npt.NDArray[np.float64]
_ZOOM = 0.86
"""Size of a photo within its tilted picture, so that less of it is cut off."""


def resize_by(image: Image.Image, factor: float) -> Image.Image:
    """Return the picture with both sides multiplied by ``factor``, at least 1 x 1."""
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def shrink_to(image: Image.Image, longest: int) -> Image.Image:
    """Return the picture with no side longer than this many pixels; a smaller one is returned as it is."""
    factor = longest / max(image.size)
    return image if factor >= 1 else resize_by(image, factor)


def crop_too_close(image: Image.Image, rng: Rng) -> Image.Image:
    """Return 56 to 72 % of each side, not far from the middle."""
    keep = rng.uniform(0.56, 0.72, 2)
    start = (1 - keep) * rng.uniform(0.25, 0.75, 2)
    width, height = image.size
    left, top = int(start[0] * width), int(start[1] * height)
    return image.crop((left, top, left + max(1, int(keep[0] * width)), top + max(1, int(keep[1] * height))))


def crop_randomly(image: Image.Image, least: float, rng: Rng) -> Image.Image:
    """Return a part of at least this share of the area, anywhere, of a shape between 3:4 and 4:3 of the photo's own."""
    area, ratio = rng.uniform(least, 1.0), np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    width = min(image.width, max(1, round(float(np.sqrt(area * ratio)) * image.width)))
    height = min(image.height, max(1, round(float(np.sqrt(area / ratio)) * image.height)))
    left, top = rng.integers(0, image.width - width + 1), rng.integers(0, image.height - height + 1)
    return image.crop((int(left), int(top), int(left) + width, int(top) + height))


def mirror(image: Image.Image) -> Image.Image:
    """Return the picture with left and right exchanged."""
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def tilt(image: Image.Image, angle: float) -> Image.Image:
    """Return the picture turned by ``angle`` (radians); what lies beyond the photo goes on in the colours of its
    edges."""
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]]) / _ZOOM  # pixel of the tilted picture -> pixel of the photo
    size = np.array(image.size)
    corners = (np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) - 0.5) * (size - 2) @ np.linalg.inv(turn).T + size / 2
    frame = Image.new("L", image.size)
    ImageDraw.Draw(frame).polygon([(float(x), float(y)) for x, y in corners], 255)
    tilted = _extend_edges(image, turn)
    tilted.paste(_rotate(image, image.size, turn), mask=frame)
    return tilted


def random_perspective(size: tuple[int, int], rng: Rng) -> list[float]:
    """The eight numbers of Pillow's perspective, which say for each place of the result where it was in the photo:
    further away, turned and seen from aside."""
    sides = np.array(size, np.float64)
    zoom, angle = rng.uniform(0.55, 1.0), rng.normal(0, np.radians(9))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]) * sides * zoom @ turn.T
    corners += rng.normal(0, 0.04, (4, 2)) * sides + sides / 2 + rng.uniform(-1, 1, 2) * sides * (1 - zoom) / 2
    rows, values = [], []
    for (x, y), (u, v) in zip(corners, [(0, 0), (sides[0], 0), tuple(sides), (0, sides[1])], strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return [float(number) for number in np.linalg.solve(np.array(rows), np.array(values))]


def _extend_edges(image: Image.Image, turn: _Matrix) -> Image.Image:
    """Return the photo turned and coarse, its edges drawn out to all sides."""
    coarse = np.array([max(1, image.width // 16), max(1, image.height // 16)])
    small = image.resize((int(coarse[0]), int(coarse[1])), Image.Resampling.BOX)
    wide = np.pad(np.asarray(small), ((small.height,) * 2, (small.width,) * 2, (0, 0)), mode="edge")
    shrink = coarse / image.size
    around = Image.fromarray(wide).filter(ImageFilter.GaussianBlur(1))
    return _rotate(around, small.size, turn * shrink[:, None] / shrink).resize(image.size, Image.Resampling.BICUBIC)


def _rotate(image: Image.Image, size: tuple[int, int], turn: _Matrix) -> Image.Image:
    """Return a picture of ``size`` about the middle of ``image``; ``turn`` leads from it back into ``image``."""
    back = np.column_stack([turn, np.array(image.size) / 2 - turn @ np.array(size) / 2])
    place = tuple(float(number) for number in back.ravel())
    return image.transform(size, Image.Transform.AFFINE, place, Image.Resampling.BILINEAR)
