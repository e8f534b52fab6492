"""The classes of all dimensions: trees of classes, and the entries of a photo's class vector.

The class vector of a photo is sparse: its entries are the square roots of the photo's class probabilities, those of all
dimensions one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from shoplens.filters.dimensions.dimension import COLOR, PATH, Dimension
from shoplens.filters.fitting.crossfit import Ints, floored_softmax, softmax
from shoplens.filters.photo_features.color_histogram import ANCHOR_NAMES
from shoplens.filters.photo_features.pixels import Floats
from shoplens.settings import FEED_KINDS
from shoplens.types import SparseVector

BlockKind = Literal["single", "multi", "tree", "palette"]
_MIN_LEVEL_PROBABILITY = 1e-12
_MIN_ENTRY_PROBABILITY = 0.01
"""Probabilities below this get no entry."""
_PALETTE_SHARE = 0.5
_TINY = 1e-9


@dataclass(frozen=True, eq=False)
class ClassTree:
    """The levels of a tree of classes that distinguish products.

    Attributes:
        levels: the nodes of each level from the root down, together with the leaves above that level; levels of a
            single node are left out, because they distinguish nothing.
        leaves: the nodes without nodes below them.
        temperature: exponent of the product of the levels' probabilities; 1 where their errors are independent.
    """

    levels: tuple[tuple[str, ...], ...]
    leaves: tuple[str, ...]
    temperature: float = 1.0

    @classmethod
    def from_nodes(cls, nodes: Iterable[str]) -> ClassTree:
        """Return the tree of nodes, each a path ``A > B``; their order is kept.

        >>> ClassTree.from_nodes(["A", "B", "A > x", "A > y"]).levels
        (('A', 'B'), ('B', 'A > x', 'A > y'))
        """
        names = list(dict.fromkeys(nodes))
        inner = {PATH.join(name.split(PATH)[:-1]) for name in names}
        leaves = tuple(name for name in names if name not in inner)
        depth = max((node_depth(name) for name in names), default=0)
        levels = (
            tuple(n for n in names if node_depth(n) == level or (node_depth(n) < level and n in leaves))
            for level in range(1, depth + 1)
        )
        return cls(tuple(level for level in levels if len(level) > 1), leaves)

    @property
    def size(self) -> int:
        """Number of entries: the nodes of all levels together."""
        return sum(len(level) for level in self.levels)

    def level_positions(self, known: Iterable[str]) -> list[int | None]:
        """Return for each level the position of the product's node, None where the product's path ends above.

        Args:
            known: the nodes of the product's path, in any order; the deepest decides.
        """
        deepest = max(known, key=node_depth, default="")
        steps = deepest.split(PATH) if deepest else []
        path = [PATH.join(steps[: end + 1]) for end in range(len(steps))]
        return [next((place for place, node in enumerate(level) if node in path), None) for level in self.levels]

    def probabilities(self, logits: Floats, floor: Floats) -> Floats:
        """Return float32 (n, size): the nodes of each level sum to 1, and a node is the sum of its leaves.

        The probability of a leaf is the product of its nodes' probabilities in all levels, raised to the temperature,
        divided by the sum over all leaves (a product of experts: Hinton 2002, "Training Products of Experts by
        Minimizing Contrastive Divergence"). A level that is certain corrects the others, and no node contradicts the
        one above it.

        Args:
            logits: float32 (n, size).
            floor: float32 (size,), floors of the heads.
        """
        return self.leaf_probabilities(logits, floor) @ self.membership.T

    def leaf_probabilities(self, logits: Floats, floor: Floats) -> Floats:
        """Return float32 (n, leaves), rows that sum to 1; arguments as of :meth:`probabilities`."""
        return softmax(np.float32(self.temperature) * self.leaf_logits(logits, floor))

    def leaf_logits(self, logits: Floats, floor: Floats) -> Floats:
        """Return float32 (n, leaves): the sum of the levels' log probabilities."""
        ends = np.cumsum([len(level) for level in self.levels])[:-1]
        by_level = zip(np.split(logits, ends, axis=1), np.split(floor, ends), strict=True)
        logs = [
            np.log(np.maximum(floored_softmax(part, part_floor), _MIN_LEVEL_PROBABILITY))
            for part, part_floor in by_level
        ]
        result: Floats = np.concatenate(logs, axis=1) @ self.membership
        return result

    def end_probabilities(self, ends: Sequence[str], leaves: Floats) -> tuple[Floats, Ints]:
        """Return probabilities (n, K) and the true class (n,) of photos, for measuring quality.

        The classes of a photo whose product ends at a leaf are the leaves; where the product ends above, its node takes
        the place of all leaves below it.

        Args:
            ends: the deepest known node of each photo.
            leaves: float32 (n, leaves), probabilities of the leaves.
        """
        names = [*self.leaves, *sorted(set(ends) - set(self.leaves))]
        result = np.zeros((len(leaves), len(names)), np.float32)
        result[:, : len(self.leaves)] = leaves
        end_names = np.array(ends, object)
        for column in range(len(self.leaves), len(names)):
            rows = np.flatnonzero(end_names == names[column])
            below = np.array([is_within(leaf, names[column]) for leaf in self.leaves])
            result[rows, column] = leaves[rows][:, below].sum(axis=1)
            result[np.ix_(rows, np.flatnonzero(below))] = 0
        return result, np.array([names.index(end) for end in ends], np.int64)

    @cached_property
    def membership(self) -> Floats:
        """float32 (size, leaves): 1 where a leaf is the node of a level or lies below it."""
        nodes = [node for level in self.levels for node in level]
        rows = [[is_within(leaf, node) for leaf in self.leaves] for node in nodes]
        return np.array(rows, np.float32).reshape(len(nodes), len(self.leaves))


def node_depth(node: str) -> int:
    """Return the number of steps of a path; 1 for a root."""
    return node.count(PATH) + 1


def is_within(node: str, ancestor: str) -> bool:
    """Return whether a node equals the ancestor or lies below it."""
    return node == ancestor or node.startswith(ancestor + PATH)


@dataclass(frozen=True, slots=True)
class ClassBlock:
    """A run of entries whose probabilities sum to 1.

    Attributes:
        dimension: name of the dimension.
        kind: how probabilities of classes become a distribution.
        classes: the class of each entry; in a palette the names of the anchors, which repeat.
        start: number of the first entry.
        share: weight of the block in its dimension; the shares of a dimension sum to 1.
    """

    dimension: str
    kind: BlockKind
    classes: tuple[str, ...]
    start: int
    share: float

    @property
    def entries(self) -> slice:
        """The entries of the block."""
        return slice(self.start, self.start + len(self.classes))

    def distributions(self, predicted: Floats, known: Sequence[tuple[str, ...]]) -> Floats:
        """Return float32 (n, classes), rows that sum to 1; a row of zeros where a palette is unknown.

        Where the feed gives one class, its probability is 1. Where it gives several, they have equal shares, which is
        the multi-label form. In a tree, the known node of this level has 1; where the feed's path ends above, the
        prediction is restricted to the nodes below. Where the feed gives nothing, the prediction is used; in a
        multi-label dimension the classes' probabilities divided by their sum.

        Args:
            predicted: float32 (n, classes), what was predicted or measured for each photo.
            known: the classes that the feed gives each photo; classes outside of the block are ignored.
        """
        chosen = predicted
        if self.kind != "palette":
            masks = {names: self._feed_mask(names) for names in set(known)}
            allowed = np.stack([masks[names] for names in known]) if len(known) else np.zeros_like(predicted)
            restricted = predicted * allowed if self.kind == "tree" else allowed
            chosen = np.where(restricted.any(axis=1, keepdims=True), restricted, allowed)
            chosen = np.where(allowed.any(axis=1, keepdims=True), chosen, predicted)
        total, largest = chosen.sum(axis=1, keepdims=True), chosen.max(axis=1, keepdims=True, initial=0)
        pruned = np.where(chosen >= np.minimum(_MIN_ENTRY_PROBABILITY * total, largest), chosen, 0)
        return np.asarray(pruned / np.maximum(pruned.sum(axis=1, keepdims=True), _TINY), np.float32)

    def _feed_mask(self, known: tuple[str, ...]) -> Floats:
        """Return float32 (classes,): 1 for the classes that the feed allows; zeros where it gives none of these."""
        if self.kind == "tree":
            deepest = max(known, key=node_depth, default=None)
            allowed = [
                deepest is not None and (is_within(node, deepest) or is_within(deepest, node)) for node in self.classes
            ]
        else:
            allowed = [name in known for name in self.classes]
        return np.array(allowed, np.float32)


@dataclass(frozen=True, eq=False)
class ClassLayout:
    """The blocks of the class vector, for every dimension that is a distribution, one after the other.

    The entry of a class with probability p is sqrt(share * p). The dot product of two class vectors over a dimension's
    entries is thus the Bhattacharyya coefficient of the two distributions (1946, "On a measure of divergence between
    two multinomial populations"), averaged over its blocks by their shares: 1 for equal distributions, 0 for disjoint
    ones.
    """

    blocks: tuple[ClassBlock, ...]

    @classmethod
    def from_dimensions(cls, dimensions: Iterable[Dimension]) -> ClassLayout:
        """Return the layout with a block for the classes of each dimension, one for each level of a tree, and one for
        the palette of ``color``.

        Classes and palette of ``color`` have a share of one half each, where there are both.
        """
        blocks: list[ClassBlock] = []
        start = 0
        for dimension in dimensions:
            for kind, classes, share in _block_definitions(dimension):
                blocks.append(ClassBlock(dimension.name, kind, classes, start, share))
                start += len(classes)
        return cls(tuple(blocks))

    @property
    def size(self) -> int:
        """Number of entries."""
        return sum(len(block.classes) for block in self.blocks)

    @cached_property
    def dimension_names(self) -> tuple[str, ...]:
        """The dimensions that have entries, in order."""
        return tuple(dict.fromkeys(block.dimension for block in self.blocks))

    @cached_property
    def entry_dimensions(self) -> npt.NDArray[np.intp]:
        """intp (size,): position of each entry's dimension in :attr:`dimension_names`."""
        positions = [[self.dimension_names.index(block.dimension)] * len(block.classes) for block in self.blocks]
        return np.array([position for block in positions for position in block], np.intp)

    @cached_property
    def predicted_entries(self) -> Ints:
        """int64: the entries that heads predict; the others are measured."""
        parts = [range(b.start, b.start + len(b.classes)) for b in self.blocks if b.kind != "palette"]
        return np.array([entry for part in parts for entry in part], np.int64)

    def blocks_of(self, name: str) -> tuple[ClassBlock, ...]:
        """Return the blocks of a dimension; none for one that is no distribution."""
        return tuple(block for block in self.blocks if block.dimension == name)

    def class_vector(self, predicted: Floats, known: Mapping[str, tuple[str, ...]]) -> SparseVector:
        """Return the class vector of a photo; see :meth:`ClassBlock.distributions`.

        Args:
            predicted: float32 (size,), what was predicted or measured for the photo.
            known: dimension -> classes that the feed gives its product.
        """
        return self.class_vectors(predicted[None], [known])[0]

    def class_vectors(self, predicted: Floats, known: Sequence[Mapping[str, tuple[str, ...]]]) -> list[SparseVector]:
        """Return the class vectors of n photos.

        Args:
            predicted: float32 (n, size), what was predicted or measured for each photo.
            known: for each photo, dimension -> classes that the feed gives its product.
        """
        rows = np.zeros((len(predicted), self.size), np.float32)
        if self.blocks and not any(known):
            rows = self._build_predicted_rows(predicted)
        for block in self.blocks if any(known) else ():
            classes = [by_dimension.get(block.dimension, ()) for by_dimension in known]
            distributions = block.distributions(predicted[:, block.entries], classes)
            rows[:, block.entries] = np.sqrt(np.float32(block.share) * distributions)
        return [
            SparseVector(indices.astype(np.uint32), row[indices]) for row in rows for indices in (np.flatnonzero(row),)
        ]

    def _build_predicted_rows(self, predicted: Floats) -> Floats:
        """Return float32 (n, size): the class vectors of photos of which the feed says nothing, all blocks at once."""
        starts, lengths, shares = self._block_columns
        total = np.add.reduceat(predicted, starts, axis=1)
        least = np.minimum(_MIN_ENTRY_PROBABILITY * total, np.maximum.reduceat(predicted, starts, axis=1))
        pruned = np.where(predicted >= np.repeat(least, lengths, axis=1), predicted, np.float32(0))
        sums = np.maximum(np.add.reduceat(pruned, starts, axis=1), _TINY)
        rows: Floats = np.sqrt(shares * pruned / np.repeat(sums, lengths, axis=1)).astype(np.float32)
        return rows

    @cached_property
    def _block_columns(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Floats]:
        """First entry and length of each block, and the share of each entry's block, float32 (size,)."""
        lengths = np.array([len(block.classes) for block in self.blocks], np.intp)
        starts = np.array([block.start for block in self.blocks], np.intp)
        return starts, lengths, np.repeat(np.array([block.share for block in self.blocks], np.float32), lengths)

    def to_dense(self, class_vectors: Sequence[SparseVector]) -> Floats:
        """Return float32 (n, size): class vectors with all their zeros."""
        rows = np.zeros((len(class_vectors), self.size), np.float32)
        for row, vector in zip(rows, class_vectors, strict=True):
            row[vector.indices] = vector.values
        return rows


def is_comparable(dimension: Dimension) -> bool:
    """Return whether photos can be compared in a dimension, by unit vectors or by class vectors; a tree without a fork
    and a dimension without classes offer neither."""
    return dimension.kind not in FEED_KINDS or bool(_block_definitions(dimension))


def _block_definitions(dimension: Dimension) -> list[tuple[BlockKind, tuple[str, ...], float]]:
    """Return kind, classes and share of each block of a dimension."""
    has_palette = dimension.is_measured and dimension.name == COLOR
    blocks: list[tuple[BlockKind, tuple[str, ...], float]] = []
    if dimension.kind == "tree":
        levels = ClassTree.from_nodes(dimension.classes).levels
        blocks = [("tree", level, 1 / len(levels)) for level in levels]
    elif dimension.kind == "single" or dimension.kind == "multi":
        blocks = [(dimension.kind, dimension.classes, 1.0)] if dimension.classes else []
    if has_palette:
        blocks = [(kind, classes, share * _PALETTE_SHARE) for kind, classes, share in blocks]
        blocks.append(("palette", ANCHOR_NAMES, _PALETTE_SHARE if blocks else 1.0))
    return blocks
