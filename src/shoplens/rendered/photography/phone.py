"""Phone photos: a shopper's picture of a product, with all that goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFilter

from shoplens.errors import InvalidValue
from shoplens.rendered.photography.camera import Camera, Matrix, paste
from shoplens.rendered.photography.props import PROPS, hand_image, prop_image, rgba
from shoplens.rendered.photography.scenes import flat_scene, table_scene
from shoplens.rendered.specs import ProductSpec
from shoplens.rendered.surfaces.drawing import Pose, cutout
from shoplens.rendered.surfaces.relief import resize
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
    """The product as a shopper photographs it: RGB, about 480 x 640 pixels.

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
    picture = table_scene(camera, rng) if stands else flat_scene(camera, rng)
    furniture = "Furniture" in SHAPES[spec.shape].category
    names = ["plant"] if furniture else [name for name, prop in PROPS.items() if prop.stands == stands]
    count = int(rng.integers(how.things[0], how.things[1] + 1))
    _add_things(picture, camera, [names[int(k)] for k in rng.integers(len(names), size=count)], rng)
    _add_product(picture, camera, spec, rng)
    if rng.random() < how.fingers:
        _add_fingers(picture, rng)
    return _expose(picture, how, rng)


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


def _lying(camera: Camera, x: float, y: float, side: float, turn: float) -> Matrix:
    """Plane of a thing that lies at (x, y), its ``side`` and ``turn`` (radians): its 100 x 100 -> pixels."""
    scale = side / 100.0
    cos, sin = float(np.cos(turn)) * scale, float(np.sin(turn)) * scale
    corner = (x - 50 * cos - 50 * sin, y - 50 * sin + 50 * cos, 0.0)
    return camera.plane(corner, (cos, sin, 0.0), (sin, -cos, 0.0))


def _standing(camera: Camera, x: float, y: float, side: float, foot: float) -> Matrix:
    """Plane of a thing that stands at (x, y); ``foot`` is where it ends, of its 100 x 100."""
    scale = side / 100.0
    return camera.plane((x - side / 2, y, foot * scale), (scale, 0.0, 0.0), (0.0, 0.0, -scale))


def _add_things(picture: Image.Image, camera: Camera, names: Sequence[str], rng: Rng) -> None:
    start = float(rng.uniform(0, 2 * np.pi))
    for k, name in enumerate(names):
        thing = prop_image(name, rng, 150)
        side = PROPS[name].size * float(rng.uniform(0.9, 1.2))
        if PROPS[name].stands:
            beside = (1 if k % 2 else -1) * float(rng.uniform(44, 74))
            depth = float(rng.uniform(14, 52))
            _pool(picture, camera, beside, depth, side * 0.5)
            paste(picture, thing, _standing(camera, beside, depth, side, 96.5))
            continue
        around = start + (k + float(rng.uniform(-0.25, 0.25))) * 2 * np.pi / max(len(names), 3)
        reach = float(rng.uniform(52, 66))
        x, y = reach * float(np.cos(around)), reach * 1.2 * float(np.sin(around))
        turn = float(rng.uniform(-3.1, 3.1))
        _cast(picture, thing, _lying(camera, x + 1.6, y - 2.0, side * 1.02, turn), 2.0)
        paste(picture, thing, _lying(camera, x, y, side, turn))


def _add_product(picture: Image.Image, camera: Camera, spec: ProductSpec, rng: Rng) -> None:
    stands = SHAPES[spec.shape].stands
    squeeze = (float(rng.uniform(0.94, 1.0)), float(rng.uniform(0.96, 1.0)))
    lean = 0.0 if stands else float(rng.uniform(-0.06, 0.06))
    pose = Pose(0.84, 0.0 if stands else float(rng.uniform(-28, 28)), squeeze, lean)
    cut = cutout(spec, pose, 400)
    thing = rgba(cut)
    if not stands:
        side = 100 / 0.84
        _cast(picture, thing, _lying(camera, 3.0, -4.0, side * 1.01, 0.0), 7.0)
        _cast(picture, thing, _lying(camera, 0.8, -1.0, side, 0.0), 2.0)
        paste(picture, thing, _lying(camera, 0.0, 0.0, side, 0.0))
        return
    rows = np.flatnonzero(cut.alpha.max(axis=1) > 0.5)
    foot = float(rows[-1]) / 4.0 - 1.0
    base = np.flatnonzero(cut.alpha[max(rows[-1] - 16, 0) : rows[-1] + 1].max(axis=0) > 0.5)
    broad = float(np.ptp(base)) / 4.0
    _pool(picture, camera, 0.0, 0.0, broad / 0.84)
    paste(picture, thing, _standing(camera, 0.0, 0.0, 100 / 0.84, foot))


