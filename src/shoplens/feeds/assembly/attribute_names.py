"""The names of attributes in one feed, up to a limit: each becomes a field to filter and compare by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from shoplens.feeds.staging import StagingTable
from shoplens.types import Product, Rejection

MAX_NAMES = 200
"""Different attribute names of one feed that become fields."""


class AttributeNames:
    """The first ``MAX_NAMES`` names, in the order in which products are passed in; the others are left out, each with
    one note."""

    def __init__(self, spool: StagingTable) -> None:
        self._spool = spool
        self._fields: set[str] = set()

    def limit(self, item: Product | Rejection, row: int) -> Iterator[Product | Rejection]:
        """Notes on names that are left out for the first time, then the product without them; a rejection as it is."""
        surplus = [] if isinstance(item, Rejection) else [name for name in item.attributes if not self._is_field(name)]
        if isinstance(item, Rejection) or not surplus:
            yield item
            return
        for name in filter(self._spool.is_new_surplus, surplus):
            yield _omission_note(row, item, name)
        yield replace(item, attributes={name: some for name, some in item.attributes.items() if name in self._fields})

    def _is_field(self, name: str) -> bool:
        if len(self._fields) < MAX_NAMES:
            self._fields.add(name)
        return name in self._fields


def _omission_note(row: int, product: Product, name: str) -> Rejection:
    return Rejection(
        kind="too-many-attributes",
        level="note",
        row=row,
        product_id=product.id,
        field=name,
        value=", ".join(map(str, product.attributes[name])),
        reason=f"The feed has more than {MAX_NAMES} different attributes; this one is left out of every product.",
        fix="Export fewer attributes, those that customers ask for in the first rows.",
    )
