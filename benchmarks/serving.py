"""What the service bears: throughput and latency by how many clients there are, beside the bare network.

    python benchmarks/serving.py --data DATA --folder FOLDER
    python benchmarks/serving.py --data DATA --folder FOLDER --part memory --requests 20000

The service and the clients share the machine; clients send bytes that were made before and read answers without a look
at them. Photos are Luma's 251 further photos, 1,600 pixels high, as the page sends them; the store is Luma's as
``shoplens index`` makes it.

- ``load``: at 1, 4, 16 and 64 clients for some seconds each, `POST /v1/search` by photo (k=20); the bare rate is that
  of the network alone, one photo at a time, on as many threads as there are cores, with one thread each, in the same
  process, measured before and after.
- ``overload``: 64 clients and a queue of 8: answers and refusals, and how long both take.
- ``changes``: 4 clients search while another changes prices and removes; every answer is checked.
- ``memory``: resident memory of the service while requests go by.
- ``start``: from the command to the first answer of ``/readyz``.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
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
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from evaluation import store_of
from shoplens import Shop
from shoplens.embedders import Embedders
from shoplens.images import decoded
from shoplens.index.durable import copy_tree
from shoplens.service.keys import Keys
from shoplens.settings import Settings
from tables import default_data, machine_line

SECONDS = 12.0
CLIENTS = (1, 4, 16, 64)
EDGE = "shoplens-benchmark"
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


@contextmanager
def serving(store: Path, *words: str) -> Iterator[tuple[str, int, int, float]]:
    """Host, port, process id, and seconds to the first answer."""
    call = [sys.executable, "-c", "from shoplens.cli import main; main()", "serve", "--port", "0", "--rate", "0"]
    # As installed packages do, with their byte code at hand.
    there = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**there, "PYTHONPYCACHEPREFIX": str(store.parent / "byte-code")}
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
    host: str, port: int, sent: list[bytes], clients: int, seconds: float, check: Callable[[bytes], str] | None = None
) -> Heard:
    """So many clients, each with one connection, one request after the other."""
    heard, lock, end = Heard(seconds=seconds), threading.Lock(), time.monotonic() + seconds

    def client(number: int) -> None:
        headers = {"Content-Type": f"multipart/form-data; boundary={EDGE}"}
        connection, n = http.client.HTTPConnection(host, port, timeout=60), number * 37
        mine: list[tuple[int, float, str]] = []
        while time.monotonic() < end:
            begun = time.perf_counter()
            try:
                connection.request("POST", "/v1/search", sent[n % len(sent)], headers)
                answer = connection.getresponse()
                body = answer.read()
                status = answer.status
            except (OSError, http.client.HTTPException) as problem:
                status, body = 0, repr(problem).encode()
                connection.close()
            wrong = "" if status != 200 or check is None else check(body)
            mine.append((status, (time.perf_counter() - begun) * 1e3, wrong))
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
    return heard


def bare_rate(photos: list[bytes], seconds: float) -> float:
    """Photos a second through the network alone."""
    embedder = Embedders(None, None).of(1)
    pixels = [decoded(photo, Settings(), shortest=embedder.shortest).pixels for photo in photos[:40]]
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
    with serving(store, "--queue", "8") as (host, port, _, _):
        load(host, port, bodies(photos), 2, 3.0)
        heard = load(host, port, bodies(photos), 64, options.seconds)
    refused = np.array(heard.took.get(503, [np.nan]))
    print("\n| queue of 8, 64 clients | per second | p50 ms | p95 | p99 |\n|---|---|---|---|---|")
    print(f"| answered | {heard.line()} |")
    p50, p95, p99 = (np.percentile(refused, at) for at in (50, 95, 99))
    print(f"| refused (503) | {len(refused) / heard.seconds:.1f} | {p50:.0f} | {p95:.0f} | {p99:.0f} |")
    print(f"other: { ({status: len(took) for status, took in heard.took.items() if status not in (200, 503)}) }")


def changed(options: argparse.Namespace, store: Path, photos: list[bytes]) -> None:
    key, _ = Keys(store).made("benchmark", "write")
    stop, writes = threading.Event(), Counter[int]()

    def check(body: bytes) -> str:
        answer = json.loads(body)
        ranks = [one["rank"] for one in answer["results"]]
        adds = all(abs(sum(one["parts"].values()) - one["score"]) < 1e-4 for one in answer["results"])
        return "" if ranks == [*range(1, 21)] and adds else "results"

    with serving(store) as (host, port, _, _):

        def write() -> None:
            n = 0
            with urllib.request.urlopen(f"http://{host}:{port}/v1/facets?field=color") as answer:
                assert answer.status == 200
            with some_ids(host, port) as ids:
                while not stop.is_set():
                    one, body = ids[n % len(ids)], json.dumps({"price": n % 90 + 1.0}).encode()
                    for method, path, content in (
                        ("PATCH", f"/v1/products/{one}", body),
                        ("DELETE", "/v1/products/nothing", None),
                    ):
                        connection = http.client.HTTPConnection(host, port, timeout=60)
                        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
                        connection.request(method, path, content, headers)
                        writes[connection.getresponse().status] += 1
                        connection.close()
                    n += 1

        writer = threading.Thread(target=write)
        writer.start()
        heard = load(host, port, bodies(photos), 4, options.seconds, check)
        stop.set()
        writer.join()
    print(
        f"\nchanges beside 4 clients: {dict(writes)} writes; answers {heard.line()}; wrong {dict(heard.wrong)}; "
        f"{ {status: len(took) for status, took in heard.took.items()} }"
    )


@contextmanager
def some_ids(host: str, port: int) -> Iterator[list[str]]:
    """Some ids of products, by the API."""
    connection = http.client.HTTPConnection(host, port, timeout=60)
    body = json.dumps({"color": "blue", "k": 50})
    connection.request("POST", "/v1/search", body, {"Content-Type": "application/json"})
    yield [one["product_id"] for one in json.loads(connection.getresponse().read())["results"]]
    connection.close()


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
    text = Path(f"/proc/{pid}/status").read_text("utf-8")
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024  # type: ignore[index]


def started(options: argparse.Namespace, store: Path, photos: list[bytes]) -> None:
    took = []
    for _ in range(5):
        with serving(store) as (_, _, _, seconds):
            took.append(seconds)
    print(f"\nfrom the command to the first answer, seconds: {', '.join(f'{one:.2f}' for one in took)}")


PARTS = {"start": started, "load": under_load, "overload": overloaded, "changes": changed, "memory": memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data(), help="folder that holds luma/")
    parser.add_argument("--folder", type=Path, default=Path("evaluation-stores"), help="where stores go")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=["start", "load", "overload", "changes"])
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--requests", type=int, default=20_000)
    options = parser.parse_args()
    store = options.folder.resolve() / "serving"
    shutil.rmtree(store, ignore_errors=True)
    copy_tree(store_of("luma", options.data.resolve(), options.folder.resolve()), store)  # holes stay holes
    with Shop(store) as shop:
        photos = [as_sent(Path(one)) for name in sorted(shop.ids()) for one in shop.product(name).photos[1:]]  # type: ignore[union-attr]
    for part in options.part:
        PARTS[part](options, store, photos)
    print(f"\n{machine_line('onnxruntime', 'numpy', 'fastapi', 'uvicorn')}")


if __name__ == "__main__":
    main()
