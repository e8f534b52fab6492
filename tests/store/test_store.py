"""A store on disk: which generation is live, and how readers, writers and the end of the store work together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest
import qdrant_edge as engine

from shoplens.errors import StoreError
from shoplens.index.protocol import VectorSizes
from shoplens.index.qdrant.config import engine_config
from shoplens.index.qdrant.qdrant_index import QdrantIndex
from shoplens.store.copies.backups import write_backup
from shoplens.store.copies.restoring import restore
from shoplens.store.files.atomic import SEAL, copy_tree, size_on_disk
from shoplens.store.manifest import Manifest, load_manifest
from shoplens.store.search_graph import build_graph
from shoplens.store.store import Store
from tests.fakes import Stopped
from tests.store.conftest import entries, fill_store

GRAPH_PRODUCTS = 10_100
"""A number of products that is enough for a search graph where vectors have 256 dimensions."""


def generation_names(folder: Path) -> list[str]:
    """Return the sorted names of all entries in the folder of generations."""
    return sorted(path.name for path in (folder / "generations").iterdir())


def opening_error(folder: Path) -> StoreError:
    """Return the error of opening the store in ``folder`` without waiting for its lock."""
    with pytest.raises(StoreError) as error:
        Store(folder, lock_wait=0.0)
    return error.value


@pytest.fixture(scope="module")
def large_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a closed store of so many products that it needs a search graph."""
    store = Store(tmp_path_factory.mktemp("large") / "store", create=True)
    fill_store(store, range(GRAPH_PRODUCTS), dimensions=256)
    store.close()
    return store.folder


@pytest.fixture
def large_store(large_folder: Path, tmp_path: Path) -> Iterator[Store]:
    """Open a copy of the large store for one test."""
    copy_tree(large_folder, tmp_path / "large")
    store = Store(tmp_path / "large")
    yield store
    store.close()


# Generations


