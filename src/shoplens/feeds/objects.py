"""Products that come as objects, as a service is sent them: the same checks as for rows of a feed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from shoplens.feeds.assembly.validation import validate
from shoplens.feeds.photo_paths import PhotoPaths
from shoplens.feeds.readers.jsonlines import read_object
from shoplens.feeds.rows import Row
from shoplens.types import Product, Rejection

Outcome = list[Product | Rejection]
"""What is wrong or odd, and the product where there is one."""


def read_products(objects: Iterable[Mapping[str, Any]]) -> Iterator[Outcome]:
    """The product that each object describes, after everything that is wrong with it; of one id the first counts.

    Args:
        objects: in the project's own form (:mod:`shoplens.feeds.readers.jsonlines`), their photos at addresses; the
            first one is row 1.
    """
    paths, seen = PhotoPaths(None), set[str]()
    for number, content in enumerate(objects, 1):
        outcome: Outcome = []
        for event in read_object(json.dumps(content), number):
            if not isinstance(event, Row):
                outcome += [event] if isinstance(event, Rejection) else [event.note]
            elif event.product.id in seen:
                outcome.append(_repeat(number, event.product.id))
            else:
                seen.add(event.product.id)
                outcome += validate(event.product, number, paths)
        yield outcome


def _repeat(row: int, product_id: str) -> Rejection:
    return Rejection(
        kind="duplicate-id",
        row=row,
        product_id=product_id,
        field="id",
        value=product_id,
        reason="The id repeats that of an earlier product; the first one is kept.",
        fix="Give every product an id of its own.",
    )
