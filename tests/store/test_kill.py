"""``kill -9`` at random moments: every acknowledged change is kept, and the same command completes the rest."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from shoplens.errors import StoreError
from shoplens.index.protocol import IndexedProduct, StoredProduct, VectorSizes
from shoplens.index.qdrant.optimize import optimize
from shoplens.index.qdrant.qdrant_index import QdrantIndex
from shoplens.store.files.atomic import copy_tree
from shoplens.store.store import Store
from shoplens.types import Photo, Vectors
from tests.fakes import colored_rows, contents, feed_of, product
from tests.forked import forked
from tests.store.killable import change_store

PRODUCTS = 224
KILLS = 2
"""Kills per case: one after a time and one at an acknowledgement. The second starts from the store of the first."""
ROOT = Path(__file__).parents[2]
Contents = dict[str, tuple[StoredProduct, list[bytes]]]


@dataclass(frozen=True)
class Case:
    """A change of a store.

    Attributes:
        command: of the change: ``index``, ``add``, ``sync`` or ``remove``.
        before: numbers of the products in the store before the change.
        feed: numbers of the products in the feed of the change.
        changed_price: price of the products of even number in that feed; without one, prices stay as they are.
    """

    command: str
    before: range
    feed: range
    changed_price: float | None = None


CASES = {
    "index": Case("index", range(0), range(PRODUCTS)),
    "index-anew": Case("index", range(100), range(PRODUCTS), 7.0),
    "add": Case("add", range(100), range(50, PRODUCTS), 7.0),
    "remove": Case("remove", range(PRODUCTS), range(50, PRODUCTS)),
    "sync": Case("sync", range(PRODUCTS // 2), range(100, PRODUCTS), 7.0),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the photos of all products, for feeds to name."""
    folder = tmp_path_factory.mktemp("shop")
    colored_rows(folder, range(PRODUCTS))
    return folder


def rows(folder: Path, numbers: Iterable[int], price: float | None = None) -> list[dict[str, Any]]:
    """Return the feed rows of these products. If a price is given, products of even number have that price."""
    feed_rows = colored_rows(folder, numbers)
    return [{**row, "price": price} if price and int(row["id"][1:]) % 2 == 0 else row for row in feed_rows]


@dataclass(frozen=True)
class Run:
    """The complete lines that a command printed, and the seconds that it ran."""

    lines: list[str]
    seconds: float

    @property
    def is_finished(self) -> bool:
        """Whether the command came to its end."""
        return "end\n" in self.lines

    @property
    def acknowledged(self) -> int:
        """Return how many of the feed's products were acknowledged."""
        return max((int(line.split()[1]) for line in self.lines if line.startswith("done ")), default=0)