def test_the_first_generation_goes_live_in_one_step(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    with store.new_generation(Manifest("m", 4, "/f", "jsonl", "now")) as generation:
        generation.index.upsert(entries(range(3)))
        assert (store.has_live, load_manifest(generation.folder).complete) == (False, False)
        assert not (tmp_path / "store" / "CURRENT").exists()
        store.switch(generation)
    assert (tmp_path / "store" / "CURRENT").read_text() == "000001\n"
    assert load_manifest(store.live.folder).complete
    assert store.live.index.count() == 3
    store.close()


def test_a_new_generation_replaces_the_previous_one(store: Store) -> None:
    fill_store(store, range(5), model="next@1")
    assert (generation_names(store.folder), store.live.name) == (["000002"], "000002")
    assert (store.live.manifest.model, store.live.index.count()) == ("next@1", 5)


def test_the_previous_generation_serves_until_the_switch(store: Store) -> None:
    with store.new_generation(Manifest("colour@1", 4, "/f", "jsonl", "now")) as generation:
        generation.index.upsert(entries(range(3)))
        assert (store.live.name, store.live.index.count()) == ("000001", 10)
        store.switch(generation)
    assert store.live.index.count() == 3


def test_opening_finishes_an_interrupted_switch(folder: Path) -> None:
    copy_tree(folder / "generations" / "000001", folder / "generations" / "000002")
    (folder / "CURRENT").write_text("000002\n")
    store = Store(folder)
    assert (generation_names(folder), store.live.name, store.live.index.count()) == (["000002"], "000002", 10)
    store.close()


def test_an_interrupted_generation_is_continued_by_the_same_model_only(folder: Path) -> None:
    store = Store(folder)
    with pytest.raises(Stopped), store.new_generation(Manifest("a", 4, "/f", "jsonl", "first")) as generation:
        generation.index.upsert(entries(range(3)))
        raise Stopped
    store.close()
    assert generation_names(folder) == ["000001", "000002"]
    store = Store(folder)
    assert store.live.name == "000001"
    with pytest.raises(Stopped), store.new_generation(Manifest("a", 4, "/g", "jsonl", "second")) as generation:
        assert (generation.name, generation.index.count()) == ("000002", 3)
        assert (generation.manifest.created, generation.manifest.feed) == ("first", "/g")
        raise Stopped
    with store.new_generation(Manifest("b", 4, "/f", "jsonl", "third")) as generation:
        assert generation.index.count() == 0
        generation.index.upsert(entries(range(1)))
        store.switch(generation)
    assert generation_names(folder) == [store.live.name]
    store.close()


def test_an_interrupted_generation_without_products_is_removed(store: Store) -> None:
    with pytest.raises(Stopped), store.new_generation(Manifest("a", 4, "/f", "jsonl", "now")):
        raise Stopped
    assert generation_names(store.folder) == ["000001"]


@pytest.mark.parametrize("damage", ["no-manifest", "incomplete-shard", "empty"])
def test_an_unfinished_generation_that_cannot_be_continued_is_built_from_the_start(folder: Path, damage: str) -> None:
    manifest = Manifest("colour@1", 4, "/f", "jsonl", "now")
    unfinished = folder / "generations" / "000002"
    unfinished.mkdir()
    if damage == "incomplete-shard":
        manifest.write(unfinished)
        (unfinished / "shard" / "segments").mkdir(parents=True)
    elif damage == "no-manifest":
        copy_tree(folder / "generations" / "000001" / "shard", unfinished / "shard")
    store = Store(folder)
    with store.new_generation(manifest) as generation:
        assert generation.index.count() == 0
        generation.index.upsert(entries(range(2)))
        store.switch(generation)
    assert store.live.index.count() == 2
    store.close()


def test_opening_a_shard_adds_its_missing_field_indexes(tmp_path: Path) -> None:
    (tmp_path / "shard").mkdir()
    engine.EdgeShard.create(str(tmp_path / "shard"), engine_config(VectorSizes(4))).close()
    index = QdrantIndex(tmp_path / "shard", VectorSizes(4))
    assert {"view", "hashes", "size"} <= index._shard.info().payload_schema.keys()
    index.close()


@pytest.mark.slow
def test_a_graph_is_built_only_where_one_is_needed(large_store: Store) -> None:
    large_store.live.index.remove([f"p{number}" for number in range(100)])
    without_graph = large_store.live
    build_graph(large_store, without_graph)
    assert large_store.live is without_graph
    large_store.live.index.upsert(entries(range(100), dimensions=256))
    build_graph(large_store, without_graph)
    assert large_store.live is not without_graph
    assert (large_store.live.index.count(), large_store.live.index.needs_graph()) == (GRAPH_PRODUCTS, False)
    assert large_store.live.index.records(["p9999"])[0].photos == entries(range(9999, 10_000))[0].photos
    with_graph = large_store.live
    build_graph(large_store, with_graph)
    assert large_store.live is with_graph


def test_copies_take_no_more_disk_space_than_the_store(folder: Path, folder_on_disk: Path) -> None:
    copy_tree(folder, folder_on_disk / "store")
    with closing(Store(folder_on_disk / "store")) as store:
        write_backup(store, folder_on_disk / "backup")
        restore(folder_on_disk / "backup", folder_on_disk / "restored")
        size = size_on_disk(store.folder)
        assert size < 2e6 < sum(path.stat().st_size for path in store.folder.rglob("*"))
        for name in "backup", "restored":
            assert size_on_disk(folder_on_disk / name) < 1.1 * size
        for path in (path for path in store.live.folder.rglob("*") if path.is_file()):
            restored = folder_on_disk / "restored" / path.relative_to(store.folder)
            assert path.name == SEAL or restored.read_bytes() == path.read_bytes()


def test_files_that_are_no_generation_are_left_alone(folder: Path) -> None:
    (folder / "generations" / ".DS_Store").write_text("finder")
    (folder / "generations" / "000000").write_text("a file")
    (folder / "generations" / "notes.partial").mkdir()
    store = Store(folder)
    fill_store(store, range(3))
    store.close()
    assert generation_names(folder) == [".DS_Store", "000000", "000002", "notes.partial"]


def test_the_number_of_a_partial_generation_is_not_used(folder: Path) -> None:
    store = Store(folder)
    (folder / "generations" / "000002.partial").mkdir()
    fill_store(store, range(3))
    assert store.live.name == "000003"
    store.close()


def test_an_unfinished_graph_is_removed_by_opening_the_store_but_not_the_index(store: Store) -> None:
    graph_folder = store.live.shard / "temp_segments" / "segment"
    graph_folder.mkdir(parents=True)
    with pytest.raises(StoreError, match="may still be building the search graph"):
        QdrantIndex(store.live.shard, VectorSizes(4))
    assert graph_folder.is_dir()
    store.close()
    Store(store.folder).close()
    assert not graph_folder.exists()


# Readers during writes


def test_a_reader_keeps_its_generation_through_a_switch(store: Store) -> None:
    with store.reading() as before:
        fill_store(store, range(3))
        assert store.live is not before
        assert before.index.count() == 10
        assert before.folder.is_dir()
    assert store.live.index.count() == 3
    store.close()
    assert not before.folder.exists()


def test_the_last_reader_does_not_wait_until_its_generation_is_removed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Event(), threading.Event()
    remove = store.layout.remove

    def remove_slowly(folder: Path) -> None:
        begun.set()
        assert may_end.wait(10)
        remove(folder)

    monkeypatch.setattr(store.layout, "remove", remove_slowly)
    with store.reading() as before:
        fill_store(store, range(3))
    assert begun.wait(10) and before.folder.is_dir()
    may_end.set()
    store.close()
    assert not before.folder.exists(), "a store is closed when everything in it is"


@pytest.mark.slow
def test_readers_get_answers_while_a_graph_is_built(large_store: Store) -> None:
    done, counts, problems = threading.Event(), list[int](), list[Exception]()
    query = entries(range(1), dimensions=256)[0].vectors[0]

    def read() -> None:
        while not done.wait(0.005):
            try:
                with large_store.reading() as generation:
                    counts.append(len(generation.index.nearest_products(query, 5)))
            except Exception as problem:
                problems.append(problem)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    before = large_store.live
    build_graph(large_store, before)
    done.set()
    for reader in readers:
        reader.join()
    assert problems == []
    assert set(counts) == {5}
    assert large_store.live is not before
    assert large_store.live.index.count() == GRAPH_PRODUCTS
    live = large_store.live.name
    large_store.close()  # it waits for the thread that removes what was read last
    assert generation_names(large_store.folder) == [live]


def test_opening_removes_a_partial_generation(folder: Path) -> None:
    copy_tree(folder / "generations/000001", folder / "generations/000002.partial")
    Store(folder).close()
    assert generation_names(folder) == ["000001"]


@pytest.mark.parametrize("use", [Store.reading, Store.writing])
def test_using_a_closed_store_is_an_error(folder: Path, use: Callable[[Store], AbstractContextManager[object]]) -> None:
    store = Store(folder)
    store.close()
    store.close()
    with pytest.raises(StoreError) as error, use(store):
        pass
    assert error.value.code == "closed-store"


def test_a_closed_store_stays_locked_until_its_readers_end(store: Store) -> None:
    closed, answers, before = threading.Event(), list[int](), store.live

    def read() -> None:
        closed.wait(10)
        answers.append(before.index.count())

    def close() -> None:
        store.close()
        closed.set()

    with store.reading(), store.reading():
        fill_store(store, range(3))
        with store.reading() as live:
            threads = [threading.Thread(target=read), threading.Thread(target=close)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert (answers, live.index.count()) == ([10], 3)
        assert before.index.count() == 10
        assert opening_error(store.folder).code == "store-in-use"
    reopened = Store(store.folder, lock_wait=0.0)
    assert (reopened.live.index.count(), generation_names(store.folder)) == (3, ["000002"])
    reopened.close()


def test_a_close_waits_for_a_writer(store: Store) -> None:
    closer = threading.Thread(target=store.close)
    with store.writing():
        closer.start()
        closer.join(0.1)
        assert closer.is_alive()
        fill_store(store, range(3))
    closer.join()
    reopened = Store(store.folder, lock_wait=0.0)
    assert reopened.live.index.count() == 3
    reopened.close()
