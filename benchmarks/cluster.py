"""What a store on a Qdrant server costs beside one in a folder, and whether it answers the same.

    python benchmarks/cluster.py same --data DATA --folder FOLDER       # 200 queries on Luma and on the drawn shop
    python benchmarks/cluster.py overhead --data DATA --folder FOLDER   # CPU ms and requests per query of the client
    python benchmarks/cluster.py ray --folder FOLDER                    # photos per second on 1, 2 and 3 Ray nodes
    python benchmarks/cluster.py size --photos 20000 --folder FOLDER    # bytes on disk beside those computed

``--url qdrant://localhost:6334`` (or the variable SHOPLENS_QDRANT_URL) takes a real server. Without one, ``same`` takes
the client's emulation, which compares every point, and ``overhead`` and ``ray`` a small server over that emulation in a
process of its own, whose CPU time is not counted: the figures are those of the client. Both sides compare exactly in
``same``: the stores are below the size at which a graph is built. CPU time is counted, since other work may share the
cores.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import itertools
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from shoplens import Shop
from shoplens.ranking.strategies import BASELINE, available_strategies, default_strategy
from shoplens.rendered import render_catalogue
from shoplens.settings import Settings, settings_from
from shoplens.types import Answer, Query
from tables import default_data, machine_line, spread

ROOT = Path(__file__).parents[1]
PRODUCTS, QUERIES, SEED = 300, 200, 7
TOLERANCE = 1e-4
OVERHEAD_WAYS = ("default", "pretrained", "condition", "per group")
RAY_OPTIONS = {
    "RAY_gcs_server_request_timeout_seconds": "180",
    "RAY_health_check_failure_threshold": "60",
    "RAY_worker_niceness": "0",
}
"""Ray waits long for nodes of a busy machine, and its workers get as much of the processor as `index` (their default
niceness is 15)."""
WAYS: dict[str, dict[str, Any]] = {
    "default": {},
    "condition": {"where": ("price < 60",)},
    "two conditions": {"where": ("price < 60 and not category = Bags", "in_stock = true")},
    "per group": {"per_group": 1},
    "pretrained": {"strategy": "pretrained"},
    "pretrained, condition and groups": {"strategy": "pretrained", "where": ("price < 60",), "per_group": 2},
    **{name: {"strategy": name} for name in ("filters-static", "filters-dynamic", "hybrid", "metric")},
}


def index_catalogue(name: str, data: Path, folder: Path) -> tuple[Path, list[Path]]:
    """Return the store of a catalogue, indexed once, and 200 query photos."""
    store = folder / f"{name}-store"
    if name == "drawn":
        drawn = render_catalogue(folder / "drawn", PRODUCTS, seed=SEED, queries=QUERIES)
        assert drawn.queries_file is not None, "phone photos were asked for"
        with drawn.queries_file.open(encoding="utf-8") as file:
            photos = [drawn.queries_file.parent / row["photo"] for row in csv.DictReader(file)]
        feed, media = Path(drawn.feed), None
    else:
        feed, media = data / "luma" / "products.csv", data / "luma" / "media"
        photos = []
    if not (store / "CURRENT").exists():
        Shop.index(feed, store, media=media, settings=settings_from({}, tune=False))[0].close()
    if not photos:
        with Shop(store) as shop:
            entries = shop._parts.store.live.index.all_records()
            photos = sorted({Path(photo.source) for one in entries for photo in one.photos[1:]})
    return store, photos[:QUERIES]


def compare_answers(name: str, options: argparse.Namespace) -> None:
    """Ask a store in a folder, its copy on the server, and a copy of that in another folder the same queries, and
    print what differs from the first."""
    store, photos = index_catalogue(name, options.data, options.folder)
    target, back = server_settings(options, f"same-{name}"), options.folder / f"{name}-back"
    shutil.rmtree(back, ignore_errors=True)
    with Shop(store) as local:
        local.generations.copy_to(target, replace=True)
        with Shop(settings=target) as remote:
            remote.generations.copy_to(replace(local.settings, store=back, server=""))
            with Shop(back) as returned:
                compare_shops(name, local, {"server": remote, "back": returned}, photos, options)


def compare_shops(
    name: str, local: Shop, copies: dict[str, Shop], photos: list[Path], options: argparse.Namespace
) -> None:
    """Print, for each way to ask and each copy, what differs from the answers of the store that was copied."""
    has = local._parts.store.live.capabilities
    strategies = {one.name for one in available_strategies(has)}
    ways = [way for way in options.ways if WAYS[way].get("strategy", BASELINE) in strategies]
    print(f"{name}: {default_strategy(has).name} answers by default; {', '.join(ways)}", file=sys.stderr, flush=True)
    differences = {(way, place): Differences() for way in ways for place in copies}
    for number, photo in enumerate(photos[: options.queries], 1):
        if number % 25 == 0:
            print(f"{name}: {number} queries", file=sys.stderr, flush=True)
        for way in ways:
            how = dict(WAYS[way])
            query = Query(str(photo), k=20, where=how.pop("where", ()), **how)
            first, encoded = local.search_encoded(query)
            for place, shop in copies.items():
                second, _ = shop.search_encoded(query, encoded)  # the photo is encoded once for all
                differences[way, place].add(first, second)
    for (way, place), found in differences.items():
        cells = (name, way, place, found.queries, found.results, found.products, found.scores, f"{found.largest:.1e}")
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)


@dataclass(slots=True)
class Differences:
    """What differs between answers of two stores to the same queries: in products, and in scores beyond the
    tolerance."""

    queries: int = 0
    results: int = 0
    products: int = 0
    scores: int = 0
    largest: float = 0.0

    def add(self, first: Answer, second: Answer) -> None:
        one, two = ([(row.product.id, row.score) for row in answer.results] for answer in (first, second))
        steps = [abs(a[1] - b[1]) for a, b in zip(one, two, strict=False)]
        self.queries, self.results = self.queries + 1, self.results + len(one)
        self.products += [product for product, _ in one] != [product for product, _ in two]
        self.scores += sum(step > TOLERANCE for step in steps)
        self.largest = max([self.largest, *steps])


def measure_overhead(options: argparse.Namespace) -> None:
    """Print the CPU time of a search on both stores, query by query in turn, and what the client sends."""
    store, photos = index_catalogue("luma", options.data, options.folder)
    with fake_server(options) as url:
        target = server_settings(options, "overhead", url)
        with Shop(store, settings=settings_from({}, threads=1)) as local:
            local.generations.copy_to(replace(target, threads=1), replace=True)
            with Shop(settings=replace(target, threads=1)) as remote:
                count_requests = _counter(remote)
                for way in OVERHEAD_WAYS:
                    how = WAYS[way]
                    times: dict[str, list[float]] = {"folder": [], "server": []}
                    requests = []
                    for number, photo in enumerate(photos[: options.queries + 3]):
                        for place, shop in (("folder", local), ("server", remote)):
                            before, sent = time.process_time(), count_requests()
                            shop.search(photo, k=20, **how)
                            if number >= 3:
                                times[place].append((time.process_time() - before) * 1e3)
                                if place == "server":
                                    requests.append(count_requests() - sent)
                    added = np.array(times["server"]) - np.array(times["folder"])
                    cells = (way, spread(times["folder"]), spread(times["server"]), spread(added.tolist()))
                    print("| " + " | ".join(cells) + f" | {np.median(requests):.0f} |", flush=True)


def _counter(shop: Shop) -> Any:
    """Count the requests that a shop sends to its server."""
    layout: Any = shop._parts.store.layout
    count, call = [0], layout.connection.call

    def counted(*arguments: Any, **options: Any) -> Any:
        count[0] += 1
        return call(*arguments, **options)

    layout.connection.call = counted
    return lambda: count[0]


def measure_ray(options: argparse.Namespace) -> None:
    """Print photos per second, and CPU ms per photo, of `index` and of builds on 1, 2 and 3 nodes.

    Each build has a process of its own: Ray ends a process whose earlier cluster is gone.
    """
    feed = Path(render_catalogue(options.folder / "ray", options.products, seed=SEED).feed)
    spawn = multiprocessing.get_context("spawn")
    with fake_server(options) as url:
        plain: RayBuildCost | None = None
        for number, nodes in enumerate(options.nodes):
            target = server_settings(options, f"ray-{number}-{time.time_ns()}", url)
            with ProcessPoolExecutor(1, mp_context=spawn) as process:
                cost = process.submit(build_once, feed, replace(target, tune=False, threads=1), nodes).result()
            plain = plain or cost
            name = f"{nodes} node{'s' * (nodes > 1)}" if nodes else "`index`, one thread"
            cells = (
                name,
                cost.photos,
                f"{cost.seconds:.0f}",
                f"{cost.encoding_seconds:.0f}",
                f"{cost.photos / cost.seconds:.1f}",
                f"{plain.seconds / cost.seconds:.2f}",
                f"{cost.cpu_ms:.0f}",
                f"{cost.cpu_ms / plain.cpu_ms:.2f}",
                ", ".join(f"{seconds / cost.photos * 1e3:.0f}" for seconds in cost.cpu_seconds.values()),
            )
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)


@dataclass(frozen=True, slots=True)
class RayBuildCost:
    """What a build took: seconds in all and until the last photo was encoded, and CPU seconds of its processes."""

    photos: int
    seconds: float
    encoding_seconds: float
    cpu_seconds: dict[str, float]

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds per photo of all processes."""
        return sum(self.cpu_seconds.values()) / self.photos * 1e3


