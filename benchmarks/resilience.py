"""Kills at random moments, a service that runs for long, and load above what it can bear.

    python benchmarks/resilience.py --folder FOLDER [--parts kills soak overload] [--kills 1000] [--minutes 30]

All of it runs on a drawn shop. The defaults are the long form; a short form gives the same figures of fewer kills and
minutes, and every table says how many.

- ``kills``: every writing command and the service, which acknowledges changes of prices, get ``kill -9`` at a random
  moment. After each, the store is opened: what was acknowledged has to be there, and every product has to be as before
  or as after the change.
- ``soak``: clients search a service while ``shoplens sync`` runs beside it again and again. Memory, descriptors,
  threads and latency of the first third of the time are compared with those of the last.
- ``overload``: requests come at a fixed rate, at half of what the service can bear and at four times as much.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from serving import CORES, EDGE, bodies, load, resident, serving
from shoplens import Shop
from shoplens.rendered.catalogue import render_catalogue
from shoplens.service.keys import Keys
from tables import machine_line

COMMAND = [sys.executable, "-c", "from shoplens.cli import main; main()"]
LONGEST_SHARE = 1.2
"""Latest moment of a kill, as a multiple of the time of an undisturbed sync."""
Prices = dict[str, set[float]]
"""Product -> the prices that it may have; no product is missing that has one."""


def write_feed(source: Path, target: Path, price: float, numbers: Iterable[int]) -> dict[str, float]:
    """Write a feed of some products of another one, all with one price, and return their prices."""
    rows = [json.loads(line) for line in source.read_text("utf-8").splitlines()]
    chosen = [{**rows[number], "price": price} for number in numbers]
    for row in chosen:
        row["photos"] = [str((source.parent / photo).resolve()) for photo in row["photos"]]
    target.write_text("".join(json.dumps(row) + "\n" for row in chosen), "utf-8")
    return {row["id"]: price for row in chosen}


@dataclass(slots=True)
class Tally:
    """What was counted over all kills."""

    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)


def stored_prices(store: Path) -> dict[str, float]:
    with Shop(store) as shop:
        return {name: float(shop.products.get(name).price or 0) for name in shop.products.ids()}  # type: ignore[union-attr]


def check_store(store: Path, allowed: Prices, tally: Tally, what: str) -> Prices:
    """Compare a store with what is allowed, and return what is there now as what is allowed from here on."""
    found = stored_prices(store)
    for name, prices in allowed.items():
        price = found.get(name, 0.0)
        if price not in prices:
            tally.lost.append(f"{what}: {name} has {price}, allowed {sorted(prices)}")
            print(tally.lost[-1], flush=True)
    return {name: {price} for name, price in found.items()}


def kill_command(words: list[str], moment: float) -> bool:
    """Run a command, and kill it with all its processes at a moment; return whether it had ended before."""
    with subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        with suppress(subprocess.TimeoutExpired):
            if process.wait(moment):
                raise RuntimeError(f"{words} failed with {process.returncode}")
            return True
        os.killpg(process.pid, signal.SIGKILL)
    return False


def kill_service(store: Path, key: str, names: list[str], allowed: Prices, moment: float) -> int:
    """Change prices in a service until it is killed at a moment; return how many changes it acknowledged."""
    acknowledged, price = 0, 1_000.0 + random.randrange(1_000_000)
    with serving(store) as (host, port, pid, _):
        timer = threading.Timer(moment, os.kill, (pid, signal.SIGKILL))
        timer.start()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(host, port, timeout=30)
        with suppress(OSError, http.client.HTTPException):
            while True:
                name, price = names[acknowledged % len(names)], price + 1
                allowed[name] = {*allowed[name], price}
                connection.request("PATCH", f"/v1/products/{name}", json.dumps({"price": price}), headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    raise RuntimeError(f"the service answered {answer.status}")
                allowed[name] = {price}
                acknowledged += 1
        timer.join()
    return acknowledged


def kills(options: argparse.Namespace, feed: Path, store: Path) -> None:
    folder, rng, tally = options.folder.resolve(), random.Random(options.seed), Tally()
    key = Keys(store).create("benchmark", "write")[0]
    count, changed = options.products, folder / "changed.jsonl"
    allowed: Prices = {name: {price} for name, price in stored_prices(store).items()}
    started = time.monotonic()
    write_feed(feed, changed, 1.0, range(count))
    subprocess.run([*COMMAND, "sync", str(changed), "--store", str(store)], check=True, capture_output=True)
    longest = LONGEST_SHARE * (time.monotonic() - started)
    allowed = {name: {1.0} for name in allowed}
    for number in range(options.kills):
        price, kind = 10.0 + number, ("serve", "add", "sync", "remove", "index", "train", "keys")[number % 7]
        moment = rng.uniform(0.3, longest)
        some = sorted(rng.sample(range(count), count // 20 if kind == "remove" else count // 2))
        known = Keys(store).list_all()
        if kind == "serve":
            tally.acknowledged += kill_service(store, key, sorted(allowed), allowed, rng.uniform(0.05, 2.0))
            done = False
        else:
            new = write_feed(feed, changed, price, range(count) if kind in ("sync", "index") else some)
            words = {
                "add": ["add", str(changed)],
                "sync": ["sync", str(changed), "--max-removals", "100%"],
                "remove": ["remove", *new],
                "index": ["index", str(changed), "--replace"],
                "train": ["train", "filters"],
                "keys": ["keys", "add", f"key {number}"],
            }[kind]
            done = kill_command([*words, "--store", str(store)], moment)
            for name in new if kind not in ("train", "keys") else ():
                after = 0.0 if kind == "remove" else price
                allowed[name] = {after} if done else {*allowed.get(name, {0.0}), after}
            tally.acknowledged += done
        tally.kills[f"{kind}, {'ended before' if done else 'killed'}"] += 1
        allowed = check_store(store, allowed, tally, f"{number} {kind}")
        if not {one.id for one in known} <= {one.id for one in Keys(store).list_all()}:
            tally.lost.append(f"{number} {kind}: keys")
    minutes = (time.monotonic() - started) / 60
    print(f"\nKills: {options.kills} runs of {count} products in {minutes:.1f} minutes\n\n| | runs |\n|---|---|")
    for name, times in sorted(tally.kills.items()):
        print(f"| {name} | {times} |")
    print(f"| acknowledged changes of the service, and commands that ended | {tally.acknowledged} |")
    print(f"| acknowledged changes that were lost | {len(tally.lost)} |", flush=True)


@dataclass(frozen=True, slots=True)
class Sample:
    """A service at one moment."""

    at: float
    megabytes: float
    descriptors: int
    threads: int


def sample(pid: int, at: float) -> Sample:
    threads = int((Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split())[17])
    return Sample(at, resident(pid), len(list(Path(f"/proc/{pid}/fd").iterdir())), threads)


def soak(options: argparse.Namespace, feed: Path, store: Path, photos: list[bytes]) -> None:
    folder, seconds = options.folder.resolve(), options.minutes * 60
    samples, syncs, stop = list[Sample](), Counter[int](), threading.Event()
    feeds = [folder / "even.jsonl", folder / "odd.jsonl"]
    for number, one in enumerate(feeds):
        write_feed(feed, one, 50.0 + number, range(number * options.products // 10, options.products))

    def synchronize() -> None:
        number = 0
        while not stop.is_set():
            words = ["sync", str(feeds[number % 2]), "--max-removals", "50%", "--store", str(store)]
            result = subprocess.run([*COMMAND, *words], capture_output=True, check=False)
            syncs[result.returncode] += 1
            number += 1
            stop.wait(options.sync_every)

    with serving(store) as (host, port, pid, _):
        begun = time.monotonic()

        def watch() -> None:
            while not stop.wait(2.0):
                with suppress(OSError):
                    samples.append(sample(pid, time.monotonic() - begun))

        beside = [threading.Thread(target=synchronize), threading.Thread(target=watch)]
        for thread in beside:
            thread.start()
        parts = [load(host, port, bodies(photos), options.clients, seconds / 3) for _ in range(3)]
        stop.set()
        for thread in beside:
            thread.join()
    print(f"\nSoak: {options.minutes:g} minutes, {options.clients} clients, {sum(syncs.values())} times `sync` beside")
    print(f"(exit codes: {dict(syncs)})\n")
    print("| third | searches/s | p50 ms | p95 | p99 | failed | MB | descriptors | threads |")
    print("|---|---|---|---|---|---|---|---|---|")
    for number, heard in enumerate(parts):
        of_part = [one for one in samples if number * seconds / 3 <= one.at < (number + 1) * seconds / 3]
        middle = [
            np.median([getattr(one, name) for one in of_part]) for name in ("megabytes", "descriptors", "threads")
        ]
        failed = sum(len(times) for status, times in heard.took.items() if status != 200)
        print(f"| {number + 1} | {heard.line()} | {failed} | " + " | ".join(f"{value:.0f}" for value in middle) + " |")


def offer(host: str, port: int, sent: list[bytes], rate: float, seconds: float) -> tuple[Counter[int], list[float]]:
    """Send requests at a fixed rate, whatever the answers; return how many of each status, and ms of the accepted."""
    statuses, took, lock = Counter[int](), list[float](), threading.Lock()
    threads = list[threading.Thread]()

    def ask(number: int) -> None:
        begun = time.perf_counter()
        try:
            connection = http.client.HTTPConnection(host, port, timeout=60)
            headers = {"Content-Type": f"multipart/form-data; boundary={EDGE}"}
            connection.request("POST", "/v1/search", sent[number % len(sent)], headers)
            answer = connection.getresponse()
            answer.read()
            status = answer.status
            connection.close()
        except (OSError, http.client.HTTPException):
            status = 0
        with lock:
            statuses[status] += 1
            if status == 200:
                took.append((time.perf_counter() - begun) * 1e3)

    begun = time.monotonic()
    for number in range(int(rate * seconds)):
        time.sleep(max(0.0, begun + number / rate - time.monotonic()))
        threads.append(threading.Thread(target=ask, args=(number,)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    return statuses, took


def overload(options: argparse.Namespace, store: Path, photos: list[bytes]) -> None:
    sent = bodies(photos)
    with serving(store, "--max-queue", str(2 * CORES)) as (host, port, pid, _):
        load(host, port, sent, CORES, 5)  # warm
        most = len(load(host, port, sent, CORES, options.seconds).answered) / options.seconds
        print(f"\nOverload: {options.seconds:g} s each; with {CORES} clients it answers {most:.1f} searches/s\n")
        print("| requests/s | accepted | p50 ms | p95 | p99 | 503 | other |\n|---|---|---|---|---|---|---|")
        for factor in (0.5, 1.0, 4.0):
            statuses, took = offer(host, port, sent, factor * most, options.seconds)
            p50, p95, p99 = (np.percentile(took or [np.nan], at) for at in (50, 95, 99))
            other = sum(statuses.values()) - statuses[200] - statuses[503]
            print(
                f"| {factor:g} x | {statuses[200] / options.seconds:.1f}/s | {p50:.0f} | {p95:.0f} | {p99:.0f} "
                f"| {statuses[503]} | {other} |"
            )
        print(f"\nThe service is alive: {Path(f'/proc/{pid}').exists()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="for the shop and its store")
    parser.add_argument(
        "--parts", nargs="*", choices=("kills", "soak", "overload"), default=["kills", "soak", "overload"]
    )
    parser.add_argument("--products", type=int, default=200)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--sync-every", type=float, default=30.0, help="seconds between the end of a sync and the next")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each rate of the overload")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder = options.folder.resolve()
    made = render_catalogue(folder / "shop", options.products, queries=40)
    store = folder / "store"
    shutil.rmtree(store, ignore_errors=True)
    Shop.index(made.feed, store)[0].close()
    photos = [path.read_bytes() for path in sorted((folder / "shop" / "queries").glob("*.jpg"))]
    if "kills" in options.parts:
        kills(options, made.feed, store)
    if "soak" in options.parts:
        soak(options, made.feed, store, photos)
    if "overload" in options.parts:
        overload(options, store, photos)
    print("\n" + machine_line("qdrant-edge-py", "onnxruntime", "fastapi", "uvicorn"))


if __name__ == "__main__":
    main()
