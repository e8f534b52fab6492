"""The colours of a photo: finely, for telling products apart, and as a palette that people can read.

Both are taken of the foreground. A *palette* is a distribution over :data:`ANCHORS` fixed colours; two agree as much
as their Bhattacharyya coefficient, the dot product of their square roots, says.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import product
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import ImageColor

from shoplens.errors import InvalidValue
from shoplens.filters.photo_features.pixels import CHROMA, Floats, linear_rgb, oklab

Doubles = npt.NDArray[np.float64]
Real = npt.NDArray[np.floating]
Lab = tuple[float, float, float]
"""OKLab: lightness, green-red, blue-yellow."""

_BINS = (7, 9, 9)
"""Bins of L, a and b. They are even in L and in the square root of a and of b, so finest near grey."""
_MOST = 0.26
"""Where the bins of a and b end; the few stronger colours count there."""
FINE = 2 * 282
"""Numbers of :func:`fine_histograms`: two histograms over the bins that sRGB can reach, counted by a test."""

_WIDTH, _HEIGHT = 0.22, 0.30
"""How far from the middle, as parts of the photo, the weight of a pixel falls to 1/e."""

_GREYS = 8
_HUES = tuple(range(29, 389, 36))
"""Degrees in OKLab: red, orange, yellow, green, turquoise, cyan, azure, blue, purple, pink."""
_TONES = ((0.36, 0.6, 0.12), (0.60, 0.5, 0.06), (0.84, 0.6, 0.09))
"""Dark, muted and light: lightness, part of the strongest chroma that sRGB has there, at most so much chroma. The
fourth tone, vivid, is .85 of the strongest chroma that sRGB has at any lightness."""
_VIVID = 0.85
ANCHORS = _GREYS + len(_HUES) * (len(_TONES) + 1)
"""Colours that a palette is made of."""

_SPREAD = 0.12
"""Distance at which an anchor's share in a colour has fallen to exp(-1/2)."""
_DOUBT = 0.05
"""The same for names: how far from its nearest shade a name still may be meant."""
_SHARED = 3
"""Most anchors that one pixel is shared among."""
_STRONGEST = 8
"""Most anchors that a palette keeps."""
_TINY = np.float32(1e-6)
_CELLS = (65, 35, 35)
_CELL = 1 / 64
_FIRST = np.array([[0], [-16 * _CELL], [-20 * _CELL]], np.float32)
"""Pixels of one cell of OKLab, 1/64 wide, are assigned together; so many of L, a and b, from here on, hold sRGB."""
_LAST = np.array(_CELLS, np.float32)[:, None] - 1

_SHADES = {
    "black": "#101010 #000000 #202228",
    "white": "#fbfbfb #f2f2f0",
    "grey": "#808080 #b4b4b4 #505050 #d0d0d0",
    "red": "#d0202a #8c1420 #ff0000 #a8323a",
    "orange": "#f5861f #ff6a00 #c8602a #ffb070",
    "yellow": "#f7d417 #ffff00 #c8a028 #f8f0a0",
    "green": "#3a9a3e #00ff00 #1f4d2a #6b7a3a #b8d8a8 #5a7a5e",
    "turquoise": "#30c0b8 #007a78 #a8e0d8 #00ffff #5f9090 #204848",
    "blue": "#2a62c4 #0000ff #1c2a52 #a8c8ec #4aa0e0 #5f7fa0 #22405a",
    "purple": "#7a3ca0 #3c1e54 #c8b0e4 #8a70a0 #9000ff #c030e0",
    "pink": "#f080b0 #ff1090 #f8c8d8 #c08090",
    "brown": "#7a4a28 #3c2416 #a07048",
    "beige": "#dcc8a4 #c0a880 #efe4d0",
}
"""Basic colour -> what is called so, the most typical first."""
_MUCH = 0.12
"""Difference in lightness from the typical shade from which on a colour is called light or dark."""
_PLAIN = ("black", "white")


def fine_histograms(lab: Floats, mask: Floats) -> Floats:
    """Square roots of two soft colour histograms, one after the other: float32 (FINE,).

    The first is of the foreground, the second of the foreground weighted to the photo's middle. A pixel is shared
    linearly among the 8 bins around it (7 of L, 9 of a, 9 of b); bins that no sRGB colour is nearest to are left out.
    Each histogram sums to 1 before the root, so half the dot product of two results, in [0, 1], is their agreement.

    Args:
        lab: OKLab, float32 (h, w, 3).
        mask: weight of each pixel, float32 (h, w); where it sums to 0, all pixels count alike.
    """
    return _fine(_select_pixels(lab, mask))


