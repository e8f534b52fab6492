"""``kill -9`` at random moments over every command that writes, and over the service: nothing that was acknowledged is
lost.

Commands run in processes that are forked from one that has loaded everything, so that most of their time is work. Each
command runs undisturbed first, which says when it begins to write and when it ends; kills come evenly between the two.
"""

from __future__ import annotations

import functools
import http.client
import http.server
import itertools
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from shoplens import Shop
from shoplens.cli import COMMANDS, GROUPS
from shoplens.service.keys import Keys
from shoplens.settings import settings_from
from shoplens.store.files.lock import find_service
from shoplens.store.layout import StoreLayout

LOADED = [
    *(f"shoplens.cli.{folder}.{name}" for name, folder in {**COMMANDS, **GROUPS}.items()),
    *("shoplens.build.run", "shoplens.evaluation.compare", "shoplens.models.add", "shoplens.service.serve"),
    *("shoplens.training.look", "shoplens.training.ranker", "shoplens.training.classifier", "torch", "umap"),
]
"""Modules that commands load, and that are loaded before."""
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(LOADED)
TENTHS = 10
MODEL = "pixels"
"""Name of the model of the store: it takes no time."""
SHORTEST = 0.1
"""Least share of its time in which a command is said to write."""
FACTORS = {"ended before": 0.8, "killed before it wrote": 1.1}
"""By how much the times of a command are corrected after what happened: they depend on what else the machine does."""
BEFORE = 0.05
"""Share of the writing time by which the first moments lie before the first write."""
SERVICE_SECONDS = 1.2
"""Latest moment at which a service is killed, from its first answer on."""
_SILENT = {"LOCK", "OWNER", "CHANGING"}


def run_command(words: list[str], output: Path) -> None:
    """Run a command of the command line in this process, which was forked; it leads a process group."""
    os.setsid()
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.argv = ["shoplens", *words]
    from shoplens.cli import main

    main()


