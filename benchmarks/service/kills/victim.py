"""A store whose commands are killed, and what may be in it."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.process import BaseProcess
from pathlib import Path

from benchmarks.service.kills.changes import ChangeWatch, file_versions
from benchmarks.service.kills.processes import start_command
from shoplens import Shop
from shoplens.service.keys import Keys
from shoplens.settings import settings_from

SHORT = 0.1
"""Seconds of writing below which the kernel has to tell when it begins; and the least share of a command's time in
which it is said to write."""
FACTORS = {"ended before": 0.8, "killed before it wrote": 1.1}
"""By how much the times of a command are corrected after what happened: they depend on what else the machine does."""
SHORT_FACTORS = {"ended before": 0.8, "killed after it wrote": 0.8, "killed while it wrote": 1.1}
BEFORE = 0.05
"""Share of the writing time by which the first moments lie before the first write."""


@dataclass(frozen=True, slots=True)
class Span:
    """When an undisturbed command wrote, in seconds from its start.

    Attributes:
        first: the first change.
        end: the end of the command.
        changes: number of changes of a command that writes for less than :data:`SHORT`; 0 for others.
        writes: seconds between its first change and its last.
    """

    first: float
    end: float
    changes: int = 0
    writes: float = 0.0

    def correct(self, how: str) -> Span:
        """Return what to believe after a run."""
        if self.changes:
            return replace(self, writes=SHORT_FACTORS.get(how, 1.0) * self.writes)
        factor = FACTORS.get(how, 1.0)
        return replace(self, first=factor * self.first, end=factor * self.end)


@dataclass(slots=True)
class Expected:
    """What may be in a store.

    Attributes:
        prices: product -> the prices that it may have; 0 where it may be missing.
        keys, models: those that must be there, and those that may be.
        events: least number of events of shoppers.
    """

    prices: dict[str, set[float]] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    maybe_keys: set[str] = field(default_factory=set)
    models: set[str] = field(default_factory=set)
    maybe_models: set[str] = field(default_factory=set)
    events: int = 0


@dataclass(slots=True)
class Tally:
    """What was counted."""

    runs: Counter[tuple[str, str]] = field(default_factory=Counter)
    tenths: Counter[int] = field(default_factory=Counter)
    acknowledged: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)


class Victim:
    """A store whose commands are killed.

    Args:
        folder: for files of the benchmark.
        feed: JSON Lines with photos relative to it.
        queries: word that stands for it in commands -> CSV file of photos.
    """

    def __init__(self, folder: Path, feed: Path, store: Path, queries: Mapping[str, Path], rng: random.Random) -> None:
        self.folder, self.store, self.queries, self.rng = folder, store, queries, rng
        self.rows = [json.loads(line) for line in feed.read_text("utf-8").splitlines()]
        for row in self.rows:
            row["photos"] = [str((feed.parent / photo).resolve()) for photo in row["photos"]]
        self.photo_folder = feed.parent
        self.names = [str(row["id"]) for row in self.rows]
        self.models = settings_from().models
        self.expected, self.tally, self.number = Expected(), Tally(), 0
        self.spans: dict[str, Span] = {}
        self.price = 10.0
        self.unused_events: list[dict[str, str]] = []
        self.answer_ids: list[str] = []
        self.backup = folder / "backup"
        self.repository = folder / "repository"
        self.key = Keys(store).create("benchmark", "write")[0]

    def next_price(self) -> float:
        self.price += 1.0
        return self.price

    def write_feed(self, names: Iterable[str], price: float) -> Path:
        wanted, path = set(names), self.folder / "changed.jsonl"
        rows = [{**row, "price": price} for row in self.rows if row["id"] in wanted]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        return path

    def some(self, share: float) -> list[str]:
        return self.rng.sample(self.names, max(1, round(share * len(self.names))))

    def fail(self, what: str) -> None:
        self.tally.lost.append(f"run {self.number}: {what}")
        print(self.tally.lost[-1], flush=True)

    def remember_answers(self, photos: list[Path], count: int) -> None:
        """Make answers that shoppers can act on."""
        with Shop(self.store, settings=settings_from(store=self.store, remember=True)) as shop:
            for number in range(count):
                answer = shop.search(photos[number % len(photos)], k=20)
                self.answer_ids.append(answer.query_id)
                self.unused_events += [
                    {"query_id": answer.query_id, "product_id": row.product.id, "kind": kind}
                    for row in answer.results
                    for kind in ("click", "purchase", "wrong")
                ]
        self.rng.shuffle(self.unused_events)

    @property
    def written(self) -> tuple[Path, ...]:
        """Folders in which commands write."""
        return self.store, self.models, self.folder / "copies"

    def start(self, words: list[str], output: Path | None = None) -> BaseProcess:
        """Run a command in a process of its own."""
        return start_command(words, output or self.folder / "output.txt")

    def run_undisturbed(self, words: list[str]) -> Span:
        """Run a command, and return when it wrote.

        Raises:
            RuntimeError: it failed.
        """
        before, begun, first = file_versions(self.written), time.monotonic(), 0.0
        with ChangeWatch(self.written) as watch:
            process = self.start([*words, *self.of_store(words)])
            while process.is_alive():
                if not first and not watch.count and file_versions(self.written) != before:
                    first = time.monotonic() - begun
                watch.read(0.005)
            watch.read()
        end = time.monotonic() - begun
        if process.exitcode:
            raise RuntimeError(f"{words} ended with {process.exitcode}: {self.output()}")
        if watch.count:
            first = min(first or end, watch.first - begun)
        writes = watch.last - watch.first
        short = watch.count > 1 and writes < SHORT and watch.last - begun - first < SHORT
        return Span(
            min(first or end, (1 - SHORT) * end), end, watch.count if short else 0, max(0.001, writes) if short else 0.0
        )

    def run_killed(self, words: list[str], span: Span) -> tuple[str, float]:
        """Run a command until it ends, or is killed at a moment while it usually writes.

        Returns:
            What happened, and the moment as a share of the time in which it usually writes.
        """
        if span.changes:
            return self._kill_while_short(words, span)
        share = self.rng.uniform(-BEFORE, 1.0)
        moment = span.first + share * (span.end - span.first)
        before = file_versions(self.written)
        process = self.start([*words, *self.of_store(words)])
        process.join(max(0.0, moment))
        self._kill(process)
        if process.exitcode == -signal.SIGKILL:
            return (
                "killed while it wrote" if file_versions(self.written) != before else "killed before it wrote"
            ), share
        return self._how_it_ended(words, process), share

    def _kill_while_short(self, words: list[str], span: Span) -> tuple[str, float]:
        """Kill a command at a moment after its first change, which the kernel tells."""
        share = self.rng.random()
        with ChangeWatch(self.written) as watch:
            process = self.start([*words, *self.of_store(words)])
            if watch.wait_for_first(process):
                while time.monotonic() < watch.first + share * span.writes:  # a sleep would be too long
                    pass
                self._kill(process)
            process.join()
            watch.read()
        if process.exitcode == -signal.SIGKILL:
            return ("killed while it wrote" if watch.count < span.changes else "killed after it wrote"), share
        return self._how_it_ended(words, process), share

    def _kill(self, process: BaseProcess) -> None:
        if process.exitcode is None:
            assert process.pid is not None
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.join()

    def _how_it_ended(self, words: list[str], process: BaseProcess) -> str:
        if process.exitcode == 0:
            return "ended before"
        self.fail(f"{words} ended with {process.exitcode}: {self.output()}")
        return "failed"

    def of_store(self, words: list[str]) -> list[str]:
        return [] if words[0] == "models" else ["--store", str(self.store)]

    def count_events(self, more: int) -> None:
        self.expected.events += more

    def output(self) -> str:
        return (self.folder / "output.txt").read_text("utf-8", "replace")[-2_000:]


def remove_tree(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
