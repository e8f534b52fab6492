"""``kill -9`` at random moments: what was acknowledged is there, and the same command again ends the work."""

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
"""One at a moment in time and one at an acknowledgement, the second in what the first left."""
ROOT = Path(__file__).parents[2]
Held = dict[str, tuple[StoredProduct, list[bytes]]]


@dataclass(frozen=True)
class Case:
    """A change of a store: what it holds before, and the feed of the change."""

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
    folder = tmp_path_factory.mktemp("shop")
    colored_rows(folder, range(PRODUCTS))
    return folder


def rows(folder: Path, numbers: Iterable[int], price: float | None = None) -> list[dict[str, Any]]:
    """Products; those of even number have another price where one is given."""
    made = colored_rows(folder, numbers)
    return [{**one, "price": price} if price and int(one["id"][1:]) % 2 == 0 else one for one in made]


@dataclass(frozen=True)
class Run:
    """What a command said, and how many seconds it ran."""

    lines: list[str]
    seconds: float

    @property
    def finish(self) -> bool:
        return "end\n" in self.lines

    @property
    def acknowledged(self) -> int:
        """How many of the feed's products."""
        return max((int(line.split()[1]) for line in self.lines if line.startswith("done ")), default=0)


def started(*words: str) -> subprocess.Popen[str]:
    """A command in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", *words], stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    )


def kill(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):  # it came to its end
        os.killpg(process.pid, signal.SIGKILL)


def run(command: str, store: Path, feed: Path, moment: int | float | None = None) -> Run:
    """The command, killed after so many acknowledgements (int) or seconds (float), or never."""
    lines: list[str] = []
    begun = time.perf_counter()
    with forked(change_store, command, store, feed) as process:
        timer = threading.Timer(moment if isinstance(moment, float) else 600, process.kill)
        timer.start()
        for line in process.lines:
            lines.append(line)
            if isinstance(moment, int) and len(lines) > moment:
                process.kill()
        timer.cancel()
    return Run([line for line in lines if line.endswith("\n")], time.perf_counter() - begun)


def held(folder: Path) -> tuple[Held, Held]:
    """What the live generation holds, and what an unfinished one does. The store opens, whatever happened."""
    store = Store(folder, create=True)
    live = contents(store.live.index) if store.has_live else {}
    name = store.live.name if store.has_live else ""
    store.close()
    newest = max(folder.glob("generations/*"), default=None)
    if newest is None or newest.name == name or not (newest / "shard").is_dir():
        return live, {}
    try:
        index = QdrantIndex(newest / "shard", VectorSizes(4))
    except StoreError:  # killed while it was made; the next run removes it
        return live, {}
    unfinished = contents(index)
    index.close()
    return live, unfinished


def check(case: Case, folder: Path, before: Held, after: Held, acknowledged: int) -> None:
    """Nothing that was acknowledged is lost, and every product is as before or as after, never something else."""
    live, unfinished = held(folder)
    promised = [f"p{number}" for number in case.feed][:acknowledged]
    if case.command == "index":
        assert live in (before, after)
        growing = after if live == after else unfinished
        assert growing == {name: after[name] for name in growing}
        assert set(promised) <= growing.keys()
    else:
        assert unfinished == {}
        for name in before.keys() | after.keys() | live.keys():
            assert live.get(name) in (before.get(name), after.get(name))
        for name in promised:
            assert live.get(name) == after.get(name)


@pytest.mark.parametrize("name", CASES)
def test_killed_changes_lose_nothing_and_can_be_ended(folder: Path, tmp_path: Path, name: str) -> None:
    case, moments = CASES[name], Random(name)
    base, undisturbed, store = tmp_path / "base", tmp_path / "undisturbed", tmp_path / "store"
    base.mkdir()
    if case.before:
        run("index", base, feed_of(folder / "before.jsonl", rows(folder, case.before)))
    feed = feed_of(folder / f"{name}.jsonl", rows(folder, case.feed, case.changed_price))
    copy_tree(base, undisturbed)
    whole = run(case.command, undisturbed, feed)
    assert whole.finish
    (before, _), (after, _) = held(base), held(undisturbed)
    assert after != before

    kills, fresh = 0, True
    for attempt in range(4 * KILLS):
        if fresh:
            shutil.rmtree(store, ignore_errors=True)
            copy_tree(base, store)
        steps = len(whole.lines) - 2
        moment = moments.randint(1, steps) if attempt % 2 else moments.uniform(0.1, 1.0) * whole.seconds
        disturbed = run(case.command, store, feed, moment)
        check(case, store, before, after, disturbed.acknowledged)
        kills += not disturbed.finish
        fresh = disturbed.finish
        if kills == KILLS:
            break
    assert kills == KILLS
    assert run(case.command, store, feed).finish
    assert held(store) == (after, {})


def test_a_killed_optimization_leaves_every_product(tmp_path: Path) -> None:
    dimensions, count, moments = 1024, 4_200, Random(5)
    vectors = np.random.default_rng(5).normal(size=(count, 1, dimensions)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    index = QdrantIndex(tmp_path / "shard", VectorSizes(dimensions))
    for start in range(0, count, 300):
        index.upsert([entry(number, vectors[number]) for number in range(start, start + 300)])
    index.flush()
    index.close()
    copy_tree(tmp_path / "shard", tmp_path / "unoptimized")
    kills = 0
    for attempt in range(4):
        shutil.rmtree(tmp_path / "shard")
        copy_tree(tmp_path / "unoptimized", tmp_path / "shard")
        process = started("shoplens.index.qdrant.optimize", str(tmp_path / "shard"), str(os.getpid()), "1024")
        while process.poll() is None and not any((tmp_path / "shard/temp_segments").glob("*")):
            time.sleep(0.01)
        time.sleep(moments.uniform(0.0, 0.4))  # somewhere in the work, which takes a second or more
        kill(process)
        with process:
            kills += process.wait() == -signal.SIGKILL
        index = QdrantIndex(tmp_path / "shard", VectorSizes(dimensions))
        assert index.count() == count, attempt
        sample = moments.sample(range(count), 30)
        assert index.photo_vectors([f"{number:032x}" for number in sample]).keys() == {f"{n:032x}" for n in sample}
        for number in sample:
            hit = index.nearest_products(vectors[number, 0], 1)[0]
            assert (hit.record.product.id, hit.similarity) == (f"p{number}", pytest.approx(1.0, abs=1e-5))
        index.upsert([entry(0, vectors[0])])
        index.flush()
        index.close()
    assert kills > 1
    optimize(tmp_path / "shard", VectorSizes(dimensions))
    index = QdrantIndex(tmp_path / "shard", VectorSizes(dimensions))
    assert (index.count(), index.needs_graph()) == (count, False)
    index.close()


PARENT = """
import os, subprocess, sys
command = [sys.executable, "-m", "shoplens.index.qdrant.optimize", sys.argv[1], str(os.getpid()), "1024"]
child = subprocess.Popen(command)
print(child.pid, flush=True)
child.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_graph_build_ends_with_its_process(tmp_path: Path) -> None:
    dimensions = 1024
    index = QdrantIndex(tmp_path / "shard", VectorSizes(dimensions))
    vectors = np.random.default_rng(6).normal(size=(4_000, 1, dimensions)).astype(np.float32)
    index.upsert([entry(number, vector) for number, vector in enumerate(vectors)])
    index.flush()
    index.close()
    parent = [sys.executable, "-c", PARENT, str(tmp_path / "shard")]
    with subprocess.Popen(parent, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        while not any(tmp_path.glob("shard/temp_segments/*")):  # the engine is at it
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    time.sleep(0.2)
    QdrantIndex(tmp_path / "shard", VectorSizes(dimensions)).close()
    orphan = [sys.executable, "-m", "shoplens.index.qdrant.optimize", str(tmp_path / "shard"), "1", "1024"]
    gone = subprocess.run(orphan, cwd=ROOT)
    assert gone.returncode == 1


def entry(number: int, vectors: Vectors) -> IndexedProduct:
    name = f"/{number}.jpg"
    return IndexedProduct(
        product(f"p{number}", name), (Photo(name, f"{number:032x}", f"f{number:031x}", 8, 8),), vectors
    )
