"""What the service bears: throughput and latency by how many clients there are, beside the bare network.

    python -m benchmarks.service.serving --data DATA --folder FOLDER
    python -m benchmarks.service.serving --data DATA --folder FOLDER --part memory --requests 20000

The service and the clients share the machine; clients send bytes that were made before and read answers without a look
at them. Photos are Luma's 251 further photos, 1,600 pixels high, as the page sends them; the store is Luma's as
``shoplens index`` makes it.

- ``load``: at 1, 4, 16 and 64 clients for some seconds each, `POST /v1/search` by photo (k=20); the bare rate is that
  of the network alone, one photo at a time, on as many threads as there are cores, with one thread each, in the same
  process, measured before and after.
- ``overload``: 64 clients and a queue of 8: answers and refusals, and how long both take.
- ``batch``: what the network takes per photo by how many it is given at once.
- ``memory``: resident memory of the service while requests go by.
- ``start``: from the command to the first answer of ``/readyz``; ``--products 100000``: of made products, too.
"""

from __future__ import annotations

import argparse
import http.client
import io
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.filter_scores import catalogue_of
from benchmarks.made_products import entry_of, made, real
from benchmarks.stores import store_of
from benchmarks.tables import default_data, machine_line
from shoplens import Shop
from shoplens.embedders import Embedders
from shoplens.filters.model.stored import save_filters
from shoplens.images import decode_photo
from shoplens.settings import Settings
from shoplens.store.dimensions_file import DIMENSIONS
from shoplens.store.files.atomic import copy_tree
from shoplens.store.layout import live_folder
from shoplens.store.manifest import load_manifest
from shoplens.store.search_graph import build_graph
from shoplens.store.store import Store

SECONDS = 12.0
CLIENTS = (1, 4, 16, 64)
EDGE = "shoplens-benchmark"
MADE_AT_ONCE = 500
CORES = len(os.sched_getaffinity(0))


@dataclass(slots=True)
class Heard:
    """What clients heard: milliseconds by status, and how long it took."""

    took: dict[int, list[float]] = field(default_factory=dict)
    seconds: float = 0.0
    wrong: Counter[str] = field(default_factory=Counter)

    @property
    def answered(self) -> list[float]:
        return self.took.get(200, [])

    def line(self) -> str:
        ms = np.array(self.answered or [np.nan])
        p50, p95, p99 = (np.percentile(ms, at) for at in (50, 95, 99))
        return f"{len(self.answered) / self.seconds:.1f} | {p50:.0f} | {p95:.0f} | {p99:.0f}"


def python_of(checkout: Path | None) -> str:
    """The Python of a checkout's own environment, which has the packages that it asks for; else this one."""
    own = None if checkout is None else checkout / ".venv" / "bin" / "python"
    return sys.executable if own is None or not own.is_file() else str(own)


