"""The colours of a photo: fine histograms that distinguish products, and a palette that people can read.

Both are computed from the foreground. A *palette* is a distribution over :data:`ANCHOR_COUNT` fixed colours, the
anchors; the agreement of two palettes is their Bhattacharyya coefficient, the dot product of their square roots.
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
from shoplens.filters.photo_features.pixels import CHROMA, Floats, oklab_to_linear_rgb, rgb_to_oklab

Doubles = npt.NDArray[np.float64]
Real = npt.NDArray[np.floating]
Lab = tuple[float, float, float]
"""OKLab: lightness, green-red, blue-yellow."""

_BINS = (7, 9, 9)
"""Bins of L, a and b, equally spaced in L and in the square roots of a and b, so they are finest near grey."""
_MAX_CHROMA = 0.26
"""Limit of the bins of a and b; the few stronger colours count in the last bin."""
FINE_SIZE = 2 * 282
"""Length of :func:`fine_histograms`: two histograms over the bins that sRGB can reach; a test checks their number."""

_CENTRE_WIDTH, _CENTRE_HEIGHT = 0.22, 0.30
"""Distance from the centre, as parts of the photo's width and height, at which a pixel's weight falls to 1/e."""

_GREY_COUNT = 8
_HUES = tuple(range(29, 389, 36))
"""Degrees in OKLab: red, orange, yellow, green, turquoise, cyan, azure, blue, purple, pink."""
_TONES = ((0.36, 0.6, 0.12), (0.60, 0.5, 0.06), (0.84, 0.6, 0.09))
"""Dark, muted and light: lightness, part of the largest chroma that sRGB has there, and limit of the chroma. The fourth
tone, vivid, has .85 of the largest chroma that sRGB has at any lightness."""
_VIVID_SHARE = 0.85
ANCHOR_COUNT = _GREY_COUNT + len(_HUES) * (len(_TONES) + 1)
"""Number of anchors, the colours of a palette."""

_ANCHOR_DEVIATION = 0.12
"""Distance at which an anchor's share of a colour falls to exp(-1/2)."""
_NAME_DEVIATION = 0.05
"""The same distance for the name of a basic colour, from its nearest shade."""
_ANCHORS_PER_PIXEL = 3
"""Most anchors among which one pixel is divided."""
_MAX_ANCHORS = 8
"""Most anchors of a palette."""
_TINY = np.float32(1e-6)
_CELL_COUNTS = (65, 35, 35)
_CELL_WIDTH = 1 / 64
_FIRST_CELL = np.array([[0], [-16 * _CELL_WIDTH], [-20 * _CELL_WIDTH]], np.float32)
"""Pixels of one cell of OKLab, 1/64 wide, are assigned together; so many cells of L, a and b, from this colour on,
cover sRGB."""
_LAST_CELL = np.array(_CELL_COUNTS, np.float32)[:, None] - 1

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
"""Basic colour -> its shades, the most typical first."""
_MIN_LIGHTNESS_DIFFERENCE = 0.12
"""Difference in lightness from the typical shade at which a colour is called light or dark."""
_WITHOUT_TONES = ("black", "white")


def fine_histograms(lab: Floats, mask: Floats) -> Floats:
    """Return the square roots of two soft colour histograms, one after the other: float32 (FINE_SIZE,).

    The first is of the foreground, the second of the foreground with more weight at the photo's centre. A pixel is
    divided linearly among the 8 bins around it (of 7 in L, 9 in a, 9 in b); bins that are nearest to no sRGB colour are
    left out. Each histogram sums to 1 before the root, so half the dot product of two results, in [0, 1], is their
    agreement.

    Args:
        lab: OKLab, float32 (h, w, 3).
        mask: weight of each pixel, float32 (h, w); where it sums to 0, all pixels count equally.
    """
    return _fine_histograms(_select_pixels(lab, mask))


def _fine_histograms(shown: _PixelSample) -> Floats:
    bins, shares = _bins_and_shares(shown.colours)
    kept = _srgb_bins()
    result = np.empty((2, len(kept)))
    for row, weight in zip(result, (shown.weights, shown.central), strict=True):
        row[:] = np.bincount(bins.ravel(), (shares * weight).ravel(), minlength=math.prod(_BINS))[kept]
    result = np.maximum(result, 0)  # shares may be below 0 by rounding
    roots: Floats = np.sqrt(result / result.sum(axis=1, keepdims=True)).astype(np.float32).ravel()
    return roots


