"""Which rows of a family or group are one product, and what that product says."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from shoplens.feeds.rows import RawProduct
from shoplens.feeds.staging import Member
from shoplens.types import Rejection, Value

Keys = Callable[[Member], Iterable[Hashable]]


@dataclass(slots=True)
class Candidate:
    """A product that may come out of some rows, once it is checked.

    Attributes:
        product: what the rows say together; None where they are no product.
        numbers: of these rows.
        notes: what is to be told of them; where there is no product, why.
    """

    product: RawProduct | None
    numbers: list[int]
    notes: list[Rejection] = field(default_factory=list)

    @property
    def first(self) -> int:
        """Number of the row in whose place the product stands; 0 where there are only notes."""
        return min(self.numbers, default=0)


def unsold(product_id: str, numbers: list[int]) -> Candidate:
    """Rows of what the shop has switched off."""
    note = Rejection(
        kind="not-sold",
        level="note",
        row=min(numbers),
        product_id=product_id,
        reason="The shop has switched this product off.",
        fix="Enable it in the shop, or leave it.",
    )
    return Candidate(None, numbers, [note])


def cluster(members: Sequence[Member], keys: Keys) -> list[list[Member]]:
    """The members apart, so that any two that share a key are together; in the feed's order.

    >>> from shoplens.feeds.rows import Role
    >>> rows = [Member(n, Role.ALONE, [], RawProduct(title)) for n, title in enumerate(["a b", "c", "b d"])]
    >>> [[row.number for row in some] for some in cluster(rows, lambda row: row.product.id.split())]
    [[0, 2], [1]]
    """
    above = list(range(len(members)))

    def root(place: int) -> int:
        while above[place] != place:
            above[place] = above[above[place]]
            place = above[place]
        return place

    owners: dict[Hashable, int] = {}
    for place, member in enumerate(members):
        for key in keys(member):
            one, other = sorted((root(place), root(owners.setdefault(key, place))))
            above[other] = one
    together: dict[int, list[Member]] = {}
    for place, member in enumerate(members):
        together.setdefault(root(place), []).append(member)
    return list(together.values())


def photos_key(product: RawProduct, is_placeholder: Callable[[str], bool]) -> frozenset[str]:
    """The photos of a row, without placeholders; rows with the same ones, if there are any, are one product."""
    return frozenset(photo for photo in product.photos if not is_placeholder(photo))


def merge_rows(products: Sequence[RawProduct]) -> RawProduct:
    """One product of the rows of one product: the first row's words, all photos, all values of every attribute, all
    identifiers, the lowest price; in stock if any row is."""
    first = products[0]
    if len(products) == 1:
        return first
    merged = replace(first, photos=dict(first.photos))
    attributes: dict[str, dict[tuple[bool, Value], Value]] = {}
    for product in products:
        for name, values in product.attributes.items():
            known = attributes.setdefault(name, {})
            for value in values:
                known.setdefault((isinstance(value, bool), value), value)
    merged.attributes = {name: list(values.values()) for name, values in attributes.items()}
    for product in products[1:]:
        for photo, column in product.photos.items():
            merged.photos.setdefault(photo, column)
        if product.price is not None and (merged.price is None or product.price < merged.price):
            merged.price, merged.currency = product.price, product.currency
        merged.description = merged.description or product.description
        merged.brand = merged.brand or product.brand
        merged.category = merged.category or product.category
    merged.identifiers = list(dict.fromkeys(one for product in products for one in product.identifiers))
    stocks = {product.in_stock for product in products}
    merged.in_stock = True if True in stocks else (None if stocks == {None} else False)
    return merged
