"""Replicas of a service before one Qdrant server: any of them answers, and one that dies costs nothing."""

from __future__ import annotations

import base64
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shoplens import Shop
from shoplens.errors import InvalidValue
from shoplens.settings import Settings, settings_from
from tests import patterned_shop
from tests.service.service_process import ServiceProcess, run_service

pytest.importorskip("qdrant_client")
pytestmark = pytest.mark.extras


class Balancer:
    """Sends each request to the next replica that answers."""

    def __init__(self, replicas: list[ServiceProcess]) -> None:
        self._replicas, self._turn = replicas, 0

    def post(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        for _ in self._replicas:
            self._turn += 1
            address = self._replicas[self._turn % len(self._replicas)].address
            request = urllib.request.Request(
                f"{address}/v1/search", json.dumps(body).encode(), {"content-type": "application/json"}
            )
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return answer.status, json.loads(answer.read())
            except urllib.error.HTTPError as problem:
                return problem.code, json.loads(problem.read())
            except OSError:
                continue  # this replica has died
        raise AssertionError("no replica answers")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Yield settings of a store on a fake Qdrant server, which other processes of the test get, too."""
    from tests.cluster.fake_qdrant import run_fake_qdrant

    objects = str(tmp_path / "objects")
    for name, value in {"OBJECT_STORE": objects, "REFRESH_SECONDS": "0.2", "RATE": "0", "THREADS": "1"}.items():
        monkeypatch.setenv(f"SHOPLENS_{name}", value)
    with run_fake_qdrant() as fake:
        yield settings_from(store=Path(f"{fake.url}/shop"), work_folder=tmp_path / "work", tune=False)


@pytest.mark.slow
def test_three_replicas_answer_while_one_dies_and_while_another_model_takes_over(
    settings: Settings, tmp_path: Path
) -> None:
    feed = patterned_shop.write_feed(tmp_path)
    rows = feed.read_text("utf-8").splitlines()
    feed.write_text("\n".join(rows[:48]) + "\n", "utf-8")
    first, _ = Shop.index(feed, settings=settings)
    old = set(first.products.ids())
    photo = patterned_shop.query_photo(tmp_path, "red", "plain")
    expected = [row.product.id for row in first.search(photo, k=5).results]
    first.close()
    with ExitStack() as stack:
        replicas = [stack.enter_context(run_service(Path(settings.server))) for _ in range(3)]
        balancer = Balancer(replicas)
        body = {"image": _base64(photo), "k": 5}
        for _ in range(3):
            status, answer = balancer.post(body)
            assert status == 200 and [row["product_id"] for row in answer["results"]] == expected
        replicas[0].process.kill()
        answers: list[tuple[int, dict[str, Any]]] = []
        stop = threading.Event()

        def search_on() -> None:
            while not stop.is_set():
                answers.append(balancer.post(body))

        searching = threading.Thread(target=search_on)
        searching.start()
        feed.write_text("\n".join(rows[24:72]) + "\n", "utf-8")
        other_model = replace(settings, objects=False)  # a network with another input and other vectors
        second, _ = Shop.index(feed, settings=other_model, replace=True)
        new = set(second.products.ids())
        wanted = [row.product.id for row in second.search(photo, k=5).results]
        second.close()
        deadline = threading.Event()
        for _ in range(300):
            if len(answers) > 3 and all(_ids(one) == wanted for one in answers[-3:]):
                break
            deadline.wait(0.2)
        stop.set()
        searching.join()
        assert [status for status, _ in answers if status != 200] == []
        for answered in answers:
            assert _ids(answered) in (expected, wanted), "an answer is of the one generation or of the other"
        assert _ids(answers[-1]) == wanted
        assert set(wanted) <= new and len(old & new) == 24


def _ids(answered: tuple[int, dict[str, Any]]) -> list[str]:
    return [row["product_id"] for row in answered[1].get("results", [])]


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


@pytest.mark.slow
def test_several_shops_in_one_process_have_keys_of_their_own(tmp_path: Path) -> None:
    from fastapi.testclient import TestClient

    from shoplens.service.app import application
    from shoplens.service.keys import Keys
    from shoplens.service.several_shops import SeveralShops, parse_shops
    from tests.fakes import ColourEmbedder, colored_rows, feed_of

    used = Settings(threads=1, rate=0, open_search=False)
    shops = {}
    with ExitStack() as stack:
        for name, numbers in (("one", range(4)), ("two", range(4, 10))):
            feed = feed_of(tmp_path / f"{name}.jsonl", colored_rows(tmp_path, numbers))
            shop, _ = Shop.index(feed, tmp_path / name, embedder=ColourEmbedder(), settings=used)
            shops[name] = stack.enter_context(shop)
        keys = {name: Keys(shop.folder).create("test", "search")[0] for name, shop in shops.items()}
        app = SeveralShops({"two.example": application(shops["two"])}, application(shops["one"]))
        client = stack.enter_context(TestClient(app))
        image = {"image": _base64(tmp_path / "p5.png"), "k": 50}
        found = {}
        for host, name in (("one.example", "one"), ("two.example", "two"), ("TWO.example:8000", "two")):
            for key_of in ("one", "two"):
                headers = {"host": host, "authorization": f"Bearer {keys[key_of]}"}
                response = client.post("/v1/search", json=image, headers=headers)
                assert response.status_code == (200 if key_of == name else 401)
                if key_of == name:
                    found[host] = {row["product_id"] for row in response.json()["results"]}
        assert found["one.example"] == {f"p{number}" for number in range(4)}
        assert found["two.example"] == found["TWO.example:8000"] == {f"p{number}" for number in range(4, 10)}
    for wrong in (["x"], ["a=s", "a=t"], ["a=s", "b=s"], ["bad host=s"]):
        with pytest.raises(InvalidValue) as caught:
            parse_shops(wrong)
        assert caught.value.code == "bad-shop"