@dataclass(frozen=True, slots=True)
class Span:
    """When an undisturbed command wrote first, and when it ended, in seconds from its start."""

    first: float
    end: float

    def scaled(self, factor: float) -> Span:
        return Span(factor * self.first, factor * self.end)


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

    def tree(self) -> dict[str, tuple[int, int, int]]:
        """Return the version of every file that commands write."""
        found = {}
        for root in (self.store, self.models, self.folder / "copies"):
            for path in root.rglob("*"):
                if path.name not in _SILENT and not path.name.startswith("OWNER"):
                    with suppress(OSError):
                        status = path.stat()
                        found[str(path)] = (status.st_mtime_ns, status.st_size, status.st_blocks)
        return found

    def start(self, words: list[str], output: Path | None = None) -> BaseProcess:
        """Run a command in a process of its own."""
        process = _forks.Process(target=run_command, args=(words, output or self.folder / "output.txt"))
        process.start()
        return process

    def run_undisturbed(self, words: list[str]) -> Span:
        """Run a command, and return when it wrote first and when it ended.

        Raises:
            RuntimeError: it failed.
        """
        before, begun, first = self.tree(), time.monotonic(), 0.0
        process = self.start([*words, *self.of_store(words)])
        while process.is_alive():
            if not first and self.tree() != before:
                first = time.monotonic() - begun
            process.join(0.005)
        end = time.monotonic() - begun
        if process.exitcode:
            raise RuntimeError(f"{words} ended with {process.exitcode}: {self.output()}")
        return Span(min(first or end, (1 - SHORTEST) * end), end)

    def run_killed(self, words: list[str], span: Span) -> tuple[str, float]:
        """Run a command until it ends, or is killed at a moment while it usually writes.

        Returns:
            What happened, and the moment as a share of the time in which it usually writes.
        """
        share = self.rng.uniform(-BEFORE, 1.0)
        moment = span.first + share * (span.end - span.first)
        before = self.tree()
        process = self.start([*words, *self.of_store(words)])
        assert process.pid is not None
        process.join(max(0.0, moment))
        if process.exitcode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.join()
        if process.exitcode == 0:
            return "ended before", share
        if process.exitcode != -signal.SIGKILL:
            self.fail(f"{words} ended with {process.exitcode}: {self.output()}")
            return "failed", share
        return ("killed while it wrote" if self.tree() != before else "killed before it wrote"), share

    def of_store(self, words: list[str]) -> list[str]:
        return [] if words[0] == "models" else ["--store", str(self.store)]

    def count_events(self, more: int) -> None:
        self.expected.events += more

    def output(self) -> str:
        return (self.folder / "output.txt").read_text("utf-8", "replace")[-2_000:]

    def check(self, what: str) -> None:
        """Open the store, and compare it with what may be there; what is there is what has to be, from here on."""
        expected = self.expected
        try:
            with Shop(self.store) as shop:
                ids = list(shop.products.ids())
                found = {name: float(shop.products.get(name).price or 0) for name in ids}  # type: ignore[union-attr]
                if len(shop) != len(ids):
                    self.fail(f"{what}: {len(shop)} products are counted, {len(ids)} are there")
                for name in self.rng.sample(ids, min(2, len(ids))):
                    if not shop.similar(name, k=3).results:
                        self.fail(f"{what}: nothing is similar to {name}")
                counts = shop.feedback.counts()
                shop.check_files()
        except Exception as problem:
            self.fail(f"{what}: the store does not open: {problem!r}")
            raise
        for name, prices in expected.prices.items():
            if found.get(name, 0.0) not in prices:
                self.fail(f"{what}: {name} has {found.get(name, 0.0)}, allowed {sorted(prices)}")
        if strange := set(found) - set(expected.prices):
            self.fail(f"{what}: {sorted(strange)} should not be there")
        expected.prices = {name: {found.get(name, 0.0)} for name in self.names}
        if (events := sum(counts.events.values())) < expected.events:
            self.fail(f"{what}: {events} events of {expected.events}")
        expected.events = events
        for kind, there, must, may in (
            ("keys", {one.name for one in Keys(self.store).list_all()}, expected.keys, expected.maybe_keys),
            ("models", model_names(self.models), expected.models, expected.maybe_models),
        ):
            if not must <= there <= must | may:
                self.fail(f"{what}: {kind} {sorted(there)}, not {sorted(must)} and perhaps {sorted(may)}")
            must |= there & may
            may.clear()
        for path in self.store.rglob("*.json"):
            if path.name.startswith("before-"):  # empty, where there was no such file
                continue
            with suppress(FileNotFoundError):
                try:
                    json.loads(path.read_bytes())
                except ValueError:
                    self.fail(f"{what}: {path} is half written")


def model_names(models: Path) -> set[str]:
    """Return the names of the models that were added, as ``shoplens models`` lists them; each of them has to open."""
    from shoplens.embedders import OnnxEmbedder
    from shoplens.models.table import list_models

    names = {row.name for row in list_models(models) if row.state == "added"}
    for name in names:
        OnnxEmbedder(next((models / name).glob("*.onnx")))
    return names


def write_repository(folder: Path) -> Path:
    """Write a model in the layout of the hub, whose vectors are photos of 8 x 8 pixels, and return the folder."""
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    photos = helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["n", 3, 8, 8])
    vectors = helper.make_tensor_value_info("pooler_output", TensorProto.FLOAT, ["n", 192])
    node = helper.make_node("Flatten", ["pixel_values"], ["pooler_output"])
    graph = helper.make_graph([node], "pixels", [photos], [vectors])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / "onnx" / "vision_model.onnx").write_bytes(onnx.ModelProto.SerializeToString(model))
    (folder / "config.json").write_text(json.dumps({"model_type": "siglip"}), "utf-8")
    processor = {"image_processor_type": "SiglipImageProcessor", "size": {"height": 8, "width": 8}, "resample": 2}
    processor |= {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor), "utf-8")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n", "utf-8")
    return folder


Words = list[str]
Confirm = Callable[[bool], None]
"""Called with whether the command ended; writes down what may be in the store."""


def _change_prices(victim: Victim, words: Words, names: list[str], price: float) -> tuple[Words, Confirm]:
    before = {name: set(victim.expected.prices[name]) for name in names}

    def confirm(ended: bool) -> None:
        for name in names:
            victim.expected.prices[name] = {price} if ended else {*before[name], price}

    return words, confirm


