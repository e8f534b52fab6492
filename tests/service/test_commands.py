"""Commands beside a service: they work on what it lends, and it takes over what they made."""

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
from tests.service.serving import Served, serving


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``store``, ``model.onnx`` and the feed."""
    return index_pixel_shop(tmp_path_factory.mktemp("beside"), 12, 1)


@pytest.fixture(scope="module")
def served(made_once: Path) -> Iterator[Served]:
    with serving(made_once / "store", "--model", str(made_once / "model.onnx"), "--rate-limit", "0") as one:
        yield one


def lent(store: Path) -> list[str]:
    """What is left of copies."""
    return sorted(str(path.relative_to(store / "snapshots")) for path in store.glob("snapshots/*/*"))


def test_commands_read_and_change_what_a_service_has(made_once: Path, served: Served) -> None:
    store, before = made_once / "store", run_command("info", "--store", made_once / "store", "--json").json
    with Client(served.address) as client:
        first = client.search((next(iter(made_once.glob("*.png")))).read_bytes(), k=12)
        gone, kept = first.results[0].product_id, first.results[1].product_id
        assert run_command("remove", gone, "--store", store, "--json").json == {"removed": 1, "unknown": []}
        with pytest.raises(ServiceError, match=gone):
            client.product(gone)
        assert client.product(kept).id == kept
        assert run_command("remove", gone, "--store", store).code == 0, "what changes nothing leaves the generation"
        after = run_command("info", "--store", store, "--json").json
        assert (after["products"], after["generation"]) == (11, f"{int(before['generation']) + 1:06d}")
        [one] = run_command("search", *made_once.glob("p1-*.png"), "-k", 1, "--store", store, "--json").json["results"]
        assert one["product_id"] != gone
        assert run_command("generations", "roll-back", "--store", store).code != 0, "none was kept"
        assert run_command("feedback", "show", "--store", store, "--json").code == 0
        told = run_command("backup", made_once / "copy", "--store", store)
        assert told.code == 0 and "11 products" in told.err and (made_once / "copy/CURRENT").is_file()
    assert set(lent(store)) <= {f"{WRITING}/LOCK"}
    assert any("Generation" in line and "answers now" in line for line in served.said)


def test_feedback_beside_a_service_may_name_rows(made_once: Path, served: Served) -> None:
    store, photo_file = ("--store", made_once / "store"), next(iter(sorted(made_once.glob("*.png"))))
    found = run_command("search", photo_file, "-k", 5, "--remember", *store, "--json").json
    query, product = found["query_id"], found["results"][1]["product_id"]
    with Client(served.address, Keys(made_once / "store").create("feedback", "admin")[0]) as client:
        assert client.product(product).identifiers == []
    rows = feed_of(made_once / "rows.jsonl", [row(product, photo_file.name, identifiers=["SKU-77"])])
    assert run_command("add", rows, *store).code == 0
    done = run_command("feedback", "purchase", query, "SKU-77", *store, "--json")
    assert (done.code, done.json["added"]["purchase"]) == (0, 1)
    again = run_command("feedback", "purchase", query, product, *store)
    assert again.code == 0 and "duplicate-event" in again.err
    events = made_once / "events.jsonl"
    events.write_text(f'{{"query_id": "{query}", "product_id": "SKU-77", "kind": "click"}}\nrubbish\n')
    many = run_command("feedback", "add", events, *store, "--json")
    assert (many.code, many.json["added"]["click"], many.json["rejected"]) == (0, 1, 1)
    unknown = run_command("feedback", "click", query, "unheard of", *store, "--json")
    assert (unknown.code, unknown.json["error"]["code"]) == (3, "unknown-product")
    missing = run_command("feedback", "add", made_once / "nowhere.jsonl", *store, "--json")
    assert (missing.code, missing.json["error"]["code"]) == (3, "no-events")


def test_only_commands_of_its_user_are_lent_to(made_once: Path, served: Served) -> None:
    store = made_once / "store"
    assert stat.S_IMODE((store / "OWNER").stat().st_mode) == 0o600
    key, _ = Keys(store).create("x", "admin")
    for secret, code in (("", "unauthenticated"), (key, "insufficient-role"), ("wrong", "unknown-key")):
        with Client(served.address, secret) as client, pytest.raises(ServiceError) as told:
            client.command("snapshot", {"name": WRITING})
        assert told.value.code == code
    found = find_service(store)
    assert found is not None and found.address == served.address
    with Client(found.address, found.secret) as client:
        for name in ("../../x", "reading-1", "nobody"):
            with pytest.raises(ServiceError) as told:
                client.command("snapshot", {"name": name})
            assert told.value.code == "no-snapshot"


def test_a_command_hands_over_though_the_service_has_gone(made_once: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(made_once, folder, ignore=shutil.ignore_patterns("OWNER", "snapshots"))
    model = folder / "model.onnx"
    settings = Settings(store=folder / "store", model=model)
    with serving(settings.store, "--model", str(model)) as one:
        with open_snapshot(settings, writes=True) as (place, used):
            assert place is not None
            with Shop(settings=used, _snapshot=place) as shop:
                name = min(shop.products.ids())
                shop.products.remove(name)
                with Client(one.address, Keys(settings.store).create("x", "write")[0]) as client:
                    other = client.update(max(shop.products.ids()), price=7.5)
            one.process.send_signal(signal.SIGKILL)
            one.process.wait(30)
        with Shop(settings=settings) as shop:
            assert name not in set(shop.products.ids())
            found = shop.products.get(other.id)
            assert found is not None and found.price == 7.5, "what was written meanwhile comes along"
    assert find_service(settings.store) is None


def test_what_was_written_meanwhile_comes_along(shop: Shop, folder: Path) -> None:
    new = feed_of(folder / "new.jsonl", [row("new", photo(folder / "new.png", (120, 20, 160)).name)])
    late = feed_of(folder / "late.jsonl", [row("late", photo(folder / "late.png", (20, 120, 130)).name)])
    before = shop.generations.live
    with open_snapshot_folder(shop.folder, writes=True, wait=1) as place:
        shop.snapshots.write(WRITING)
        with Shop(shop.folder, embedder=ColourEmbedder(), settings=SETTINGS, _snapshot=place) as theirs:
            theirs.add(new)
            theirs.products.update("red-0", price=1.0)
            theirs.products.update("red-1", price=2.0)
            shop.products.update("red-1", price=3.0)
            shop.products.remove("blue-0")
            shop.add(late)
            assert len(theirs) == 13
        searched, ends = threading.Event(), list[int]()

        def search() -> None:
            while not searched.is_set():
                ends.append(len(shop.search(folder / "red-0.png", k=20).results))

        beside = threading.Thread(target=search)
        beside.start()
        shop.snapshots.take_back()
        searched.set()
        beside.join()
    prices = {name: found.price for name in ("red-0", "red-1") if (found := shop.products.get(name)) is not None}
    assert prices == {"red-0": 1.0, "red-1": 3.0}
    assert {"new", "late"} < set(shop.products.ids()) and "blue-0" not in set(shop.products.ids()) and len(shop) == 13
    assert set(ends) <= {12, 13} and shop.generations.live > before, "12 with late and without blue-0; then new, too"
    for name in ("new", "late"):
        assert shop.search(folder / f"{name}.png", k=1).results[0].product.id == name
    with pytest.raises(StoreError, match=r"No copy of the live generation|No command waits"):
        shop.snapshots.take_back()


def test_what_cannot_be_taken_over_stays_with_the_command(shop: Shop) -> None:
    with open_snapshot_folder(shop.folder, writes=True, wait=1) as place:
        shop.snapshots.write(WRITING)
        [generation] = (place / "generations").iterdir()
        (generation / "manifest.json").write_text("{")
        with pytest.raises(StoreError, match="manifest"):
            shop.snapshots.take_back()
        assert generation.is_dir()
    assert len(shop.search(color_of(shop), k=20).results) == 12


def color_of(shop: Shop) -> bytes:
    found = shop.products.get("red-0")
    assert found is not None
    return Path(found.photos[0]).read_bytes()


def test_what_fails_after_the_switch_leaves_what_took_over(shop: Shop, folder: Path) -> None:
    store = shop._parts.store
    with open_snapshot_folder(shop.folder, writes=True, wait=1):
        shop.snapshots.write(WRITING)
        with pytest.raises(RuntimeError), store.writing(), adopt_snapshot(store) as (generation, _):
            store.switch(generation)
            raise RuntimeError
    assert len(shop.search(color_of(shop), k=20).results) == 12
    shop.close()
    with Shop(folder / "store", embedder=ColourEmbedder(), settings=SETTINGS) as again:
        assert (len(again), again.generations.live) == (12, "000002")


def test_another_generation_that_took_over_is_not_replaced(shop: Shop) -> None:
    with open_snapshot_folder(shop.folder, writes=True, wait=1):
        shop.snapshots.write(WRITING)
        shop.training.train_filters()
        with pytest.raises(StoreError) as told:
            shop.snapshots.take_back()
        assert told.value.code == "another-generation" and shop.generations.live == "000002"
        rename_base_generation(shop.folder, "000001", "000002")  # as after a graph was built over the same products
        shop.snapshots.take_back()
        assert shop.generations.live == "000003"


def test_what_a_service_that_died_was_taking_is_taken(shop: Shop) -> None:
    with open_snapshot_folder(shop.folder, writes=True, wait=1) as place:
        shop.snapshots.write(WRITING)
        with Shop(shop.folder, embedder=ColourEmbedder(), settings=SETTINGS, _snapshot=place) as theirs:
            theirs.products.remove("red-0")
        (place / ADOPTED_AS).write_text("000002")
        (place / "generations/000001").rename(shop.folder / "generations/000002")
        shop.snapshots.take_back()
        assert (len(shop), shop.generations.live) == (11, "000002")
        shop.snapshots.take_back()
        assert (len(shop), shop.generations.live) == (11, "000002"), "it was taken already"


def test_notes_that_were_cut_off_are_passed_over(shop: Shop) -> None:
    with open_snapshot_folder(shop.folder, writes=True, wait=1) as place:
        shop.snapshots.write(WRITING)
        log_writes(shop.folder, ["a", "b"])
        with (place / WRITE_LOG).open("a") as file:
            file.write('\n"cut o')
        log_writes(shop.folder, ["c", "a"])
        assert logged_ids(shop.folder, shop.generations.live) == ["a", "b", "c"]


def test_one_command_changes_a_store_at_a_time(shop: Shop) -> None:
    with open_snapshot_folder(shop.folder, writes=True, wait=0.1):
        with pytest.raises(StoreError) as told, open_snapshot_folder(shop.folder, writes=True, wait=0.1):
            pass
        assert told.value.code == "store-in-use" and f"process {os.getpid()}" in told.value.problem
        with (
            open_snapshot_folder(shop.folder, writes=False, wait=0.1) as one,
            open_snapshot_folder(shop.folder, writes=False, wait=0) as two,
        ):
            shop.snapshots.write(one.name)
            assert one != two and (one / "CURRENT").is_file()
    assert not list(shop.folder.glob("snapshots/reading-*"))


def test_what_commands_left_that_died_goes(shop: Shop) -> None:
    old, young = shop.folder / "snapshots/reading-0123456789abcdef", shop.folder / "snapshots/reading-fedcba9876543210"
    other = shop.folder / "snapshots/notes"
    for one in (old, young, other):
        one.mkdir(parents=True)
    for one in (old, other):
        os.utime(one, (time.time() - ABANDONED_SECONDS - 1,) * 2)
    with open_snapshot_folder(shop.folder, writes=True, wait=1) as working:
        os.utime(working, (0, 0))
        remove_abandoned_snapshots(shop.folder)
        assert [path.is_dir() for path in (old, young, other, working)] == [False, True, True, True]


def test_a_command_by_another_model_is_refused_before_it_works(made_once: Path, served: Served) -> None:
    settings = Settings(store=made_once / "store", model=made_once / "model.onnx")
    with (
        pytest.raises(Refused, match="The service uses"),
        open_snapshot(replace(settings, model=made_once / "other.onnx"), writes=True),
    ):
        raise AssertionError
    assert served.process.poll() is None
