"""Changes of single products, as a service takes them: put some, change what is told of one."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from shoplens.build.builder import Builder
from shoplens.build.filter_scoring import scorer_of
from shoplens.errors import InvalidValue, Refused
from shoplens.feeds import read_feed
from shoplens.index.identifiers import MOST_TOLD, products_named, unknown_product
from shoplens.index.protocol import Index
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


def put(builder: Builder, products: Sequence[Mapping[str, Any]]) -> list[PutResult]:
    """Add products, or replace those with the same id; one that cannot be used does not hold up the others.

    Args:
        products: rows of the project's own feed format (:mod:`shoplens.feeds.readers.jsonlines`).

    Returns:
        What became of each, in their order.

    Raises:
        StoreError: ``other-model``, ``disk``, …
    """
    with builder.store.writing():
        return _put(builder, products)


def _put(builder: Builder, products: Sequence[Mapping[str, Any]]) -> list[PutResult]:
    ids = [str(product.get("id", "")).strip() for product in products]
    index = builder.store.live.index
    before = {record.product.id: record for record in index.records(ids)}
    told: list[Rejection] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "products.jsonl"
        path.write_text("".join(json.dumps(product) + "\n" for product in products), "utf-8")
        with read_feed(path, format="jsonl") as feed:
            try:
                report = builder.add(feed).report
            except Refused as problem:
                return [
                    PutResult(one, "rejected", [Rejection(problem.code, problem.problem, problem.fix)]) for one in ids
                ]
        if report is not None:
            told = [Rejection(**json.loads(line)) for line in report.read_text("utf-8").splitlines()]
    after = {record.product.id: record for record in builder.store.live.index.records(ids)}
    found = []
    for row, name in enumerate(ids, 1):
        mine = [one for one in told if one.row == row or (one.row is None and one.product_id == name)]
        there, was = after.get(name), before.get(name)
        done: Done = "unchanged"
        if there is None or any(one.level == "rejected" and one.field != "photos" for one in mine):
            done = "rejected"
        elif was is None:
            done = "added"
        elif was != there:
            done = "changed"
        found.append(PutResult(name, done, mine))
    return found


def changed(builder: Builder, product_id: str, change: Callable[[Product], Product]) -> Product:
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
        with builder.opened_run("change", generation.look) as run:
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
