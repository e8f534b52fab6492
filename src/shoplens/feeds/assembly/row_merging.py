"""Clustering of the rows of a family or group into products, and merging of a product's rows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from shoplens.feeds.rows import RawProduct
from shoplens.feeds.staging import Member
from shoplens.types import Rejection, Value

Keys = Callable[[Member], Iterable[Hashable]]


@dataclass(slots=True)
class Candidate:
    """A product of some rows that is not checked yet.

    Attributes:
        product: the merged values of the rows; None where they do not make a product.
        numbers: the numbers of these rows.
        notes: notes and rejections of the rows; where there is no product, they say why.
    """

    product: RawProduct | None
    numbers: list[int]
    notes: list[Rejection] = field(default_factory=list)

    @property
    def first(self) -> int:
        """Number of the row in whose place the product stands; 0 for a candidate without rows."""
        return min(self.numbers, default=0)


def not_sold_candidate(product_id: str, numbers: list[int]) -> Candidate:
    """Return the candidate of rows that the shop has disabled: no product, but a note."""
    note = Rejection(
        kind="not-sold",
        level="note",
        row=min(numbers),
        product_id=product_id,
        reason="The product is disabled in the shop.",
        fix="Enable it in the shop if it should be found.",
    )
    return Candidate(None, numbers, [note])


def cluster(members: Sequence[Member], keys: Keys) -> list[list[Member]]:
    """Return the members in clusters, so that any two members with a common key are in the same cluster.

    Clusters and their members keep the feed's order. The clusters are the connected components that union-find gives.

    >>> from shoplens.feeds.rows import Role
    >>> rows = [Member(n, Role.STANDALONE, [], RawProduct(title)) for n, title in enumerate(["a b", "c", "b d"])]
    >>> [[row.number for row in members] for members in cluster(rows, lambda row: row.product.id.split())]
    [[0, 2], [1]]
    """
    parents = list(range(len(members)))

    def root(place: int) -> int:
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    owners: dict[Hashable, int] = {}
    for place, member in enumerate(members):
        for key in keys(member):
            first, second = sorted((root(place), root(owners.setdefault(key, place))))
            parents[second] = first
    clusters: dict[int, list[Member]] = {}
    for place, member in enumerate(members):
        clusters.setdefault(root(place), []).append(member)
    return list(clusters.values())


def photos_key(product: RawProduct, is_placeholder: Callable[[str], bool]) -> frozenset[str]:
    """Return the photos of a row without placeholders; rows with the same photos, if there are any, are one product."""
    return frozenset(photo for photo in product.photos if not is_placeholder(photo))


def merge_rows(products: Sequence[RawProduct]) -> RawProduct:
    """Merge the rows of one product.

    The first row's texts count, and later rows fill its gaps. The result has all photos, all values of every attribute,
    all identifiers and the lowest price, and is in stock if any row is.
    """
    first = products[0]
    if len(products) == 1:
        return first
    merged = replace(first, photos=dict(first.photos))
    attributes: dict[str, dict[tuple[bool, Value], Value]] = {}
    for product in products:
        for name, values in product.attributes.items():
            distinct = attributes.setdefault(name, {})
            for value in values:
                distinct.setdefault((isinstance(value, bool), value), value)
    merged.attributes = {name: list(values.values()) for name, values in attributes.items()}
    for product in products[1:]:
        for photo, column in product.photos.items():
            merged.photos.setdefault(photo, column)
        if product.price is not None and (merged.price is None or product.price < merged.price):
            merged.price, merged.currency = product.price, product.currency
        merged.description = merged.description or product.description
        merged.brand = merged.brand or product.brand
        merged.category = merged.category or product.category
    merged.identifiers = list(dict.fromkeys(name for product in products for name in product.identifiers))
    stocks = {product.in_stock for product in products}
    merged.in_stock = True if True in stocks else (None if stocks == {None} else False)
    return merged
