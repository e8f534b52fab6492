"""Tests of commands while a service has the store: they work on a snapshot of it, and it adopts what they change."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.cli.store_access import open_snapshot
from shoplens.client import Client, ServiceError
from shoplens.errors import Refused, StoreError
from shoplens.service.keys import Keys
from shoplens.settings import Settings
from shoplens.store.copies.snapshot import adopt_snapshot
from shoplens.store.copies.snapshot_folders import (
    ABANDONED_SECONDS,
    ADOPTED_AS,
    WRITING,
    open_snapshot_folder,
    remove_abandoned_snapshots,
)
from shoplens.store.copies.write_log import WRITE_LOG, log_writes, logged_ids, rename_base_generation
from shoplens.store.files.lock import find_service
from tests.cli.command_line import run_command
from tests.cli.pixel_shop import index_pixel_shop
from tests.fakes import ColourEmbedder, feed_of, photo, row
from tests.service.conftest import SETTINGS
from tests.service.service_process import ServiceProcess, run_service


@pytest.fixture(scope="module")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with ``store``, ``model.onnx`` and the feed."""
    return index_pixel_shop(tmp_path_factory.mktemp("beside"), 12, 1)


@pytest.fixture(scope="module")
def service(shop_folder: Path) -> Iterator[ServiceProcess]:
    """Yield a running service of that store."""
    with run_service(shop_folder / "store", "--model", str(shop_folder / "model.onnx"), "--rate-limit", "0") as service:
        yield service


def snapshot_files(store: Path) -> list[str]:
    """Return what is left in the folders of snapshots."""
    return sorted(str(path.relative_to(store / "snapshots")) for path in store.glob("snapshots/*/*"))


def test_commands_read_and_change_the_store_of_a_running_service(shop_folder: Path, service: ServiceProcess) -> None:
    store, info_before = shop_folder / "store", run_command("info", "--store", shop_folder / "store", "--json").json
    with Client(service.address) as client:
        answer = client.search((next(iter(shop_folder.glob("*.png")))).read_bytes(), k=12)
        removed_id, kept_id = answer.results[0].product_id, answer.results[1].product_id
        assert run_command("remove", removed_id, "--store", store, "--json").json == {"removed": 1, "unknown": []}
        with pytest.raises(ServiceError, match=removed_id):
            client.product(removed_id)
        assert client.product(kept_id).id == kept_id
        assert run_command("remove", removed_id, "--store", store).code == 0, (
            "a command that changes nothing leaves the generation"
        )
        info_after = run_command("info", "--store", store, "--json").json
        assert (info_after["products"], info_after["generation"]) == (11, f"{int(info_before['generation']) + 1:06d}")
        answer_after = run_command("search", *shop_folder.glob("p1-*.png"), "-k", 1, "--store", store, "--json").json
        [result] = answer_after["results"]
        assert result["product_id"] != removed_id
        assert run_command("generations", "roll-back", "--store", store).code != 0, "no earlier generation is kept"
        assert run_command("feedback", "show", "--store", store, "--json").code == 0
        backup = run_command("backup", shop_folder / "copy", "--store", store)
        assert backup.code == 0 and "11 products" in backup.err and (shop_folder / "copy/CURRENT").is_file()
    assert set(snapshot_files(store)) <= {f"{WRITING}/LOCK"}
    assert any("Generation" in line and "answers now" in line for line in service.stderr_lines)


def test_feedback_commands_may_name_product_identifiers(shop_folder: Path, service: ServiceProcess) -> None:
    store_option, photo_file = ("--store", shop_folder / "store"), next(iter(sorted(shop_folder.glob("*.png"))))
    answer = run_command("search", photo_file, "-k", 5, "--remember", *store_option, "--json").json
    query_id, product_id = answer["query_id"], answer["results"][1]["product_id"]
    with Client(service.address, Keys(shop_folder / "store").create("feedback", "admin")[0]) as client:
        assert client.product(product_id).identifiers == []
    feed = feed_of(shop_folder / "rows.jsonl", [row(product_id, photo_file.name, identifiers=["SKU-77"])])
    assert run_command("add", feed, *store_option).code == 0
    result = run_command("feedback", "purchase", query_id, "SKU-77", *store_option, "--json")
    assert (result.code, result.json["added"]["purchase"]) == (0, 1)
    repeated = run_command("feedback", "purchase", query_id, product_id, *store_option)
    assert repeated.code == 0 and "duplicate-event" in repeated.err
    events = shop_folder / "events.jsonl"
    events.write_text(f'{{"query_id": "{query_id}", "product_id": "SKU-77", "kind": "click"}}\nrubbish\n')
    batch = run_command("feedback", "add", events, *store_option, "--json")
    assert (batch.code, batch.json["added"]["click"], batch.json["rejected"]) == (0, 1, 1)
    unknown_product = run_command("feedback", "click", query_id, "unheard of", *store_option, "--json")
    assert (unknown_product.code, unknown_product.json["error"]["code"]) == (3, "unknown-product")
    missing_file = run_command("feedback", "add", shop_folder / "nowhere.jsonl", *store_option, "--json")
    assert (missing_file.code, missing_file.json["error"]["code"]) == (3, "no-events")


