"""A tree of classes: a head per level, and one distribution over all of its paths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from shoplens.filters.dimensions.dimension import PATH
from shoplens.filters.fitting.crossfit import Heads, Ints, Rows
from shoplens.filters.fitting.lda import UNKNOWN, fisher_heads
from shoplens.filters.fitting.temperature_scaling import (
    ROWS,
    TemperatureScaling,
    correct_temperature,
    floored_softmax,
    sample_indices,
    softmax,
)
from shoplens.filters.photo_features.pixels import Floats

_TEMPERATURES = tuple(float(step) for step in np.geomspace(0.25, 1.6, 25))
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Tree:
    """The levels of a tree that tell products apart.

    Attributes:
        levels: the nodes of each level from the root down, and the leaves that lie above it; levels of one node are
            left out, for they tell nothing apart.
        leaves: the nodes without nodes below.
        temperature: how sure the levels are together; 1 where they err independently.
    """

    levels: tuple[tuple[str, ...], ...]
    leaves: tuple[str, ...]
    temperature: float = 1.0

    @classmethod
    def of(cls, nodes: Iterable[str]) -> Tree:
        """The tree of nodes, each a path ``A > B``; order is kept.

        >>> Tree.of(["A", "B", "A > x", "A > y"]).levels
        (('A', 'B'), ('B', 'A > x', 'A > y'))
        """
        names = list(dict.fromkeys(nodes))
        above = {PATH.join(name.split(PATH)[:-1]) for name in names}
        leaves = tuple(name for name in names if name not in above)
        deepest = max((depth_of(name) for name in names), default=0)
        levels = (
            tuple(n for n in names if depth_of(n) == level or (depth_of(n) < level and n in leaves))
            for level in range(1, deepest + 1)
        )
        return cls(tuple(level for level in levels if len(level) > 1), leaves)

    @property
    def size(self) -> int:
        """Numbers of a photo: the nodes of all levels together."""
        return sum(len(level) for level in self.levels)

    def places(self, known: Iterable[str]) -> list[int | None]:
        """Per level, the place of the node that a product is in, None where it ends above and might go on.

        Args:
            known: nodes of the product's path, in any order; the deepest counts.
        """
        deepest = max(known, key=depth_of, default="")
        steps = deepest.split(PATH) if deepest else []
        path = [PATH.join(steps[: end + 1]) for end in range(len(steps))]
        return [next((place for place, node in enumerate(level) if node in path), None) for level in self.levels]

    def probabilities(self, logits: Floats, floor: Floats) -> Floats:
        """float32 (n, size): each level's nodes sum to 1, and a node is the sum of its leaves.

        A leaf's probability is the product of its nodes' probabilities in all levels, to the power of the temperature,
        over the sum of all leaves' (a product of experts: Hinton 2002, "Training Products of Experts by Minimizing
        Contrastive Divergence"). A level that is sure corrects the others, and no node contradicts the one above it.

        Args:
            logits: float32 (n, size).
            floor: float32 (size,), of the heads.
        """
        return self.leaf_probabilities(logits, floor) @ self.members.T

    def leaf_probabilities(self, logits: Floats, floor: Floats) -> Floats:
        """float32 (n, leaves), rows sum to 1."""
        return softmax(np.float32(self.temperature) * self.leaf_logits(logits, floor))

    def leaf_logits(self, logits: Floats, floor: Floats) -> Floats:
        """float32 (n, leaves): sum of the levels' log probabilities."""
        ends = np.cumsum([len(level) for level in self.levels])[:-1]
        split = zip(np.split(logits, ends, axis=1), np.split(floor, ends), strict=True)
        parts = [np.log(np.maximum(floored_softmax(part, low), _TINY)) for part, low in split]
        result: Floats = np.concatenate(parts, axis=1) @ self.members
        return result

    def among_ends(self, ends: Sequence[str], leaves: Floats) -> tuple[Floats, Ints]:
        """What each photo is to be read as, for measuring: probabilities (n, K) and the right class (n,).

        Of a photo whose product ends at a leaf the classes are the leaves; of one that ends above, that node stands for
        all leaves below it.

        Args:
            ends: the deepest known node of each photo.
            leaves: float32 (n, leaves).
        """
        names = [*self.leaves, *sorted(set(ends) - set(self.leaves))]
        result = np.zeros((len(leaves), len(names)), np.float32)
        result[:, : len(self.leaves)] = leaves
        every = np.array(ends, object)
        for column in range(len(self.leaves), len(names)):
            rows = np.flatnonzero(every == names[column])
            below = np.array([is_below(leaf, names[column]) for leaf in self.leaves])
            result[rows, column] = leaves[rows][:, below].sum(axis=1)
            result[np.ix_(rows, np.flatnonzero(below))] = 0
        return result, np.array([names.index(end) for end in ends], np.int64)

    @cached_property
    def members(self) -> Floats:
        """float32 (size, leaves): 1 where a leaf is the node of a level or lies below it."""
        nodes = [node for level in self.levels for node in level]
        rows = [[is_below(leaf, node) for leaf in self.leaves] for node in nodes]
        return np.array(rows, np.float32).reshape(len(nodes), len(self.leaves))


def depth_of(node: str) -> int:
    """Steps of a path; 1 for a root."""
    return node.count(PATH) + 1


def is_below(node: str, other: str) -> bool:
    """Whether a node is the other or lies below it."""
    return node == other or node.startswith(other + PATH)


def tree_heads(rows: Rows, tree: Tree, known: list[tuple[str, ...]]) -> tuple[Tree, Heads]:
    """The tree with its temperature, and heads for all levels side by side.

    Each level has heads of its own, fitted to the products that reach it. The temperature is the one of least log loss
    on photos that the heads never saw and whose products end at a leaf, checked as that of any other dimension is.

    Args:
        rows: n photos in the basis.
        known: per photo the nodes that the feed puts it in; none where it is silent.
    """
    places = {names: tree.places(names) for names in set(known)}
    by_level = np.array([[UNKNOWN if p is None else p for p in places[names]] for names in known], np.int64)
    by_level = by_level.reshape(len(known), len(tree.levels))
    heads = [fisher_heads(rows, by_level[:, number], len(level)) for number, level in enumerate(tree.levels)]
    together = Heads.beside(heads, rows.x.shape[1])
    ends = _leaves(tree, known)
    used = np.flatnonzero(ends != UNKNOWN)
    if not used.size:
        return tree, together
    used = used[sample_indices(len(used), 10 * ROWS)]
    logits = tree.leaf_logits(together.logits(rows.x[used], rows.folds[used]), together.floor)
    best = min(_TEMPERATURES, key=lambda t: _log_loss(np.float32(t) * logits, ends[used]))
    nothing = np.zeros(len(tree.leaves), np.float32)
    fit = correct_temperature(TemperatureScaling(best, nothing, nothing), logits, ends[used])
    return replace(tree, temperature=float(fit.slope)), together


def _leaves(tree: Tree, known: list[tuple[str, ...]]) -> Ints:
    """int64 (n,): the leaf that each photo's product ends in, UNKNOWN where it ends above one."""
    number = {leaf: place for place, leaf in enumerate(tree.leaves)}
    return np.array([next((number[n] for n in names if n in number), UNKNOWN) for names in known], np.int64)


def _log_loss(logits: Floats, classes: Ints) -> float:
    """Mean of -log p(class), nats."""
    return float(-np.log(np.maximum(softmax(logits)[np.arange(len(classes)), classes], _TINY)).mean())
