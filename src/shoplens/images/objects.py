"""The objects in a photo: where they are, the photo with nothing else in it, and photos that show nothing at all."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from shoplens.types import ByteMask, Mask, Pixels, Region

INSIDE = 0.5
"""Probability from which on a cell of a mask belongs to the object."""
MIN_SHARE = 0.005
"""Where a smaller share of the photo is inside, no object was found."""
MAX_OBJECTS = 8
"""Number of objects of one photo; smaller ones are left out."""
_EDGE = 0.2
"""Probability from which on a cell belongs to an object of which another cell has more than ``INSIDE``."""
_MIN_RELATIVE_SIZE = 0.1
"""Size of an object relative to the largest one, below which it is left out."""
_MARGIN = 0.06
"""Margin around the object that is cut out, as a share of its sides."""
_FRAME_MARGIN = 0.1
"""Margin around the object in a framed photo, as a share of its sides."""
_MAX_FRAME = 0.9
"""Share of the photo above which a frame leaves out too little to be worth it."""
_WHITE = 255
_MIN_DEVIATION = 2.5
"""Standard deviation of grey levels below which a photo is of one colour; 8.5 is the least of 1,200 product photos."""
_MEAN_OF_CHANNELS = np.full(3, 1 / 3, np.float32)
_PAIRS_OF_ROWS = 16
"""Number of pairs of neighbouring rows that are looked at, evenly spaced."""
_MIN_CHROMA = 20.0
"""Difference of the channels' means from which on a photo of one colour may show a swatch of it."""
_MIN_AUTOCORRELATION = 0.25
"""Correlation of neighbouring pixels below which a photo is noise; .50 is the least of 2,500 photos of five kinds."""

Labels = npt.NDArray[np.intp]
"""intp (rows, columns): number of the part that a cell belongs to, from 1; 0 for none."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundObject:
    """An object in a photo.

    Attributes:
        mask: float32 (rows, columns), the probability that a cell of the photo shows the object; the cells divide the
            photo evenly.
        box: the object in the photo as left, top, right, bottom, in shares of its width and height.
    """

    mask: Mask
    box: tuple[float, float, float, float]

    def region(self, width: int, height: int) -> Region:
        """Return the box in pixels of a photo of this size, at least one pixel on each side."""
        left, top, right, bottom = self.box
        x, y = min(round(left * width), width - 1), min(round(top * height), height - 1)
        return Region(x, y, max(round(right * width) - x, 1), max(round(bottom * height) - y, 1))

    @property
    def score(self) -> float:
        """The mean probability of the cells that belong to the object, in [0, 1]."""
        return float(self.mask[self.mask > _EDGE].mean())


def find_object(mask: Mask) -> FoundObject | None:
    """Return the object that a mask shows, or None where it shows none.

    Args:
        mask: float32 (rows, columns) in [0, 1].
    """
    inside = mask > INSIDE
    if inside.mean() < MIN_SHARE:
        return None
    return FoundObject(mask, _box_around(inside))


def find_objects(mask: Mask) -> tuple[FoundObject, ...]:
    """Return the objects that a mask shows, the largest first; at most :data:`MAX_OBJECTS`.

    Things that touch each other are one object. A single object is that of :func:`find_object`. The thresholds were
    chosen on drawn scenes and on photos with given boxes, see ``benchmarks/quality/objects.py``.

    Args:
        mask: float32 (rows, columns) in [0, 1].
    """
    labels = label_components(mask > _EDGE)
    numbers = labels.ravel()
    sizes = np.bincount(numbers)
    weights = np.bincount(numbers, mask.ravel())
    weights[0] = 0.0
    peaks = np.zeros(len(sizes), np.float32)
    np.maximum.at(peaks, numbers, mask.ravel())
    is_object = (peaks > INSIDE) & (sizes >= MIN_SHARE * mask.size) & (weights >= _MIN_RELATIVE_SIZE * weights.max())
    is_object[0] = False
    order = [int(number) for number in np.argsort(-weights, kind="stable") if is_object[number]][:MAX_OBJECTS]
    if len(order) < 2:
        found = find_object(mask)
        return () if found is None else (found,)
    return tuple(_object_of(mask, labels == number) for number in order)


def label_components(inside: npt.NDArray[np.bool_]) -> Labels:
    """Number the parts of a mask whose cells touch by their sides: intp, of the shape of the mask.

    Each row is cut into runs of cells, and runs that touch a run of the row above belong to the same part.
    """
    rows, columns = inside.shape
    padded = np.zeros((rows, columns + 2), np.int8)
    padded[:, 1:-1] = inside
    edges = np.flatnonzero(np.diff(padded, axis=1))
    row, start, stop = edges[::2] // (columns + 1), edges[::2] % (columns + 1), edges[1::2] % (columns + 1)
    parts = _join_runs(list(zip(row.tolist(), start.tolist(), stop.tolist(), strict=True)))
    labels = np.zeros(inside.shape, np.intp)
    labels[inside] = np.repeat(np.unique(parts, return_inverse=True)[1] + 1, stop - start)
    return labels


def _join_runs(runs: list[tuple[int, int, int]]) -> npt.NDArray[np.intp]:
    """Return for each run of row, start and stop, in their order, a number that touching runs have in common."""
    parents, above = list(range(len(runs))), 0

    def root(number: int) -> int:
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    for number, (row, start, stop) in enumerate(runs):
        while runs[above][0] < row - 1 or (runs[above][0] == row - 1 and runs[above][2] <= start):
            above += 1
        touching = above
        while runs[touching][0] == row - 1 and runs[touching][1] < stop:
            parents[root(touching)] = root(number)
            touching += 1
    return np.array([root(number) for number in range(len(runs))], np.intp)


def _object_of(mask: Mask, cells: npt.NDArray[np.bool_]) -> FoundObject:
    """Return the object of these cells; all others show something else."""
    return FoundObject(np.where(cells, mask, np.float32(0)), _box_around(cells))


def _box_around(cells: npt.NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of the cells, in shares of the width and height."""
    rows, columns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    height, width = cells.shape
    box = columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height
    return float(box[0]), float(box[1]), float(box[2]), float(box[3])


