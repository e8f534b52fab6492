"""Kills at random moments, a service that runs for long, and load above what it can bear.

    python -m benchmarks.service.resilience --folder FOLDER [--parts kills soak overload] [--kills 1000] [--minutes 30]

All of it runs on a drawn shop. The defaults are the long form; a short form gives the same figures of fewer kills and
minutes, and every table says how many.

- ``kills``: every writing command and the service get ``kill -9`` at random moments while they write. After each, the
  store is opened: what was acknowledged has to be there, and every product has to be as before or as after the change.
- ``soak``: clients search a service while ``shoplens sync`` runs beside it again and again. Memory, descriptors,
  threads and latency of the first third of the time are compared with those of the last.
- ``overload``: requests come at a fixed rate, at half of what the service can bear and at four times as much.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.service.kills.commands import COMMAND_KINDS
from benchmarks.service.kills.model_repository import MODEL, write_repository
from benchmarks.service.kills.rounds import kill_all, print_tally
from benchmarks.service.kills.service import SERVICE_KINDS
from benchmarks.service.kills.victim import Victim
from benchmarks.service.open_load import offer
from benchmarks.service.serving import CORES, EDGE, bodies, load, resident, serving
from benchmarks.tables import machine_line
from shoplens import Shop
from shoplens.rendered.catalogue import render_catalogue

SMALL_PHOTO, QUERIES = 96, 240
"""Pixels of a side, and number of phone photos, of the shop whose commands are killed."""
COMMAND = [sys.executable, "-c", "from shoplens.cli import main; main()"]


def write_feed(source: Path, target: Path, price: float, numbers: Iterable[int]) -> None:
    """Write a feed of some products of another one, all with one price."""
    rows = [json.loads(line) for line in source.read_text("utf-8").splitlines()]
    chosen = [{**rows[number], "price": price} for number in numbers]
    for row in chosen:
        row["photos"] = [str((source.parent / photo).resolve()) for photo in row["photos"]]
    target.write_text("".join(json.dumps(row) + "\n" for row in chosen), "utf-8")


def kills(options: argparse.Namespace) -> None:
    folder, size = options.folder.resolve() / "kills", options.kill_products
    for part in ("models", "copies", "store"):
        shutil.rmtree(folder / part, ignore_errors=True)
    os.environ.update(SHOPLENS_MODEL_FOLDER=str(folder / "models"), SHOPLENS_MODEL=MODEL, SHOPLENS_TUNE="0")
    repository = write_repository(folder / "repository")
    subprocess.run([*COMMAND, "models", "add", str(repository), "--name", MODEL], check=True, capture_output=True)
    made = render_catalogue(folder / "shop", size, size=SMALL_PHOTO, queries=QUERIES)
    assert made.queries_file is not None
    Shop.index(made.feed, folder / "store")[0].close()
    header, *rows = made.queries_file.read_text("utf-8").splitlines(keepends=True)
    queries = {name: folder / "shop" / f"{name.lower()}.csv" for name in ("LEARN", "MEASURE", "FEW")}
    parts = {"LEARN": rows[::4], "MEASURE": [row for number, row in enumerate(rows) if number % 4], "FEW": rows[1:8]}
    for name, path in queries.items():
        path.write_text("".join([header, *parts[name]]), "utf-8")
    victim = Victim(folder, made.feed, folder / "store", queries, random.Random(options.seed))
    victim.expected.prices = {row["id"]: {float(row["price"])} for row in victim.rows}
    victim.expected.keys, victim.expected.models = {"benchmark"}, {MODEL}
    victim.remember_answers(sorted((folder / "shop" / "queries").glob("*.jpg")), QUERIES)
    started = time.monotonic()
    try:
        kill_all(victim, options.kills, options.kill_minutes, options.kinds)
    finally:
        print_tally(victim.tally, (time.monotonic() - started) / 60, size)
    del os.environ["SHOPLENS_MODEL"]


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


def whole_requests(host: str, sent: list[bytes]) -> list[bytes]:
    """Return searches with these bodies as they go over a connection."""
    head = f"POST /v1/search HTTP/1.1\r\nHost: {host}\r\nContent-Type: multipart/form-data; boundary={EDGE}\r\n"
    return [f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body for body in sent]


def overload(options: argparse.Namespace, store: Path, photos: list[bytes]) -> None:
    sent = bodies(photos)
    with serving(store) as (host, port, pid, _):
        load(host, port, sent, CORES, 5)  # warm
        most = len(load(host, port, sent, CORES, options.seconds).answered) / options.seconds
        print(f"\nOverload: {options.seconds:g} s each; with {CORES} clients it answers {most:.1f} searches/s\n")
        print("| requests/s | accepted | p50 ms | p95 | p99 | longest | 503 | other | sent late, p99 ms |")
        print("|---|---|---|---|---|---|---|---|---|")
        for factor in (0.5, 1.0, 4.0):
            offered = offer(host, port, whole_requests(host, sent), factor * most, options.seconds)
            times = " | ".join(f"{value:.0f}" for value in offered.percentiles(50, 95, 99, 100))
            print(
                f"| {factor:g} x | {offered.statuses[200] / options.seconds:.1f}/s | {times} "
                f"| {offered.statuses[503]} | {offered.other} | {np.percentile(offered.late, 99):.0f} |",
                flush=True,
            )
        print(f"\nThe service is alive: {Path(f'/proc/{pid}').exists()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="for the shop and its store")
    parser.add_argument(
        "--parts", nargs="*", choices=("kills", "soak", "overload"), default=["kills", "soak", "overload"]
    )
    parser.add_argument("--products", type=int, default=200)
    parser.add_argument("--kill-products", type=int, default=64, help="of the shop whose commands are killed")
    kinds = (*COMMAND_KINDS, *SERVICE_KINDS)
    parser.add_argument("--kinds", nargs="*", choices=kinds, default=kinds, help="commands and services to kill")
    parser.add_argument("--kill-minutes", type=float, default=float("inf"), help="longest time of the kills")
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--sync-every", type=float, default=30.0, help="seconds between the end of a sync and the next")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each rate of the overload")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder = options.folder.resolve()
    if "kills" in options.parts:
        kills(options)
    made = render_catalogue(folder / "shop", options.products, queries=40)
    store = folder / "store"
    shutil.rmtree(store, ignore_errors=True)
    Shop.index(made.feed, store)[0].close()
    photos = [path.read_bytes() for path in sorted((folder / "shop" / "queries").glob("*.jpg"))]
    if "soak" in options.parts:
        soak(options, made.feed, store, photos)
    if "overload" in options.parts:
        overload(options, store, photos)
    print("\n" + machine_line("qdrant-edge-py", "onnxruntime", "fastapi", "uvicorn"))


if __name__ == "__main__":
    main()
