"""Logging of searches for the statistics of the desk, without any photo."""

from __future__ import annotations

import contextlib
import time

from shoplens.errors import StoreError
from shoplens.feedback.search_rows import LoggedSearch
from shoplens.filters.dimensions.dimension import PATH
from shoplens.service.schemas import SearchRequest
from shoplens.shop import Shop
from shoplens.types import Answer

NEAREST = 4


def log_search(shop: Shop, answer: Answer, body: SearchRequest, address: str) -> None:
    """Log a search that is not a further page or a refinement, where the settings remember answers.

    Without room for it on the disk, shoppers get their answer all the same.

    Args:
        address: of the client, which stands for the shopper where the shop names none; only a keyed hash is stored.
    """
    if not shop.settings.remember or body.offset or body.query_id:
        return
    nearest = [one.product for one in answer.results[:NEAREST]]
    search = LoggedSearch(
        answer.query_id,
        time.time(),
        body.user or address,
        body.user,
        body.text,
        PATH.join(nearest[0].category) if nearest else "",
        bool(nearest) and answer.verdict not in ("not-in-catalogue", "no-product"),
        [one.id for one in nearest],
    )
    with contextlib.suppress(StoreError):
        shop.feedback.add_search(search)
