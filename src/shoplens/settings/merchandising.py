"""The table ``[merchandising]``: products that are pinned, boosted or buried by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from shoplens.settings.tables import check_keys, is_number, open_table, read_table, read_texts, refuse


@dataclass(frozen=True, slots=True)
class ConditionRule:
    """A rule for all products that meet a condition.

    Attributes:
        action: ``boost``, ``bury`` or ``hide``.
        where: the condition.
        amount: what is added to or subtracted from a score; 0 for ``hide``.
    """

    action: Literal["boost", "bury", "hide"]
    where: str
    amount: float = 0.0


@dataclass(frozen=True, slots=True)
class Merchandising:
    """What a merchandiser sets by hand; a product is given by its id, or by another name of it.

    Attributes:
        pins: products that come first, in this order.
        boosts: product -> amount that is added to its score, above 0 and at most 1.
        buries: product -> amount that is subtracted from its score, above 0 and at most 1.
        hides: products that no search shows.
        rules: for all products that meet a condition.
    """

    pins: tuple[str, ...] = ()
    boosts: Mapping[str, float] = field(default_factory=dict)
    buries: Mapping[str, float] = field(default_factory=dict)
    hides: tuple[str, ...] = ()
    rules: tuple[ConditionRule, ...] = ()

    def __post_init__(self) -> None:
        for key, products in (("pins", self.pins), ("boosts", self.boosts), ("buries", self.buries)):
            if blank := [product for product in products if not product.strip()]:
                refuse(f"{key} contains the blank product id {blank[0]!r}", "Remove it, or write a product id.")
        if repeated := [pin for number, pin in enumerate(self.pins) if pin in self.pins[:number]]:
            refuse(f"pins contains {repeated[0]!r} twice", "List each product only once.")
        for key, amounts in (("boosts", self.boosts), ("buries", self.buries)):
            for product, amount in amounts.items():
                if not is_number(amount) or not 0 < amount <= 1:
                    refuse(f"{key} gives {product!r} the amount {amount!r}", "Give a number above 0 and at most 1.")
        for key, products in (("boosts", self.boosts), ("pins", self.pins)):
            if both := [repr(product) for product in self.buries if product in products]:
                refuse(f"{key} and buries both contain {', '.join(both)}", f"Remove it from {key} or from buries.")


def read_merchandising(tables: Mapping[str, Any]) -> Merchandising:
    """Read ``[merchandising]``."""
    with open_table(tables, "merchandising") as table:
        check_keys(table, ("pins", "boosts", "buries"))
        boosts, buries = (dict(read_table(table, key)) for key in ("boosts", "buries"))
        return Merchandising(read_texts(table, "pins"), boosts, buries)
