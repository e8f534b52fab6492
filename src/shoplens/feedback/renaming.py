"""Changes of products' ids, in the store and in the log of what shoppers did."""

from __future__ import annotations

from collections.abc import Mapping

from shoplens.feedback.log import FeedbackLog
from shoplens.store.store import Store


def apply_renames(store: Store, log: FeedbackLog, renames: Mapping[str, str]) -> int:
    """Make old ids lead to their products, and make what shoppers did with these products count for them.

    Call it at every change by a whole feed, with or without renames, before products with old ids are removed. The
    store is changed first, and the log then follows all renames of the store, so that the next call completes an
    interrupted one.

    Args:
        renames: old id -> present id.

    Returns:
        Number of answers and events of the log that changed.

    Raises:
        StoreError: ``damaged-renames``, ``damaged-feedback``, ``disk``.
    """
    store.add_renames(renames)
    return log.rename_products(store.renames())
