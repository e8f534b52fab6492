"""Photos of a scene with several products, and the exact box of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from shoplens.errors import InvalidValue
from shoplens.images.drawing.camera import Camera, Matrix, paste
from shoplens.images.drawing.drawing import Pose, to_rgba
from shoplens.images.drawing.placing import add_foot_shadow, add_shadow, lying_plane, standing_plane
from shoplens.images.drawing.scenes import draw_flat_scene, draw_table_scene
from shoplens.rendered.cutouts import draw_cutout
from shoplens.rendered.phone import KINDS, expose_photo
from shoplens.rendered.specs import ProductSpec
from shoplens.rendered.things.shapes import SHAPES
from shoplens.types import Region

Rng = np.random.Generator
MOST_THINGS = 6
_PLACE = 100.0
"""Drawing units from the middle of a thing to that of the next one."""
_POSE = Pose(0.84, 0.0, (1.0, 1.0), 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class ScenePhoto:
    """A drawn photo of several products.

    Attributes:
        picture: RGB, 640 x 480 pixels.
        boxes: the box of each product in pixels, in their order.
    """

    picture: Image.Image
    boxes: tuple[Region, ...]


def scene_photo(products: Sequence[ProductSpec], seed: int = 0) -> ScenePhoto:
    """Draw products beside each other: on a floor seen from above, or on a table where all of them stand.

    Args:
        products: 1 to :data:`MOST_THINGS`; all of them stand, or none does.
        seed: another one is another photo.

    Raises:
        InvalidValue: there are too few or too many products, or some of them stand and some lie.
    """
    stands = {SHAPES[product.shape].stands for product in products}
    if not 1 <= len(products) <= MOST_THINGS or len(stands) > 1:
        raise InvalidValue(
            f"There are {len(products)} products, of which {'some' if len(stands) > 1 else 'all or none'} stand.",
            f"Give 1 to {MOST_THINGS} products that all stand, or all lie.",
        )
    rng = np.random.default_rng([seed, 61, len(products), products[0].seed])
    if stands.pop():
        return _draw_table(products, rng)
    return _draw_floor(products, rng)


def _draw_floor(products: Sequence[ProductSpec], rng: Rng) -> ScenePhoto:
    """Draw products that lie in one or two rows."""
    columns = len(products) if len(products) < 4 else (len(products) + 1) // 2
    rows = -(-len(products) // columns)
    camera = _camera(max(columns, rows * 4 / 3) * _PLACE, (0.0, 0.0, 0.0))
    camera = replace(camera, elevation=90.0 - float(rng.uniform(2, 14)), roll=float(rng.uniform(-4, 4)))
    picture, boxes = draw_flat_scene(camera, rng), []
    for number, product in enumerate(products):
        row, column = divmod(number, columns)
        jitter = rng.uniform(-4, 4, 2)
        x = (column - (columns - 1) / 2) * _PLACE + float(jitter[0])
        y = ((rows - 1) / 2 - row) * _PLACE + float(jitter[1])
        thing, side, turn = to_rgba(draw_cutout(product, _POSE, 300)), 78 / 0.84, float(rng.uniform(-0.4, 0.4))
        add_shadow(picture, thing, lying_plane(camera, x + 2.0, y - 2.5, side * 1.01, turn), 5.0)
        plane = lying_plane(camera, x, y, side, turn)
        paste(picture, thing, plane)
        boxes.append(_box_of(thing, plane, picture.size))
    return _expose(picture, boxes, rng)


def _draw_table(products: Sequence[ProductSpec], rng: Rng) -> ScenePhoto:
    """Draw products that stand in a row."""
    camera = _camera(max(len(products), 4 / 3) * _PLACE, (0.0, 0.0, 40.0))
    camera = replace(camera, elevation=float(rng.uniform(10, 20)), azimuth=float(rng.uniform(-8, 8)))
    picture, boxes = draw_table_scene(camera, rng), []
    for number, product in enumerate(products):
        jitter = rng.uniform(-4, 4, 2)
        x, y = (number - (len(products) - 1) / 2) * _PLACE + float(jitter[0]), float(jitter[1]) * 2
        cut = draw_cutout(product, _POSE, 300)
        thing, foot_row = to_rgba(cut), np.flatnonzero(cut.alpha.max(axis=1) > 0.5)[-1]
        add_foot_shadow(picture, camera, x, y, 40.0)
        plane = standing_plane(camera, x, y, 78 / 0.84, float(foot_row) / 3.0 - 1.0)
        paste(picture, thing, plane)
        boxes.append(_box_of(thing, plane, picture.size))
    return _expose(picture, boxes, rng)


def _camera(width: float, target: tuple[float, float, float]) -> Camera:
    """Return a camera that sees this many drawing units across."""
    camera = Camera(640, 480, target, 1.0, 90.0)
    return replace(camera, distance=camera.focal * width * 1.08 / camera.width)


def _box_of(thing: Image.Image, plane: Matrix, size: tuple[int, int]) -> Region:
    """Return the box of the pixels that a thing covers."""
    alpha = Image.new("RGB", size)
    paste(alpha, Image.merge("RGBA", (*[Image.new("L", thing.size, 255)] * 3, thing.getchannel("A"))), plane)
    covered = np.asarray(alpha)[..., 0] > 127
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    return Region(left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top)


def _expose(picture: Image.Image, boxes: Sequence[Region], rng: Rng) -> ScenePhoto:
    return ScenePhoto(expose_photo(picture, KINDS["plain"], rng), tuple(boxes))