@contextmanager
def serving(store: Path, *words: str, checkout: Path | None = None) -> Iterator[tuple[str, int, int, float]]:
    """Host, port, process id, and seconds to the first answer; of another checkout, where one is given."""
    call = [python_of(checkout), "-c", "from shoplens.cli import main; main()", "serve", "--port", "0"]
    # As installed packages do, with their byte code at hand.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["SHOPLENS_RATE"] = "0"  # an option had another name in older checkouts
    if checkout is not None:
        environment["PYTHONPATH"] = str(checkout / "src")
    begun = time.monotonic()
    with subprocess.Popen(
        [*call, "--store", str(store), *words], stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stderr is not None
        found = None
        for line in process.stderr:
            if found := re.search(r"http://([\d.]+):(\d+)", line):
                break
        assert found is not None
        threading.Thread(target=lambda: [None for _ in process.stderr or ()], daemon=True).start()
        host, port = found[1], int(found[2])
        while True:
            with suppress(OSError), urllib.request.urlopen(f"http://{host}:{port}/readyz", timeout=5):
                break
            time.sleep(0.01)
        try:
            yield host, port, process.pid, time.monotonic() - begun
        finally:
            process.terminate()
            process.wait(60)


def as_sent(path: Path) -> bytes:
    """A photo as large as the page sends it, JPEG."""
    picture, file = Image.open(path).convert("RGB"), io.BytesIO()
    picture.resize((round(1_600 * picture.width / picture.height), 1_600)).save(file, "JPEG", quality=92)
    return file.getvalue()


def bodies(photos: list[bytes]) -> list[bytes]:
    head = f'--{EDGE}\r\nContent-Disposition: form-data; name="image"; filename="p.jpg"\r\n\r\n'.encode()
    return [head + photo + f"\r\n--{EDGE}--\r\n".encode() for photo in photos]


def load(
    host: str,
    port: int,
    sent: list[bytes],
    clients: int,
    seconds: float,
    check: Callable[[bytes, float, float], str] | None = None,
    stop: threading.Event | None = None,
) -> Heard:
    """So many clients, each with one connection, one request after the other; till ``stop``."""
    heard, lock, started = Heard(), threading.Lock(), time.monotonic()
    end, stop = started + seconds, stop or threading.Event()

    def client(number: int) -> None:
        headers = {"Content-Type": f"multipart/form-data; boundary={EDGE}"}
        connection, n = http.client.HTTPConnection(host, port, timeout=60), number * 37
        mine: list[tuple[int, float, str]] = []
        while time.monotonic() < end and not stop.is_set():
            begun, asked = time.perf_counter(), time.monotonic()
            try:
                connection.request("POST", "/v1/search", sent[n % len(sent)], headers)
                answer = connection.getresponse()
                body = answer.read()
                status = answer.status
            except (OSError, http.client.HTTPException) as problem:
                status, body = 0, repr(problem).encode()
                connection.close()
            took = (time.perf_counter() - begun) * 1e3
            wrong = "" if status != 200 or check is None else check(body, asked, time.monotonic())
            mine.append((status, took, wrong))
            n += 1
            if status == 503:
                time.sleep(0.05)
        connection.close()
        with lock:
            for status, took, wrong in mine:
                heard.took.setdefault(status, []).append(took)
                if wrong:
                    heard.wrong[wrong] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    heard.seconds = time.monotonic() - started
    return heard


def bare_rate(photos: list[bytes], seconds: float) -> float:
    """Photos a second through the network alone."""
    embedder = Embedders(None, None).with_threads(1)
    pixels = [decode_photo(photo, Settings(), shortest=embedder.min_side).pixels for photo in photos[:40]]
    done, end = Counter[int](), time.monotonic() + seconds

    def work(number: int) -> None:
        n = number
        while time.monotonic() < end:
            embedder.embed([pixels[n % len(pixels)]])
            done[number] += 1
            n += 1

    with ThreadPoolExecutor(CORES) as pool:
        list(pool.map(work, range(CORES)))
    return sum(done.values()) / seconds


def under_load(options: argparse.Namespace, store: Path, photos: list[bytes]) -> None:
    sent, bare = bodies(photos), [bare_rate(photos, options.seconds)]
    print("\n| clients | answers/s | p50 ms | p95 | p99 | of the bare rate |\n|---|---|---|---|---|---|")
    with serving(store) as (host, port, _, _):
        load(host, port, sent, 2, 3.0)
        rows = []
        for clients in CLIENTS:
            heard = load(host, port, sent, clients, options.seconds)
            rows.append((clients, heard))
        bare.append(bare_rate(photos, options.seconds))
    rate = float(np.mean(bare))
    for clients, heard in rows:
        share = len(heard.answered) / heard.seconds / rate
        others = {status: len(took) for status, took in heard.took.items() if status != 200}
        print(f"| {clients} | {heard.line()} | {share:.2f} |{f' {others}' if others else ''}")
    print(f"\nthe network alone: {bare[0]:.1f} before and {bare[1]:.1f} photos/s after, {CORES} threads")


def overloaded(options: argparse.Namespace, store: Path, photos: list[bytes]) -> None:
    with serving(store, "--max-queue", "8") as (host, port, _, _):
        load(host, port, bodies(photos), 2, 3.0)
        heard = load(host, port, bodies(photos), 64, options.seconds)
    refused = np.array(heard.took.get(503, [np.nan]))
    print("\n| queue of 8, 64 clients | per second | p50 ms | p95 | p99 |\n|---|---|---|---|---|")
    print(f"| answered | {heard.line()} |")
    p50, p95, p99 = (np.percentile(refused, at) for at in (50, 95, 99))
    print(f"| refused (503) | {len(refused) / heard.seconds:.1f} | {p50:.0f} | {p95:.0f} | {p99:.0f} |")
    print(f"other: { ({status: len(took) for status, took in heard.took.items() if status not in (200, 503)}) }")


def batched(options: argparse.Namespace, store: Path, photos: list[bytes]) -> None:
    """What the network takes per photo by how many it is given at once, on one thread and on all."""
    print("\n| threads | photos at once | ms a photo (median of 5 rounds) | least | most |\n|---|---|---|---|---|")
    for threads in sorted({1, CORES}):
        embedder = Embedders(None, None).with_threads(threads)
        pixels = [decode_photo(photo, Settings(), shortest=embedder.min_side).pixels for photo in photos[:16]]
        took: dict[int, list[float]] = {size: [] for size in (1, 2, 4, 8)}
        for _ in range(6):
            for size, rounds in took.items():
                begun = time.perf_counter()
                for start in range(0, 16, size):
                    embedder.embed(pixels[start : start + size])
                rounds.append((time.perf_counter() - begun) / 16 * 1e3)
        for size, rounds in took.items():
            ms = np.array(rounds[1:])
            print(f"| {threads} | {size} | {np.median(ms):.1f} | {ms.min():.1f} | {ms.max():.1f} |")


def memory(options: argparse.Namespace, store: Path, photos: list[bytes]) -> None:
    sent = bodies(photos)
    with serving(store) as (host, port, pid, _):
        done, rows = 0, [(0, resident(pid))]
        while done < options.requests:
            done += sum(map(len, load(host, port, sent, 4, 20.0).took.values()))
            rows.append((done, resident(pid)))
    shown = rows[:: max(1, len(rows) // 8)]
    print("\nresident MB after so many requests: " + ", ".join(f"{n:,}: {mb:.0f}" for n, mb in [*shown, rows[-1]]))


def resident(pid: int) -> float:
    """Resident megabytes of a process and of the processes that it started."""
    return sum(_resident_alone(one) for one in (pid, *children_of(pid)))


def children_of(pid: int) -> list[int]:
    """Ids of the processes that a process started."""
    children = list[str]()
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # it has ended
            children += (thread / "children").read_text("utf-8").split()
    return [*map(int, children)]


def _resident_alone(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text("utf-8")
    found = re.search(r"VmRSS:\s+(\d+)", text)
    return int(found[1]) / 1024 if found else 0.0  # it has ended


def started(options: argparse.Namespace, store: Path, photos: list[bytes]) -> None:
    stores = [store, *(made_store(count, options) for count in options.products)]
    for one in stores:
        with serving(one):  # its byte code is made
            pass
        took = []
        for _ in range(5):
            with serving(one) as (_, _, pid, seconds):
                took.append(seconds)
                mb = resident(pid)
        told = ", ".join(f"{one:.2f}" for one in took)
        print(f"\n{one.name}: from the command to the first answer, seconds: {told}; {mb:.0f} MB resident")


def made_store(count: int, options: argparse.Namespace) -> Path:
    """A store of so many products made of H&M's, as ``benchmarks/filters/filter_search.py`` makes them."""
    folder: Path = options.folder.resolve() / f"made-{count}"
    if (folder / "CURRENT").is_file():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    origin = store_of("hm", options.data.resolve(), options.folder.resolve())
    source, store = real(catalogue_of(origin), 200, 0), Store(folder, create=True)
    manifest = replace(load_manifest(live_folder(origin)), products=count, photos=count, complete=False)
    with store.new_generation(manifest) as generation:
        for block in made(source, count, 0):
            for first in range(0, len(block.price), MADE_AT_ONCE):
                rows = range(first, min(first + MADE_AT_ONCE, len(block.price)))
                generation.index.upsert([entry_of(block, row, source.filters) for row in rows])
        save_filters(generation.folder, source.filters)
        shutil.copy(live_folder(origin) / DIMENSIONS, generation.folder)
        build_graph(store, generation)
        store.switch(generation)
    store.close()
    return folder


def served(options: argparse.Namespace) -> tuple[Path, list[bytes]]:
    """A copy of Luma's store, and its further photos as they are sent."""
    store = options.folder.resolve() / "serving"
    shutil.rmtree(store, ignore_errors=True)
    copy_tree(store_of("luma", options.data.resolve(), options.folder.resolve()), store)  # holes stay holes
    with Shop(store) as shop:
        further = [Path(one) for name in sorted(shop.products.ids()) for one in shop.products.get(name).photos[1:]]  # type: ignore[union-attr]
    return store, [as_sent(one) for one in further]


PARTS = {
    "batch": batched,
    "start": started,
    "load": under_load,
    "overload": overloaded,
    "memory": memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data(), help="folder that holds luma/")
    parser.add_argument("--folder", type=Path, default=Path("evaluation-stores"), help="where stores go")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=["batch", "start", "load", "overload"])
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--products", type=int, nargs="*", default=[], help="of made stores to start with")
    options = parser.parse_args()
    store, photos = served(options)
    for part in options.part:
        PARTS[part](options, store, photos)
    print(f"\n{machine_line('onnxruntime', 'numpy', 'fastapi', 'uvicorn')}")


if __name__ == "__main__":
    main()
