"""A feed's rows into a staging table, and the numbers of what became of them."""

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
    """What became of a feed's rows: ``rows == used + skipped + rejected``.

    Attributes:
        rows: that hold anything at all.
        used: are part of a product.
        skipped: rightly not a product (switched off, another store view); each has its note, or its product has.
        rejected: could not be used; each has its rejection, or its product has.
        products: made of the used rows.
        rejections: of level ``rejected``, those of single photos included.
        notes: of level ``note``.
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
    form: Format,
    path: Path,
    rules: AssemblyRules,
    on_row: Callable[[int], None] | None = None,
) -> FeedCounts:
    """Read the whole feed into ``staging``; ``on_row`` is called with the number of rows read so far."""
    tally: Counter[str] = Counter()

    def keep(row: int, item: Product | Rejection) -> None:
        tally["product" if isinstance(item, Product) else item.level] += 1
        if isinstance(item, Rejection) and not form.numbered:
            item = replace(item, row=None)
        staging.add_item(row, item)

    for event in form.read(path):
        number, flaw, status = _sort_out(event, form.id_field)
        if flaw:
            keep(number, flaw)
        elif isinstance(event, Row):
            staging.add_row(event)
        if status is not None:
            tally[status.name] += 1
        if status is not None or not flaw:
            tally["rows"] += 1
            if on_row:
                on_row(tally["rows"])
    for row, item in assemble(staging, rules):
        keep(row, item)
    settled = staging.status_counts()
    staging.finish()
    return FeedCounts(
        rows=tally["rows"],
        used=settled[RowStatus.USED],
        skipped=settled[RowStatus.SKIPPED] + tally[RowStatus.SKIPPED.name],
        rejected=settled[RowStatus.REJECTED] + tally[RowStatus.REJECTED.name],
        products=tally["product"],
        rejections=tally["rejected"],
        notes=tally["note"],
    )


def _sort_out(event: Event, id_field: str) -> tuple[int, Rejection | None, RowStatus | None]:
    """Row number, what there is to report, and the row's status where it is already known."""
    if isinstance(event, SkippedRow):
        return event.note.row or 0, event.note, RowStatus.SKIPPED
    if isinstance(event, Rejection):
        return event.row or 0, event, RowStatus.REJECTED if event.level == "rejected" else None
    if not event.product.id and not event.family:
        return event.number, _without_id(event, id_field), RowStatus.REJECTED
    return event.number, None, None


def _without_id(row: Row, id_field: str) -> Rejection:
    return Rejection(
        kind="missing-id",
        row=row.number,
        field=id_field,
        value=row.product.title,
        reason="The row has no id.",
        fix="Give every product an id that never changes.",
    )
