"""What follows when ids of products change: the store and the log of what shoppers did are told."""

from __future__ import annotations

from collections.abc import Mapping

from shoplens.feedback.log import FeedbackLog
from shoplens.store.store import Store


def apply_renames(store: Store, log: FeedbackLog, renames: Mapping[str, str]) -> int:
    """Have the ids that products had before lead to them, and what shoppers did with them count for them.

    Call it at every change by a whole feed, with or without renames, before products with old ids are removed. The
    store remembers first, and the log is then told of all that is remembered: what was cut off in between is made up
    for the next time.

    Args:
        renames: old id -> id.

    Returns:
        How many answers and events of the log changed.

    Raises:
        StoreError: ``damaged-renames``, ``damaged-feedback``, ``disk``.
    """
    store.add_renames(renames)
    return log.rename_products(store.renames())