def _fine(shown: _Shown) -> Floats:
    bins, shares = _bins_and_shares(shown.colours)
    kept = _srgb_bins()
    result = np.empty((2, len(kept)))
    for row, weight in zip(result, (shown.weights, shown.central), strict=True):
        row[:] = np.bincount(bins.ravel(), (shares * weight).ravel(), minlength=math.prod(_BINS))[kept]
    result = np.maximum(result, 0)  # shares may be below 0 by rounding
    roots: Floats = np.sqrt(result / result.sum(axis=1, keepdims=True)).astype(np.float32).ravel()
    return roots


def palette(lab: Floats, mask: Floats) -> Floats:
    """Distribution over the anchors: float32 (ANCHORS,), sum 1, at most 8 of them above 0.

    A pixel of the foreground, weighted to the photo's middle, is shared among its 3 nearest anchors by a Gaussian of
    the distance; then the 8 strongest are kept.

    Args:
        lab: OKLab, float32 (h, w, 3).
        mask: weight of each pixel, float32 (h, w); where it sums to 0, all pixels count alike.
    """
    return _palette(_select_pixels(lab, mask))


def fine_and_palette(lab: Floats, mask: Floats) -> tuple[Floats, Floats]:
    """:func:`fine_histograms` and :func:`palette`; arguments as there."""
    shown = _select_pixels(lab, mask)
    return _fine(shown), _palette(shown)


def _palette(shown: _Shown) -> Floats:
    steps = (shown.colours - _FIRST) * (1 / _CELL)
    light, green_red, blue_yellow = np.clip(np.rint(steps), 0, _LAST).astype(np.intp)
    anchors, shares = _cell_shares()
    cells = (light * _CELLS[1] + green_red) * _CELLS[2] + blue_yellow
    amounts = (shares.take(cells, axis=0) * shown.central[:, None]).ravel()
    return _prune(np.asarray(np.bincount(anchors.take(cells, axis=0).ravel(), amounts, minlength=ANCHORS), np.float64))


def palette_of_color(text: str) -> Floats:
    """The palette of one colour: float32 (ANCHORS,).

    Args:
        text: ``#rrggbb``, ``#rgb``, a name of :data:`BASIC_COLORS`, or a CSS colour name such as ``navy`` or
            ``light blue``; case, spaces and hyphens do not matter.

    Raises:
        InvalidValue: ``unknown-color``, for anything else.
    """
    name = re.sub(r"[\s_-]+", "", text).casefold().replace("gray", "grey")
    shades = _SHADES.get(name)
    known = shades.split()[0] if shades else ImageColor.colormap.get(name, name)
    if not (isinstance(known, str) and re.fullmatch(r"#([0-9a-f]{3}|[0-9a-f]{6})", known)):
        raise InvalidValue(
            f"{text[:60]!r} is not a colour.",
            f"Write #rrggbb, e.g. #2a62c4, a CSS colour name, or one of {', '.join(BASIC_COLORS)}.",
            code="unknown-color",
        )
    return _prune(_anchor_shares(_lab_of(known)[None].astype(np.float32))[0])


def color_distribution(lab_or_palette: npt.NDArray[np.floating] | Lab) -> Floats:
    """Distribution over :data:`BASIC_COLORS`, in their order: float32 (..., 13), sum 1.

    Args:
        lab_or_palette: OKLab colours (..., 3), or palettes (..., ANCHORS).

    Raises:
        InvalidValue: the last axis is neither.
    """
    given = np.asarray(lab_or_palette, np.float64)
    if given.ndim and given.shape[-1] == ANCHORS:
        return (given @ _nearness(ANCHOR_LABS.astype(np.float64))).astype(np.float32)
    if given.ndim and given.shape[-1] == 3:
        return _nearness(given.reshape(-1, 3)).reshape(*given.shape[:-1], -1).astype(np.float32)
    raise InvalidValue(
        f"Shape {given.shape} is neither of OKLab colours nor of palettes.",
        f"The last axis must be 3 or {ANCHORS} long.",
    )