def build_once(feed: Path, target: Settings, nodes: int) -> RayBuildCost:
    """Build a store in this process, or with Ray on so many nodes of one processor each, and measure it."""
    if nodes:
        os.environ |= RAY_OPTIONS
        import ray
        from ray.cluster_utils import Cluster

        node = {"object_store_memory": 80_000_000}
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **node})
        for _ in range(nodes):
            cluster.add_node(num_cpus=1, **node)
        environment = {"env_vars": {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}}
        ray.init(address=cluster.address, log_to_driver=False, runtime_env=environment)
    encoded = [0.0]

    def note(stage: str, done: int, total: int) -> None:
        if stage == "Indexing":
            encoded[0] = time.perf_counter()

    times, begun = CpuTimes(), time.perf_counter()
    shop, summary = Shop.index(feed, settings=target, ray="auto" if nodes else "", progress=note)
    took, cpu = time.perf_counter() - begun, times.stop()
    shop.close()
    if nodes:
        ray.shutdown()
        cluster.shutdown()
    return RayBuildCost(summary.photos, took, encoded[0] - begun, cpu)


def measure_size(options: argparse.Namespace) -> None:
    """Build a shard of made products on Luma's records, and print its bytes beside those that are computed."""
    sys.path.insert(0, str(ROOT / "tools"))
    from shoplens.index.protocol import ANY_PHOTO, IndexedProduct, StoredProduct, VectorQuery
    from shoplens.index.qdrant.optimize import optimize
    from shoplens.index.qdrant.qdrant_index import QdrantIndex
    from shoplens.index.qdrant_server.points import build_shared_payload
    from shoplens.ranking.filter_retrieval import CANDIDATES
    from shoplens.types.iteration import batches

    store, _ = index_catalogue("luma", options.data, options.folder)
    rng = np.random.default_rng(SEED)
    with Shop(store) as shop:
        generation = shop._parts.store.live
        real, sizes = list(generation.index.entries()), generation.manifest.sizes
    payload = np.mean(
        [
            len(str(build_shared_payload(StoredProduct(one.product, one.photos, one.scores.predicted), "")))
            for one in real
            if one.scores is not None
        ]
    )
    entries = [
        sum(len(vector.indices) for vector in (*one.scores.class_vectors, *one.scores.text_vectors)) / len(one.photos)
        for one in real
        if one.scores is not None
    ]
    print(f"payload {payload:.0f} bytes, sparse entries {np.mean(entries):.1f}, vectors {sizes}", flush=True)
    shard = options.folder / f"shard-{options.photos}"

    def made() -> Iterator[IndexedProduct]:
        """Yield real products under new ids, one photo each, with other vectors."""
        for number in range(options.photos):
            one = real[number % len(real)]
            photo = replace(one.photos[0], content_hash=f"{number:032x}", pixel_hash=f"f{number:031x}")
            product = replace(one.product, id=f"{one.product.id}-{number}", photos=one.product.photos[:1])
            vector = one.vectors[:1] + rng.normal(0, 0.05, one.vectors[:1].shape).astype(np.float32)
            scores = one.scores
            assert scores is not None, "the store has filters"
            first = replace(
                scores,
                filter_vectors=scores.filter_vectors[:1]
                + rng.normal(0, 0.02, scores.filter_vectors[:1].shape).astype(np.float32),
                class_vectors=scores.class_vectors[:1],
                text_vectors=scores.text_vectors[:1],
            )
            yield IndexedProduct(product, (photo,), vector / np.linalg.norm(vector), first)

    if not shard.exists():
        index = QdrantIndex(shard, sizes)
        for batch in batches(made(), 256):
            index.upsert(batch)
        index.flush()
        index.close()
        optimize(shard, sizes)
    kinds = Counter[str]()
    for path in shard.rglob("*"):
        if path.is_file():
            kinds[_kind_of_file(path.relative_to(shard))] += path.stat().st_blocks * 512
    for kind, size in kinds.most_common():
        print(f"  {kind}: {size / options.photos:,.0f} bytes per photo", file=sys.stderr)
    measured = (kinds.total() - kinds["wal"]) / options.photos
    sizing = importlib.import_module("size_cluster")
    computed: float = sizing.disk_bytes_per_photo(sizes.pretrained, sizes.look + sizes.filter_vector)
    index = QdrantIndex(shard, sizes)
    times = []
    for one in itertools.islice(made(), options.queries + 3):
        scores = one.scores
        assert scores is not None, "the store has filters"
        before = time.process_time()
        dense = VectorQuery(look=one.vectors[0], filter_vector=scores.filter_vectors[0])
        keys = index.nearest_photos(dense, CANDIDATES, ANY_PHOTO).keys
        index.nearest_photos(VectorQuery(class_vector=scores.class_vectors[0]), CANDIDATES, ANY_PHOTO)
        index.photo_details([dense], keys)
        times.append((time.process_time() - before) * 1e3)
    index.close()
    cells = (
        f"{options.photos:,}",
        f"{measured:,.0f}",
        f"{computed:,.0f}",
        f"{computed / measured:.2f}",
        f"{kinds['wal'] / 1e6:.0f}",
        spread(times[3:]),
    )
    print("| " + " | ".join(cells) + " |")


