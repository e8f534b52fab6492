"""Where two photos match: which thing in the query photo is the product, and which places of the two are alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from shoplens.embedders.graph.map_network import FeatureMap, PhotoMaps
from shoplens.images.objects import FoundObject, crop_around, find_object, find_objects, is_blank
from shoplens.types import MatchPoint, MatchRegions, Pixels, Region

MAX_POINTS = 12
"""Number of places that are returned."""
_MIN_DISTANCE = 0.12
"""Distance of two places in the query photo, as a share of the sides of the thing's box."""
_MIN_INSIDE = 0.3
"""Probability of the mask from which on a cell is compared."""

_MIN_SIMILARITY = 0.4
"""Similarity of two places from which on they match: of pairs in photos of one product 96 % have more, and of pairs in
photos of different products 35 % (``benchmarks/quality/objects.py``)."""

Cells = npt.NDArray[np.float32]
"""float32 (cells, channels), each row of length 1."""
ComputeMaps = Callable[[Pixels], PhotoMaps]


class _View:
    """A thing in a photo, enlarged, with its maps.

    Attributes:
        box: the part of the photo that is compared, in pixels; the thing with a margin.
        thing: the box around the thing in pixels.
    """

    def __init__(self, photo: Pixels, found: FoundObject, compute: ComputeMaps) -> None:
        height, width = photo.shape[:2]
        self.thing, self.box = found.region(width, height), crop_around(found, width, height)
        box = self.box
        maps = compute(np.ascontiguousarray(photo[box.y : box.y + box.height, box.x : box.x + box.width]))
        self.side = max(one.shape[-1] for one in maps.maps)
        layers = [_resize(one, self.side).reshape(len(one), -1).T for one in maps.maps]
        inside = _resize(maps.mask[None], self.side).ravel() >= _MIN_INSIDE
        self.places = np.flatnonzero(inside if inside.any() else np.ones_like(inside))
        self.summary = np.concatenate([_unit(layer[self.places].mean(axis=0)[None])[0] for layer in layers])
        centred = [_unit(layer - layer.mean(axis=0)) for layer in layers]
        self.cells = _unit(np.concatenate(centred, axis=1))[self.places]

    def point(self, place: int) -> tuple[int, int]:
        """Return the middle of a cell in pixels of the photo."""
        row, column = divmod(int(self.places[place]), self.side)
        x = self.box.x + self.box.width * (column + 0.5) / self.side
        return int(x), int(self.box.y + self.box.height * (row + 0.5) / self.side)


def match_regions(query: Pixels, product: Pixels, compute: ComputeMaps) -> MatchRegions | None:
    """Return which thing of a query photo a product's photo resembles, and the places of the two that are most alike.

    The things are cut out first, so that both are compared at the same size. The thing is the one whose mean features
    are most similar to the product's; places are pairs of cells that are each other's nearest.

    Args:
        query, product: the photos; boxes and places are in their pixels.
        compute: runs the network.

    Returns:
        None where no thing is found in one of them.
    """
    if is_blank(query):
        return None
    things = find_objects(compute(query).mask)
    found = find_object(compute(product).mask)
    if not things or found is None:
        return None
    shown = _View(product, found, compute)
    views = [_View(query, thing, compute) for thing in things]
    best = max(views, key=lambda view: float(view.summary @ shown.summary))
    similarity = best.cells @ shown.cells.T
    pairs = _mutual_pairs(similarity)
    ordered = sorted(pairs, key=lambda pair: -float(similarity[pair]))
    points = [
        MatchPoint(best.point(i), shown.point(j), round(float(similarity[i, j]), 4))
        for i, j in _spread(ordered, best)[:MAX_POINTS]
    ]
    return MatchRegions(best.thing, shown.thing, (product.shape[1], product.shape[0]), tuple(points))


def _mutual_pairs(similarity: npt.NDArray[np.float32]) -> list[tuple[int, int]]:
    """Return the pairs of a row and a column of which each is the other's most similar one."""
    right, left = similarity.argmax(axis=1), similarity.argmax(axis=0)
    return [(i, int(j)) for i, j in enumerate(right) if left[j] == i and similarity[i, j] >= _MIN_SIMILARITY]


def _spread(pairs: Sequence[tuple[int, int]], view: _View) -> list[tuple[int, int]]:
    """Leave out pairs that are near an earlier one in the query photo."""
    kept: list[tuple[int, int]] = []
    centres: list[npt.NDArray[np.float64]] = []
    size = np.array([view.box.width, view.box.height], float)
    for pair in pairs:
        centre = np.array(view.point(pair[0])) / size
        if all(np.hypot(*(centre - other)) >= _MIN_DISTANCE for other in centres):
            kept.append(pair)
            centres.append(centre)
    return kept


def _resize(layers: FeatureMap, side: int) -> FeatureMap:
    """Return maps, (channels, rows, columns), with this many rows and columns."""
    if layers.shape[1:] == (side, side):
        return layers
    resized = [Image.fromarray(one).resize((side, side), Image.Resampling.BILINEAR) for one in layers]
    return np.stack([np.asarray(one, np.float32) for one in resized])


def _unit(rows: FeatureMap | Cells) -> Cells:
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-9), np.float32)


def shift(matched: MatchRegions | None, region: Region | None) -> MatchRegions | None:
    """Return matches of a region of the query photo in pixels of the whole photo."""
    if matched is None or region is None:
        return matched
    box = matched.query
    moved = Region(box.x + region.x, box.y + region.y, box.width, box.height)
    points = (
        MatchPoint((one.query[0] + region.x, one.query[1] + region.y), one.product, one.similarity)
        for one in matched.points
    )
    return replace(matched, query=moved, points=tuple(points))
