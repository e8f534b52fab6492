"""Reads the trade numbers in a photo: EAN and UPC barcodes, and QR codes with a GS1 Digital Link.

A code is first sought in the picture as it was decoded for the network, at a part of its resolution. The bars of a
small code cannot be told apart there, but they leave a sign: a patch where the brightness changes everywhere along one
direction, and hardly at all from one block to the next. Only a picture with such a patch is read at full resolution,
first the patch, turned so that its bars are upright.

Source: GS1 General Specifications, release 24; GS1 Digital Link Standard: URI Syntax, release 1.4.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import zxingcpp
from PIL import Image

from shoplens.types import Pixels
from shoplens.types.gtin import format_gtin, normalize_gtin

Grey = npt.NDArray[np.uint8]
"""uint8 (h, w)."""
MAX_CODES = 8
"""Codes that are reported for a photo."""
_FORMATS = "EAN13,EAN8,UPCA,UPCE,QRCode"
"""Read anew for each photo: what the library makes of them may not outlive it, or it complains at the process's end."""
_DIGITAL_LINK = re.compile(r"https?://[^/?#]+(?:/[^?#]*)?/(?:01|gtin)/(\d{8}|\d{12,14})(?:[/?#]|$)", re.I | re.ASCII)
_ELEMENT_STRING = re.compile(r"\(01\)(\d{14})", re.ASCII)

_WIDEST = 640
"""Pixels of the shorter side of a picture that is read whole; a larger one is halved."""
_SCALES = (0.75, 1.5)
"""Resolutions at which a number is read again, of that at which it was read first."""
_BLOCK = 8
"""Pixels of the sides of a block; a patch is 3 x 3 blocks."""
_LEAST_EDGES, _LEAST_DIRECTED, _MOST_UNEVEN, _LEAST_PATCHES = 16.0, 0.5, 1.4, 3
"""Fitted on 160 drawn photos of benchmarks/words/barcodes.py (seed 1) and 300 real ones without a code: 98 % of the
linear codes leave the sign, and 10 % of the photos without one."""
_UPRIGHT_ENOUGH = 12.0
"""Degrees by which bars may lean to be read without turning the patch."""


@dataclass(frozen=True, slots=True)
class Barcode:
    """A code that was read.

    Attributes:
        text: the number as it is printed beside the code: 8, 12, 13 or 14 digits.
        gtin: the same in 14 digits; empty where the check digit is wrong.
    """

    text: str
    gtin: str


@dataclass(frozen=True, slots=True)
class _Patch:
    """A part of a picture that could hold a code.

    Attributes:
        x, y: the middle, from 0 to 1 of the picture.
        reach: pixels of the picture from one end to the other.
        angle: degrees by which the bars lean.
    """

    x: float
    y: float
    reach: float
    angle: float


def read_barcodes(pixels: Pixels, enlarge: Callable[[], Grey] | None = None) -> tuple[Barcode, ...]:
    """Return the trade numbers in a photo, without repeats.

    Args:
        pixels: uint8 (h, w, 3), RGB, the photo or a region of it; it may have been decoded reduced.
        enlarge: returns the same part at full resolution, in grey; None where ``pixels`` has all there is. It is called
            only where the picture shows a sign of a code.
    """
    # A scanner sees red light: bars may have any colour that is dark in it, and the ground any that is bright.
    grey = original = np.ascontiguousarray(pixels[..., 0])
    while min(grey.shape) >= 2 * _WIDEST:
        grey = np.ascontiguousarray(grey[::2, ::2])
    found = _read(grey)
    if _any_valid(found) or (patch := _find_patch(grey)) is None:
        return found
    full = original if enlarge is None else enlarge()
    found = _read(_upright_patch(full, patch, full.shape[1] / grey.shape[1])) or found
    return found if full is grey or _any_valid(found) else _read(full) or found


def _any_valid(codes: Iterable[Barcode]) -> bool:
    return any(code.gtin for code in codes)


def _read(grey: Grey) -> tuple[Barcode, ...]:
    """Return the trade numbers that are read twice, at two resolutions: in one of ten misread codes, the check digit is
    right by chance. A number with a wrong check digit counts only where no other is read."""
    numbers = _read_once(grey)
    again: set[Barcode] = set()
    for scale in _SCALES:
        if again.issuperset(numbers):
            break
        size = round(scale * grey.shape[1]), round(scale * grey.shape[0])
        again.update(_read_once(np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR))))
    confirmed = tuple(number for number in numbers if number in again)
    return tuple(number for number in confirmed if number.gtin) or confirmed