def palette(lab: Floats, mask: Floats) -> Floats:
    """Return a distribution over the anchors: float32 (ANCHOR_COUNT,), sum 1, at most 8 numbers above 0.

    Each pixel of the foreground, with more weight at the photo's centre, is divided among its 3 nearest anchors by a
    Gaussian of the distance; then the 8 strongest anchors are kept.

    Args:
        lab: OKLab, float32 (h, w, 3).
        mask: weight of each pixel, float32 (h, w); where it sums to 0, all pixels count equally.
    """
    return _palette(_select_pixels(lab, mask))


def fine_and_palette(lab: Floats, mask: Floats) -> tuple[Floats, Floats]:
    """Return :func:`fine_histograms` and :func:`palette`; arguments as there."""
    shown = _select_pixels(lab, mask)
    return _fine_histograms(shown), _palette(shown)


def _palette(shown: _PixelSample) -> Floats:
    steps = (shown.colours - _FIRST_CELL) * (1 / _CELL_WIDTH)
    light, green_red, blue_yellow = np.clip(np.rint(steps), 0, _LAST_CELL).astype(np.intp)
    anchors, shares = _cell_shares()
    cells = (light * _CELL_COUNTS[1] + green_red) * _CELL_COUNTS[2] + blue_yellow
    amounts = (shares.take(cells, axis=0) * shown.central[:, None]).ravel()
    return _keep_strongest(
        np.asarray(np.bincount(anchors.take(cells, axis=0).ravel(), amounts, minlength=ANCHOR_COUNT), np.float64)
    )


def parse_palette(text: str) -> Floats:
    """Return the palette of one colour: float32 (ANCHOR_COUNT,).

    Args:
        text: ``#rrggbb``, ``#rgb``, a name of :data:`BASIC_COLORS`, or a CSS colour name such as ``navy`` or
            ``light blue``; case, spaces and hyphens are ignored.

    Raises:
        InvalidValue: ``unknown-color``: the text is anything else.
    """
    code = color_code(text)
    return _keep_strongest(_anchor_shares(_parse_lab(code)[None].astype(np.float32))[0])


def color_code(text: str) -> str:
    """Return one colour as ``#rrggbb`` or ``#rgb``, from the texts that :func:`parse_palette` knows.

    Raises:
        InvalidValue: ``unknown-color``.
    """
    name = re.sub(r"[\s_-]+", "", text).casefold().replace("gray", "grey")
    shades = _SHADES.get(name)
    code = shades.split()[0] if shades else ImageColor.colormap.get(name, name)
    if not (isinstance(code, str) and re.fullmatch(r"#([0-9a-f]{3}|[0-9a-f]{6})", code)):
        raise InvalidValue(
            f"{text[:60]!r} is not a colour.",
            f"Write #rrggbb, e.g. #2a62c4, a CSS colour name, or one of {', '.join(BASIC_COLORS)}.",
            code="unknown-color",
        )
    return code


def is_color_name(name: str) -> bool:
    """Return whether :func:`parse_palette` knows this text."""
    try:
        return bool(parse_palette(name).any())
    except InvalidValue:
        return False


def color_distribution(lab_or_palette: npt.NDArray[np.floating] | Lab) -> Floats:
    """Return a distribution over :data:`BASIC_COLORS`, in their order: float32 (..., 13), sum 1.

    Args:
        lab_or_palette: OKLab colours (..., 3), or palettes (..., ANCHOR_COUNT).

    Raises:
        InvalidValue: the last axis has another length.
    """
    values = np.asarray(lab_or_palette, np.float64)
    if values.ndim and values.shape[-1] == ANCHOR_COUNT:
        return (values @ _name_shares(ANCHOR_LABS.astype(np.float64))).astype(np.float32)
    if values.ndim and values.shape[-1] == 3:
        return _name_shares(values.reshape(-1, 3)).reshape(*values.shape[:-1], -1).astype(np.float32)
    raise InvalidValue(
        f"An array of shape {values.shape} holds neither OKLab colours nor palettes.",
        f"The last axis must be 3 or {ANCHOR_COUNT} long.",
    )


