"""What all products of a feed say, counted: memory grows with the number of different values, not of products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from shoplens.filters.dimensions.dimension import PATH
from shoplens.filters.dimensions.feed_values import FeedValue, nodes
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
        self.overflowed = False
        self._first: Mapping[str, int] = {}
        self._written: dict[str, Counter[str]] = {}
        self._parents: dict[str, str] = {}
        self._holders: dict[str, int] = {}

    @property
    def name(self) -> str:
        """As the feed most often calls it; as the labels do, where only they speak."""
        of_feed, of_labels = self._names
        return most_often(of_feed or of_labels)

    @property
    def values(self) -> Mapping[str, int]:
        """Value, as most often written -> its products; of more values than are counted the first ones, with the
        products up to there. Of a tree, no values."""
        if self.overflowed or self.tree:
            return self._first
        return {self.shown(one): held for one, held in self.nodes.items()}

    def add(self, said: FeedValue, tree: bool, most: int) -> None:
        """One product; beyond ``most`` different values (of a tree, nodes) all counts of values are forgotten."""
        self.products += 1
        self.several += len(said.values) > 1
        self.numbers += said.numbers
        self.fields[said.field] += not said.from_labels
        self._names[said.from_labels][said.name] += 1
        self.tree, self.most = tree, most
        if self.overflowed:
            return
        held: dict[str, tuple[str, str]] = {}
        for steps in said.values:
            parent = ""
            for one, step in zip(nodes(steps), steps, strict=True):
                held.setdefault(one, (parent, step))
                parent = one
        holder = hash(str(self.products))
        for one, (parent, step) in held.items():
            self.nodes[one] += 1
            self._parents[one] = parent
            self._written.setdefault(one, Counter())[step] += 1
            self._holders[one] = self._holders.get(one, 0) ^ holder
        if len(self.nodes) > most:
            self._overflow()

    def tells_apart(self, classes: Iterable[str]) -> bool:
        """Whether some product has one of these classes (as :attr:`nodes` names them) and lacks another."""
        return len({self._holders[one] for one in classes}) > 1

    def shown(self, one: str) -> str:
        """A node as most often written, each step by itself."""
        steps = []
        while one:
            steps.append(most_often(self._written[one]))
            one = self._parents[one]
        return PATH.join(reversed(steps))

    def _overflow(self) -> None:
        self._first = self.values
        self.overflowed = True
        for counts in (self.nodes, self._written, self._parents, self._holders):
            counts.clear()


def most_often(written: Counter[str]) -> str:
    """The most frequent text; of equally frequent ones, the first in the alphabet."""
    return min(written, key=lambda text: (-written[text], text))
