"""A service that acknowledges changes until it, or the process of its engine, is killed."""

from __future__ import annotations

import functools
import http.client
import http.server
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.service.kills.processes import children_of
from benchmarks.service.kills.victim import Victim
from shoplens.store.files.lock import find_service

SERVICE_SECONDS = 1.2
"""Latest moment at which a service is killed, from its first answer on."""


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
    target = children_of(process.pid)[0] if kind == "engine of serve" else process.pid
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
        said = output.read_text("utf-8")
        if beside.exitcode and any(sign in said for sign in ("Traceback", "engine", "damaged")):
            victim.fail(f"{kind}: sync ended with {said}")
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
