"""What clients of the service hear while the catalogue changes, and while another generation takes over.

    python -m benchmarks.service.serving_changes --data DATA --folder FOLDER

As ``benchmarks/service/serving.py``: the store of Luma, its 251 further photos, 4 clients, all on one machine. Every
answer is checked: 20 ranks, parts that add up to scores, and nothing in it that was removed before it was asked.

- ``changes``: another client changes prices, removes products and puts them again, with photos that it has the service
  fetch from itself.
- ``switch``: commands make other generations, which the service then switches to; each is searched 2 s more.
- ``takeover``, with ``--products N``: ``remove`` three times, each of which makes a generation of N made products.
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.service.serving import bodies, load, made_store, served, serving
from benchmarks.tables import default_data, machine_line
from shoplens import Shop
from shoplens.service.keys import Keys


@dataclass(slots=True)
class Watch:
    """What an answer has to be while the catalogue changes: whole, and without what was removed before it was asked."""

    gone: dict[str, tuple[float, float]] = field(default_factory=dict)

    def wrong(self, body: bytes, begun: float, ended: float) -> str:
        answer = json.loads(body)
        results = answer["results"]
        if [one["rank"] for one in results] != [*range(1, 21)]:
            return "ranks"
        if any(abs(sum(one["parts"].values()) - one["score"]) > 1e-4 for one in results):
            return "parts"
        for one in results:
            since, until = self.gone.get(one["product_id"], (np.inf, np.inf))
            if since < begun and ended < until:
                return "removed before"
        return ""


def changed(options: argparse.Namespace, store: Path, photos: list[bytes]) -> None:
    key, _ = Keys(store).create("benchmark", "write")
    stop, writes, watch = threading.Event(), Counter[str](), Watch()
    with serving(store, "--allow-private") as (host, port, _, _):
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

        def ask(method: str, path: str, body: Any = None) -> Any:
            connection = http.client.HTTPConnection(host, port, timeout=60)
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
            writes[f"{method} {answer.status}"] += 1
            connection.close()
            return json.loads(content) if content and "json" in answer.headers["content-type"] else {}

        def write() -> None:
            rows = ask("POST", "/v1/search", {"color": "blue", "k": 50})["results"]
            n = 0
            while not stop.is_set():
                row = rows[n % len(rows)]
                ask("PATCH", f"/v1/products/{row['product_id']}", {"price": n % 90 + 1.0})
                ask("DELETE", f"/v1/products/{row['product_id']}")
                watch.gone[row["product_id"]] = time.monotonic(), np.inf
                time.sleep(0.1)
                watch.gone[row["product_id"]] = watch.gone[row["product_id"]][0], time.monotonic()
                photo = f"http://{host}:{port}{row['photo']}?width=768"  # which the service still holds
                sent = {"id": row["product_id"], "title": row["title"], "photos": [photo]}
                done = ask("POST", "/v1/products", {"products": [sent]})
                writes[str(done.get("items", [{}])[0].get("done"))] += 1
                n += 1

        warm_up = [row["photo"] for row in ask("POST", "/v1/search", {"color": "blue", "k": 50})["results"]]
        for photo in warm_up:
            ask("GET", f"{photo}?width=768")
        writes.clear()
        writer = threading.Thread(target=write)
        writer.start()
        heard = load(host, port, bodies(photos), 4, options.seconds, watch.wrong)
        stop.set()
        writer.join()
    print(
        f"\nchanges beside 4 clients: {dict(writes)}; answers {heard.line()}; wrong {dict(heard.wrong)}; "
        f"{ {status: len(took) for status, took in heard.took.items()} }"
    )


def switched(options: argparse.Namespace, store: Path, photos: list[bytes]) -> None:
    """Commands beside a service that is searched: what each takes, and what clients hear meanwhile."""
    feed, media = options.data / "luma/products.csv", options.data / "luma/media"
    with Shop(store) as shop:
        some = min(shop.products.ids())
    run_beside(
        options,
        store,
        photos,
        {
            "nothing": [],
            "sync": ["sync", str(feed), "--media", str(media)],
            "remove": ["remove", some],
            "index --replace": ["index", "--replace", str(feed), "--media", str(media)],
            "train filters": ["train", "filters"],
            "train look": ["train", "look", "--force"],
            "generations roll-back": ["generations", "roll-back"],
        },
    )


def taken_over(options: argparse.Namespace, photos: list[bytes]) -> None:
    """Generations of many products that take over beside a service that is searched."""
    store = made_store(options.products, options)
    with Shop(store) as shop:
        some = sorted(shop.products.ids())[:3]
    run_beside(options, store, photos, {"nothing": [], **{f"remove {one}": ["remove", one] for one in some}})


def run_beside(options: argparse.Namespace, store: Path, photos: list[bytes], commands: dict[str, list[str]]) -> None:
    """Commands beside a service that is searched by 4 clients; a table of what they hear."""
    print("\n| command | s | answers/s | p50 ms | p95 | p99 | longest | others | wrong | generation |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    with serving(store) as (host, port, _, _):
        load(host, port, bodies(photos), 4, 3.0)
        for name, words in commands.items():
            watch, stop, took = Watch(), threading.Event(), [options.seconds]

            def run(words: list[str] = words, stop: threading.Event = stop, took: list[float] = took) -> None:
                begun = time.monotonic()
                if words:
                    program = "from shoplens.cli import main; main()"
                    subprocess.run(
                        [sys.executable, "-c", program, *words, "--store", str(store)], check=True, capture_output=True
                    )
                    took[0] = time.monotonic() - begun
                    time.sleep(2.0)  # with what took over
                else:
                    time.sleep(options.seconds)
                stop.set()

            command = threading.Thread(target=run)
            command.start()
            heard = load(host, port, bodies(photos), 4, 3_600.0, watch.wrong, stop)
            command.join()
            others = {status: len(ms) for status, ms in heard.took.items() if status != 200}
            live = (store / "CURRENT").read_text().strip()
            print(
                f"| {name} | {took[0]:.1f} | {heard.line()} | {max(heard.answered):.0f} | {others or 'none'} | "
                f"{dict(heard.wrong) or 'none'} | {live} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data(), help="folder that holds luma/")
    parser.add_argument("--folder", type=Path, default=Path("evaluation-stores"), help="where stores go")
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--products", type=int, default=0, help="made products of the part `takeover`; 0 leaves it out")
    options = parser.parse_args()
    store, photos = served(options)
    changed(options, store, photos)
    switched(options, store, photos)
    if options.products:
        taken_over(options, photos)
    print(f"\n{machine_line('onnxruntime', 'numpy', 'fastapi', 'uvicorn')}")


if __name__ == "__main__":
    main()