def _kind_of_file(path: Path) -> str:
    """Return what a file of a shard holds, such as ``vector_storage-combined`` or ``wal``."""
    return path.parts[2] if path.parts[0] == "segments" else path.parts[0]


class CpuTimes(threading.Thread):
    """Counts the CPU seconds of this process and of all that it starts; of those that end, what they had used before.

    The kernel adds a child's time to that of its parent only where the parent waits for it, and Ray does not.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._ticks: dict[int, int] = {}
        self._workers = set[int]()
        self._known, self._ended = {os.getpid()}, threading.Event()
        self.sample()
        self._first = dict(self._ticks)
        self.start()

    def run(self) -> None:
        while not self._ended.wait(0.2):
            self.sample()

    def sample(self) -> None:
        """Read the time that each process has used by now."""
        ticks, parents = {}, {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text("utf-8", "replace").rpartition(")")[2].split()
            except OSError:
                continue  # it has ended meanwhile
            process = int(path.parent.name)
            parents[process], ticks[process] = int(fields[1]), int(fields[11]) + int(fields[12])
        for process in ticks:
            line = [process]
            while line[-1] not in self._known and line[-1] in parents:
                line.append(parents[line[-1]])
            if line[-1] in self._known:
                self._known.update(line)
                self._ticks[process] = ticks[process]
                with suppress(OSError):
                    name = Path(f"/proc/{process}/cmdline").read_text("utf-8", "replace")
                    if name.startswith("ray::MapWorker"):
                        self._workers.add(process)

    def stop(self) -> dict[str, float]:
        """Stop counting, and return the CPU seconds since the start: of this process, of Ray's workers that ran our
        code, and of Ray itself."""
        self._ended.set()
        self.join()
        self.sample()
        seconds = {"driver": 0.0, "workers": 0.0, "ray": 0.0}
        for process, ticks in self._ticks.items():
            kind = "driver" if process == os.getpid() else "workers" if process in self._workers else "ray"
            seconds[kind] += (ticks - self._first.get(process, 0)) / os.sysconf("SC_CLK_TCK")
        return seconds


@contextmanager
def fake_server(options: argparse.Namespace) -> Iterator[str]:
    """Yield the address of the server: the real one, or a small one in a process of its own."""
    if options.url:
        yield options.url
        return
    program = (
        "import sys, time; sys.path.insert(0, '.'); from tests.cluster.fake_qdrant import run_fake_qdrant\n"
        "with run_fake_qdrant() as fake:\n    print(fake.url, flush=True)\n    time.sleep(1e6)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    ) as process:
        assert process.stdout is not None, "it is a pipe"
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def server_settings(options: argparse.Namespace, name: str, url: str = "") -> Settings:
    """Return settings of a store on the server, or on the emulation where there is none."""
    address = Path(f"{url or options.url or 'qdrant://:memory:'}/{name}")
    folder = options.folder
    return settings_from({}, store=address, work_folder=folder / "work", object_store=str(folder / "objects"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("same", "overhead", "ray", "size"))
    parser.add_argument("--data", type=Path, default=default_data(), help="folder that holds luma/")
    parser.add_argument("--folder", type=Path, required=True, help="for stores; what is there is used again")
    parser.add_argument("--url", default=os.environ.get("SHOPLENS_QDRANT_URL", ""), help="address of a real server")
    parser.add_argument("--catalogues", nargs="+", default=["drawn", "luma"], help="catalogues of `same`")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=[*WAYS], help="kinds of queries of `same`")
    parser.add_argument("--products", type=int, default=PRODUCTS, help="drawn products of `ray`")
    parser.add_argument("--nodes", type=int, nargs="+", default=[0, 1, 2, 3], help="nodes of `ray`; 0 is `index`")
    parser.add_argument("--queries", type=int, default=QUERIES, help="queries of `same` and `overhead`")
    parser.add_argument("--photos", type=int, default=20_000, help="photos of `size`")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    match options.part:
        case "same":
            print("| catalogue | query | copy | queries | results | other products | other scores | largest step |")
            print("|---|---|---|---|---|---|---|---|")
            for name in options.catalogues:
                compare_answers(name, options)
        case "overhead":
            print("| query | folder, CPU ms | server, CPU ms of the client | added | requests |")
            print("|---|---|---|---|---|")
            measure_overhead(options)
        case "ray":
            print(
                "| build | photos | s | encoding s | photos per second | / `index` | CPU ms per photo | / `index` "
                "| of the driver, of workers, of Ray |"
            )
            print("|---|---|---|---|---|---|---|---|---|")
            measure_ray(options)
        case "size":
            print(
                "| photos | bytes per photo, measured | computed | computed / measured | MB of log | CPU ms a search |"
            )
            print("|---|---|---|---|---|---|")
            measure_size(options)
    print(machine_line("numpy", "qdrant-client", "qdrant-edge-py", "ray"))


if __name__ == "__main__":
    main()