class _PixelSample(NamedTuple):
    """The n pixels of the foreground.

    Attributes:
        colours: float32 (3, n), OKLab.
        weights: float32 (n,).
        central: float32 (n,), the weights times a factor that falls with the distance from the centre.
    """

    colours: Floats
    weights: Floats
    central: Floats


def _select_pixels(lab: Floats, mask: Floats) -> _PixelSample:
    weights = mask.ravel()
    indices = np.flatnonzero(weights)
    if not len(indices):
        weights = np.ones_like(weights)
        indices = np.arange(len(weights))
    weights = weights.take(indices)
    colours = np.ascontiguousarray(lab.reshape(-1, 3).T).take(indices, axis=1)
    return _PixelSample(colours, weights, weights * _centre_weights(*mask.shape).take(indices))


@lru_cache(maxsize=4)
def _centre_weights(height: int, width: int) -> Floats:
    """Return the weight of each pixel by its distance from the centre, flat: 1 at the centre."""
    y = ((np.arange(height) + 0.5) / height - 0.5) / _CENTRE_HEIGHT
    x = ((np.arange(width) + 0.5) / width - 0.5) / _CENTRE_WIDTH
    weights: Floats = np.exp(-(y[:, None] ** 2 + x[None] ** 2)).ravel().astype(np.float32)
    return weights


