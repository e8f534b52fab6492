"""What a store on a Qdrant server costs beside one in a folder, and whether it answers the same.

    python -m benchmarks.service.cluster same --data DATA --folder FOLDER      # 200 queries on Luma and a drawn shop
    python -m benchmarks.service.cluster overhead --data DATA --folder FOLDER  # CPU ms and requests per query
    python -m benchmarks.service.cluster ray --folder FOLDER                   # photos/s on 1, 2 and 3 Ray nodes
    python -m benchmarks.service.cluster size --photos 20000 --folder FOLDER   # bytes on disk beside those computed

``--url qdrant://localhost:6334`` (or the variable SHOPLENS_QDRANT_URL) takes a real server. Without one, ``same`` takes
the client's emulation, which compares every point, and ``overhead`` and ``ray`` a small server over that emulation in a
process of its own, whose CPU time is not counted: the figures are those of the client. Both sides compare exactly in
``same``: the stores are below the size at which a graph is built. CPU time is counted, since other work may share the
cores.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.service.qdrant_servers import PRODUCTS, QUERIES, fake_server, index_catalogue, server_settings
from benchmarks.service.ray_builds import measure_ray
from benchmarks.service.shard_size import measure_size
from benchmarks.tables import default_data, machine_line, spread
from shoplens import Shop
from shoplens.ranking.strategies import BASELINE, available_strategies, default_strategy
from shoplens.settings import settings_from
from shoplens.types import Answer, Query

TOLERANCE = 1e-4
OVERHEAD_WAYS = ("default", "pretrained", "condition", "per group")
WAYS: dict[str, dict[str, Any]] = {
    "default": {},
    "condition": {"where": ("price < 60",)},
    "two conditions": {"where": ("price < 60 and not category = Bags", "in_stock = true")},
    "per group": {"per_group": 1},
    "pretrained": {"strategy": "pretrained"},
    "pretrained, condition and groups": {"strategy": "pretrained", "where": ("price < 60",), "per_group": 2},
    **{name: {"strategy": name} for name in ("filters-static", "filters-dynamic", "hybrid", "metric")},
}


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
