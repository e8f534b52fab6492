"""The doctor's findings that merchandisers accept: the value that photos show becomes the product's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from shoplens.build.product_changes import update_product
from shoplens.errors import InvalidValue
from shoplens.filters.dimensions.dimension import PATH
from shoplens.index.predicted_values import PREDICTED
from shoplens.search.answer_json import product_json
from shoplens.shop.parts import ShopParts
from shoplens.types import Product

_NO_VALUES = ("id", "group_id", "in_stock", "currency")
"""Fields whose values photos do not show."""


class ShopFindings:
    """Corrections of an open shop's products."""

    def __init__(self, parts: ShopParts) -> None:
        self._parts = parts

    def accept(self, product_id: str, dimension: str, value: str) -> Product:
        """Give a product the value that its photos show, as a finding says; no photo is looked at again. Where products
        may have several values of the dimension, it is added to those that the product has.

        Args:
            dimension: of the finding, which must belong to a field of the feed.
            value: ``photo_value`` of the finding.

        Raises:
            InvalidValue: ``unknown-product``; ``unknown-dimension``.
        """
        with self._parts.store.reading() as generation:
            kinds = generation.index.field_kinds()
            of_feed = {name for name in kinds.keys() - _NO_VALUES if not name.startswith(PREDICTED)}
            fields = {name: name for name in sorted(of_feed) if "text" in kinds[name]}
            dimensions = generation.require_filters().dimensions
            fields |= {one.name: one.field for one in dimensions if one.field}
            has_several = {one.name for one in dimensions if one.kind == "multi"}
        if dimension not in fields:
            raise InvalidValue(
                f"No field of the feed has the dimension {dimension[:100]!r}.",
                f"There are: {', '.join(fields)}.",
                code="unknown-dimension",
            )

        def correct(product: Product) -> Product:
            if fields[dimension] == "category":
                return replace(product, category=tuple(value.split(PATH)))
            if fields[dimension] == "brand":
                return replace(product, brand=value)
            name = fields[dimension].removeprefix("attributes.")
            own = product.attributes.get(name, ())
            kept = own if dimension in has_several or len(own) > 1 else ()
            values = dict.fromkeys([*kept, value.rsplit(PATH, 1)[-1]])
            return replace(product, attributes={**product.attributes, name: tuple(values)})

        return self._parts.store.write(lambda: update_product(self._parts.builder(), product_id, correct))

    def export_feed(self) -> Iterator[str]:
        """Yield the products as they are now, as lines of the project's own feed format."""
        with self._parts.store.reading() as generation:
            for record in generation.index.all_records():
                row = {
                    name: value for name, value in product_json(record.product).items() if value not in ("", None, [])
                }
                yield json.dumps(row, ensure_ascii=False) + "\n"