def _add(victim: Victim) -> tuple[Words, Confirm]:
    names, price = victim.some(0.5), victim.next_price()
    return _change_prices(victim, ["add", str(victim.write_feed(names, price))], names, price)


def _sync(victim: Victim) -> tuple[Words, Confirm]:
    price = victim.next_price()
    words = ["sync", str(victim.write_feed(victim.names, price)), "--max-removals", "100%"]
    return _change_prices(victim, words, victim.names, price)


def _index(victim: Victim) -> tuple[Words, Confirm]:
    price = victim.next_price()
    words = ["index", str(victim.write_feed(victim.names, price)), "--replace"]
    if victim.rng.random() < 0.5:
        words.append("--keep")
    return _change_prices(victim, words, victim.names, price)


def _remove(victim: Victim) -> tuple[Words, Confirm]:
    names = victim.some(0.3)
    return _change_prices(victim, ["remove", *names], names, 0.0)


def _nothing(ended: bool) -> None:
    """Nothing of what is checked changes."""


def _plain(*words: str) -> Callable[[Victim], tuple[Words, Confirm]]:
    """Return the words of a command that changes no product; it needs most products to be there."""

    def prepare(victim: Victim) -> tuple[Words, Confirm]:
        if sum(0.0 in prices for prices in victim.expected.prices.values()) > len(victim.names) / 4:
            command, confirm = _sync(victim)
            victim.run_undisturbed(command)
            confirm(True)
        return [str(victim.queries.get(one, one)) for one in words], _nothing

    return prepare


def _roll_back(victim: Victim) -> tuple[Words, Confirm]:
    if not StoreLayout(victim.store).kept_folders():
        path = victim.write_feed(victim.names, price := victim.next_price())
        victim.run_undisturbed(["index", str(path), "--replace", "--keep"])
        victim.expected.prices = {name: {price} for name in victim.names}
    return ["generations", "roll-back"], _nothing


def _backup(victim: Victim) -> tuple[Words, Confirm]:
    copy = victim.folder / "copies" / f"{victim.number}"

    def confirm(ended: bool) -> None:
        if copy.exists() or ended:
            restored = victim.folder / "restored"
            Shop.restore(copy, restored)
            with Shop(restored) as shop:
                found = {name: float(shop.products.get(name).price or 0) for name in shop.products.ids()}  # type: ignore[union-attr]
            if any(found.get(name, 0.0) not in prices for name, prices in victim.expected.prices.items()):
                victim.fail("backup: the copy differs")
        remove_tree(victim.folder / "copies", victim.folder / "restored")

    return ["backup", str(copy)], confirm


def _restore(victim: Victim) -> tuple[Words, Confirm]:
    with Shop(victim.store) as shop:  # what comes back has other prices than what was there
        remove_tree(victim.backup)
        shop.backup(victim.backup)
        before = {name: set(prices) for name, prices in victim.expected.prices.items()}
        for name in shop.products.ids():
            shop.products.update(name, price=victim.price + 0.5)
    now = {name: {0.0} if prices == {0.0} else {victim.price + 0.5} for name, prices in before.items()}
    victim.expected.prices = now

    def confirm(ended: bool) -> None:
        with Shop(victim.store) as shop:
            found = {name: {0.0} for name in victim.names} | {
                name: {float(shop.products.get(name).price or 0)}  # type: ignore[union-attr]
                for name in shop.products.ids()
            }
        if found not in ([before] if ended else [before, now]):
            victim.fail("restore: the store is neither the one before nor the backup")
        victim.expected.prices = found

    return ["restore", str(victim.backup), "--replace"], confirm


def _feedback_add(victim: Victim) -> tuple[Words, Confirm]:
    path, events = victim.folder / "events.jsonl", [victim.unused_events.pop() for _ in range(10)]
    path.write_text("".join(json.dumps(one) + "\n" for one in events), "utf-8")
    return ["feedback", "add", str(path)], lambda ended: victim.count_events(10 * ended)


