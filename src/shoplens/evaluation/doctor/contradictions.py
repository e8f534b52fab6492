"""Feed against photos in one dimension: what contradicts, and what one can add to the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shoplens.filters.dimensions.dimension import PATH, Dimension
from shoplens.filters.model.class_layout import is_within, node_depth

SURE, RULED_OUT = 0.9, 0.05
"""The photos contradict the feed when they are this sure of another class, and give the feed's no more than this …"""
UNLIKELIER = 0.25
"""… nor more than this part of what the feed's class has in the whole catalogue: so the photos speak against it, and
``Blue`` beside ``Light Blue`` is no contradiction, while a rare class is not ruled out by being rare."""
SURE_OF_ONE_MORE = 0.95
"""From here on a further value of a multi-label dimension is worth a hint."""

Distribution = Mapping[str, float]


class Contradiction(NamedTuple):
    """A class of the photos against one of the feed, with the probabilities of both.

    ``strength`` is p_seen (1 - p_feed / share of the feed's class in the catalogue), in [0, 1].
    """

    feed: str
    seen: str
    p_feed: float
    p_seen: float
    strength: float


def contradiction(dimension: Dimension, known: Sequence[str], read: Distribution) -> Contradiction | None:
    """What the photos rule out; None where they do not, and in multi-label dimensions, which only ever lack something.

    In a tree the levels are gone through from the root down, and the first that is contradicted counts; what the photos
    say is told as deep as they are sure.

    Args:
        known: trained classes that the feed gives; of a tree all nodes on the path.
        read: class -> probability.

    >>> color = Dimension("color", "single", classes=("red", "blue"), products=(9, 9))
    >>> contradiction(color, ["red"], {"blue": 0.97, "red": 0.03})
    Contradiction(feed='red', seen='blue', p_feed=0.03, p_seen=0.97, strength=0.9118)
    >>> contradiction(color, ["red"], {"blue": 0.89, "red": 0.01}) is None
    True
    """
    if not known or dimension.kind == "multi":
        return None
    if dimension.kind != "tree":
        others = {name: p for name, p in read.items() if name not in known}
        p_told = sum(read.get(name, 0.0) for name in known)
        return _against(" and ".join(known), p_told, _share(dimension, known), others)
    for told in sorted(known, key=node_depth):
        if told not in read:
            continue  # the only node of its level
        beside = {name: p for name, p in read.items() if node_depth(name) == node_depth(told) and name != told}
        if found := _against(told, read[told], _share(dimension, [told]), beside):
            below = [name for name, p in read.items() if is_within(name, found.seen) and p >= SURE]
            seen = max(below, key=node_depth)
            return found._replace(feed=max(known, key=node_depth), seen=seen, p_seen=read[seen])
    return None


def _against(told: str, p_told: float, share: float, others: Distribution) -> Contradiction | None:
    seen = max(others, key=lambda name: others[name], default=None)
    if seen is None or others[seen] < SURE or p_told > min(RULED_OUT, UNLIKELIER * share):
        return None
    return Contradiction(told, seen, p_told, others[seen], round(others[seen] * (1 - p_told / share), 4))


def _share(dimension: Dimension, names: Sequence[str]) -> float:
    """Of the products that hold a class of the dimension, of a tree one of the same depth, those that hold these."""
    held = dict(zip(dimension.classes, dimension.products, strict=True))
    depth = node_depth(names[0])
    beside = (times for name, times in held.items() if dimension.kind != "tree" or node_depth(name) == depth)
    return sum(held[name] for name in names) / max(sum(beside), 1)


def additions(dimension: Dimension, known: Sequence[str], silent: bool, read: Distribution) -> dict[str, float]:
    """Class -> probability of what the photos can add to the feed.

    Where the feed is silent: every class of :data:`SURE` or more, of a tree the deepest one. Where a multi-label
    dimension has values: further ones of :data:`SURE_OF_ONE_MORE`. Where the feed names untrained classes only,
    nothing, for the photos cannot know them.
    """
    if silent:
        sure = {name: p for name, p in read.items() if p >= SURE}
        if dimension.kind == "tree":
            return {name: p for name, p in sure.items() if not any(_lies_below(other, name) for other in sure)}
        return sure
    if dimension.kind == "multi" and known:
        return {name: p for name, p in read.items() if p >= SURE_OF_ONE_MORE and name not in known}
    return {}


def _lies_below(node: str, other: str) -> bool:
    return node != other and is_within(node, other)


def leaf_of(name: str, dimension: Dimension) -> str:
    """A class as a sentence says it; of a tree its path with slashes.

    >>> leaf_of("Men > Tops", Dimension("category", "tree"))
    'Men / Tops'
    """
    return name.replace(PATH, " / ") if dimension.kind == "tree" else name
