"""Catalogue photos: the product on a pale ground, in studio light."""

from __future__ import annotations

import numpy as np
from PIL import Image

from shoplens.errors import InvalidValue
from shoplens.images.drawing.colors import rgb
from shoplens.images.drawing.drawing import Cutout, Pose
from shoplens.images.drawing.patterns import Plane
from shoplens.images.drawing.relief import blur
from shoplens.images.drawing.shading import Light
from shoplens.rendered.cutouts import draw_cutout
from shoplens.rendered.specs import ProductSpec
from shoplens.rendered.things.shapes import SHAPES

VIEWS = ("front", "turned", "detail", "tilted")
"""Names of the views, in the order in which a product's photos are numbered."""

_GROUNDS = ((97.5, 0.0, 0.4), (95.0, 0.0, -1.2), (95.5, 0.6, 3.4), (93.0, -0.4, 0.6), (94.0, 1.6, 1.8))


def product_photo(spec: ProductSpec, view: int = 0, size: int = 320) -> Image.Image:
    """The product as the shop shows it: RGB, ``size`` x ``size`` pixels.

    Args:
        spec: what it is.
        view: 0 front, 1 slightly turned, 2 a detail, 3 tilted; from 4 on the same again in other poses.
        size: pixels, 32 or more.

    Raises:
        InvalidValue: ``view`` below 0 or ``size`` below 32.
    """
    if view < 0 or size < 32:
        raise InvalidValue(f"View {view!r} in {size!r} pixels.", "Choose a view of 0 or more and a size of 32 or more.")
    rng = np.random.default_rng([spec.seed, 31, spec.number, view])
    drawn = draw_cutout(spec, pose_of(spec, VIEWS[view % len(VIEWS)], rng), size)
    return _to_image(_over(_ground(spec, drawn, size), drawn))


def pose_of(spec: ProductSpec, view: str, rng: np.random.Generator) -> Pose:
    """Pose of a view, a little different each time."""
    wobble = rng.uniform(-1, 1, 4)
    stiff = SHAPES[spec.shape].stands
    if view == "turned":
        side = 0.88 + 0.05 * wobble[0]
        return Pose(
            0.84, (0 if stiff else 7) * np.sign(wobble[1]) + 2 * wobble[2], (side, 1.0), 0.0, not _has_lettering(spec)
        )
    if view == "detail":
        middle = (50 + 9 * wobble[0], 46 + 10 * wobble[1])
        return Pose(1.62 + 0.2 * wobble[2], 4 * wobble[3], centre=middle)
    if view == "tilted":
        return Pose(0.80, (5 if stiff else 16) * wobble[0], (1.0, 0.95), 0.07 * wobble[1])
    return Pose(0.86 + 0.02 * wobble[0], 0.7 * wobble[1])


def _to_image(light: Light) -> Image.Image:
    """Return the display image of light."""
    return Image.fromarray((np.sqrt(np.clip(light, 0, 1)) * 255 + 0.5).astype(np.uint8))


def _has_lettering(spec: ProductSpec) -> bool:
    """A mirrored dial or binding would look wrong."""
    return spec.shape in ("watch", "notebook")


def _over(ground: Light, drawn: Cutout) -> Light:
    return ground * (1 - drawn.alpha[..., None]) + drawn.light


def _ground(spec: ProductSpec, drawn: Cutout, size: int) -> Light:
    """Paper ground with a soft shadow."""
    tint = rgb(_GROUNDS[(spec.group * 7 + spec.seed) % len(_GROUNDS)]) ** 2
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / np.float32(size)
    glow = np.float32(1.03) - np.float32(0.16) * ((x - np.float32(0.42)) ** 2 + (y - np.float32(0.36)) ** 2)
    stands = SHAPES[spec.shape].stands
    if stands:
        glow = glow - np.float32(0.05) * np.clip((y - np.float32(0.80)) * 12, 0, 1)
    shadow = _cast(drawn, size, stands)
    ground: Light = tint * (glow * (1 - shadow))[..., None]
    return ground


def _cast(drawn: Cutout, size: int, stands: bool) -> Plane:
    """Darkness of the shadow, 0..1, shape (size, size)."""
    near = _shift(blur(drawn.alpha, size * 0.012), int(size * 0.010), int(size * 0.008))
    if not stands:
        far = _shift(blur(drawn.alpha, size * 0.045), int(size * 0.032), int(size * 0.026))
        return near * np.float32(0.26) + far * np.float32(0.24)
    rows = np.flatnonzero(drawn.alpha.max(axis=1) > 0.5)
    if not len(rows) or rows[-1] >= size - 2:
        return near * np.float32(0.2)
    foot = int(rows[-1])
    base = drawn.alpha[max(foot - size // 14, 0) : foot].max(axis=0)
    y = (np.arange(size, dtype=np.float32)[:, None] - (foot - size * 0.012)) / np.float32(size * 0.03)
    pool = blur(np.exp(-y * y).astype(np.float32) * base[None, :], size * 0.02)
    side = _shift(blur(pool, size * 0.05), 0, int(size * 0.05))
    dark: Plane = near * np.float32(0.08) + pool * np.float32(0.38) + side * np.float32(0.25)
    return dark


def _shift(plane: Plane, down: int, right: int) -> Plane:
    """``plane`` shifted by whole pixels; what comes in at the rim repeats the rim."""
    height, width = plane.shape
    return np.pad(plane, ((down, 0), (right, 0)), mode="edge")[:height, :width]
