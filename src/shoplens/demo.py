"""The demonstration: a catalogue, photos that are not in it, and what a search finds."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from shoplens.build.run import Summary
from shoplens.errors import Refused
from shoplens.evaluation.report.searches import ShownSearch, write_search_report
from shoplens.feeds import read_feed
from shoplens.images import decode_photo
from shoplens.images.corruptions.snapshot import take_snapshot
from shoplens.ranking.strategies import STRATEGIES
from shoplens.rendered import render_catalogue
from shoplens.settings import Settings
from shoplens.shop import Shop
from shoplens.types import Pixels, Product, Progress, group_of
from shoplens.types.progress import ignore_progress

LUMA = Path("luma/products.csv")
SAMPLE_DATA = "https://github.com/magento/magento2-sample-data.git"
SAMPLE_FEED = "app/code/Magento/ConfigurableSampleData/fixtures"
SAMPLE_MEDIA = "pub/media/catalog/product"
MARKER = ".shoplens-demo"
"""A file that says that a folder was made by the demonstration, which may replace what is in it."""
RENDERED_PRODUCTS, SEARCHES, SHOWN = 400, 12, 6


@dataclass(frozen=True, slots=True)
class DemoCatalogue:
    """A feed to index, and photos to search it with that are not in it.

    Attributes:
        name: which catalogue this is, in words.
        feed, media: as for :meth:`Shop.index`.
        queries: (photo, id of the product in it, kind of photo).
    """

    name: str
    feed: Path
    media: Path
    queries: tuple[tuple[Path, str, str], ...]


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demonstration did."""

    catalogue: DemoCatalogue
    summary: Summary
    searches: tuple[ShownSearch, ...]
    report: Path
    store: Path


