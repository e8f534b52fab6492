"""Changes of single products, as a service takes them: put some, change what is told of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from shoplens.build.builder import Builder
from shoplens.build.filter_scoring import scorer_of
from shoplens.errors import InvalidValue
from shoplens.feeds.objects import read_products
from shoplens.index.identifiers import MOST_TOLD, products_named, unknown_product
from shoplens.index.protocol import Index, IndexedProduct, StoredProduct
from shoplens.store.generation import check_model
from shoplens.types import Product, Rejection

Done = Literal["added", "changed", "unchanged", "rejected"]


@dataclass(frozen=True, slots=True)
class PutResult:
    """What became of one product.

    Attributes:
        id: its id, as it was sent.
        done: what was done; a product that could not be used leaves the store as it was.
        problems: what was wrong, and what is odd.
    """

    id: str
    done: Done
    problems: Sequence[Rejection] = ()


def put_products(builder: Builder, products: Sequence[Mapping[str, Any]]) -> list[PutResult]:
    """Add products, or replace those with the same id; one that cannot be used does not hold up the others.

    Args:
        products: in the project's own form (:mod:`shoplens.feeds.readers.jsonlines`).

    Returns:
        What became of each, in their order.

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
    """What was done with a product that became this entry; None for one that could not be used."""
    if entry is None:
        return "rejected"
    stored = before.get(entry.product.id)
    return "added" if stored is None else "unchanged" if stored.is_of(entry) else "changed"


def update_product(builder: Builder, product_id: str, change: Callable[[Product], Product]) -> Product:
    """Change what is told of a product. No photo is looked at; vectors stay, but for what filters read in the record.

    Args:
        change: the record -> the new one, with the same id and photos.

    Raises:
        InvalidValue: ``unknown-product``, or the new record makes no sense; nothing was changed.
    """
    store = builder.store
    with store.writing():
        generation = store.live
        check_model(generation, builder.embedder)
        entry = next(iter(generation.index.entries([product_id])), None)
        if entry is None:
            raise _no_such_id(generation.index, product_id)
        product = replace(change(entry.product), id=entry.product.id, photos=entry.product.photos)
        scorer = scorer_of(generation)
        if scorer is None or scorer.reads_alike(entry.product, product):
            generation.index.replace_products([product])
            return product
        with builder.open_run("change", generation.look) as run:
            scores = scorer.scores(product, [photo.content_hash for photo in entry.photos], run.features)
        generation.index.upsert([replace(entry, product=product, scores=scores)])
        return product


def _no_such_id(index: Index, name: str) -> InvalidValue:
    """What to say where a product is changed by what is not its id: that could change other rows of it, too."""
    named = products_named(index, [name]).get(name)
    if named is None:
        return unknown_product(name)
    return InvalidValue(
        f"{name[:200]!r} is not the id of a product, but another name of {', '.join(named.ids[:MOST_TOLD])}.",
        "Give the id of the product that is to be changed.",
        code="unknown-product",
    )
