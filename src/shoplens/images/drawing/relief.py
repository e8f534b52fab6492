"""Smooth heights and their slopes: what light needs to know of a surface."""

from __future__ import annotations

import numpy as np
from PIL import Image

from shoplens.images.drawing.patterns import Plane


def blur(plane: Plane, radius: float) -> Plane:
    """``plane`` averaged over about ``radius`` pixels, bell-shaped; the rim counts as going on outwards."""
    if radius < 0.5:
        return plane
    height, width = plane.shape
    coarse = max(3, round(width / radius)), max(3, round(height / radius))
    small = Image.fromarray(plane).resize(coarse, Image.Resampling.BILINEAR)
    return resize(_smooth(np.asarray(small, dtype=np.float32)), (height, width))


def resize(plane: Plane, shape: tuple[int, int]) -> Plane:
    """``plane`` resized smoothly to (height, width)."""
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC), dtype=np.float32)


def noise(shape: tuple[int, int], cells: tuple[int, int], rng: np.random.Generator) -> Plane:
    """Smooth noise, about -1..1, with ``cells`` (rows, columns) of bumps."""
    grid = rng.random((cells[0] + 3, cells[1] + 3), dtype=np.float32) * 2 - 1
    return resize(grid, shape)


def cushion_height(mask: Plane, radius: float) -> Plane:
    """Height of a cushion filling ``mask``: 0 at the rim, flat ``radius`` pixels inside; pixels."""
    if radius > 24:
        return _dome(mask, radius) * np.float32(0.7) + _dome(mask, radius * 0.3) * np.float32(0.6)
    return _dome(mask, radius)


def slopes(height: Plane) -> tuple[Plane, Plane]:
    """Rise per pixel to the right and downwards."""
    right, down = np.zeros_like(height), np.zeros_like(height)
    right[:, 1:-1] = (height[:, 2:] - height[:, :-2]) * np.float32(0.5)
    down[1:-1] = (height[2:] - height[:-2]) * np.float32(0.5)
    return right, down


def surface_of_revolution(mask: Plane) -> tuple[Plane, Plane, Plane, Plane]:
    """A body turned around an upright axis.

    Returns:
        The normal to the right and downwards, and for each pixel how far its place on the unrolled surface lies to the
        right and below, pixels.
    """
    width = mask.shape[1]
    x = np.arange(width, dtype=np.float32)
    weight = mask.sum(axis=1) + np.float32(1e-3)
    middle = (mask @ x) / weight
    half = np.maximum(weight * np.float32(0.5), 1)
    filled = weight > 1
    middle = _steady(np.where(filled, middle, middle[filled].mean() if filled.any() else width / 2))
    half = _steady(half)
    across = np.clip((x[None, :] - middle[:, None]) / half[:, None], -1, 1)
    flare = np.clip(np.gradient(half), -1.2, 1.2).astype(np.float32)[:, None]
    right = across * np.float32(0.96)
    out = np.sqrt(1 - across * across)
    down = -flare * np.float32(0.75) * out
    unrolled = (np.arcsin(across) - across) * half[:, None] * np.float32(0.75)
    return right, down, unrolled, -np.float32(0.16) * half[:, None] * out


def _steady(values: Plane) -> Plane:
    kernel = np.ones(7, dtype=np.float32) / 7
    return np.convolve(np.pad(values, 3, mode="edge"), kernel, mode="valid").astype(np.float32)


def _dome(mask: Plane, radius: float) -> Plane:
    inside = np.clip(blur(mask, radius * 0.62) * 2 - 1, 0, 1)
    height: Plane = inside * (2 - inside) * np.float32(radius * 0.62)
    return height


def _smooth(plane: Plane) -> Plane:
    """Weights 1 2 1 over neighbours, both ways."""
    wide = np.pad(plane, 1, mode="edge")
    rows = (wide[:-2] + wide[2:]) * np.float32(0.25) + wide[1:-1] * np.float32(0.5)
    soft: Plane = (rows[:, :-2] + rows[:, 2:]) * np.float32(0.25) + rows[:, 1:-1] * np.float32(0.5)
    return soft
