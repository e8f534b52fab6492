"""A whole shop on disk: the feed, its photos, and phone photos with the right answers."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from shoplens.errors import InvalidValue
from shoplens.images.corruptions.compression import encode_jpeg
from shoplens.rendered.phone import phone_photo
from shoplens.rendered.queries import Query, queries_of
from shoplens.rendered.specs import MOST_PRODUCTS, ProductSpec, specs
from shoplens.rendered.studio import product_photo
from shoplens.rendered.words import feed_row, product_id
from shoplens.settings import Settings
from shoplens.types.iteration import Item, Output, map_in_order

FEED = "catalogue.jsonl"
QUERIES = "queries.csv"
QUERY_COLUMNS = ("photo", "product_id", "deciding", "kind")
_QUALITY = 88


@dataclass(frozen=True, slots=True)
class RenderedCatalogue:
    """What was written.

    Attributes:
        feed: the JSON Lines feed; its photos are relative to it.
        queries_file: CSV of the phone photos, relative to it; None without them.
        products, photos, queries: how many.
    """

    feed: Path
    queries_file: Path | None
    products: int
    photos: int
    queries: int


def render_catalogue(
    folder: Path,
    products: int,
    *,
    seed: int = 0,
    views: int = 2,
    size: int = 320,
    queries: int = 0,
    progress: Callable[[int], None] | None = None,
) -> RenderedCatalogue:
    """Draw a shop.

    The same arguments give the same bytes (with one version of Pillow and numpy), and a product is the same whatever
    the number of ``products``. Files of an earlier run that have the same names are replaced, others are left.

    Args:
        folder: made when missing; gets ``catalogue.jsonl`` and ``photos/``, and for queries ``queries.csv`` and
            ``queries/``.
        products: 1 to 100,000.
        seed: another one is another shop.
        views: photos per product.
        size: side of a catalogue photo, pixels.
        queries: phone photos of products of this catalogue.
        progress: called with the number of pictures drawn since the last call.

    Raises:
        InvalidValue: an argument out of its range.
    """
    _check({"products": (products, 1, MOST_PRODUCTS), "seed": (seed, 0, 2**32 - 1), "views": (views, 1, 100)})
    _check({"size": (size, 32, 4096), "queries": (queries, 0, 10_000_000)})
    report = progress or (lambda count: None)
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    with (folder / FEED).open("w", encoding="utf-8", newline="\n") as feed:
        drawn = _draw_in_order(lambda spec: _draw_product(folder, spec, views, size), specs(products, seed))
        for row in drawn:
            feed.write(json.dumps(row, ensure_ascii=False) + "\n")
            report(views)
    if queries:
        _write_queries(folder, queries_of(products, queries, seed), report)
    written = folder / QUERIES if queries else None
    return RenderedCatalogue(folder / FEED, written, products, products * views, queries)


def _check(ranges: dict[str, tuple[int, int, int]]) -> None:
    for name, (value, low, high) in ranges.items():
        if not low <= value <= high:
            raise InvalidValue(f"{name} is {value!r}.", f"Choose {low:,} to {high:,}.")


def _draw_product(folder: Path, spec: ProductSpec, views: int, size: int) -> dict[str, object]:
    names = [f"photos/{product_id(spec.number)}-{view + 1}.jpg" for view in range(views)]
    for view, name in enumerate(names):
        (folder / name).write_bytes(encode_jpeg(product_photo(spec, view, size), _QUALITY))
    return feed_row(spec, names)


def _write_queries(folder: Path, queries: Iterable[Query], report: Callable[[int], None]) -> None:
    (folder / "queries").mkdir(exist_ok=True)
    with (folder / QUERIES).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(QUERY_COLUMNS)
        for row in _draw_in_order(lambda query: _draw_query(folder, query), queries):
            table.writerow(row)
            report(1)


def _draw_query(folder: Path, query: Query) -> tuple[str, str, str, str]:
    name = f"queries/{query.number:05d}-{query.kind}.jpg"
    photo = phone_photo(query.spec, query.number, query.kind)
    (folder / name).write_bytes(encode_jpeg(photo, query.quality))
    return name, product_id(query.spec.number), query.deciding, query.kind


def _draw_in_order(work: Callable[[Item], Output], items: Iterable[Item]) -> Iterator[Output]:
    """Yield the results of ``work`` in the order of ``items``; a few are under way at a time, on every core.

    Threads suffice: Pillow and numpy let go of the interpreter's lock.
    """
    threads = min(8, Settings().cores)
    with ThreadPoolExecutor(threads) as pool:
        yield from map_in_order(pool, work, items, threads * 4)
