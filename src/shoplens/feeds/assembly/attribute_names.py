"""The limit on the number of attribute names in one feed; each name becomes a field to filter and compare by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from shoplens.feeds.staging import StagingTable
from shoplens.types import Product, Rejection

MAX_NAMES = 200
"""Maximum number of different attribute names of one feed that become fields."""


class AttributeNames:
    """Limits the attributes of products to the first ``MAX_NAMES`` names, in the order in which products come.

    Other names are left out, each with one note.

    Args:
        staging: the staging table, which remembers the names that were left out.
    """

    def __init__(self, staging: StagingTable) -> None:
        self._staging = staging
        self._fields: set[str] = set()

    def limit(self, item: Product | Rejection, row: int) -> Iterator[Product | Rejection]:
        """Yield notes on names that are left out for the first time, then the product without these names.

        A rejection is yielded unchanged.
        """
        if isinstance(item, Rejection):
            yield item
            return
        omitted = [name for name in item.attributes if not self._admit(name)]
        for name in filter(self._staging.register_omitted_name, omitted):
            yield _omission_note(row, item, name)
        if omitted:
            attributes = {name: values for name, values in item.attributes.items() if name in self._fields}
            item = replace(item, attributes=attributes)
        yield item

    def _admit(self, name: str) -> bool:
        """Return whether a name is a field, and make it one while there is room."""
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
        fix="Export fewer attributes, with those that matter to customers in the first rows.",
    )
