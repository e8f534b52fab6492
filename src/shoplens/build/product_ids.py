"""How the ids of a store's products carry on in a feed: kept where a row still has them, else old and new told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from shoplens.feeds import Feed
from shoplens.index.protocol import Index, StoredProduct
from shoplens.types import Product, Rejection


class KnownIds:
    """The ids of the products in an index; asked one by one, so that none are held."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def __contains__(self, product_id: object) -> bool:
        return isinstance(product_id, str) and bool(self._index.records([product_id]))


def renames_of(index: Index, feed: Feed, gone: Iterable[str] | None = None) -> dict[str, tuple[str, ...]]:
    """Id of a product that the feed does not give -> ids of those that it has become.

    They are those of which the old id, or a row that the product was made of, is an identifier. Of several, the only
    one with the old product's first photo counts, if there is such a one.

    Args:
        index: of the store.
        feed: that is to be taken over.
        gone: ids in the index that the feed does not give; found out where they are not given.
    """
    if gone is None:
        gone = set(index.ids()).difference(feed.product_ids())
    found: dict[str, tuple[str, ...]] = {}
    for record in index.records(sorted(gone)):
        successors = _successors(record, feed)
        alike = [one.id for one in successors.values() if one.photos[0] == record.product.photos[0]]
        ids = alike if len(alike) == 1 else list(successors)
        if ids:
            found[record.product.id] = tuple(ids)
    return found


def _successors(record: StoredProduct, feed: Feed) -> dict[str, Product]:
    """The products that the id of another one stands for, or else its rows' ids, SKUs and GTINs."""
    by_id = {product.id: product for product in feed.successors_of(record.product.id)}
    if by_id:
        return by_id
    return {product.id: product for name in record.product.identifiers for product in feed.successors_of(name)}


def rejected_ids(feed: Feed) -> Iterator[str]:
    """Ids of products that the feed has, but that cannot be used as it has them."""
    for item in feed:
        if isinstance(item, Rejection) and item.level == "rejected":
            yield item.product_id
