"""A store on disk: which generation is live, and who reads it meanwhile."""

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
from shoplens.store.files.atomic import copy_tree, size_on_disk
from shoplens.store.manifest import Manifest, load_manifest
from shoplens.store.search_graph import build_graph
from shoplens.store.store import Store
from tests.fakes import Stopped
from tests.store.conftest import entries, filled

ENOUGH = 10_100
"""Products of 256 dimensions for which a graph pays."""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "generations").iterdir())


def refusal(folder: Path) -> StoreError:
    with pytest.raises(StoreError) as told:
        Store(folder, lock_wait=0.0)
    return told.value


@pytest.fixture(scope="module")
def many_built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of so many products that a graph is due."""
    store = Store(tmp_path_factory.mktemp("many") / "store", create=True)
    filled(store, range(ENOUGH), dimensions=256)
    store.close()
    return store.folder


@pytest.fixture
def many(many_built: Path, tmp_path: Path) -> Iterator[Store]:
    copy_tree(many_built, tmp_path / "many")
    opened = Store(tmp_path / "many")
    yield opened
    opened.close()


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


def test_the_next_generation_replaces_the_one_before(store: Store) -> None:
    filled(store, range(5), model="next@1")
    assert (names(store.folder), store.live.name) == (["000002"], "000002")
    assert (store.live.manifest.model, store.live.index.count()) == ("next@1", 5)


def test_the_one_before_serves_until_the_switch(store: Store) -> None:
    with store.new_generation(Manifest("colour@1", 4, "/f", "jsonl", "now")) as generation:
        generation.index.upsert(entries(range(3)))
        assert (store.live.name, store.live.index.count()) == ("000001", 10)
        store.switch(generation)
    assert store.live.index.count() == 3


def test_a_switch_that_was_cut_off_is_tidied_up(folder: Path, built: Path) -> None:
    copy_tree(folder / "generations" / "000001", folder / "generations" / "000002")
    (folder / "CURRENT").write_text("000002\n")
    store = Store(folder)
    assert (names(folder), store.live.name, store.live.index.count()) == (["000002"], "000002", 10)
    store.close()


def test_work_cut_short_is_kept_for_the_same_model_only(folder: Path) -> None:
    store = Store(folder)
    with pytest.raises(Stopped), store.new_generation(Manifest("a", 4, "/f", "jsonl", "first")) as generation:
        generation.index.upsert(entries(range(3)))
        raise Stopped
    store.close()
    assert names(folder) == ["000001", "000002"]
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
    assert names(folder) == [store.live.name]
    store.close()


def test_empty_work_cut_short_leaves_nothing(store: Store) -> None:
    with pytest.raises(Stopped), store.new_generation(Manifest("a", 4, "/f", "jsonl", "now")):
        raise Stopped
    assert names(store.folder) == ["000001"]


@pytest.mark.parametrize("damage", ["no-manifest", "half-made-shard", "empty"])
def test_unfinished_work_that_cannot_be_continued_is_begun_anew(folder: Path, damage: str) -> None:
    manifest = Manifest("colour@1", 4, "/f", "jsonl", "now")
    half = folder / "generations" / "000002"
    half.mkdir()
    if damage == "half-made-shard":
        manifest.write(half)
        (half / "shard" / "segments").mkdir(parents=True)
    elif damage == "no-manifest":
        copy_tree(folder / "generations" / "000001" / "shard", half / "shard")
    store = Store(folder)
    with store.new_generation(manifest) as generation:
        assert generation.index.count() == 0
        generation.index.upsert(entries(range(2)))
        store.switch(generation)
    assert store.live.index.count() == 2
    store.close()


def test_a_shard_whose_making_was_cut_off_gets_the_rest(tmp_path: Path) -> None:
    (tmp_path / "shard").mkdir()
    engine.EdgeShard.create(str(tmp_path / "shard"), engine_config(VectorSizes(4))).close()
    index = QdrantIndex(tmp_path / "shard", VectorSizes(4))
    assert {"view", "hashes", "size"} <= index._shard.info().payload_schema.keys()
    index.close()


@pytest.mark.slow
def test_a_graph_is_built_where_it_is_due(many: Store) -> None:
    many.live.index.remove([f"p{number}" for number in range(100)])
    few = many.live
    build_graph(many, few)
    assert many.live is few
    many.live.index.upsert(entries(range(100), dimensions=256))
    build_graph(many, few)
    assert many.live is not few
    assert (many.live.index.count(), many.live.index.needs_graph()) == (ENOUGH, False)
    assert many.live.index.records(["p9999"])[0].photos == entries(range(9999, 10_000))[0].photos
    with_graph = many.live
    build_graph(many, with_graph)
    assert many.live is with_graph


def test_copies_take_no_more_room_than_the_store(folder: Path, folder_on_disk: Path) -> None:
    copy_tree(folder, folder_on_disk / "store")
    with closing(Store(folder_on_disk / "store")) as store:
        write_backup(store, folder_on_disk / "backup")
        restore(folder_on_disk / "backup", folder_on_disk / "restored")
        taken = size_on_disk(store.folder)
        assert taken < 2e6 < sum(path.stat().st_size for path in store.folder.rglob("*"))
        for copy in "backup", "restored":
            assert size_on_disk(folder_on_disk / copy) < 1.1 * taken
        for path in (path for path in store.live.folder.rglob("*") if path.is_file()):
            copied = folder_on_disk / "restored" / path.relative_to(store.folder)
            assert copied.read_bytes() == path.read_bytes()


def test_what_is_no_generation_is_left_alone(folder: Path) -> None:
    (folder / "generations" / ".DS_Store").write_text("finder")
    (folder / "generations" / "000000").write_text("a file")
    (folder / "generations" / "notes.partial").mkdir()
    store = Store(folder)
    filled(store, range(3))
    store.close()
    assert names(folder) == [".DS_Store", "000000", "000002", "notes.partial"]


def test_a_copy_that_may_still_be_written_to_is_not_used(folder: Path) -> None:
    store = Store(folder)
    (folder / "generations" / "000002.partial").mkdir()
    filled(store, range(3))
    assert store.live.name == "000003"
    store.close()


def test_an_opener_leaves_a_graph_that_is_being_built(store: Store) -> None:
    building = store.live.shard / "temp_segments" / "segment"
    building.mkdir(parents=True)
    with pytest.raises(StoreError, match="may still be building the search graph"):
        QdrantIndex(store.live.shard, VectorSizes(4))
    assert building.is_dir()
    store.close()
    Store(store.folder).close()
    assert not building.exists()


# Readers beside a writer


def test_a_reader_keeps_its_generation_through_a_switch(store: Store) -> None:
    with store.reading() as before:
        filled(store, range(3))
        assert store.live is not before
        assert before.index.count() == 10
        assert before.folder.is_dir()
    assert not before.folder.exists()
    assert store.live.index.count() == 3


@pytest.mark.slow
def test_readers_are_answered_while_a_graph_is_built(many: Store) -> None:
    done, counts, problems = threading.Event(), list[int](), list[Exception]()
    query = entries(range(1), dimensions=256)[0].vectors[0]

    def read() -> None:
        while not done.wait(0.005):
            try:
                with many.reading() as generation:
                    counts.append(len(generation.index.nearest_products(query, 5)))
            except Exception as problem:
                problems.append(problem)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    before = many.live
    build_graph(many, before)
    done.set()
    for reader in readers:
        reader.join()
    assert problems == []
    assert set(counts) == {5}
    assert many.live is not before
    assert many.live.index.count() == ENOUGH
    assert names(many.folder) == [many.live.name]


def test_a_copy_whose_graph_was_not_finished_is_tidied_up(folder: Path) -> None:
    copy_tree(folder / "generations/000001", folder / "generations/000002.partial")
    Store(folder).close()
    assert names(folder) == ["000001"]


@pytest.mark.parametrize("use", [Store.reading, Store.writing])
def test_a_closed_store_says_so(folder: Path, use: Callable[[Store], AbstractContextManager[object]]) -> None:
    store = Store(folder)
    store.close()
    store.close()
    with pytest.raises(StoreError) as told, use(store):
        pass
    assert told.value.code == "closed-store"


def test_a_close_lets_readers_end_before_the_next_process_comes(store: Store) -> None:
    closed, answers, before = threading.Event(), list[int](), store.live

    def read() -> None:
        closed.wait(10)
        answers.append(before.index.count())

    def close() -> None:
        store.close()
        closed.set()

    with store.reading(), store.reading():
        filled(store, range(3))
        with store.reading() as live:
            threads = [threading.Thread(target=read), threading.Thread(target=close)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert (answers, live.index.count()) == ([10], 3)
        assert before.index.count() == 10
        assert refusal(store.folder).code == "store-in-use"
    again = Store(store.folder, lock_wait=0.0)
    assert (again.live.index.count(), names(store.folder)) == (3, ["000002"])
    again.close()


def test_a_close_waits_for_a_writer(store: Store) -> None:
    closing = threading.Thread(target=store.close)
    with store.writing():
        closing.start()
        closing.join(0.1)
        assert closing.is_alive()
        filled(store, range(3))
    closing.join()
    again = Store(store.folder, lock_wait=0.0)
    assert again.live.index.count() == 3
    again.close()