def crop_around(found: FoundObject, width: int, height: int, margin: float = _MARGIN) -> Region:
    """Return the box of an object with a margin, in pixels of a photo of this size.

    Args:
        margin: as a share of the object's sides; there is less where the photo ends.
    """
    left, top, right, bottom = found.box
    wide, high = margin * (right - left), margin * (bottom - top)
    x0, x1 = _edges(left - wide, right + wide, width)
    y0, y1 = _edges(top - high, bottom + high, height)
    return Region(x0, y0, x1 - x0, y1 - y0)


def frame_object(photo: Pixels, found: FoundObject) -> Pixels | None:
    """Return the part of a photo around the object, uint8 (h, w, 3); None where that is nearly the whole photo.

    The part has a margin of 10 % around the object where the photo has that much, and keeps its background.
    """
    height, width = photo.shape[:2]
    frame = crop_around(found, width, height, _FRAME_MARGIN)
    if frame.width * frame.height > _MAX_FRAME * width * height:
        return None
    return np.ascontiguousarray(photo[frame.y : frame.y + frame.height, frame.x : frame.x + frame.width])


def cut_out(photo: Pixels, found: FoundObject) -> Pixels:
    """Return the object on white in the middle of a square: uint8 (side, side, 3).

    The object keeps its proportions, and has a margin of 6 % where the photo has that much around it.
    """
    height, width = photo.shape[:2]
    crop = crop_around(found, width, height)
    x0, y0, x1, y1 = crop.x, crop.y, crop.x + crop.width, crop.y + crop.height
    box = (x0 / width, y0 / height, x1 / width, y1 / height)
    part = photo[y0:y1, x0:x1]
    rows, columns = found.mask.shape
    scaled = (box[0] * columns, box[1] * rows, box[2] * columns, box[3] * rows)
    mask = Image.fromarray((255 * found.mask).astype(np.uint8))
    alpha = mask.resize((x1 - x0, y1 - y0), Image.Resampling.BILINEAR, box=scaled)
    side = max(part.shape[:2])
    square = Image.new("RGB", (side, side), (_WHITE, _WHITE, _WHITE))
    square.paste(Image.fromarray(part), ((side - part.shape[1]) // 2, (side - part.shape[0]) // 2), alpha)
    return np.asarray(square)


def mask_png(mask: ByteMask) -> bytes:
    """Return a mask as a small PNG: white, and as opaque as the object is probable."""
    file = io.BytesIO()
    Image.merge("LA", (Image.new("L", mask.shape[::-1], _WHITE), Image.fromarray(mask))).save(file, "PNG")
    return file.getvalue()


def _edges(start: float, stop: float, size: int) -> tuple[int, int]:
    """Return first and last pixel of a part of a side, given in shares of it; at least one pixel."""
    first = min(max(0, int(start * size)), size - 1)
    return first, max(first + 1, min(size, round(stop * size)))


def is_blank(photo: Pixels) -> bool:
    """Whether a photo is black, white or of one grey, or nothing but noise. One clear colour may be a swatch.

    Args:
        photo: uint8 (h, w, 3).
    """
    height, width = photo.shape[:2]
    if min(height, width) < 2:
        return _is_flat(_greys(photo))
    starts = np.linspace(0, height - 2, min(_PAIRS_OF_ROWS, height - 1)).astype(np.intp)
    pairs = np.stack([photo[starts], photo[starts + 1]])
    centred = _greys(pairs)
    if _is_flat(centred):
        return float(np.ptp(pairs.reshape(-1, 3).mean(axis=0))) < _MIN_CHROMA
    centred -= centred.mean()
    down, right = (centred[0] * centred[1]).mean(), (centred[:, :, 1:] * centred[:, :, :-1]).mean()
    return float(down + right) / 2 < _MIN_AUTOCORRELATION * float((centred**2).mean())


def _greys(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Return the mean of the channels of each pixel, float32 (...,)."""
    greys: npt.NDArray[np.float32] = pixels.astype(np.float32) @ _MEAN_OF_CHANNELS
    return greys


def _is_flat(greys: npt.NDArray[np.float32]) -> bool:
    return float(greys.std()) < _MIN_DEVIATION
