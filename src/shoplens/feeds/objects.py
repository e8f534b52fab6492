"""Reading of products that are sent as JSON objects to a service, with the same checks as for rows of a feed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from shoplens.feeds.assembly.validation import duplicate_id, validate
from shoplens.feeds.photo_paths import PhotoPaths
from shoplens.feeds.readers.jsonlines import read_object
from shoplens.feeds.rows import Row
from shoplens.types import Product, Rejection


def read_products(objects: Iterable[Mapping[str, Any]]) -> Iterator[list[Product | Rejection]]:
    """Yield a list for each object: everything that is wrong with it, and the product if it can be used.

    Args:
        objects: objects in the project's own format (:mod:`shoplens.feeds.readers.jsonlines`), whose photos are URLs.
            The first object counts as row 1. Of several objects with the same id, the first one counts.
    """
    paths, product_ids = PhotoPaths(None), set[str]()
    for number, content in enumerate(objects, 1):
        items: list[Product | Rejection] = []
        for event in read_object(json.dumps(content), number):
            if not isinstance(event, Row):
                items += [event] if isinstance(event, Rejection) else [event.note]
            elif event.product.id in product_ids:
                items.append(duplicate_id(number, "id", event.product.id, "an earlier product"))
            else:
                product_ids.add(event.product.id)
                items += validate(event.product, number, paths)
        yield items
