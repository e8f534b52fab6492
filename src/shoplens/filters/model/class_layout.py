"""The classes of all dimensions: trees of them, and which entry of a photo's marks stands for which class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from shoplens.filters.dimensions.dimension import COLOR, PATH, Dimension
from shoplens.filters.fitting.crossfit import Ints, floored_softmax, softmax
from shoplens.filters.photo_features.palette import ANCHOR_NAMES
from shoplens.filters.photo_features.pixels import Floats
from shoplens.preferences import FEED_KINDS
from shoplens.types import SparseVector

_MIN_PROBABILITY = 1e-12


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
        parts = [np.log(np.maximum(floored_softmax(part, low), _MIN_PROBABILITY)) for part, low in split]
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


BlockKind = Literal["single", "multi", "tree", "palette"]
_LEAST = 0.01
"""Probabilities below this are not worth an entry."""
_HALF = 0.5
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Block:
    """A run of entries over which probabilities sum to 1.

    Attributes:
        dimension: its name.
        kind: how classes become a distribution.
        classes: what each entry stands for; of a palette the anchors' names, which repeat.
        start: number of the first entry.
        share: how much the block counts in its dimension; the shares of a dimension sum to 1.
    """

    dimension: str
    kind: BlockKind
    classes: tuple[str, ...]
    start: int
    share: float

    @property
    def entries(self) -> slice:
        """Where the block is."""
        return slice(self.start, self.start + len(self.classes))

    def distributions(self, read: Floats, known: Sequence[tuple[str, ...]]) -> Floats:
        """float32 (n, classes), each row of sum 1, or of zeros where nothing is known of a palette.

        One class known: 1 there. Several: equal shares, which is the multi-label form. In a tree: 1 at the node known
        in this level, or where the feed ends above it, the prediction among the nodes below. Nothing known: the
        prediction; of a multi-label dimension the classes' probabilities divided by their sum.

        Args:
            read: float32 (n, classes), what was predicted or measured of each photo.
            known: classes that the feed gives each; others than the block's do not matter.
        """
        chosen = read
        if self.kind != "palette":
            told = {names: self._feed_mask(names) for names in set(known)}
            allowed = np.stack([told[names] for names in known]) if len(known) else np.zeros_like(read)
            inside = read * allowed if self.kind == "tree" else allowed
            chosen = np.where(inside.any(axis=1, keepdims=True), inside, allowed)
            chosen = np.where(allowed.any(axis=1, keepdims=True), chosen, read)
        total, most = chosen.sum(axis=1, keepdims=True), chosen.max(axis=1, keepdims=True, initial=0)
        kept = np.where(chosen >= np.minimum(_LEAST * total, most), chosen, 0)
        return np.asarray(kept / np.maximum(kept.sum(axis=1, keepdims=True), _TINY), np.float32)

    def _feed_mask(self, known: tuple[str, ...]) -> Floats:
        """float32 (classes,): 1 for what the feed allows; zeros where it says nothing of this block."""
        if self.kind == "tree":
            deepest = max(known, key=depth_of, default=None)
            allowed = [
                deepest is not None and (is_below(one, deepest) or is_below(deepest, one)) for one in self.classes
            ]
        else:
            allowed = [name in known for name in self.classes]
        return np.array(allowed, np.float32)


@dataclass(frozen=True, eq=False)
class ClassLayout:
    """The blocks of every dimension that is a distribution, one after the other.

    The mark of an entry is sqrt(share * p). So the dot product of two photos' marks over a dimension's entries is the
    Bhattacharyya coefficient of the two distributions (1946, "On a measure of divergence between two multinomial
    populations"), averaged over its blocks by their shares: 1 for equal distributions, 0 for disjoint ones.
    """

    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, dimensions: Iterable[Dimension]) -> ClassLayout:
        """A block for the classes of a dimension, one per level of a tree, and one for the palette of ``color``.

        Classes and palette of ``color`` have half a share each, where there are both.
        """
        blocks: list[Block] = []
        start = 0
        for dimension in dimensions:
            for kind, classes, share in _parts(dimension):
                blocks.append(Block(dimension.name, kind, classes, start, share))
                start += len(classes)
        return cls(tuple(blocks))

    @property
    def size(self) -> int:
        """Number of entries."""
        return sum(len(block.classes) for block in self.blocks)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The dimensions that have entries, in order."""
        return tuple(dict.fromkeys(block.dimension for block in self.blocks))

    @cached_property
    def dimension_of(self) -> npt.NDArray[np.intp]:
        """intp (size,): place among :attr:`names` of each entry's dimension."""
        places = [[self.names.index(block.dimension)] * len(block.classes) for block in self.blocks]
        return np.array([place for part in places for place in part], np.intp)

    @cached_property
    def learned(self) -> Ints:
        """int64: the entries that heads predict; the others are measured."""
        parts = [range(b.start, b.start + len(b.classes)) for b in self.blocks if b.kind != "palette"]
        return np.array([entry for part in parts for entry in part], np.int64)

    def blocks_of(self, name: str) -> tuple[Block, ...]:
        """The blocks of a dimension; none for one that is no distribution."""
        return tuple(block for block in self.blocks if block.dimension == name)

    def marks(self, read: Floats, known: Mapping[str, tuple[str, ...]]) -> SparseVector:
        """Square roots of shares times probabilities; see :meth:`Block.distributions`.

        Args:
            read: float32 (size,), what was predicted or measured of the photo.
            known: dimension -> classes that the feed gives its product.
        """
        return self.marks_of_many(read[None], [known])[0]

    def marks_of_many(self, read: Floats, known: Sequence[Mapping[str, tuple[str, ...]]]) -> list[SparseVector]:
        """As :meth:`marks`, of n photos: float32 (n, size), and of each what the feed gives."""
        rows = np.zeros((len(read), self.size), np.float32)
        for block in self.blocks:
            told = block.distributions(read[:, block.entries], [one.get(block.dimension, ()) for one in known])
            rows[:, block.entries] = np.sqrt(np.float32(block.share) * told)
        return [SparseVector(there.astype(np.uint32), row[there]) for row in rows for there in (np.flatnonzero(row),)]

    def wide(self, marks: Sequence[SparseVector]) -> Floats:
        """float32 (n, size): marks with all their zeros."""
        rows = np.zeros((len(marks), self.size), np.float32)
        for row, one in zip(rows, marks, strict=True):
            row[one.indices] = one.values
        return rows


def is_compared(dimension: Dimension) -> bool:
    """Whether photos can be alike in it, by unit vectors or by marks; a tree without a fork and no class give none."""
    return dimension.kind not in FEED_KINDS or bool(_parts(dimension))


def _parts(dimension: Dimension) -> list[tuple[BlockKind, tuple[str, ...], float]]:
    """Kind, classes and share of a dimension's blocks."""
    palette = dimension.measured and dimension.name == COLOR
    parts: list[tuple[BlockKind, tuple[str, ...], float]] = []
    if dimension.kind == "tree":
        levels = Tree.of(dimension.classes).levels
        parts = [("tree", level, 1 / len(levels)) for level in levels]
    elif dimension.kind == "single" or dimension.kind == "multi":
        parts = [(dimension.kind, dimension.classes, 1.0)] if dimension.classes else []
    if palette:
        parts = [(kind, classes, share * _HALF) for kind, classes, share in parts]
        parts.append(("palette", ANCHOR_NAMES, _HALF if parts else 1.0))
    return parts
