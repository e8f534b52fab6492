"""The object store keeps contents and versions: in a folder, and on S3, which moto plays here."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.errors import SettingsError, StoreError
from shoplens.settings import settings_from
from tests.fakes import ColourEmbedder, colored_rows, feed_of

pytest.importorskip("fsspec")
pytestmark = [pytest.mark.extras, pytest.mark.filterwarnings("ignore")]  # those of boto and moto

if True:  # after the skip
    from shoplens.store.server.objects import KEPT_VERSIONS, ObjectStore
    from shoplens.store.server.write_log import LEASE_SECONDS, WriteLog


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """Yield the address of a bucket on a server that plays S3."""
    pytest.importorskip("s3fs")
    moto = pytest.importorskip("moto.server")
    import s3fs

    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        s3fs.S3FileSystem(use_listings_cache=False).mkdir("shop-bucket")
        yield "s3://shop-bucket"
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "objects")
    return f"{request.getfixturevalue('bucket')}/{secrets.token_hex(4)}"


@pytest.fixture
def objects(root: str) -> ObjectStore:
    return ObjectStore(root)


def test_a_content_is_stored_once_and_found_by_its_hash(objects: ObjectStore) -> None:
    first, second = objects.put(b"filters"), objects.put(b"filters")
    assert first == second and objects.get(first) == b"filters"
    with pytest.raises(StoreError, match="lacks the content") as caught:
        objects.get("0" * 64)
    assert caught.value.code == "damaged-store"


def test_a_content_that_was_damaged_is_refused(tmp_path: Path) -> None:
    objects = ObjectStore(str(tmp_path))
    name = objects.put(b"filters")
    (tmp_path / "objects" / name[:2] / name).write_bytes(b"filterz")
    with pytest.raises(StoreError, match="differs from its name"):
        objects.get(name)


def test_a_document_keeps_its_versions(objects: ObjectStore) -> None:
    assert objects.read("shop/live") == (0, {})
    for number in range(1, KEPT_VERSIONS + 4):
        assert objects.change("shop/live", lambda before, n=number: {**before, "n": n}) == number  # type: ignore[misc]
    assert objects.read("shop/live") == (KEPT_VERSIONS + 3, {"n": KEPT_VERSIONS + 3})
    assert objects.change("shop/live", lambda before: before) == KEPT_VERSIONS + 3
    assert objects.list_documents("shop") == ["live"]
    assert len(objects.list_files("shop/live/versions")) == KEPT_VERSIONS
    objects.remove("shop/live")
    assert objects.read("shop/live") == (0, {}) and objects.list_documents("shop") == []


def test_writers_at_the_same_time_lose_nothing(root: str) -> None:
    def add(name: str) -> None:
        ObjectStore(root).change("log", lambda before: {"names": [*before.get("names", []), name]})

    writers = [threading.Thread(target=add, args=(f"w{number}",)) for number in range(5)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    number, content = ObjectStore(root).read("log")
    assert sorted(content["names"]) == [f"w{number}" for number in range(5)] and number == 5


def test_files_of_a_build_come_and_go(objects: ObjectStore) -> None:
    objects.write_file("work/a", b"1")
    objects.write_file("work/a", b"2")
    assert (objects.read_file("work/a"), objects.has_file("work/b"), objects.list_files("work")) == (b"2", False, ["a"])
    objects.remove_files("work")
    objects.remove_files("work")
    assert objects.list_files("work") == []


def test_an_address_that_nothing_opens_is_told() -> None:
    with pytest.raises(SettingsError, match="cannot be opened"):
        ObjectStore("nowhere://x")


def test_a_builder_that_died_loses_its_lease(objects: ObjectStore) -> None:
    now = [1_000.0]
    logs = [WriteLog(objects, "shop", clock=lambda: now[0], pause=lambda seconds: None) for _ in range(3)]
    dead = logs[0].building()
    dead.__enter__()
    with pytest.raises(StoreError) as caught, logs[1].building():
        raise AssertionError("the lease is held")
    assert caught.value.code == "store-in-use"
    logs[2].add(["p1", "p2"])
    now[0] += LEASE_SECONDS + 1
    logs[2].add(["p3"])  # nobody builds now
    with logs[1].building():
        logs[2].add(["p4", "p4"])
        assert logs[1].close() == ["p4"]
        with pytest.raises(StoreError):
            logs[0].require_lease()
    logs[0].require_lease()
    dead.__exit__(None, None, None)  # it never died: its thread ends here


def test_a_store_on_s3_is_opened_by_another_machine(bucket: str, tmp_path: Path) -> None:
    pytest.importorskip("qdrant_client")
    address = Path(f"qdrant://:memory:/s3-{secrets.token_hex(4)}")
    settings = settings_from({}, store=address, work_folder=tmp_path / "work", object_store=f"{bucket}/stores")
    feed = feed_of(tmp_path / "feed.jsonl", colored_rows(tmp_path, range(8)))
    shop, _ = Shop.index(feed, settings=settings, embedder=ColourEmbedder())
    with shop, Shop(settings=replace(settings, store=tmp_path / "other"), embedder=ColourEmbedder()) as other:
        assert len(other) == 8
        assert other.search(tmp_path / "p3.png", k=1).results[0].product.id == "p3"
