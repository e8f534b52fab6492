"""Ids that products had before: kept beside generations, followed to the last, forgotten when they come back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shoplens.errors import StoreError
from shoplens.index.identifiers import find_products
from shoplens.store.copies.backups import write_backup
from shoplens.store.copies.restoring import restore
from shoplens.store.renames import RENAMED, RenameFile, follow_renames
from shoplens.store.store import Store
from tests.store.conftest import entries, filled


@pytest.mark.parametrize(
    ("known", "new", "expected"),
    [
        ({}, {}, {}),
        ({}, {"a": "b"}, {"a": "b"}),
        ({"a": "b"}, {}, {"a": "b"}),
        ({"a": "b"}, {"b": "c"}, {"a": "c", "b": "c"}),
        ({"a": "c", "b": "c"}, {"c": "d"}, {"a": "d", "b": "d", "c": "d"}),
        ({}, {"a": "b", "b": "c", "c": "d"}, {"a": "d", "b": "d", "c": "d"}),
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "a"}, {"b": "a"}),
        ({"a": "b"}, {"c": "a"}, {"c": "a"}),
        ({}, {"a": "b", "b": "a"}, {}),
        ({}, {"a": "a"}, {}),
        ({}, {"x": "a", "a": "b", "b": "a"}, {}),
    ],
)
def test_old_ids_lead_to_the_last_one(known: dict[str, str], new: dict[str, str], expected: dict[str, str]) -> None:
    found = follow_renames(known, new)
    assert found == expected
    assert not found.keys() & set(found.values())
    assert follow_renames(found, {}) == found


def test_a_store_remembers_what_products_were_called(store: Store) -> None:
    assert store.renames() == {} and not (store.folder / RENAMED).exists()
    store.add_renames({"old": "p1", "older": "old"})
    assert store.renames() == {"old": "p1", "older": "p1"}
    assert find_products(store.live.index, ["older"])["older"].ids == ("p1",)
    store.close()
    again = Store(store.folder)
    assert again.renames() == {"old": "p1", "older": "p1"}
    assert find_products(again.live.index, ["old"])["old"].ids == ("p1",)
    again.close()


def test_an_id_that_comes_back_is_forgotten(store: Store) -> None:
    store.add_renames({"p11": "p1", "old": "p2", "p3": "p4"})
    assert find_products(store.live.index, ["p3"])["p3"].ids == ("p3",), "it is not removed yet"
    assert store.renames() == {"p11": "p1", "old": "p2", "p3": "p4"}
    store.live.index.upsert(entries(range(11, 12)))
    assert find_products(store.live.index, ["p11"])["p11"].matched_by == "id"
    store.add_renames({})
    assert store.renames() == {"old": "p2"}, "p3 and p11 are products"
    store.live.index.remove(["p2"])
    store.add_renames({"p2": "p5"})
    assert store.renames() == {"old": "p5", "p2": "p5"}


def test_renames_outlive_generations(store: Store) -> None:
    store.add_renames({"old": "p1"})
    filled(store, range(5))
    assert find_products(store.live.index, ["old"])["old"].ids == ("p1",)
    with store.reading_generation("") as generation:
        assert find_products(generation.index, ["old"])["old"].matched_by == "old-id"


def test_what_another_process_writes_is_read(tmp_path: Path) -> None:
    ours, theirs = RenameFile(tmp_path / RENAMED), RenameFile(tmp_path / RENAMED)
    assert ours.read() == {}
    theirs.write({"a": "b"})
    assert ours.read() == {"a": "b"}
    theirs.write({"gr\u00fcn \U0001f7e2": "c"})
    assert ours.read() == {"gr\u00fcn \U0001f7e2": "c"}
    theirs.write({})
    assert ours.read() == {}


def test_nothing_is_written_where_nothing_changes(tmp_path: Path) -> None:
    file = RenameFile(tmp_path / RENAMED)
    file.write({})
    assert not (tmp_path / RENAMED).exists()
    file.write({"a": "b"})
    before = (tmp_path / RENAMED).stat().st_ino
    file.write({"a": "b"})
    assert (tmp_path / RENAMED).stat().st_ino == before


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"version": 1}', b'{"version": 1, "renamed": []}', b'{"version": 2, "renamed": {}}', b"\xff"],
)
def test_a_file_that_makes_no_sense_is_told_and_left_alone(store: Store, content: bytes) -> None:
    (store.folder / RENAMED).write_bytes(content)
    for call in (store.renames, lambda: store.add_renames({"a": "p1"})):
        with pytest.raises(StoreError, match=r"renamed\.json cannot be read.*backup") as told:
            call()
        assert told.value.code == "damaged-renames"
    assert (store.folder / RENAMED).read_bytes() == content
    assert find_products(store.live.index, ["p1"])["p1"].ids == ("p1",), "what has its id is found all the same"


def test_the_file_says_its_version(store: Store) -> None:
    store.add_renames({"b": "p1", "a": "p1"})
    assert json.loads((store.folder / RENAMED).read_text("utf-8")) == {"version": 1, "renamed": {"a": "p1", "b": "p1"}}


def test_a_backup_has_them(store: Store, tmp_path: Path) -> None:
    store.add_renames({"old": "p1"})
    write_backup(store, tmp_path / "copy")
    store.close()
    restore(tmp_path / "copy", tmp_path / "restored")
    again = Store(tmp_path / "restored")
    assert again.renames() == {"old": "p1"}
    again.add_renames({"older": "p2"})
    again.close()
    restore(tmp_path / "copy", tmp_path / "restored", replace_store=True)
    again = Store(tmp_path / "restored")
    assert again.renames() == {"old": "p1", "older": "p2"}, "what is there is newer"
    again.close()
