"""Renames: the ids that products had before. The store keeps them beside its generations.

Every old id is mapped to the last id of its product. A rename is forgotten when its old id is used again.
"""

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
from tests.store.conftest import entries, fill_store


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
def test_every_old_id_is_mapped_to_the_last_id(
    known: dict[str, str], new: dict[str, str], expected: dict[str, str]
) -> None:
    renames = follow_renames(known, new)
    assert renames == expected
    assert not renames.keys() & set(renames.values())
    assert follow_renames(renames, {}) == renames


def test_a_store_finds_products_by_their_old_ids(store: Store) -> None:
    assert store.renames() == {} and not (store.folder / RENAMED).exists()
    store.add_renames({"old": "p1", "older": "old"})
    assert store.renames() == {"old": "p1", "older": "p1"}
    assert find_products(store.live.index, ["older"])["older"].ids == ("p1",)
    store.close()
    reopened = Store(store.folder)
    assert reopened.renames() == {"old": "p1", "older": "p1"}
    assert find_products(reopened.live.index, ["old"])["old"].ids == ("p1",)
    reopened.close()


def test_the_rename_of_an_id_that_is_used_again_is_forgotten(store: Store) -> None:
    store.add_renames({"p11": "p1", "old": "p2", "p3": "p4"})
    assert find_products(store.live.index, ["p3"])["p3"].ids == ("p3",), "p3 is not removed yet"
    assert store.renames() == {"p11": "p1", "old": "p2", "p3": "p4"}
    store.live.index.upsert(entries(range(11, 12)))
    assert find_products(store.live.index, ["p11"])["p11"].matched_by == "id"
    store.add_renames({})
    assert store.renames() == {"old": "p2"}, "p3 and p11 are ids of products"
    store.live.index.remove(["p2"])
    store.add_renames({"p2": "p5"})
    assert store.renames() == {"old": "p5", "p2": "p5"}


def test_renames_are_kept_when_a_new_generation_takes_over(store: Store) -> None:
    store.add_renames({"old": "p1"})
    fill_store(store, range(5))
    assert find_products(store.live.index, ["old"])["old"].ids == ("p1",)
    with store.reading_generation("") as generation:
        assert find_products(generation.index, ["old"])["old"].matched_by == "old-id"


def test_renames_that_another_process_writes_are_read(tmp_path: Path) -> None:
    reader, writer = RenameFile(tmp_path / RENAMED), RenameFile(tmp_path / RENAMED)
    assert reader.read() == {}
    writer.write({"a": "b"})
    assert reader.read() == {"a": "b"}
    writer.write({"gr\u00fcn \U0001f7e2": "c"})
    assert reader.read() == {"gr\u00fcn \U0001f7e2": "c"}
    writer.write({})
    assert reader.read() == {}


def test_a_file_is_written_only_if_renames_change(tmp_path: Path) -> None:
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
def test_an_unreadable_file_is_an_error_and_stays_as_it_is(store: Store, content: bytes) -> None:
    (store.folder / RENAMED).write_bytes(content)
    for call in (store.renames, lambda: store.add_renames({"a": "p1"})):
        with pytest.raises(StoreError, match=r"renamed\.json cannot be read.*backup") as error:
            call()
        assert error.value.code == "damaged-renames"
    assert (store.folder / RENAMED).read_bytes() == content
    assert find_products(store.live.index, ["p1"])["p1"].ids == ("p1",), "products are still found by their own ids"


def test_the_file_contains_its_version(store: Store) -> None:
    store.add_renames({"b": "p1", "a": "p1"})
    document = json.loads((store.folder / RENAMED).read_text("utf-8"))
    assert len(document.pop("checksum")) == 8
    assert document == {"version": 1, "renamed": {"a": "p1", "b": "p1"}}


def test_a_backup_contains_renames(store: Store, tmp_path: Path) -> None:
    store.add_renames({"old": "p1"})
    write_backup(store, tmp_path / "copy")
    store.close()
    restore(tmp_path / "copy", tmp_path / "restored")
    reopened = Store(tmp_path / "restored")
    assert reopened.renames() == {"old": "p1"}
    reopened.add_renames({"older": "p2"})
    reopened.close()
    restore(tmp_path / "copy", tmp_path / "restored", replace_store=True)
    reopened = Store(tmp_path / "restored")
    assert reopened.renames() == {"old": "p1", "older": "p2"}, (
        "the renames of the store are newer than those of the backup"
    )
    reopened.close()
