"""Compares the feed with the photos in one dimension: contradictions, and values that the feed lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shoplens.filters.dimensions.dimension import PATH, Dimension
from shoplens.filters.model.class_layout import is_within, node_depth

MIN_PROBABILITY = 0.9
"""A contradiction needs a class other than the feed's with at least this probability by the photos."""
MAX_FEED_PROBABILITY = 0.05
"""A contradiction needs that the photos give the feed's class at most this probability."""
MAX_FEED_LIFT = 0.25
"""A contradiction also needs that this probability is at most this multiple of the share of the feed's class in the
catalogue. So the photos must speak against the class: ``Blue`` is no contradiction to ``Light Blue``, and a rare class
is not ruled out only because it is rare."""
MIN_FURTHER_PROBABILITY = 0.95
"""A further value of a multi-label dimension is suggested from this probability on."""

Distribution = Mapping[str, float]


class Contradiction(NamedTuple):
    """A class that the photos show, against the class that the feed gives, with the probabilities of both.

    ``strength`` is p_photo (1 - p_feed / share of the feed's class in the catalogue), in [0, 1].
    """

    feed_value: str
    photo_value: str
    p_feed: float
    p_photo: float
    strength: float


def find_contradiction(
    dimension: Dimension, feed_classes: Sequence[str], probabilities: Distribution
) -> Contradiction | None:
    """Find the class of the feed that the photos rule out; return None if they rule out none.

    Multi-label dimensions have no contradictions, only missing values. In a tree the levels are compared from the root
    down, and the first contradiction counts; the class of the photos is then the deepest one that is probable enough.

    Args:
        feed_classes: trained classes that the feed gives; in a tree all nodes on the path.
        probabilities: class -> probability by the photos.

    >>> color = Dimension("color", "single", classes=("red", "blue"), products=(9, 9))
    >>> find_contradiction(color, ["red"], {"blue": 0.97, "red": 0.03})
    Contradiction(feed_value='red', photo_value='blue', p_feed=0.03, p_photo=0.97, strength=0.9118)
    >>> find_contradiction(color, ["red"], {"blue": 0.89, "red": 0.01}) is None
    True
    """
    if not feed_classes or dimension.kind == "multi":
        return None
    if dimension.kind != "tree":
        others = {name: p for name, p in probabilities.items() if name not in feed_classes}
        p_feed = sum(probabilities.get(name, 0.0) for name in feed_classes)
        return _compare_classes(" and ".join(feed_classes), p_feed, _share(dimension, feed_classes), others)
    for node in sorted(feed_classes, key=node_depth):
        if node not in probabilities:
            continue  # it is the only node of its level
        level = node_depth(node)
        others = {name: p for name, p in probabilities.items() if node_depth(name) == level and name != node}
        if result := _compare_classes(node, probabilities[node], _share(dimension, [node]), others):
            below = [
                name
                for name, p in probabilities.items()
                if is_within(name, result.photo_value) and p >= MIN_PROBABILITY
            ]
            deepest = max(below, key=node_depth)
            return result._replace(
                feed_value=max(feed_classes, key=node_depth), photo_value=deepest, p_photo=probabilities[deepest]
            )
    return None


def _compare_classes(feed_value: str, p_feed: float, share: float, others: Distribution) -> Contradiction | None:
    photo_value = max(others, key=lambda name: others[name], default=None)
    if photo_value is None or others[photo_value] < MIN_PROBABILITY:
        return None
    if p_feed > min(MAX_FEED_PROBABILITY, MAX_FEED_LIFT * share):
        return None
    p_photo = others[photo_value]
    return Contradiction(feed_value, photo_value, p_feed, p_photo, round(p_photo * (1 - p_feed / share), 4))


def _share(dimension: Dimension, names: Sequence[str]) -> float:
    """Return the share of the products with these classes, among the products with any class of the dimension.

    In a tree only the classes of the same depth count.
    """
    products = dict(zip(dimension.classes, dimension.products, strict=True))
    depth = node_depth(names[0])
    counted = (count for name, count in products.items() if dimension.kind != "tree" or node_depth(name) == depth)
    return sum(products[name] for name in names) / max(sum(counted), 1)


def find_additions(
    dimension: Dimension, feed_classes: Sequence[str], is_empty: bool, probabilities: Distribution
) -> dict[str, float]:
    """Return the classes that the photos can add to the feed, with their probabilities.

    Where the feed gives no value: every class of :data:`MIN_PROBABILITY` or more, in a tree only the deepest ones.
    Where a multi-label dimension has values: further classes of :data:`MIN_FURTHER_PROBABILITY` or more. Where the feed
    gives only untrained classes: none, because the photos cannot show whether these are right.
    """
    if is_empty:
        probable = {name: p for name, p in probabilities.items() if p >= MIN_PROBABILITY}
        if dimension.kind == "tree":
            return {
                name: p
                for name, p in probable.items()
                if not any(other != name and is_within(other, name) for other in probable)
            }
        return probable
    if dimension.kind == "multi" and feed_classes:
        return {
            name: p for name, p in probabilities.items() if p >= MIN_FURTHER_PROBABILITY and name not in feed_classes
        }
    return {}


def format_class(name: str, dimension: Dimension) -> str:
    """Return the class as it is written in sentences; a class of a tree becomes a path with slashes.

    >>> format_class("Men > Tops", Dimension("category", "tree"))
    'Men / Tops'
    """
    return name.replace(PATH, " / ") if dimension.kind == "tree" else name
