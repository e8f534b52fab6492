"""Counts the values of all products of a feed; memory grows with the number of different values, not of products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from shoplens.filters.dimensions.dimension import PATH
from shoplens.filters.dimensions.feed_values import FieldContent, path_nodes
from shoplens.types import Product

MIN_GROUPS = 20
"""Groups of two or more products that ``design`` needs to be learned."""


class GroupCounter:
    """Counts groups of two or more products; forgets their names as soon as there are enough."""

    def __init__(self) -> None:
        self._once: set[int] = set()
        self._twice: set[int] = set()

    @property
    def count(self) -> int:
        """Number of groups of two or more products, up to :data:`MIN_GROUPS`."""
        return len(self._twice)

    def add(self, product: Product) -> None:
        """Count the group of a product."""
        if not product.group_id or len(self._twice) >= MIN_GROUPS:
            return
        group = hash(product.group_id)
        if group in self._once:
            self._once.remove(group)
            self._twice.add(group)
            if len(self._twice) >= MIN_GROUPS:
                self._once.clear()
        elif group not in self._twice:
            self._once.add(group)


class FieldCounter:
    """Counts the values of all products in one field.

    Attributes:
        products: number of products that have a value.
        multi_valued: number of products with several values.
        numeric: number of products whose values are all numbers.
        fields: name of the field in the feed -> number of products; 0 where the values are from labels.
        nodes: folded value, or node of a tree -> number of products.
        is_tree: whether the values are paths.
        max_values: most different values (in a tree, nodes) that are counted.
        overflowed: whether there were more, so that counts of values were dropped.
    """

    def __init__(self) -> None:
        self.products = 0
        self.multi_valued = 0
        self.numeric = 0
        self.fields: Counter[str] = Counter()
        self._names: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        self.nodes: Counter[str] = Counter()
        self.is_tree = False
        self.max_values = 0
        self.overflowed = False
        self._first_values: Mapping[str, int] = {}
        self._spellings: dict[str, Counter[str]] = {}
        self._parents: dict[str, str] = {}
        self._product_hashes: dict[str, int] = {}

    @property
    def name(self) -> str:
        """The name that the feed uses most often; that of the labels, where the feed gives no values."""
        of_feed, of_labels = self._names
        return most_frequent(of_feed or of_labels)

    @property
    def values(self) -> Mapping[str, int]:
        """Value in its most frequent spelling -> number of products; none in a tree.

        Where there are more values than are counted, these are the first ones, with the products up to there.
        """
        if self.overflowed or self.is_tree:
            return self._first_values
        return {self.display_name(node): count for node, count in self.nodes.items()}

    def add(self, content: FieldContent, is_tree: bool, max_values: int) -> None:
        """Count one product; with more than ``max_values`` different values all counts of values are dropped."""
        self.products += 1
        self.multi_valued += len(content.values) > 1
        self.numeric += content.are_numbers
        self.fields[content.field] += not content.from_labels
        self._names[content.from_labels][content.name] += 1
        self.is_tree, self.max_values = is_tree, max_values
        if self.overflowed:
            return
        product_nodes: dict[str, tuple[str, str]] = {}
        for steps in content.values:
            parent = ""
            for node, step in zip(path_nodes(steps), steps, strict=True):
                product_nodes.setdefault(node, (parent, step))
                parent = node
        product_hash = hash(str(self.products))
        for node, (parent, step) in product_nodes.items():
            self.nodes[node] += 1
            self._parents[node] = parent
            self._spellings.setdefault(node, Counter())[step] += 1
            self._product_hashes[node] = self._product_hashes.get(node, 0) ^ product_hash
        if len(self.nodes) > max_values:
            self._overflow()

    def distinguishes_products(self, nodes: Iterable[str]) -> bool:
        """Return whether some product has one of these nodes and lacks another."""
        return len({self._product_hashes[node] for node in nodes}) > 1

    def display_name(self, node: str) -> str:
        """Return a node in its most frequent spelling, each step by itself."""
        steps = []
        while node:
            steps.append(most_frequent(self._spellings[node]))
            node = self._parents[node]
        return PATH.join(reversed(steps))

    def _overflow(self) -> None:
        self._first_values = self.values
        self.overflowed = True
        for counts in (self.nodes, self._spellings, self._parents, self._product_hashes):
            counts.clear()


def most_frequent(spellings: Counter[str]) -> str:
    """Return the most frequent text; among equally frequent ones, the first in alphabetical order."""
    return min(spellings, key=lambda text: (-spellings[text], text))