def _feedback_click(victim: Victim) -> tuple[Words, Confirm]:
    event = victim.unused_events.pop()
    words = ["feedback", event["kind"], event["query_id"], event["product_id"]]
    return words, lambda ended: victim.count_events(int(ended))


def _forget(victim: Victim) -> tuple[Words, Confirm]:
    name = victim.answer_ids.pop()
    victim.unused_events = [one for one in victim.unused_events if one["query_id"] != name]
    victim.expected.events = 0

    def confirm(ended: bool) -> None:
        with Shop(victim.store) as shop:
            deleted = shop.feedback.forget(query_id=name)
        if ended and deleted:
            victim.fail(f"feedback forget: {name} was still there")

    return ["feedback", "forget", "--query", name], confirm


def _keys_add(victim: Victim) -> tuple[Words, Confirm]:
    name = f"key {victim.number}"
    return ["keys", "add", name], lambda ended: (victim.expected.keys if ended else victim.expected.maybe_keys).add(
        name
    )


def _keys_remove(victim: Victim) -> tuple[Words, Confirm]:
    key = Keys(victim.store).create(f"gone {victim.number}", "search")[1]

    def confirm(ended: bool) -> None:
        if not ended:
            victim.expected.maybe_keys.add(key.name)

    return ["keys", "remove", key.id], confirm


def _models_add(victim: Victim) -> tuple[Words, Confirm]:
    name = victim.rng.choice(("one", "two"))
    words = ["models", "add", str(victim.repository), "--name", name, "--replace"]
    return words, lambda ended: (victim.expected.models if ended else victim.expected.maybe_models).add(name)


def _models_remove(victim: Victim) -> tuple[Words, Confirm]:
    if victim.expected.models == {MODEL}:
        victim.run_undisturbed(_models_add(victim)[0])
        victim.expected.models = model_names(victim.models)
    name = sorted(victim.expected.models - {MODEL})[0]

    def confirm(ended: bool) -> None:
        victim.expected.models.discard(name)
        if not ended:
            victim.expected.maybe_models.add(name)

    return ["models", "remove", name], confirm


COMMAND_KINDS: Mapping[str, Callable[[Victim], tuple[Words, Confirm]]] = {
    "add": _add,
    "sync": _sync,
    "remove": _remove,
    "index --replace": _index,
    "generations roll-back": _roll_back,
    "backup": _backup,
    "restore --replace": _restore,
    "train filters": _plain("train", "filters"),
    "train look": _plain("train", "look", "--force", "--budget", "1s"),
    "train classifier": _plain("train", "classifier", "--budget", "1s"),
    "train ranker": _plain("train", "ranker", "--force", "--kind", "gate", "--queries", "LEARN"),
    "calibrate": _plain("calibrate", "--queries", "MEASURE"),
    "check make-baseline": _plain("check", "make-baseline", "--count", "10"),
    "evaluate": _plain("evaluate", "FEW"),
    "feedback add": _feedback_add,
    "feedback click": _feedback_click,
    "feedback forget": _forget,
    "keys add": _keys_add,
    "keys remove": _keys_remove,
    "models add": _models_add,
    "models remove": _models_remove,
}
"""Command -> what returns its words, and what it changes."""
SLOW_KINDS, SLOW_EVERY = ("train look", "train classifier", "train ranker"), 4
"""Commands that compute for long, and in which round of all commands they come."""