def _bins_and_shares(colours: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return the 8 flat bins around each of n colours, (3, n), and the colour's share of each; both (8, n), and shares
    sum to 1."""
    last = np.array(_BINS, np.float32)[:, None] - 1
    spots = np.empty(colours.shape, np.float32)
    spots[0] = np.clip(colours[0], 0, 1)
    chroma = np.clip(colours[1:] / np.float32(_MAX_CHROMA), -1, 1)
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
    """Return the flat bins that are nearest to some sRGB colour, among every fifth level of each channel."""
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(1, -1, 3)
    bins, shares = _bins_and_shares(rgb_to_oklab(cube)[0].T)
    return np.unique(bins[shares.argmax(axis=0), np.arange(bins.shape[1])])


def _squared_distances(colours: Real, others: Real) -> Real:
    """Return the squared distances (n, m) of n from m OKLab colours."""
    scale = np.array([1, CHROMA, CHROMA], np.float32)
    left, right = colours * scale, others * scale
    result: Real = np.maximum((left**2).sum(1)[:, None] + (right**2).sum(1) - 2 * left @ right.T, 0)
    return result


def _anchor_shares(colours: Floats) -> Floats:
    """Return (n, ANCHOR_COUNT): the shares of each of n colours in its nearest anchors; rows sum to 1.

    The share that the first anchor without a share would have is subtracted from all, so that shares grow continuously
    from 0 and similar shades always have similar shares.
    """
    distances = _squared_distances(colours, ANCHOR_LABS)
    near = np.exp((distances.min(axis=1, keepdims=True) - distances) / np.float32(2 * _ANCHOR_DEVIATION**2))
    beyond = np.partition(near, -_ANCHORS_PER_PIXEL - 1, axis=1)[:, -_ANCHORS_PER_PIXEL - 1, None]
    shares: Floats = np.maximum(near - np.minimum(beyond, 1 - _TINY), 0)
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


@lru_cache(maxsize=1)
def _cell_shares() -> tuple[npt.NDArray[np.intp], Floats]:
    """Return for every cell, flat, its nearest anchors and its share in each; both (cells, 3)."""
    cells = np.stack(np.unravel_index(np.arange(math.prod(_CELL_COUNTS)), _CELL_COUNTS)).astype(np.float32)
    shares = _anchor_shares((cells * _CELL_WIDTH + _FIRST_CELL).T)
    anchors = np.ascontiguousarray(np.argpartition(shares, -_ANCHORS_PER_PIXEL, axis=1)[:, -_ANCHORS_PER_PIXEL:])
    return anchors, np.take_along_axis(shares, anchors, axis=1)


def _keep_strongest(amounts: Real) -> Floats:
    """Return the strongest amounts, the first of equals, scaled to sum to 1; the others are 0."""
    strongest = np.argsort(-amounts, kind="stable")[:_MAX_ANCHORS]
    result = np.zeros(ANCHOR_COUNT)
    result[strongest] = amounts[strongest]
    return np.asarray(result / result.sum(), np.float32)


def _name_shares(colours: Doubles) -> Doubles:
    """Return (n, 13): a Gaussian of the distance from the nearest shade of each basic colour; rows sum to 1."""
    near = np.stack([_squared_distances(colours, _shade_labs(hexes)).min(axis=1) for hexes in _SHADES.values()], axis=1)
    shares = np.exp((near.min(axis=1, keepdims=True) - near) / (2 * _NAME_DEVIATION**2))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float64)


def _parse_lab(color: str) -> Doubles:
    return np.asarray(rgb_to_oklab(np.array([[ImageColor.getrgb(color)[:3]]], np.uint8))[0, 0], np.float64)


@lru_cache(maxsize=32)
def _shade_labs(hexes: str) -> Doubles:
    return np.stack([_parse_lab(color) for color in hexes.split()])


def _max_chroma(lightness: Doubles, hue: float) -> Doubles:
    """Return the largest chroma that sRGB has at each lightness for a hue in radians, by bisection."""
    low, high = np.zeros_like(lightness), np.full_like(lightness, 0.4)
    for _ in range(24):
        chroma = (low + high) / 2
        light = oklab_to_linear_rgb(np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1))
        fits = ((light >= 0) & (light <= 1)).all(axis=-1)
        low, high = np.where(fits, chroma, low), np.where(fits, high, chroma)
    result: Doubles = low
    return result


def _anchor_labs() -> Floats:
    """Return greys from near black to near white, then every hue in dark, muted, light and vivid: float32
    (ANCHOR_COUNT, 3)."""
    labs = [(lightness, 0.0, 0.0) for lightness in np.linspace(0.12, 0.98, _GREY_COUNT)]
    tones, parts, mosts = (np.array(column) for column in zip(*_TONES, strict=True))
    levels = np.linspace(0.2, 0.98, 79)
    for hue in np.radians(_HUES):
        strongest = _max_chroma(levels, hue)
        chromas = [*np.minimum(parts * _max_chroma(tones, hue), mosts), _VIVID_SHARE * strongest.max()]
        for lightness, chroma in zip([*tones, levels[strongest.argmax()]], chromas, strict=True):
            labs.append((lightness, chroma * np.cos(hue), chroma * np.sin(hue)))
    return np.array(labs, np.float32)


def _lab_to_hex(lab: Floats) -> str:
    light = np.clip(oklab_to_linear_rgb(lab), 0, 1)
    curved = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return "#" + bytes(np.rint(curved * 255).astype(np.uint8)).hex()


def _color_name(lab: Floats) -> str:
    """Return the nearest basic colour, with "light" or "dark" before it where it is much lighter or darker than the
    typical shade."""
    name = list(BASIC_COLORS)[int(_name_shares(lab[None].astype(np.float64))[0].argmax())]
    lighter = float(lab[0]) - BASIC_COLORS[name][0]
    if name in _WITHOUT_TONES or abs(lighter) < _MIN_LIGHTNESS_DIFFERENCE:
        return name
    return f"{'light' if lighter > 0 else 'dark'} {name}"


def _typical_lab(hexes: str) -> Lab:
    lightness, green_red, blue_yellow = (float(value) for value in _shade_labs(hexes)[0])
    return lightness, green_red, blue_yellow


BASIC_COLORS: Mapping[str, Lab] = MappingProxyType({name: _typical_lab(hexes) for name, hexes in _SHADES.items()})
"""Basic colour name -> OKLab of its most typical shade."""

ANCHOR_LABS: Floats = _anchor_labs()
"""OKLab of every anchor, float32 (ANCHOR_COUNT, 3)."""
ANCHOR_LABS.setflags(write=False)

ANCHOR_HEXES: tuple[str, ...] = tuple(_lab_to_hex(lab) for lab in ANCHOR_LABS)
"""sRGB of every anchor, ``#rrggbb``."""

ANCHOR_NAMES: tuple[str, ...] = tuple(_color_name(lab) for lab in ANCHOR_LABS)
"""The colour name of every anchor, e.g. ``dark blue``; several may have the same name."""
