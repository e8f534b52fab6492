"""The ids of products across feeds: kept where a row still has them, or else renamed."""

from __future__ import annotations

from collections.abc import Iterable

from shoplens.feeds import Feed
from shoplens.index.protocol import Index, StoredProduct
from shoplens.types import Product, Rejection


class KnownIds:
    """The ids of the products in an index; each is looked up there, so that none are held in memory."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def __contains__(self, product_id: object) -> bool:
        return isinstance(product_id, str) and bool(self._index.records([product_id]))


def find_renames(index: Index, feed: Feed, gone: Iterable[str] | None = None) -> dict[str, tuple[str, ...]]:
    """Find what products that a feed does not have any more are called now: old id -> ids of the products.

    These are the products that have the old id, or a row of the old product, as an identifier. Of several, the only one
    with the old product's first photo counts, if there is exactly one.

    Args:
        index: of the store.
        feed: that the store is to follow.
        gone: ids in the index that the feed does not have; computed where they are not given.
    """
    if gone is None:
        gone = set(index.ids()).difference(feed.product_ids())
    renames: dict[str, tuple[str, ...]] = {}
    for record in index.records(sorted(gone)):
        successors = _successors(record, feed)
        alike = [one.id for one in successors.values() if one.photos[0] == record.product.photos[0]]
        ids = alike if len(alike) == 1 else list(successors)
        if ids:
            renames[record.product.id] = tuple(ids)
    return renames


def _successors(record: StoredProduct, feed: Feed) -> dict[str, Product]:
    """Return the products that the id of a record stands for, or else the ids, SKUs and GTINs of its rows."""
    by_id = {product.id: product for product in feed.successors_of(record.product.id)}
    if by_id:
        return by_id
    return {product.id: product for name in record.product.identifiers for product in feed.successors_of(name)}


def find_rejected_products(index: Index, feed: Feed, gone: Iterable[str]) -> set[str]:
    """Return which of these products have a row in the feed that was rejected: by its id, or by that of another row or
    of the group, where the feed splits its rows into products by what was rejected, such as photos."""
    wanted = set(gone)
    if not wanted:
        return wanted
    rejected = {item.product_id for item in feed if isinstance(item, Rejection) and item.level == "rejected"} - {""}
    records = index.records(sorted(wanted)) if rejected else []
    return {
        one.product.id for one in records if rejected & {one.product.id, one.product.group_id, *one.product.identifiers}
    }
