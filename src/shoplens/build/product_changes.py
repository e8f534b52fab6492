"""Changes of single products: putting some, and updating the record of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from shoplens.build.builder import Builder
from shoplens.build.filter_scoring import load_scorer
from shoplens.errors import InvalidValue
from shoplens.feeds.objects import read_products
from shoplens.index.identifiers import MAX_LISTED, find_products, unknown_product_error
from shoplens.index.protocol import Index, IndexedProduct, StoredProduct
from shoplens.store.generation import check_model
from shoplens.types import Product, Rejection

Done = Literal["added", "changed", "unchanged", "rejected"]


@dataclass(frozen=True, slots=True)
class PutResult:
    """The result for one product.

    Attributes:
        id: as it was sent.
        done: what was done; a rejected product leaves the store as it was.
        problems: what was wrong or odd.
    """

    id: str
    done: Done
    problems: Sequence[Rejection] = ()


def put_products(builder: Builder, products: Sequence[Mapping[str, Any]]) -> list[PutResult]:
    """Add products, or replace those with the same id; a rejected one does not stop the others.

    Args:
        products: in the project's own form (:mod:`shoplens.feeds.readers.jsonlines`).

    Returns:
        A result for each, in their order.

    Raises:
        StoreError: ``other-model``, ``disk``, …
    """
    with builder.store.writing():
        read = list(read_products(products))
        usable = [one for items in read for one in items if isinstance(one, Product)]
        index = builder.store.live.index
        before = {record.product.id: record for record in index.records(product.id for product in usable)}
        outcomes = iter(builder.add_products(usable))
        results = []
        for content, items in zip(products, read, strict=True):
            problems = [one for one in items if isinstance(one, Rejection)]
            outcome = next(outcomes) if len(problems) < len(items) else None
            if outcome is not None:
                problems += outcome.rejections
            entry = None if outcome is None else outcome.entry
            results.append(PutResult(str(content.get("id", "")).strip(), _done(entry, before), problems))
        return results


def _done(entry: IndexedProduct | None, before: Mapping[str, StoredProduct]) -> Done:
    """Return what was done with a product that became this entry; None stands for a rejected one."""
    if entry is None:
        return "rejected"
    stored = before.get(entry.product.id)
    return "added" if stored is None else "unchanged" if stored.matches(entry) else "changed"


def update_product(builder: Builder, product_id: str, change: Callable[[Product], Product]) -> Product:
    """Update the record of a product. No photo is decoded; only the filters' scores change where they read the record.

    Args:
        change: makes the new record of the present one, with the same id and photos.

    Raises:
        InvalidValue: ``unknown-product``, or the new record is invalid; nothing was changed.
    """
    store = builder.store
    with store.writing():
        generation = store.live
        check_model(generation, builder.embedder)
        entry = next(iter(generation.index.entries([product_id])), None)
        if entry is None:
            raise _no_such_id(generation.index, product_id)
        product = replace(change(entry.product), id=entry.product.id, photos=entry.product.photos)
        scorer = load_scorer(generation)
        if scorer is None or scorer.reads_equally(entry.product, product):
            generation.index.replace_products([product])
            return product
        with builder.open_run("change", generation.look) as run:
            scores = scorer.scores(product, [photo.content_hash for photo in entry.photos], run.features)
        generation.index.upsert([replace(entry, product=product, scores=scores)])
        return product


def _no_such_id(index: Index, name: str) -> InvalidValue:
    """Return the error for an update by another name than the id, which might change other rows of the product."""
    named = find_products(index, [name]).get(name)
    if named is None:
        return unknown_product_error(name)
    return InvalidValue(
        f"{name[:200]!r} is not the id of a product, but another name of {', '.join(named.ids[:MAX_LISTED])}.",
        "Give the id of the product that is to be changed.",
        code="unknown-product",
    )