class _Shown(NamedTuple):
    """The n pixels that count.

    Attributes:
        colours: float32 (3, n), OKLab.
        weights: float32 (n,).
        central: float32 (n,), the weights, less the farther a pixel is from the middle.
    """

    colours: Floats
    weights: Floats
    central: Floats


def _select_pixels(lab: Floats, mask: Floats) -> _Shown:
    weights = mask.ravel()
    seen = np.flatnonzero(weights)
    if not len(seen):
        weights = np.ones_like(weights)
        seen = np.arange(len(weights))
    weights = weights.take(seen)
    colours = np.ascontiguousarray(lab.reshape(-1, 3).T).take(seen, axis=1)
    return _Shown(colours, weights, weights * _centre(*mask.shape).take(seen))


@lru_cache(maxsize=4)
def _centre(height: int, width: int) -> Floats:
    """Weight of each pixel for being near the middle, flat: 1 there."""
    y = ((np.arange(height) + 0.5) / height - 0.5) / _HEIGHT
    x = ((np.arange(width) + 0.5) / width - 0.5) / _WIDTH
    weights: Floats = np.exp(-(y[:, None] ** 2 + x[None] ** 2)).ravel().astype(np.float32)
    return weights


def _bins_and_shares(colours: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
    """The 8 flat bins around each of n colours, (3, n), and its share in each; both (8, n), shares sum to 1."""
    last = np.array(_BINS, np.float32)[:, None] - 1
    spots = np.empty(colours.shape, np.float32)
    spots[0] = np.clip(colours[0], 0, 1)
    chroma = np.clip(colours[1:] / np.float32(_MOST), -1, 1)
    spots[1:] = (np.copysign(np.sqrt(np.abs(chroma)), chroma) + 1) / 2
    spots *= last
    lower = np.minimum(np.floor(spots), last - 1)
    light, green_red, blue_yellow = spots - lower
    low = lower.astype(np.intp)
    first = (low[0] * _BINS[1] + low[1]) * _BINS[2] + low[2]
    shares = np.empty((2, 2, 2, len(first)), np.float32)
    shares[:, 1, 1] = green_red * blue_yellow
    shares[:, 1, 0] = green_red - shares[0, 1, 1]
    shares[:, 0, 1] = blue_yellow - shares[0, 1, 1]
    shares[:, 0, 0] = 1 - green_red - shares[0, 0, 1]
    shares[1] *= light
    shares[0] *= 1 - light
    corners = [(i * _BINS[1] + j) * _BINS[2] + k for i, j, k in product((0, 1), repeat=3)]
    return first + np.array(corners, np.intp)[:, None], shares.reshape(8, -1)


@lru_cache(maxsize=1)
def _srgb_bins() -> npt.NDArray[np.intp]:
    """The flat bins that are nearest to some sRGB colour, of every fifth level of each channel."""
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(1, -1, 3)
    bins, shares = _bins_and_shares(oklab(cube)[0].T)
    return np.unique(bins[shares.argmax(axis=0), np.arange(bins.shape[1])])


def _distances(colours: Real, others: Real) -> Real:
    """Squared distances (n, m) of n from m OKLab colours."""
    scale = np.array([1, CHROMA, CHROMA], np.float32)
    left, right = colours * scale, others * scale
    result: Real = np.maximum((left**2).sum(1)[:, None] + (right**2).sum(1) - 2 * left @ right.T, 0)
    return result


def _anchor_shares(colours: Floats) -> Floats:
    """(n, ANCHORS): how each of n colours is shared among its nearest anchors; rows sum to 1.

    What the first anchor that gets nothing would have got is taken off all, so that a share grows from 0 and
    neighbouring shades never fall apart.
    """
    distances = _distances(colours, ANCHOR_LABS)
    near = np.exp((distances.min(axis=1, keepdims=True) - distances) / np.float32(2 * _SPREAD**2))
    beyond = np.partition(near, -_SHARED - 1, axis=1)[:, -_SHARED - 1, None]
    shares: Floats = np.maximum(near - np.minimum(beyond, 1 - _TINY), 0)
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


@lru_cache(maxsize=1)
def _cell_shares() -> tuple[npt.NDArray[np.intp], Floats]:
    """Of every cell, flat, its nearest anchors and its share in each; both (cells, 3)."""
    places = np.stack(np.unravel_index(np.arange(math.prod(_CELLS)), _CELLS)).astype(np.float32)
    shares = _anchor_shares((places * _CELL + _FIRST).T)
    anchors = np.ascontiguousarray(np.argpartition(shares, -_SHARED, axis=1)[:, -_SHARED:])
    return anchors, np.take_along_axis(shares, anchors, axis=1)


def _prune(amounts: Real) -> Floats:
    """The strongest amounts, the first of equal ones, made to sum to 1; the others 0."""
    strongest = np.argsort(-amounts, kind="stable")[:_STRONGEST]
    result = np.zeros(ANCHORS)
    result[strongest] = amounts[strongest]
    return np.asarray(result / result.sum(), np.float32)


def _nearness(colours: Doubles) -> Doubles:
    """(n, 13): a Gaussian of the distance from the nearest shade of each basic colour; rows sum to 1."""
    near = np.stack([_distances(colours, _labs_of(hexes)).min(axis=1) for hexes in _SHADES.values()], axis=1)
    shares = np.exp((near.min(axis=1, keepdims=True) - near) / (2 * _DOUBT**2))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float64)


