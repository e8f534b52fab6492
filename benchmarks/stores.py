"""The stores of the real catalogues, made when they are not there, and the queries of H&M."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable
from pathlib import Path

from shoplens import Shop
from shoplens.embedders import OnnxEmbedder, network_file
from shoplens.feeds import read_feed
from shoplens.settings import Settings
from shoplens.store.layout import live_folder
from shoplens.store.manifest import load_manifest
from shoplens.types import Product

FEEDS = {
    "grocery": ("grocery/catalogue.jsonl", None),
    "luma": ("luma/products.csv", "luma/media"),
    "hm": ("hm/feed.tsv", None),
    "street": ("street/catalogue.jsonl", None),
}


def store_of(name: str, data: Path, work: Path, model: Path | None = None) -> Path:
    """The store of a catalogue, made when it is not there, by the default network or another one."""
    feed, media = FEEDS[name]
    store = work / name
    if not (store / "CURRENT").is_file():
        settings = Settings(model=model)
        shop, summary = Shop.index(data / feed, store, media=data / media if media else None, settings=settings)
        shop.close()
        print(f"{name}: {summary.products} products, {summary.photos} photos, {summary.seconds:.0f} s", flush=True)
    return store


def embedder_of(store: Path) -> OnnxEmbedder:
    """The network that a store was made by, on one thread."""
    manifest = load_manifest(live_folder(store))
    path = network_file(Settings().model, manifest.model, Settings().models)
    return OnnxEmbedder(path, threads=1, objects=manifest.objects)


def products_of(name: str, data: Path) -> list[Product]:
    feed, media = FEEDS[name]
    with read_feed(data / feed, media=data / media if media else None) as read:
        return [item for item in read if isinstance(item, Product)]


def half(group: str) -> int:
    """0, the half for development, or 1."""
    return int(hashlib.sha256(group.encode()).hexdigest(), 16) % 2


def hm_queries(data: Path, file: Path, halves: Iterable[int] = (0, 1)) -> Path:
    """The other colours of a garment, for every article that has some; the garments of these halves."""
    groups: dict[str, list[Product]] = {}
    for product in products_of("hm", data):
        groups.setdefault(product.group_id or product.id, []).append(product)
    rows = []
    for group, members in groups.items():
        if len(members) > 1 and half(group) in halves:
            for one in members:
                others = "|".join(other.id for other in members if other is not one)
                rows.append({"photo": one.photos[0], "product_id": others, "exclude": one.id})
    return written(file, rows)


def written(file: Path, rows: list[dict[str, str]]) -> Path:
    """A file of queries."""
    with file.open("w", encoding="utf-8", newline="") as lines:
        table = csv.DictWriter(lines, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return file