def _cast(picture: Image.Image, thing: Image.Image, homography: Matrix, soft: float) -> None:
    """Shadow of a thing that lies flat."""
    alpha = thing.getchannel("A").resize((thing.width // 2, thing.height // 2)).filter(ImageFilter.GaussianBlur(soft))
    paste(picture, Image.merge("RGBA", (alpha, alpha, alpha, alpha)), homography, 0.42)


def _pool(picture: Image.Image, camera: Camera, x: float, y: float, broad: float) -> None:
    """Soft shadow on the table, at the foot of a thing that stands, and away from the light."""
    v, u = np.mgrid[-1:1:48j, -1:1:48j]
    blob = (np.exp(-(u * u + v * v) * 4.0) * 255).astype(np.uint8)
    alpha = Image.fromarray(blob)
    soft = Image.merge("RGBA", (alpha, alpha, alpha, alpha))
    paste(picture, soft, _lying(camera, x + broad * 0.40, y + broad * 0.25, broad * 2.3, 0.3), 0.40)
    paste(picture, soft, _lying(camera, x, y + broad * 0.16, broad * 1.8, 0.0), 0.85)


def _add_fingers(picture: Image.Image, rng: Rng) -> None:
    """Fingers from one side, over a part of the product."""
    side = round(min(picture.size) * float(rng.uniform(0.36, 0.46)))
    hand = hand_image(rng, side).rotate(float(rng.uniform(-10, 10)), Image.Resampling.BICUBIC)
    edge = int(rng.integers(3))
    hand = hand.rotate((0, 90, -90)[edge], expand=True)
    width, height = picture.size
    along = float(rng.uniform(0.25, 0.55))
    place = (
        (round((width - side) * along), height - side + side // 16),
        (width - side + side // 16, round((height - side) * along)),
        (-side // 16, round((height - side) * along)),
    )[edge]
    dark = hand.getchannel("A").filter(ImageFilter.GaussianBlur(6)).point([level * 2 // 5 for level in range(256)])
    picture.paste((10, 8, 8), (place[0] + 6, place[1] + 8), dark)
    picture.paste(hand, place, hand.getchannel("A"))


def _expose(picture: Image.Image, how: Conditions, rng: Rng) -> Image.Image:
    """What the sensor makes of the scene: light, cast, blur and noise."""
    blur = float(rng.uniform(*how.blur)) * min(picture.size) / 480.0
    if blur > 0.4:
        picture = picture.filter(ImageFilter.GaussianBlur(blur))
    picture = picture.convert("RGB", _color_matrix(how, rng))
    image = np.array(picture, dtype=np.float32)
    image *= _lamp(picture.width, picture.height, how, rng)[..., None]
    sigma = np.float32(rng.uniform(*how.noise))
    image += (rng.standard_normal(image.shape[:2], dtype=np.float32) * sigma)[..., None]
    np.clip(image, 0, 255, out=image)
    return Image.fromarray(image.astype(np.uint8))


def _color_matrix(how: Conditions, rng: Rng) -> tuple[float, ...]:
    """Colour matrix, 3 x 4 row by row, of exposure, saturation and cast."""
    saturation = float(rng.uniform(*how.saturation))
    warmth, tint = float(rng.uniform(*how.warmth)), float(rng.uniform(-0.02, 0.02))
    gain = np.exp(np.array([warmth / 2, tint, -warmth / 2])) * np.sqrt(rng.uniform(*how.light))
    mix = saturation * np.eye(3) + (1 - saturation) * np.array([0.3, 0.59, 0.11])
    return tuple(float(n) for n in np.column_stack([mix * gain[:, None], np.zeros(3)]).ravel())


def _lamp(width: int, height: int, how: Conditions, rng: Rng) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Brightness over the picture, (height, width): a gradient, dim corners, at times the edge of a shadow."""
    y, x = np.mgrid[-1:1:24j, -1:1:24j].astype(np.float32)
    toward = float(rng.uniform(0, 2 * np.pi))
    ramp = x * np.float32(np.cos(toward)) + y * np.float32(np.sin(toward))
    light = (
        np.float32(1.06) - np.float32(rng.uniform(*how.unevenness) * 0.45) * ramp - np.float32(0.06) * (x * x + y * y)
    )
    if rng.random() < 0.45:
        across = float(rng.uniform(0, 2 * np.pi))
        edge = x * np.float32(np.cos(across)) + y * np.float32(np.sin(across)) - np.float32(rng.uniform(0.2, 0.7))
        light = light * (1 - np.float32(0.28) * np.clip(edge * 5 + np.float32(0.5), 0, 1))
    lamp: np.ndarray[tuple[int, int], np.dtype[np.float32]] = resize(light, (height, width))
    return lamp