def _lab_of(color: str) -> Doubles:
    return np.asarray(oklab(np.array([[ImageColor.getrgb(color)[:3]]], np.uint8))[0, 0], np.float64)


@lru_cache(maxsize=32)
def _labs_of(hexes: str) -> Doubles:
    return np.stack([_lab_of(color) for color in hexes.split()])


def _strongest_chroma(lightness: Doubles, hue: float) -> Doubles:
    """The most chroma that sRGB has at each lightness, in the direction of a hue in radians; by bisection."""
    low, high = np.zeros_like(lightness), np.full_like(lightness, 0.4)
    for _ in range(24):
        chroma = (low + high) / 2
        light = linear_rgb(np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1))
        fits = ((light >= 0) & (light <= 1)).all(axis=-1)
        low, high = np.where(fits, chroma, low), np.where(fits, high, chroma)
    strongest: Doubles = low
    return strongest


def _anchor_labs() -> Floats:
    """Greys from near black to near white, then every hue dark, muted, light and vivid: float32 (ANCHORS, 3)."""
    labs = [(lightness, 0.0, 0.0) for lightness in np.linspace(0.12, 0.98, _GREYS)]
    tones, parts, mosts = (np.array(column) for column in zip(*_TONES, strict=True))
    levels = np.linspace(0.2, 0.98, 79)
    for hue in np.radians(_HUES):
        strongest = _strongest_chroma(levels, hue)
        chromas = [*np.minimum(parts * _strongest_chroma(tones, hue), mosts), _VIVID * strongest.max()]
        for lightness, chroma in zip([*tones, levels[strongest.argmax()]], chromas, strict=True):
            labs.append((lightness, chroma * np.cos(hue), chroma * np.sin(hue)))
    return np.array(labs, np.float32)


def _hex_of(lab: Floats) -> str:
    light = np.clip(linear_rgb(lab), 0, 1)
    curved = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return "#" + bytes(np.rint(curved * 255).astype(np.uint8)).hex()


def _color_name(lab: Floats) -> str:
    """The nearest basic colour, with light or dark before it where it is much lighter or darker than is typical."""
    name = list(BASIC_COLORS)[int(_nearness(lab[None].astype(np.float64))[0].argmax())]
    lighter = float(lab[0]) - BASIC_COLORS[name][0]
    if name in _PLAIN or abs(lighter) < _MUCH:
        return name
    return f"{'light' if lighter > 0 else 'dark'} {name}"


def _typical(hexes: str) -> Lab:
    lightness, green_red, blue_yellow = (float(value) for value in _labs_of(hexes)[0])
    return lightness, green_red, blue_yellow


BASIC_COLORS: Mapping[str, Lab] = MappingProxyType({name: _typical(hexes) for name, hexes in _SHADES.items()})
"""Basic colour name -> OKLab of its most typical shade."""

ANCHOR_LABS: Floats = _anchor_labs()
"""OKLab of every anchor, float32 (ANCHORS, 3)."""
ANCHOR_LABS.setflags(write=False)

ANCHOR_HEXES: tuple[str, ...] = tuple(_hex_of(lab) for lab in ANCHOR_LABS)
"""sRGB of every anchor, ``#rrggbb``."""

ANCHOR_NAMES: tuple[str, ...] = tuple(_color_name(lab) for lab in ANCHOR_LABS)
"""What every anchor is called, e.g. ``dark blue``; several may be called the same."""