def test_only_commands_of_the_same_user_get_a_snapshot(shop_folder: Path, service: ServiceProcess) -> None:
    store = shop_folder / "store"
    assert stat.S_IMODE((store / "OWNER").stat().st_mode) == 0o600
    key, _ = Keys(store).create("x", "admin")
    for secret, code in (("", "unauthenticated"), (key, "insufficient-role"), ("wrong", "unknown-key")):
        with Client(service.address, secret) as client, pytest.raises(ServiceError) as error:
            client.command("snapshot", {"name": WRITING})
        assert error.value.code == code
    owner = find_service(store)
    assert owner is not None and owner.address == service.address
    with Client(owner.address, owner.secret) as client:
        for name in ("../../x", "reading-1", "nobody"):
            with pytest.raises(ServiceError) as error:
                client.command("snapshot", {"name": name})
            assert error.value.code == "no-snapshot"


def test_changes_of_a_command_survive_a_killed_service(shop_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(shop_folder, folder, ignore=shutil.ignore_patterns("OWNER", "snapshots"))
    model = folder / "model.onnx"
    settings = Settings(store=folder / "store", model=model)
    with run_service(settings.store, "--model", str(model)) as service:
        with open_snapshot(settings, writes=True) as (snapshot, snapshot_settings):
            assert snapshot is not None
            with Shop(settings=snapshot_settings, _snapshot=snapshot) as shop:
                removed_id = min(shop.products.ids())
                shop.products.remove(removed_id)
                with Client(service.address, Keys(settings.store).create("x", "write")[0]) as client:
                    updated = client.update(max(shop.products.ids()), price=7.5)
            service.process.send_signal(signal.SIGKILL)
            service.process.wait(30)
        with Shop(settings=settings) as shop:
            assert removed_id not in set(shop.products.ids())
            product = shop.products.get(updated.id)
            assert product is not None and product.price == 7.5, "what was written to the service meanwhile is kept"
    assert find_service(settings.store) is None


def test_adoption_keeps_what_was_written_to_the_service(shop: Shop, folder: Path) -> None:
    command_feed = feed_of(folder / "new.jsonl", [row("new", photo(folder / "new.png", (120, 20, 160)).name)])
    service_feed = feed_of(folder / "late.jsonl", [row("late", photo(folder / "late.png", (20, 120, 130)).name)])
    before = shop.generations.live
    with open_snapshot_folder(shop.folder, writes=True, wait=1) as snapshot:
        shop.snapshots.write(WRITING)
        with Shop(shop.folder, embedder=ColourEmbedder(), settings=SETTINGS, _snapshot=snapshot) as command_shop:
            command_shop.add(command_feed)
            command_shop.products.update("red-0", price=1.0)
            command_shop.products.update("red-1", price=2.0)
            shop.products.update("red-1", price=3.0)
            shop.products.remove("blue-0")
            shop.add(service_feed)
            assert len(command_shop) == 13
        stop, result_counts = threading.Event(), list[int]()

        def search() -> None:
            while not stop.is_set():
                result_counts.append(len(shop.search(folder / "red-0.png", k=20).results))

        searcher = threading.Thread(target=search)
        searcher.start()
        shop.snapshots.take_back()
        stop.set()
        searcher.join()
    prices = {name: product.price for name in ("red-0", "red-1") if (product := shop.products.get(name)) is not None}
    assert prices == {"red-0": 1.0, "red-1": 3.0}
    assert {"new", "late"} < set(shop.products.ids()) and "blue-0" not in set(shop.products.ids()) and len(shop) == 13
    assert set(result_counts) <= {12, 13} and shop.generations.live > before, (
        "first 12 products (with late, without blue-0), then also new"
    )
    for name in ("new", "late"):
        assert shop.search(folder / f"{name}.png", k=1).results[0].product.id == name
    with pytest.raises(StoreError, match=r"No copy of the live generation|No command waits"):
        shop.snapshots.take_back()


def test_a_generation_that_cannot_be_adopted_stays_in_the_snapshot(shop: Shop) -> None:
    with open_snapshot_folder(shop.folder, writes=True, wait=1) as snapshot:
        shop.snapshots.write(WRITING)
        [generation] = (snapshot / "generations").iterdir()
        (generation / "manifest.json").write_text("{")
        with pytest.raises(StoreError, match="manifest"):
            shop.snapshots.take_back()
        assert generation.is_dir()
    assert len(shop.search(read_red_photo(shop), k=20).results) == 12


def read_red_photo(shop: Shop) -> bytes:
    """Return the bytes of the photo of product ``red-0``."""
    product = shop.products.get("red-0")
    assert product is not None
    return Path(product.photos[0]).read_bytes()


def test_a_failure_after_the_switch_keeps_the_new_generation(shop: Shop, folder: Path) -> None:
    store = shop._parts.store
    with open_snapshot_folder(shop.folder, writes=True, wait=1):
        shop.snapshots.write(WRITING)
        with pytest.raises(RuntimeError), store.writing(), adopt_snapshot(store) as (generation, _):
            store.switch(generation)
            raise RuntimeError
    assert len(shop.search(read_red_photo(shop), k=20).results) == 12
    shop.close()
    with Shop(folder / "store", embedder=ColourEmbedder(), settings=SETTINGS) as reopened:
        assert (len(reopened), reopened.generations.live) == (12, "000002")


def test_refuses_to_adopt_after_another_generation_took_over(shop: Shop) -> None:
    with open_snapshot_folder(shop.folder, writes=True, wait=1):
        shop.snapshots.write(WRITING)
        shop.training.train_filters()
        with pytest.raises(StoreError) as error:
            shop.snapshots.take_back()
        assert error.value.code == "another-generation" and shop.generations.live == "000002"
        rename_base_generation(shop.folder, "000001", "000002")  # as when a graph is built over the same products
        shop.snapshots.take_back()
        assert shop.generations.live == "000003"


def test_completes_the_adoption_that_a_killed_service_began(shop: Shop) -> None:
    with open_snapshot_folder(shop.folder, writes=True, wait=1) as snapshot:
        shop.snapshots.write(WRITING)
        with Shop(shop.folder, embedder=ColourEmbedder(), settings=SETTINGS, _snapshot=snapshot) as command_shop:
            command_shop.products.remove("red-0")
        (snapshot / ADOPTED_AS).write_text("000002")
        (snapshot / "generations/000001").rename(shop.folder / "generations/000002")
        shop.snapshots.take_back()
        assert (len(shop), shop.generations.live) == (11, "000002")
        shop.snapshots.take_back()
        assert (len(shop), shop.generations.live) == (11, "000002"), "it was adopted before"


def test_skips_truncated_lines_of_the_write_log(shop: Shop) -> None:
    with open_snapshot_folder(shop.folder, writes=True, wait=1) as snapshot:
        shop.snapshots.write(WRITING)
        log_writes(shop.folder, ["a", "b"])
        with (snapshot / WRITE_LOG).open("a") as file:
            file.write('\n"cut o')
        log_writes(shop.folder, ["c", "a"])
        assert logged_ids(shop.folder, shop.generations.live) == ["a", "b", "c"]


def test_only_one_command_at_a_time_changes_a_store(shop: Shop) -> None:
    with open_snapshot_folder(shop.folder, writes=True, wait=0.1):
        with pytest.raises(StoreError) as error, open_snapshot_folder(shop.folder, writes=True, wait=0.1):
            pass
        assert error.value.code == "store-in-use" and f"process {os.getpid()}" in error.value.problem
        with (
            open_snapshot_folder(shop.folder, writes=False, wait=0.1) as first,
            open_snapshot_folder(shop.folder, writes=False, wait=0) as second,
        ):
            shop.snapshots.write(first.name)
            assert first != second and (first / "CURRENT").is_file()
    assert not list(shop.folder.glob("snapshots/reading-*"))


def test_removes_the_folders_of_killed_commands(shop: Shop) -> None:
    old, young = shop.folder / "snapshots/reading-0123456789abcdef", shop.folder / "snapshots/reading-fedcba9876543210"
    other = shop.folder / "snapshots/notes"
    for path in (old, young, other):
        path.mkdir(parents=True)
    for path in (old, other):
        os.utime(path, (time.time() - ABANDONED_SECONDS - 1,) * 2)
    with open_snapshot_folder(shop.folder, writes=True, wait=1) as locked:
        os.utime(locked, (0, 0))
        remove_abandoned_snapshots(shop.folder)
        assert [folder.is_dir() for folder in (old, young, other, locked)] == [False, True, True, True]


def test_refuses_a_command_with_another_model_before_it_starts(shop_folder: Path, service: ServiceProcess) -> None:
    settings = Settings(store=shop_folder / "store", model=shop_folder / "model.onnx")
    with (
        pytest.raises(Refused, match="The service uses"),
        open_snapshot(replace(settings, model=shop_folder / "other.onnx"), writes=True),
    ):
        raise AssertionError
    assert service.process.poll() is None