def remove_tree(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


class _Photos(http.server.SimpleHTTPRequestHandler):
    """Serves the photos of the shop, which the service fetches."""

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def photo_server(folder: Path) -> Iterator[str]:
    """Serve a folder; yield its address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Photos, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def children(pid: int) -> list[int]:
    """Return the processes that a process started."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(one) for path in lists for one in path.read_text("utf-8").split()]


SERVICE_KINDS = ("serve", "engine of serve", "sync beside serve")
"""What is killed: the service; the process of its engine, while the service goes on; the service while a command runs
beside it."""


def run_service(victim: Victim, kind: str, photos: str) -> None:
    """Have a service acknowledge changes until it is killed.

    Args:
        kind: of :data:`SERVICE_KINDS`.
        photos: address of the shop's photos.
    """
    words = ["serve", "--port", "0", "--rate-limit", "0", "--allow-private", "--remember", "--store", str(victim.store)]
    process = victim.start(words)
    assert process.pid is not None
    service = None
    while service is None and process.is_alive():
        service = find_service(victim.store)
    if service is None:
        victim.fail(f"{kind}: the service ended with {process.exitcode}: {victim.output()}")
        return
    address = service.address.removeprefix("http://")
    client = ServiceClient(victim, address, photos)
    client.wait_until_ready()
    target = children(process.pid)[0] if kind == "engine of serve" else process.pid
    seconds, beside = SERVICE_SECONDS, None
    if kind == "sync beside serve":
        price = victim.next_price()
        path = victim.write_feed(victim.names, price)
        command = ["sync", str(path), "--max-removals", "100%", "--store", str(victim.store)]
        beside = victim.start(command, output := victim.folder / "sync.txt")
        client.also, seconds = price, 2 * SERVICE_SECONDS
        victim.expected.prices = {name: {*prices, price} for name, prices in victim.expected.prices.items()}
    timer = threading.Timer(victim.rng.uniform(0.05, seconds), os.kill, (target, signal.SIGKILL))
    timer.start()
    client.change_until(time.monotonic() + seconds + 0.3 if kind == "engine of serve" else None)
    timer.join()
    if kind == "engine of serve":
        os.kill(process.pid, signal.SIGTERM)
    process.join()
    if kind == "engine of serve" and process.exitcode not in (0, -signal.SIGTERM):
        victim.fail(f"{kind}: the service ended with {process.exitcode}: {victim.output()}")
    if beside is not None:
        beside.join()
        if beside.exitcode and "Traceback" in output.read_text("utf-8"):
            victim.fail(f"{kind}: sync ended with {output.read_text('utf-8')}")
        if not beside.exitcode:
            victim.tally.acknowledged["sync beside serve"] += 1


class ServiceClient:
    """Changes products by HTTP, one after the other, and writes down what was acknowledged.

    Args:
        address: host and port of the service.
        photos: address of the shop's photos.

    Attributes:
        also: a price that every product may get from somebody else.
    """

    def __init__(self, victim: Victim, address: str, photos: str) -> None:
        self.victim, self.photos = victim, photos
        self.also: float | None = None
        self._connection = http.client.HTTPConnection(address, timeout=60)
        self._headers = {"Authorization": f"Bearer {victim.key}", "Content-Type": "application/json"}

    def wait_until_ready(self) -> None:
        while True:
            with suppress(OSError, http.client.HTTPException):
                if self._send("GET", "/readyz")[0] == 200:
                    return
            self._connection.close()
            time.sleep(0.01)

    def change_until(self, end: float | None) -> None:
        """Change products until a moment; for None, until the service has gone."""
        while end is None or time.monotonic() < end:
            try:
                self._change(self.victim.rng.choices(("PATCH", "POST", "DELETE", "feedback"), (60, 10, 10, 20))[0])
            except (OSError, http.client.HTTPException):
                if end is None:
                    return
                self._connection.close()

    def _change(self, action: str) -> None:
        victim, prices = self.victim, self.victim.expected.prices
        if action == "feedback":
            events = [victim.unused_events.pop() for _ in range(2)]
            status, answer = self._send("POST", "/v1/feedback", {"events": events})
            if status == 200:
                victim.expected.events += sum(answer["added"].values())
                victim.tally.acknowledged["feedback over HTTP"] += 1
            return
        name = victim.rng.choice(victim.names)
        price = 0.0 if action == "DELETE" else victim.next_price()
        before = {*prices[name], *({self.also} if self.also else ())}
        prices[name] = {*before, price}
        if action == "POST":
            row = next(row for row in victim.rows if row["id"] == name)
            photos = [f"{self.photos}/{Path(one).relative_to(victim.photo_folder)}" for one in row["photos"]]
            product = {"id": name, "title": row["title"], "photos": photos, "price": price}
            status, answer = self._send("POST", "/v1/products", {"products": [product]})
            done = status == 200 and answer["items"][0]["done"] != "rejected"
            if status == 200 and not done:
                victim.fail(f"POST: {answer}")
        else:
            status, answer = self._send(action, f"/v1/products/{name}", None if price == 0.0 else {"price": price})
            done = status in (200, 204)
        if done:
            prices[name] = {price, *({self.also} if self.also else ())}
            victim.tally.acknowledged[f"{action} over HTTP"] += 1
        elif status == 404:
            prices[name] = before
        elif status != 503:
            victim.fail(f"{action}: the service answered {status}: {answer}")

    def _send(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        content = None if body is None else json.dumps(body)
        self._connection.request(method, path, content, self._headers)
        answer = self._connection.getresponse()
        data = answer.read()
        return answer.status, json.loads(data) if data else None


def kill_all(victim: Victim, kills: int, minutes: float, kinds: Sequence[str]) -> None:
    """Kill every command and service of these in turn, until there were so many kills, or the time is up."""
    remove_tree(victim.folder / "copies")
    end = time.monotonic() + 60 * minutes
    with photo_server(victim.photo_folder) as photos:
        victim.run_undisturbed(["keys", "list"])  # the process that is forked has loaded everything then
        for cycle in itertools.count():
            for kind in kinds:
                if kind in SLOW_KINDS and (cycle + 1) % SLOW_EVERY and len(kinds) > len(SLOW_KINDS):
                    continue
                victim.number += 1
                if kind in SERVICE_KINDS:
                    run_service(victim, kind, photos)
                    victim.tally.runs[kind, "killed while it wrote"] += 1
                else:
                    kill_command(victim, kind)
                victim.check(kind)
                killed = sum(times for (_, how), times in victim.tally.runs.items() if how.startswith("killed"))
                if killed >= kills or time.monotonic() > end:
                    return


def kill_command(victim: Victim, kind: str) -> None:
    """Run a command and kill it; the first time, it ends, and its time is taken."""
    words, confirm = COMMAND_KINDS[kind](victim)
    if kind not in victim.spans:
        victim.spans[kind] = victim.run_undisturbed(words)
        print(f"{kind}: writes from {victim.spans[kind].first:.2f} to {victim.spans[kind].end:.2f} s", flush=True)
        how, share = "undisturbed", 0.0
    else:
        how, share = victim.run_killed(words, victim.spans[kind])
        victim.spans[kind] = victim.spans[kind].scaled(FACTORS.get(how, 1.0))
    ended = how in ("undisturbed", "ended before")
    confirm(ended)
    victim.tally.acknowledged[kind] += ended
    victim.tally.runs[kind, how] += 1
    if how == "killed while it wrote":
        victim.tally.tenths[min(TENTHS - 1, max(0, int(share * TENTHS)))] += 1


def print_tally(tally: Tally, minutes: float, products: int) -> None:
    """Print what was counted as tables."""
    hows = ("killed while it wrote", "killed before it wrote", "ended before", "undisturbed")
    total = {how: sum(times for (_, one), times in tally.runs.items() if one == how) for how in hows}
    print(f"\nKills: {sum(total.values())} runs on {products} products in {minutes:.0f} minutes\n")
    print(f"| | {' | '.join(hows)} | acknowledged |\n|---|---|---|---|---|---|")
    for kind in (*COMMAND_KINDS, *SERVICE_KINDS):
        cells = " | ".join(str(tally.runs[kind, how]) for how in hows)
        print(f"| `{kind}` | {cells} | {tally.acknowledged[kind] or ''} |")
    for kind in ("PATCH", "POST", "DELETE", "feedback"):
        print(f"| {kind} over HTTP | | | | | {tally.acknowledged[f'{kind} over HTTP']} |")
    cells = " | ".join(str(total[how]) for how in hows)
    print(f"| all | {cells} | {sum(tally.acknowledged.values())} |")
    print(f"\nLost: {len(tally.lost)}")
    print("\nKilled while it wrote, by tenths of the time in which the command writes: ", end="")
    print(", ".join(str(tally.tenths[number]) for number in range(TENTHS)), flush=True)