def start_module(*words: str) -> subprocess.Popen[str]:
    """Start a Python module with these arguments in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", *words], stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    )


def kill_group(process: subprocess.Popen[str]) -> None:
    """Kill all processes of the group with ``kill -9``."""
    with suppress(ProcessLookupError):  # The process has already ended.
        os.killpg(process.pid, signal.SIGKILL)


def run(command: str, store: Path, feed: Path, moment: int | float | None = None) -> Run:
    """Run a command of ``tests.store.killable`` on a store.

    Args:
        command: to run.
        store: folder of the store.
        feed: path of the feed.
        moment: kill the command after this many acknowledgements (int) or seconds (float); ``None`` never kills it.
    """
    lines: list[str] = []
    start = time.perf_counter()
    with forked(change_store, command, store, feed) as process:
        timer = threading.Timer(moment if isinstance(moment, float) else 600, process.kill)
        timer.start()
        for line in process.lines:
            lines.append(line)
            if isinstance(moment, int) and len(lines) > moment:
                process.kill()
        timer.cancel()
    return Run([line for line in lines if line.endswith("\n")], time.perf_counter() - start)


def read_contents(folder: Path) -> tuple[Contents, Contents]:
    """Open the store, and return the contents of its live generation and of an unfinished one. Either can be empty."""
    store = Store(folder, create=True)
    live = contents(store.live.index) if store.has_live else {}
    live_name = store.live.name if store.has_live else ""
    store.close()
    newest = max(folder.glob("generations/*"), default=None)
    if newest is None or newest.name == live_name or not (newest / "shard").is_dir():
        return live, {}
    try:
        index = QdrantIndex(newest / "shard", VectorSizes(4))
    except StoreError:  # The command was killed while it created the shard. The next run removes it.
        return live, {}
    unfinished = contents(index)
    index.close()
    return live, unfinished


def check_contents(case: Case, folder: Path, before: Contents, after: Contents, acknowledged: int) -> None:
    """Check that no acknowledged change is lost, and that every product is as before or as after the change."""
    live, unfinished = read_contents(folder)
    acknowledged_ids = [f"p{number}" for number in case.feed][:acknowledged]
    if case.command == "index":
        assert live in (before, after)
        written = after if live == after else unfinished
        assert written == {name: after[name] for name in written}
        assert set(acknowledged_ids) <= written.keys()
    else:
        assert unfinished == {}
        for name in before.keys() | after.keys() | live.keys():
            assert live.get(name) in (before.get(name), after.get(name))
        for name in acknowledged_ids:
            assert live.get(name) == after.get(name)


@pytest.mark.parametrize("name", CASES)
def test_killed_changes_lose_nothing_acknowledged_and_can_be_completed(folder: Path, tmp_path: Path, name: str) -> None:
    case, random = CASES[name], Random(name)
    base, undisturbed, store = tmp_path / "base", tmp_path / "undisturbed", tmp_path / "store"
    base.mkdir()
    if case.before:
        run("index", base, feed_of(folder / "before.jsonl", rows(folder, case.before)))
    feed = feed_of(folder / f"{name}.jsonl", rows(folder, case.feed, case.changed_price))
    copy_tree(base, undisturbed)
    complete_run = run(case.command, undisturbed, feed)
    assert complete_run.is_finished
    (before, _), (after, _) = read_contents(base), read_contents(undisturbed)
    assert after != before

    kills, needs_fresh_store = 0, True
    for attempt in range(4 * KILLS):
        if needs_fresh_store:
            shutil.rmtree(store, ignore_errors=True)
            copy_tree(base, store)
        steps = len(complete_run.lines) - 2
        moment = random.randint(1, steps) if attempt % 2 else random.uniform(0.1, 1.0) * complete_run.seconds
        attempt_run = run(case.command, store, feed, moment)
        check_contents(case, store, before, after, attempt_run.acknowledged)
        kills += not attempt_run.is_finished
        needs_fresh_store = attempt_run.is_finished
        if kills == KILLS:
            break
    assert kills == KILLS
    assert run(case.command, store, feed).is_finished
    assert read_contents(store) == (after, {})


def test_a_killed_optimization_loses_no_product(tmp_path: Path) -> None:
    dimensions, count, random = 1024, 4_200, Random(5)
    vectors = np.random.default_rng(5).normal(size=(count, 1, dimensions)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    index = QdrantIndex(tmp_path / "shard", VectorSizes(dimensions))
    for start in range(0, count, 300):
        index.upsert([index_entry(number, vectors[number]) for number in range(start, start + 300)])
    index.flush()
    index.close()
    copy_tree(tmp_path / "shard", tmp_path / "unoptimized")
    kills = 0
    for attempt in range(4):
        shutil.rmtree(tmp_path / "shard")
        copy_tree(tmp_path / "unoptimized", tmp_path / "shard")
        process = start_module("shoplens.index.qdrant.optimize", str(tmp_path / "shard"), str(os.getpid()), "1024")
        while process.poll() is None and not any((tmp_path / "shard/temp_segments").glob("*")):
            time.sleep(0.01)
        time.sleep(random.uniform(0.0, 0.4))  # The optimization takes a second or more, so this ends within it.
        kill_group(process)
        with process:
            kills += process.wait() == -signal.SIGKILL
        index = QdrantIndex(tmp_path / "shard", VectorSizes(dimensions))
        assert index.count() == count, attempt
        sample = random.sample(range(count), 30)
        content_hashes = [f"{number:032x}" for number in sample]
        assert index.photo_vectors(content_hashes).keys() == set(content_hashes)
        for number in sample:
            hit = index.nearest_products(vectors[number, 0], 1)[0]
            assert (hit.record.product.id, hit.similarity) == (f"p{number}", pytest.approx(1.0, abs=1e-5))
        index.upsert([index_entry(0, vectors[0])])
        index.flush()
        index.close()
    assert kills > 1
    optimize(tmp_path / "shard", VectorSizes(dimensions))
    index = QdrantIndex(tmp_path / "shard", VectorSizes(dimensions))
    assert (index.count(), index.needs_graph()) == (count, False)
    index.close()


PARENT_CODE = """
import os, subprocess, sys
command = [sys.executable, "-m", "shoplens.index.qdrant.optimize", sys.argv[1], str(os.getpid()), "1024"]
child = subprocess.Popen(command)
print(child.pid, flush=True)
child.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux ends a child process with its parent.")
def test_a_graph_build_ends_with_its_process(tmp_path: Path) -> None:
    dimensions = 1024
    index = QdrantIndex(tmp_path / "shard", VectorSizes(dimensions))
    vectors = np.random.default_rng(6).normal(size=(4_000, 1, dimensions)).astype(np.float32)
    index.upsert([index_entry(number, vector) for number, vector in enumerate(vectors)])
    index.flush()
    index.close()
    parent = [sys.executable, "-c", PARENT_CODE, str(tmp_path / "shard")]
    with subprocess.Popen(parent, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        while not any(tmp_path.glob("shard/temp_segments/*")):  # Wait until the engine has begun.
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    time.sleep(0.2)
    QdrantIndex(tmp_path / "shard", VectorSizes(dimensions)).close()
    command = [sys.executable, "-m", "shoplens.index.qdrant.optimize", str(tmp_path / "shard"), "1", "1024"]
    result = subprocess.run(command, cwd=ROOT)
    assert result.returncode == 1


def index_entry(number: int, vectors: Vectors) -> IndexedProduct:
    """Return an index entry of the product of this number, with one photo and its vector."""
    path = f"/{number}.jpg"
    return IndexedProduct(
        product(f"p{number}", path), (Photo(path, f"{number:032x}", f"f{number:031x}", 8, 8),), vectors
    )