def run_demo(
    folder: Path,
    settings: Settings,
    *,
    rendered: int | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Demo:
    """Index a catalogue into ``folder/store``, search it, and write ``folder/report.html``.

    Args:
        folder: new, empty, or of an earlier demonstration, whose catalogue and store are replaced.
        rendered: draw this many products instead of looking for a real catalogue.
        say: told what is chosen and why.

    Raises:
        Refused: the folder holds what no demonstration made.
    """
    _claim(folder)
    catalogue = _choose_catalogue(folder, settings, rendered, progress or ignore_progress, say)
    say(f"Catalogue: {catalogue.name}.")
    settings = replace(settings, store=folder / "store")
    shop, summary = Shop.index(
        catalogue.feed, settings.store, media=catalogue.media, replace=True, settings=settings, progress=progress
    )
    with shop:
        searches = tuple(_search(shop, *query) for query in catalogue.queries)
        report = folder / "report.html"
        found = sum(search.expected_rank == 1 for search in searches)
        shown = sum(search.expected_rank is not None for search in searches)
        facts = [
            f"{catalogue.name}: {summary.products} products, {summary.photos} photos.",
            f"{len(searches)} photos that are not in the catalogue: {found} found at rank 1, "
            f"{shown} among the first {SHOWN}.",
            *(f"Strategy {name}: {STRATEGIES[name].about}" for name in {one.answer.strategy for one in searches}),
        ]
        write_search_report(report, "Shoplens: find the product in the photo", facts, searches, _pixels_from(settings))
    return Demo(catalogue, summary, searches, report, settings.store)


def _claim(folder: Path) -> None:
    if folder.exists() and not (folder / MARKER).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        fix = "Name a new or empty folder with --out, or delete this one first."
        raise Refused(f"{folder} was not made by the demonstration, which replaces what it finds there.", fix)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()


def _search(shop: Shop, photo: Path, product_id: str, how: str) -> ShownSearch:
    answer = shop.search(photo, SHOWN)
    ranks = [result.rank for result in answer.results if result.product.id == product_id]
    return ShownSearch(answer, how, shop.products.get(product_id), ranks[0] if ranks else None)


def _pixels_from(settings: Settings) -> Callable[[str], Pixels]:
    return lambda source: decode_photo(Path(source).read_bytes(), settings, shortest=440).pixels


def _choose_catalogue(
    folder: Path, settings: Settings, rendered: int | None, progress: Progress, say: Callable[[str], None]
) -> DemoCatalogue:
    """The first there is: the one asked for, a real one in a data folder, or from the network, or a drawn one."""
    if rendered is not None:
        return _render_demo_catalogue(folder / "rendered", rendered, progress)
    for data in (settings.data, Path("../shared/data")):
        if data is not None and (data / LUMA).is_file():
            return _luma(folder, data / LUMA, data / "luma/media")
    cloned = _clone_sample_data(folder / "sample-data", say)
    if cloned is not None:
        return _luma(folder, cloned / SAMPLE_FEED / "products.csv", cloned / SAMPLE_MEDIA)
    say("No real catalogue at hand and none to be fetched: drawing one.")
    return _render_demo_catalogue(folder / "rendered", RENDERED_PRODUCTS, progress)


def _render_demo_catalogue(folder: Path, products: int, progress: Progress) -> DemoCatalogue:
    made = render_catalogue(
        folder,
        products,
        queries=SEARCHES,
        progress=lambda done: progress("Drawing the catalogue", done, products + SEARCHES),
    )
    queries = tuple(_queries(made.queries_file)) if made.queries_file else ()
    return DemoCatalogue(f"a rendered shop ({made.feed})", made.feed, made.feed.parent, queries)


def _queries(file: Path) -> Iterator[tuple[Path, str, str]]:
    with file.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            yield file.parent / row["photo"], row["product_id"], row["kind"]


def _luma(folder: Path, feed: Path, media: Path) -> DemoCatalogue:
    """The real catalogue less a few photos, which become queries: other views as they are, and as phone photos.

    For a phone photo the view is of a product's first photo, and stays in the catalogue: the phone photo of it is not.
    """
    queries_folder = folder / "queries"
    shutil.rmtree(queries_folder, ignore_errors=True)
    queries_folder.mkdir()
    with read_feed(feed, media=media, format="magento") as read:
        products = [item for item in read if isinstance(item, Product)]
    several = [product for product in products if len(product.photos) > 1]
    views = {product.id: product.photos[-1] for product in _sample_products(several, SEARCHES // 2)}
    queries = [(Path(photo), product_id, "another view") for product_id, photo in views.items()]
    for product in _sample_products([product for product in products if product.id not in views], SEARCHES // 2):
        path = queries_folder / f"{product.id}.jpg"
        picture = decode_photo(Path(product.photos[0]).read_bytes(), Settings())
        path.write_bytes(take_snapshot(picture.pixels, seed=_number(product.id)))
        queries.append((path, product.id, "phone photo"))
    reduced = folder / "catalogue.jsonl"
    with reduced.open("w", encoding="utf-8") as file:
        for product in products:
            photos = [photo for photo in product.photos if photo != views.get(product.id)]
            file.write(_feed_line(product, [os.path.relpath(photo, media) for photo in photos]))
    return DemoCatalogue(f"the Luma catalogue of Magento 2 ({feed})", reduced, media, tuple(queries))


def _sample_products(products: list[Product], count: int) -> Iterator[Product]:
    """The same few products every time, spread over the catalogue: one per group, by a hash of the group."""
    groups = {group_of(product): product for product in products}
    yield from sorted(groups.values(), key=lambda product: _number(group_of(product)))[:count]


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def _feed_line(product: Product, photos: list[str]) -> str:
    row = {
        "id": product.id,
        "title": product.title,
        "description": product.description,
        "url": product.url,
        "price": product.price,
        "currency": product.currency,
        "brand": product.brand,
        "category": product.category,
        "attributes": {name: list(values) for name, values in product.attributes.items()},
        "group_id": product.group_id,
        "photos": photos,
        "in_stock": product.in_stock,
    }
    return json.dumps({name: value for name, value in row.items() if value not in (None, "", [], {}, ())}) + "\n"


def _clone_sample_data(folder: Path, say: Callable[[str], None], source: str = SAMPLE_DATA) -> Path | None:
    """The public Magento 2 sample data, only the folders needed; None when the network does not allow it.

    It is cloned beside ``folder`` and becomes it when it is whole.
    """
    if _is_whole(folder):
        return folder
    say("Looking for the public Magento 2 sample data…")
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    for leftover in (folder, unfinished):
        shutil.rmtree(leftover, ignore_errors=True)
    git = ["git", "-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=20"]
    steps = (
        [*git, "clone", "--quiet", "--depth=1", "--filter=blob:none", "--sparse", source, str(unfinished)],
        [*git, "-C", str(unfinished), "sparse-checkout", "set", SAMPLE_FEED, SAMPLE_MEDIA],
    )
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    try:
        for step in steps:
            subprocess.run(step, check=True, capture_output=True, timeout=600, env=environment)
        if _is_whole(unfinished):
            return unfinished.rename(folder)
    except (OSError, subprocess.SubprocessError):
        pass  # no git, no network: the caller says so and draws a catalogue
    shutil.rmtree(unfinished, ignore_errors=True)
    return None


def _is_whole(sample_data: Path) -> bool:
    return (sample_data / SAMPLE_FEED / "products.csv").is_file() and (sample_data / SAMPLE_MEDIA).is_dir()
