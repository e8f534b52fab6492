"""A build on a Ray cluster: every photo once, whatever dies."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shoplens import Shop
from shoplens.errors import Refused
from shoplens.settings import Settings, settings_from
from tests import patterned_shop
from tests.fakes import Stopped, feed_of

ray = pytest.importorskip("ray")
pytest.importorskip("qdrant_client")
pytestmark = [
    pytest.mark.extras,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]
SRC = Path(__file__).parents[2] / "src"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Run three machines with one processor each; the driver's has none."""
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 80_000_000})
    for _ in range(3):
        nodes.add_node(num_cpus=1, object_store_memory=80_000_000)
    ray.init(address=nodes.address, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": str(SRC)}})
    yield nodes
    ray.shutdown()
    nodes.shutdown()


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    from tests.cluster.fake_qdrant import run_fake_qdrant

    with run_fake_qdrant() as fake:
        yield settings_from(
            {},
            store=Path(f"{fake.url}/shop"),
            work_folder=tmp_path / "work",
            object_store=str(tmp_path / "objects"),
            tune=False,
        )


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    """Return a feed of 96 products in small batches, of which one row and two photos cannot be used."""
    feed = patterned_shop.write_feed(tmp_path)
    rows = [json.loads(line) for line in feed.read_text("utf-8").splitlines()]
    rng = np.random.default_rng(5)
    for number in range(24):
        Image.fromarray(rng.integers(0, 255, (48, 48, 3), np.uint8)).save(tmp_path / f"noise-{number}.png")
        rows.append({"id": f"noise-{number}", "title": "Noise", "photos": [f"noise-{number}.png"], "price": 1.0})
    (tmp_path / "noise-3.png").write_bytes(b"no picture")
    rows[5]["photos"].append("is-not-there.png")
    rows.append({"id": "no-photos", "title": "Nothing"})
    return feed_of(tmp_path / "all.jsonl", rows)


def check_whole(shop: Shop, feed: Path) -> None:
    """Check that every usable photo is in the index once, with the vector that one process gives it."""
    entries = list(shop._parts.store.live.index.entries())
    ids = Counter(entry.product.id for entry in entries)
    rows = [json.loads(line) for line in feed.read_text("utf-8").splitlines()]
    assert set(ids) == {row["id"] for row in rows} - {"noise-3", "no-photos"}
    assert set(ids.values()) == {1}
    photos = Counter(photo.source for entry in entries for photo in entry.photos)
    assert len(photos) == 95 and set(photos.values()) == {1}
    assert all(entry.scores is not None for entry in entries), "every product was scored by the filters"


def test_a_machine_that_dies_in_mid_job_costs_no_photo_and_doubles_none(
    cluster: Any, settings: Settings, feed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shoplens.build.ray.ray_build.BATCH", 8)
    killed = threading.Event()

    def kill_a_machine(stage: str, done: int, total: int) -> None:
        if stage == "Indexing" and done >= 8 and not killed.is_set():
            killed.set()
            cluster.remove_node(sorted(cluster.worker_nodes, key=str)[0], allow_graceful=False)

    shop, summary = Shop.index(feed, settings=settings, ray="auto", progress=kill_a_machine)
    with shop:
        assert killed.is_set()
        check_whole(shop, feed)
        assert (summary.products, summary.photos, summary.rows) == (95, 95, 97)
        kinds = {row.kind for row in summary.problems}
        assert {"product-without-usable-photo", "photo-missing"} <= kinds
        assert summary.report is not None
        report = [json.loads(line) for line in summary.report.read_text("utf-8").splitlines()]
        missing = [row for row in report if row["kind"] == "photo-missing"]
        assert [row["row"] for row in missing] == [6], "a rejected photo is a row of the report, with the feed's row"
    cluster.add_node(num_cpus=1, object_store_memory=80_000_000)


def test_a_build_that_was_interrupted_goes_on_and_answers_as_one_process_does(
    cluster: Any, settings: Settings, feed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shoplens.build.ray.ray_build.BATCH", 8)

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "Indexing" and done >= 40:
            raise Stopped

    with pytest.raises(Stopped):
        Shop.index(feed, settings=settings, ray="auto", progress=stop)
    work = tmp_path / "objects" / "shop" / "generations" / "000001" / "work"
    before = {path.name: path.stat().st_mtime_ns for path in work.glob("*.outcome")}
    assert len(before) >= 5
    again: list[str] = []

    def note(stage: str, done: int, total: int) -> None:
        if stage == "Scoring the products" and not again:
            again.extend(
                path.name for path in work.glob("*.outcome") if before.get(path.name, 0) == path.stat().st_mtime_ns
            )

    shop, summary = Shop.index(feed, settings=settings, ray="auto", progress=note)
    local, _ = Shop.index(feed, tmp_path / "folder", settings=replace(settings, server=""))
    with shop, local:
        assert sorted(again) == sorted(before), "what was done is not done again"
        check_whole(shop, feed)
        assert (summary.products, shop.generations.live) == (95, "000001")
        assert not work.exists() or not list(work.iterdir())
        photo = patterned_shop.query_photo(tmp_path, "green", "striped")
        rows = [[(row.product.id, row.score) for row in one.search(photo, k=10).results] for one in (shop, local)]
        assert [name for name, _ in rows[0]] == [name for name, _ in rows[1]]
        assert [score for _, score in rows[0]] == pytest.approx([score for _, score in rows[1]], abs=1e-4)


def test_a_build_on_a_cluster_needs_a_store_on_a_server(feed: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="needs a store on a server"):
        Shop.index(feed, tmp_path / "folder", ray="auto")
