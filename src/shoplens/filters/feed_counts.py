"""What all products of a feed say, counted: memory grows with the number of different values, not of products."""

from __future__ import annotations

from collections import Counter

from shoplens.filters.dimension import PATH
from shoplens.filters.feed_values import Said, nodes
from shoplens.types import Product

MIN_GROUPS = 20
"""Groups of two or more products that ``design`` is learned from."""


class Groups:
    """Whether enough groups have two or more products; forgets their names as soon as it is known."""

    def __init__(self) -> None:
        self._once: set[int] = set()
        self._twice: set[int] = set()

    @property
    def count(self) -> int:
        """Groups of two or more products, up to ``MIN_GROUPS``."""
        return len(self._twice)

    def add(self, product: Product) -> None:
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


class FieldCount:
    """What all products together say in one field."""

    def __init__(self) -> None:
        self.products = 0
        self.several = 0
        self.numbers = 0
        self.fields: Counter[str] = Counter()
        self._names: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        self.nodes: Counter[str] = Counter()
        self.tree = False
        self.most = 0
        self._written: dict[str, Counter[str]] = {}
        self._parents: dict[str, str] = {}

    @property
    def name(self) -> str:
        """As the feed most often calls it; as the labels do, where only they speak."""
        of_feed, of_labels = self._names
        return most_often(of_feed or of_labels)

    @property
    def overflowed(self) -> bool:
        """Whether there are more values than were counted."""
        return not self.nodes

    def add(self, said: Said, tree: bool, most: int) -> None:
        """One product; beyond ``most`` different values (of a tree, nodes) all counts of values are forgotten."""
        overflowed = self.products > 0 and self.overflowed
        self.products += 1
        self.several += len(said.values) > 1
        self.numbers += said.numbers
        self.fields[said.field] += not said.from_labels
        self._names[said.from_labels][said.name] += 1
        self.tree, self.most = tree, most
        if overflowed:
            return
        held: dict[str, tuple[str, str]] = {}
        for steps in said.values:
            parent = ""
            for one, step in zip(nodes(steps), steps, strict=True):
                held.setdefault(one, (parent, step))
                parent = one
        for one, (parent, step) in held.items():
            self.nodes[one] += 1
            self._parents[one] = parent
            self._written.setdefault(one, Counter())[step] += 1
        if len(self.nodes) > most:
            self.nodes.clear()
            self._written.clear()
            self._parents.clear()

    def shown(self, one: str) -> str:
        """A node as most often written, each step by itself."""
        steps = []
        while one:
            steps.append(most_often(self._written[one]))
            one = self._parents[one]
        return PATH.join(reversed(steps))


def most_often(written: Counter[str]) -> str:
    """The most frequent text; of equally frequent ones, the first in the alphabet."""
    return min(written, key=lambda text: (-written[text], text))
