"""Things in a room: where they lie and stand, and the shadows that they cast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

from shoplens.images.drawing.camera import Camera, Matrix, paste
from shoplens.images.drawing.props import PROPS, draw_prop

Rng = np.random.Generator


def lying_plane(camera: Camera, x: float, y: float, side: float, turn: float) -> Matrix:
    """Return the plane of a thing that lies at (x, y), its ``side`` and ``turn`` (radians): its 100 x 100 -> pixels."""
    scale = side / 100.0
    cos, sin = float(np.cos(turn)) * scale, float(np.sin(turn)) * scale
    corner = (x - 50 * cos - 50 * sin, y - 50 * sin + 50 * cos, 0.0)
    return camera.plane(corner, (cos, sin, 0.0), (sin, -cos, 0.0))


def standing_plane(camera: Camera, x: float, y: float, side: float, foot: float) -> Matrix:
    """Return the plane of a thing that stands at (x, y); ``foot`` is where it ends, of its 100 x 100."""
    scale = side / 100.0
    return camera.plane((x - side / 2, y, foot * scale), (scale, 0.0, 0.0), (0.0, 0.0, -scale))


def add_shadow(picture: Image.Image, thing: Image.Image, homography: Matrix, soft: float) -> None:
    """Darken the ground below a thing that lies flat; ``soft`` is how many pixels the shadow's edge is wide."""
    alpha = thing.getchannel("A").resize((thing.width // 2, thing.height // 2)).filter(ImageFilter.GaussianBlur(soft))
    paste(picture, Image.merge("RGBA", (alpha, alpha, alpha, alpha)), homography, 0.42)


def add_foot_shadow(picture: Image.Image, camera: Camera, x: float, y: float, broad: float) -> None:
    """Darken the table at the foot of a thing that stands, and away from the light."""
    v, u = np.mgrid[-1:1:48j, -1:1:48j]
    blob = (np.exp(-(u * u + v * v) * 4.0) * 255).astype(np.uint8)
    alpha = Image.fromarray(blob)
    soft = Image.merge("RGBA", (alpha, alpha, alpha, alpha))
    paste(picture, soft, lying_plane(camera, x + broad * 0.40, y + broad * 0.25, broad * 2.3, 0.3), 0.40)
    paste(picture, soft, lying_plane(camera, x, y + broad * 0.16, broad * 1.8, 0.0), 0.85)


def scatter_props(picture: Image.Image, camera: Camera, names: Sequence[str], rng: Rng) -> None:
    """Put things of :data:`~shoplens.images.drawing.props.PROPS` around the middle of the room, with their shadows."""
    start = float(rng.uniform(0, 2 * np.pi))
    for number, name in enumerate(names):
        thing = draw_prop(name, rng, 150)
        side = PROPS[name].size * float(rng.uniform(0.9, 1.2))
        if PROPS[name].stands:
            beside = (1 if number % 2 else -1) * float(rng.uniform(44, 74))
            depth = float(rng.uniform(14, 52))
            add_foot_shadow(picture, camera, beside, depth, side * 0.5)
            paste(picture, thing, standing_plane(camera, beside, depth, side, 96.5))
            continue
        around = start + (number + float(rng.uniform(-0.25, 0.25))) * 2 * np.pi / max(len(names), 3)
        reach = float(rng.uniform(52, 66))
        x, y = reach * float(np.cos(around)), reach * 1.2 * float(np.sin(around))
        turn = float(rng.uniform(-3.1, 3.1))
        add_shadow(picture, thing, lying_plane(camera, x + 1.6, y - 2.0, side * 1.02, turn), 2.0)
        paste(picture, thing, lying_plane(camera, x, y, side, turn))
