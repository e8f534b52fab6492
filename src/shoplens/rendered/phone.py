"""Phone photos: a shopper's picture of a product, with all that goes wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from shoplens.errors import InvalidValue
from shoplens.images.corruptions.blur import blur
from shoplens.images.corruptions.hands import EDGES, HandPlacement, cover_with_hand, draw_hand
from shoplens.images.corruptions.light import Exposure, expose, uneven_light
from shoplens.images.corruptions.noise import add_noise
from shoplens.images.drawing.camera import Camera, paste
from shoplens.images.drawing.drawing import Pose, to_rgba
from shoplens.images.drawing.placing import add_foot_shadow, add_shadow, lying_plane, scatter_props, standing_plane
from shoplens.images.drawing.props import PROPS
from shoplens.images.drawing.scenes import draw_flat_scene, draw_table_scene
from shoplens.rendered.cutouts import draw_cutout
from shoplens.rendered.specs import ProductSpec
from shoplens.rendered.things.shapes import SHAPES

Rng = np.random.Generator
Range = tuple[float, float]

_SIZES = ((480, 640), (480, 640), (480, 600), (640, 480))


@dataclass(frozen=True, slots=True)
class Conditions:
    """How a kind of photo is taken; ranges are drawn from evenly.

    Attributes:
        tilt: degrees away from looking straight at the product.
        fill: share of the picture's shorter side that the product takes.
        things: how many others are in the picture, least and most.
        fingers: share of photos in which fingers reach over the product.
        blur: pixels at a width of 480.
        light: exposure; 1 is right.
        unevenness: how much darker one side is, 0..1.
        warmth: gain of red over blue, in natural logarithms.
        saturation: 0 is grey.
        noise: standard deviation, of 255.
    """

    tilt: Range = (4.0, 18.0)
    fill: Range = (0.72, 0.92)
    things: tuple[int, int] = (0, 2)
    fingers: float = 0.0
    blur: Range = (0.2, 0.9)
    light: Range = (0.98, 1.30)
    unevenness: Range = (0.15, 0.40)
    warmth: Range = (-0.10, 0.16)
    saturation: Range = (0.82, 1.0)
    noise: Range = (2.0, 5.0)


KINDS: dict[str, Conditions] = {
    "plain": Conditions(),
    "angled": Conditions(tilt=(24.0, 38.0), fill=(0.76, 0.94)),
    "cluttered": Conditions(things=(4, 6), fill=(0.60, 0.74)),
    "occluded": Conditions(fingers=1.0, things=(0, 2)),
    "warm-light": Conditions(warmth=(0.34, 0.52), light=(0.85, 1.1), saturation=(0.8, 0.95)),
    "dark": Conditions(light=(0.15, 0.30), noise=(7.0, 11.0), blur=(0.6, 1.4), saturation=(0.55, 0.75)),
    "grey-light": Conditions(saturation=(0.0, 0.05), warmth=(-0.14, 0.10), light=(0.7, 1.15), things=(0, 1)),
    "blur": Conditions(blur=(17.0, 20.0), things=(0, 1), tilt=(2.0, 10.0), fill=(0.76, 0.9)),
}
"""Sorts of phone photo. ``grey-light`` hides the colours, ``blur`` hides pattern and texture."""


def phone_photo(spec: ProductSpec, seed: int = 0, kind: str = "plain") -> Image.Image:
    """Draw the product as a shopper photographs it: RGB, about 480 x 640 pixels.

    Args:
        spec: what it is.
        seed: another one is another photo.
        kind: of :data:`KINDS`.

    Raises:
        InvalidValue: ``seed`` below 0, or a ``kind`` that does not exist.
    """
    if kind not in KINDS:
        raise InvalidValue(f"Kind of phone photo is {kind!r}.", f"Choose of {', '.join(KINDS)}.")
    if seed < 0:
        raise InvalidValue(f"The seed is {seed!r}.", "Choose 0 or more.")
    rng = np.random.default_rng([spec.seed, 51, spec.number, seed, list(KINDS).index(kind)])
    how = KINDS[kind]
    stands = SHAPES[spec.shape].stands
    camera = _camera(how, stands, rng)
    picture = draw_table_scene(camera, rng) if stands else draw_flat_scene(camera, rng)
    furniture = "Furniture" in SHAPES[spec.shape].category
    names = ["plant"] if furniture else [name for name, prop in PROPS.items() if prop.stands == stands]
    count = int(rng.integers(how.things[0], how.things[1] + 1))
    scatter_props(picture, camera, [names[int(k)] for k in rng.integers(len(names), size=count)], rng)
    _add_product(picture, camera, spec, rng)
    if rng.random() < how.fingers:
        _add_fingers(picture, rng)
    return expose_photo(picture, how, rng)


def _camera(how: Conditions, stands: bool, rng: Rng) -> Camera:
    width, height = _SIZES[int(rng.integers(len(_SIZES)))]
    tilt, fill = rng.uniform(*how.tilt), rng.uniform(*how.fill)
    sideways = float(rng.uniform(-1, 1))
    off = rng.uniform(-5, 5, 2)
    target = (float(off[0]), 0.0, 44.0 + float(off[1])) if stands else (float(off[0]), float(off[1]), 0.0)
    camera = Camera(width, height, target, 1.0, 90.0, roll=float(rng.uniform(-5, 5)))
    return replace(
        camera,
        distance=camera.focal * 86.0 / (fill * min(width, height)),
        elevation=10.0 + tilt * 0.6 if stands else 90.0 - tilt,
        azimuth=sideways * tilt * (1.0 if stands else 1.6),
    )


def _add_product(picture: Image.Image, camera: Camera, spec: ProductSpec, rng: Rng) -> None:
    stands = SHAPES[spec.shape].stands
    squeeze = (float(rng.uniform(0.94, 1.0)), float(rng.uniform(0.96, 1.0)))
    lean = 0.0 if stands else float(rng.uniform(-0.06, 0.06))
    pose = Pose(0.84, 0.0 if stands else float(rng.uniform(-28, 28)), squeeze, lean)
    cut = draw_cutout(spec, pose, 400)
    thing = to_rgba(cut)
    if not stands:
        side = 100 / 0.84
        add_shadow(picture, thing, lying_plane(camera, 3.0, -4.0, side * 1.01, 0.0), 7.0)
        add_shadow(picture, thing, lying_plane(camera, 0.8, -1.0, side, 0.0), 2.0)
        paste(picture, thing, lying_plane(camera, 0.0, 0.0, side, 0.0))
        return
    rows = np.flatnonzero(cut.alpha.max(axis=1) > 0.5)
    foot = float(rows[-1]) / 4.0 - 1.0
    base = np.flatnonzero(cut.alpha[max(rows[-1] - 16, 0) : rows[-1] + 1].max(axis=0) > 0.5)
    broad = float(np.ptp(base)) / 4.0
    add_foot_shadow(picture, camera, 0.0, 0.0, broad / 0.84)
    paste(picture, thing, standing_plane(camera, 0.0, 0.0, 100 / 0.84, foot))


def _add_fingers(picture: Image.Image, rng: Rng) -> None:
    """Fingers from one side, over a part of the product."""
    side = round(min(picture.size) * float(rng.uniform(0.36, 0.46)))
    hand = draw_hand(rng, side).rotate(float(rng.uniform(-10, 10)), Image.Resampling.BICUBIC)
    edge = EDGES[int(rng.integers(len(EDGES)))]
    cover_with_hand(picture, hand, HandPlacement(edge, float(rng.uniform(0.25, 0.55)), 1 / 16, 6, (6, 8)))


def expose_photo(picture: Image.Image, how: Conditions, rng: Rng) -> Image.Image:
    """What the sensor makes of the scene: light, cast, blur and noise."""
    radius = float(rng.uniform(*how.blur)) * min(picture.size) / 480.0
    if radius > 0.4:
        picture = blur(picture, radius)
    saturation = float(rng.uniform(*how.saturation))
    warmth, tint = float(rng.uniform(*how.warmth)), float(rng.uniform(-0.02, 0.02))
    picture = expose(picture, Exposure(float(np.sqrt(rng.uniform(*how.light))), saturation, warmth, tint))
    levels = np.array(picture, dtype=np.float32) * uneven_light(picture.size, how.unevenness, rng)[..., None]
    sigma = np.float32(rng.uniform(*how.noise))
    noise = rng.standard_normal(levels.shape[:2], dtype=np.float32) * sigma
    return add_noise(levels, noise[..., None])
