"""Reading of a feed's rows into a staging table, and the counts of used, skipped and rejected rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from shoplens.feeds.assembly.assemble import AssemblyRules, assemble
from shoplens.feeds.formats import Format
from shoplens.feeds.rows import Event, Row, SkippedRow
from shoplens.feeds.staging import RowStatus, StagingTable
from shoplens.types import Product, Rejection


@dataclass(frozen=True, slots=True)
class FeedCounts:
    """The counts of a feed's rows, products and rejections; ``rows == used + skipped + rejected``.

    Attributes:
        rows: number of rows that are not empty.
        used: number of rows that are part of a product.
        skipped: number of rows that are intentionally not a product (disabled, another store view); each row, or its
            product, has a note.
        rejected: number of rows that could not be used; each row, or its product, has a rejection.
        products: number of products.
        rejections: number of rejections of level ``rejected``, including those of single photos.
        notes: number of rejections of level ``note``.
    """

    rows: int
    used: int
    skipped: int
    rejected: int
    products: int
    rejections: int
    notes: int


def read_into_staging(
    staging: StagingTable,
    feed_format: Format,
    path: Path,
    rules: AssemblyRules,
    on_row: Callable[[int], None] | None = None,
) -> FeedCounts:
    """Read the whole feed into ``staging`` and return its counts.

    Args:
        staging: an empty staging table.
        feed_format: the feed's format.
        path: the file or folder of the feed.
        rules: how rows become products.
        on_row: function that is called with the number of rows read so far.

    Raises:
        FeedError: the feed is broken as a whole.
    """
    counts: Counter[str] = Counter()

    def add_item(row: int, item: Product | Rejection) -> None:
        counts["product" if isinstance(item, Product) else item.level] += 1
        if isinstance(item, Rejection) and not feed_format.numbered:
            item = replace(item, row=None)
        staging.add_item(row, item)

    for event in feed_format.read(path):
        number, rejection, status = _classify(event, feed_format.id_field)
        if rejection:
            add_item(number, rejection)
        elif isinstance(event, Row):
            staging.add_row(event)
        if status is not None:
            counts[status.name] += 1
        if status is not None or not rejection:
            counts["rows"] += 1
            if on_row:
                on_row(counts["rows"])
    for row, item in assemble(staging, rules):
        add_item(row, item)
    assembled = staging.status_counts()
    staging.finish()
    return FeedCounts(
        rows=counts["rows"],
        used=assembled[RowStatus.USED],
        skipped=assembled[RowStatus.SKIPPED] + counts[RowStatus.SKIPPED.name],
        rejected=assembled[RowStatus.REJECTED] + counts[RowStatus.REJECTED.name],
        products=counts["product"],
        rejections=counts["rejected"],
        notes=counts["note"],
    )


def _classify(event: Event, id_field: str) -> tuple[int, Rejection | None, RowStatus | None]:
    """Return the row number, the rejection or note if any, and the row's status if it is known already."""
    if isinstance(event, SkippedRow):
        return event.note.row or 0, event.note, RowStatus.SKIPPED
    if isinstance(event, Rejection):
        return event.row or 0, event, RowStatus.REJECTED if event.level == "rejected" else None
    if not event.product.id and not event.family:
        return event.number, _missing_id(event, id_field), RowStatus.REJECTED
    return event.number, None, None


def _missing_id(row: Row, id_field: str) -> Rejection:
    return Rejection(
        kind="missing-id",
        row=row.number,
        field=id_field,
        value=row.product.title,
        reason="The row has no id.",
        fix="Give every product an id that never changes.",
    )
