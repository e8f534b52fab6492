"""A feed's rows into a spool, and the numbers of what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from shoplens.catalogue.assembly import outcomes
from shoplens.catalogue.formats import Format
from shoplens.catalogue.photo_paths import PhotoPaths
from shoplens.catalogue.rows import Event, Row, SetAside
from shoplens.catalogue.spool import Fate, Spool
from shoplens.types import Product, Rejection


@dataclass(frozen=True, slots=True)
class FeedCounts:
    """What became of a feed's rows: ``rows == used + set_aside + rejected``.

    Attributes:
        rows: that hold anything at all.
        used: are part of a product.
        set_aside: rightly not a product (switched off, another store view); each has its note, or its product has.
        rejected: could not be used; each has its rejection, or its product has.
        products: made of the used rows.
        rejections: of level ``rejected``, those of single photos included.
        notes: of level ``note``.
    """

    rows: int
    used: int
    set_aside: int
    rejected: int
    products: int
    rejections: int
    notes: int


def filled(
    spool: Spool, form: Format, path: Path, paths: PhotoPaths, on_row: Callable[[int], None] | None = None
) -> FeedCounts:
    """Read the whole feed into ``spool``; ``on_row`` is called with the number of rows read so far."""
    tally: Counter[str] = Counter()

    def keep(row: int, item: Product | Rejection) -> None:
        tally["product" if isinstance(item, Product) else item.level] += 1
        if isinstance(item, Rejection) and not form.numbered:
            item = replace(item, row=None)
        spool.add_item(row, item)

    for event in form.read(path):
        number, flaw, fate = _sorted(event, form.id_field)
        if flaw:
            keep(number, flaw)
        elif isinstance(event, Row):
            spool.add_row(event)
        if fate is not None:
            tally[fate.name] += 1
        if fate is not None or not flaw:
            tally["rows"] += 1
            if on_row:
                on_row(tally["rows"])
    for row, item in outcomes(spool, paths, form.id_field):
        keep(row, item)
    settled = spool.settled()
    spool.finish()
    return FeedCounts(
        rows=tally["rows"],
        used=settled[Fate.USED],
        set_aside=settled[Fate.SET_ASIDE] + tally[Fate.SET_ASIDE.name],
        rejected=settled[Fate.REJECTED] + tally[Fate.REJECTED.name],
        products=tally["product"],
        rejections=tally["rejected"],
        notes=tally["note"],
    )


def _sorted(event: Event, id_field: str) -> tuple[int, Rejection | None, Fate | None]:
    """Row number, what there is to report, and the row's fate where it is already known."""
    if isinstance(event, SetAside):
        return event.note.row or 0, event.note, Fate.SET_ASIDE
    if isinstance(event, Rejection):
        return event.row or 0, event, Fate.REJECTED if event.level == "rejected" else None
    if not event.draft.id:
        return event.number, _without_id(event, id_field), Fate.REJECTED
    return event.number, None, None


def _without_id(row: Row, id_field: str) -> Rejection:
    return Rejection(
        kind="missing-id",
        row=row.number,
        field=id_field,
        value=row.draft.title,
        reason="The row has no id.",
        fix="Give every product an id that never changes.",
    )
