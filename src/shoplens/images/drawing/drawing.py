"""A thing cut out: its parts painted one over the other, each with its pattern, relief and light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from shoplens.images.drawing.colors import Lab, rgb
from shoplens.images.drawing.materials import MATERIALS, Material
from shoplens.images.drawing.parts import Part
from shoplens.images.drawing.paths import Points, polyline
from shoplens.images.drawing.patterns import Plane, coverage
from shoplens.images.drawing.relief import blur, cushion_height, noise, slopes, surface_of_revolution
from shoplens.images.drawing.shading import Light, Surface, shade_surface

_SUPER = 3
_STIFF = Material(0.03, 8)
_FIXED = {
    "rubber": ((94.0, 0.0, 3.0), "rubber"),
    "steel": ((82.0, 0.0, 1.0), "metal"),
    "wood": ((48.0, 15.0, 28.0), "wood"),
    "paper": ((94.0, 0.0, 7.0), "paper"),
    "ink": ((22.0, 0.0, -2.0), "rubber"),
    "thread": ((95.0, 0.0, 3.0), "rubber"),
    "glow": ((97.0, 2.0, 16.0), "rubber"),
}


@dataclass(frozen=True, slots=True)
class Pose:
    """How the thing is placed in the picture.

    Attributes:
        zoom: side of the 100 x 100 drawing, in sides of the picture.
        angle: degrees, clockwise.
        squeeze: width and height, relative; below 1 it is turned away.
        shear: leaning, x per y.
        flip: mirrored.
        centre: the place on the thing, drawing units, that is in the middle of the picture.
    """

    zoom: float = 0.86
    angle: float = 0.0
    squeeze: tuple[float, float] = (1.0, 1.0)
    shear: float = 0.0
    flip: bool = False
    centre: tuple[float, float] = (50.0, 50.0)

    def matrix(self, size: int) -> npt.NDArray[np.float64]:
        """2 x 3: drawing units -> pixels of a picture of ``size``."""
        turn = np.deg2rad(self.angle)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        lean = np.array([[1.0, self.shear], [0.0, 1.0]])
        stretch = np.diag([-self.squeeze[0] if self.flip else self.squeeze[0], self.squeeze[1]])
        linear = rotation @ lean @ stretch * (self.zoom * size / 100.0)
        return np.column_stack([linear, np.full(2, size / 2.0) - linear @ np.array(self.centre)])


@dataclass(frozen=True, slots=True)
class Cutout:
    """A thing without a background.

    Attributes:
        light: float32 (size, size, 3), times ``alpha``.
        alpha: how much of each pixel it covers, float32 (size, size).
    """

    light: Light
    alpha: Plane


@dataclass(frozen=True, slots=True)
class Look:
    """How the paints of a drawing look.

    Attributes:
        main, accent: colours.
        material: of every part that names no texture of its own.
        pattern: on the parts painted ``main``.
        repeat: size of one repeat of the pattern, drawing units.
        angle: of the pattern, degrees.
        shift: of the pattern, drawing units.
        folds: seed of the soft folds.
    """

    main: Lab
    accent: Lab
    material: str
    pattern: str = "solid"
    repeat: float = 10.0
    angle: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    folds: int = 0


def draw_parts(parts: tuple[Part, ...], look: Look, pose: Pose, size: int) -> Cutout:
    """Draw parts from back to front in a square of ``size`` pixels."""
    canvas = _Canvas(look, pose, size)
    for part in parts:
        canvas.paint(part, polyline(part.path, part.mirrored), [polyline(fold) for fold in part.folds])
        if part.twin:
            mirrored = [[100, 0] + points * [-1, 1] for points in map(polyline, (part.path, *part.folds))]
            canvas.paint(part, mirrored[0], mirrored[1:])
    return Cutout(canvas.light, canvas.alpha)


def to_rgba(cutout: Cutout) -> Image.Image:
    """Return the display image of a cut-out, RGBA; its colours are not multiplied by its coverage."""
    light = cutout.light / np.maximum(cutout.alpha, 1e-3)[..., None]
    colors = np.sqrt(np.clip(light, 0, 1))
    return Image.fromarray((np.dstack([colors, np.minimum(cutout.alpha, 1)]) * 255 + 0.5).astype(np.uint8))


@dataclass(slots=True)
class _Patch:
    """The part of the picture that one part touches.

    Attributes:
        rows, columns: of the picture.
        mask: how much of each pixel the part covers.
        creases: the same for its folds; None without.
    """

    rows: slice
    columns: slice
    mask: Plane
    creases: Plane | None


class _Canvas:
    """A picture to which parts are added."""

    def __init__(self, look: Look, pose: Pose, size: int) -> None:
        self.look, self.size = look, size
        self.matrix = pose.matrix(size)
        self.inverse = np.linalg.inv(self.matrix[:, :2])
        self.unit = float(np.sqrt(abs(np.linalg.det(self.matrix[:, :2]))))
        self.light = np.zeros((size, size, 3), dtype=np.float32)
        self.alpha = np.zeros((size, size), dtype=np.float32)
        self.rng = np.random.default_rng(look.folds)
        self.colors = _colors(look.main, look.accent)

    def paint(self, part: Part, outline: Points, folds: list[Points]) -> None:
        """Add one part, over what is there."""
        patch = self._patch(part, self._transform(outline), [self._transform(fold) for fold in folds])
        if patch is None:
            return
        material = self._material(part)
        below = self.light[patch.rows, patch.columns]
        alpha = self.alpha[patch.rows, patch.columns]
        if part.shadow:
            reach = max(1.0, min(part.puff, 5.0) * 0.45 * self.unit)
            cast = blur(patch.mask, reach)
            below *= (1 - np.float32(part.shadow * 1.3) * np.minimum(cast, 1))[..., None]
        light = self._light(part, material, patch)
        over = patch.mask[..., None]
        below += (np.clip(light, 0, 1) - below) * over
        alpha += (1 - alpha) * patch.mask

    def _transform(self, points: Points) -> Points:
        return points @ self.matrix[:, :2].T + self.matrix[:, 2]

    def _material(self, part: Part) -> Material:
        if part.texture:
            return MATERIALS[part.texture]
        if part.paint in _FIXED:
            return MATERIALS[_FIXED[part.paint][1]]
        return _STIFF if part.paint in ("dark", "stitch", "mark") else MATERIALS[self.look.material]

    def _patch(self, part: Part, outline: Points, folds: list[Points]) -> _Patch | None:
        margin = part.stroke * self.unit / 2 + min(part.puff, 5.0) * self.unit + 2
        low = np.clip(np.floor(outline.min(axis=0) - margin), 0, self.size).astype(int)
        high = np.clip(np.ceil(outline.max(axis=0) + margin), 0, self.size).astype(int)
        if (high - low < 3).any():
            return None
        extent = (int(high[0] - low[0]), int(high[1] - low[1]))
        mask = _ink(extent, [outline - low], part.stroke * self.unit, part.dash * self.unit)
        creases = None
        if folds:
            creases = _ink(extent, [fold - low for fold in folds], max(1.5 * self.unit, 1.0), 0.0)
        return _Patch(slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0])), mask, creases)

    def _light(self, part: Part, material: Material, patch: _Patch) -> Light:
        y, x = np.mgrid[patch.rows, patch.columns].astype(np.float32)
        if part.form == "round":
            right, down, unrolled, lowered = surface_of_revolution(patch.mask)
            u, v = self._place(x + unrolled, y + lowered)
            bump_x, bump_y = slopes(self._bumps(material, u, v))
            surface = Surface.of_normal(right - bump_x, down - bump_y)
        else:
            height = self._height(part, material, patch)
            right, down = slopes(height)
            bend = np.float32(0.5)
            u, v = self._place(x + right * bend * self.unit, y + down * bend * self.unit)
            bump_x, bump_y = slopes(self._bumps(material, u, v))
            surface = Surface.of_slopes(right * np.float32(0.9) + bump_x, down * np.float32(0.9) + bump_y)
        albedo = self._albedo(part, material, u, v)
        return shade_surface(albedo, surface, material)

    def _place(self, x: Plane, y: Plane) -> tuple[Plane, Plane]:
        """Where on the thing these pixels are, drawing units."""
        a, b = self.inverse.astype(np.float32)
        x, y = x - np.float32(self.matrix[0, 2]), y - np.float32(self.matrix[1, 2])
        return a[0] * x + a[1] * y, b[0] * x + b[1] * y

    def _height(self, part: Part, material: Material, patch: _Patch) -> Plane:
        height = cushion_height(patch.mask, max(part.puff * self.unit, 1.2))
        if part.form == "tube":
            height = height * np.float32(1.5)
        if patch.creases is not None:
            depth = np.float32((0.5 + material.drape) * self.unit)
            height = height - blur(patch.creases, 1.5 * self.unit) * depth * np.float32(1.6)
        if part.form == "soft" and material.drape and part.puff > 3:
            rows, columns = (max(2, int(side / self.unit / 17)) for side in patch.mask.shape)
            waves = noise(patch.mask.shape, (rows, int(columns * 1.6)), self.rng)
            height = height + waves * np.float32(material.drape * self.unit * 1.1)
        return height

    def _bumps(self, material: Material, u: Plane, v: Plane) -> Plane:
        """Fine relief in pixels, faded out where a pixel is too coarse to show it."""
        fade = self._visible(material)
        if material.relief is None or not material.depth or not fade:
            return np.zeros_like(u)
        return material.relief(u, v) * np.float32(material.depth * fade * self.unit)

    def _visible(self, material: Material) -> float:
        """1 where the pixels are fine enough for the relief, 0 where it would alias."""
        return min(max(material.grain * self.unit / 3.0 - 1.0, 0.0), 1.0)

    def _albedo(self, part: Part, material: Material, u: Plane, v: Plane) -> Light:
        color: Light = self.colors[part.paint]
        look = self.look
        if part.paint == "main" and look.pattern != "solid":
            at = u + np.float32(look.shift[0]), v + np.float32(look.shift[1])
            second = coverage(look.pattern, *at, (look.repeat, look.angle), 1.0 / self.unit)
            color = color + (self.colors["accent"] - color) * second[..., None]
        if material.speckle and material.relief is not None:
            tone = 1 + material.relief(u, v) * np.float32(material.speckle * max(self._visible(material), 0.15))
            color = color * tone[..., None]
        return color


def _colors(main: Lab, accent: Lab) -> dict[str, Light]:
    """Light of each paint, shape (3,)."""
    lightness, a, b = main
    labs = {
        "main": main,
        "plain": main,
        "accent": accent,
        "trim": (lightness * 0.86 - 1, a, b),
        "mark": (22.0, 0.0, -2.0) if accent[0] > 50 else (93.0, 0.0, 2.0),
        "dark": (lightness * 0.40 + 3, a * 0.55, b * 0.55),
        "stitch": (lightness + (16 if lightness < 45 else -15), a * 0.8, b * 0.8),
        **{name: lab for name, (lab, _) in _FIXED.items()},
    }
    return {name: rgb(lab) ** 2 for name, lab in labs.items()}


def _ink(extent: tuple[int, int], shapes: list[Points], stroke: float, dash: float) -> Plane:
    """Coverage, 0..1, of filled outlines (``stroke`` 0) or lines in a patch of ``extent`` (width, height) pixels."""
    image = Image.new("L", (extent[0] * _SUPER, extent[1] * _SUPER))
    draw = ImageDraw.Draw(image)
    for points in shapes:
        scaled = points * _SUPER
        if not stroke:
            draw.polygon(scaled.ravel().tolist(), fill=255)
            continue
        for piece in _dashes(scaled, dash * _SUPER) if dash else [scaled]:
            _line(draw, piece, max(stroke * _SUPER, 1.0))
    return np.asarray(image.reduce(_SUPER), dtype=np.float32) * np.float32(1 / 255)


def _line(draw: ImageDraw.ImageDraw, points: Points, width: float) -> None:
    draw.line(points.ravel().tolist(), fill=255, width=round(width), joint="curve")
    if width > 4:
        for x, y in (points[0], points[-1]):
            draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)


def _dashes(points: Points, length: float) -> list[Points]:
    """Every other stretch of ``length`` along the line."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    starts = np.arange(0.0, along[-1] - length * 0.5, length * 1.8)
    ends = np.minimum(starts + length, along[-1])
    at = [np.interp(np.stack([starts, ends]), along, points[:, axis]) for axis in (0, 1)]
    return list(np.stack(at, axis=-1).transpose(1, 0, 2))