def _read_once(grey: Grey) -> tuple[Barcode, ...]:
    formats, short = zxingcpp.barcode_formats_from_str(_FORMATS), zxingcpp.BarcodeFormat.UPCE
    codes = zxingcpp.read_barcodes(grey, formats=formats, try_invert=False, return_errors=True)
    if any(code.valid and code.format not in (zxingcpp.BarcodeFormat.QRCode, short) for code in codes):
        codes = [code for code in codes if code.format != short]  # half of an EAN-13 may look like one
    return tuple(dict.fromkeys(filter(None, map(_trade_number, codes))))[:MAX_CODES]


def _trade_number(code: zxingcpp.Barcode) -> Barcode | None:
    """Return the trade number of a code; None for a code that has another content, or that cannot be read."""
    if not code.valid and (code.error is None or code.error.type != zxingcpp.ErrorType.Checksum):
        return None
    is_matrix = code.format == zxingcpp.BarcodeFormat.QRCode
    link = _DIGITAL_LINK.match(code.text) or _ELEMENT_STRING.match(code.text) if is_matrix else None
    digits = link[1] if link else code.text
    gtin = normalize_gtin(digits) if code.valid else ""
    if gtin:
        return Barcode(format_gtin(gtin), gtin)
    return Barcode(digits, "") if digits.isdecimal() and (link or not is_matrix) else None


def _find_patch(grey: Grey) -> _Patch | None:
    """Return the part of a picture that has the sign of a linear code; None for most pictures."""
    height, width = (side // _BLOCK * _BLOCK for side in grey.shape)
    if min(height, width) < 4 * _BLOCK:
        return None
    here, right = grey[: height - 1, : width - 1], grey[: height - 1, 1:width]
    below, across = grey[1:height, : width - 1], grey[1:height, 1:width]
    pairs = ((here, right), (here, below), (here, across), (right, below))
    edges = np.stack([_mean_blocks(np.maximum(*pair) - np.minimum(*pair)) for pair in pairs])
    edges[2:] *= 0.8  # a diagonal step is longer
    brightness = _mean_blocks(grey[:height, :width])[: edges.shape[1], : edges.shape[2]]
    horizontal, vertical, falling, rising = sums = _windows(np.add, edges) / 9
    strongest = sums.max(axis=0)
    directed = np.maximum(_contrast(horizontal, vertical), _contrast(falling, rising))
    uneven = _windows(np.maximum, brightness) - _windows(np.minimum, brightness)
    is_code = _windows(np.minimum, edges.max(axis=0)) > _LEAST_EDGES
    is_code &= (directed > _LEAST_DIRECTED) & (uneven < _MOST_UNEVEN * strongest)
    rows, columns = np.nonzero(is_code)
    if len(rows) < _LEAST_PATCHES:
        return None
    leaning = float((falling - rising)[is_code].sum()) / 0.8, float((horizontal - vertical)[is_code].sum())
    ends = [np.percentile(places, (5, 95)) for places in (rows, columns)]
    spread = [float(last - first) + 3 for first, last in ends]
    return _Patch(
        x=float(np.median(columns) + 1.5) * _BLOCK / grey.shape[1],
        y=float(np.median(rows) + 1.5) * _BLOCK / grey.shape[0],
        reach=math.hypot(*spread) * _BLOCK,
        angle=math.degrees(math.atan2(*leaning)) / 2,
    )


def _mean_blocks(values: Grey) -> npt.NDArray[np.float32]:
    return np.asarray(Image.fromarray(np.ascontiguousarray(values)).reduce(_BLOCK), np.float32)


def _windows(join: np.ufunc, blocks: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Join each window of 3 x 3 blocks."""
    rows = join(join(blocks[..., :-2, :], blocks[..., 1:-1, :]), blocks[..., 2:, :])
    joined: npt.NDArray[np.float32] = join(join(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])
    return joined


def _contrast(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return 0 where two are equal, up to 1 where one of them is 0."""
    ratio: npt.NDArray[np.float32] = np.abs(one - other) / np.maximum(np.maximum(one, other), 1e-3)
    return ratio


def _upright_patch(full: Grey, patch: _Patch, scale: float) -> Grey:
    """Cut a patch out of the picture, and turn it so that its bars are upright or level."""
    height, width = full.shape
    x, y, half = patch.x * width, patch.y * height, 0.75 * patch.reach * scale + 40
    box = (max(0, x - half), max(0, y - half), min(width, x + half), min(height, y + half))
    cut = Image.fromarray(full).crop(tuple(round(side) for side in box))
    lean = abs(patch.angle)
    if _UPRIGHT_ENOUGH < lean < 90 - _UPRIGHT_ENOUGH:
        cut = cut.rotate(patch.angle, Image.Resampling.BILINEAR, expand=True, fillcolor=128)
    return np.asarray(cut)
