"""The cache of photo features: its keys are the content and the model, a flush writes it, and damage empties it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shoplens.errors import StoreError
from shoplens.store.feature_cache import (
    COMMIT,
    MAX_PARAMETERS,
    NAME,
    TEXT_COMMIT,
    TEXTS,
    FeatureFile,
    PhotoTexts,
)
from shoplens.types import Features

MODEL = "colour@1/4+9"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


@pytest.fixture
def features(path: Path) -> Iterator[FeatureFile]:
    file = FeatureFile(path, MODEL)
    yield file
    file.close()


def row(number: int) -> Features:
    """Return four features that half precision stores exactly."""
    return np.array([number, -number / 2, 0.25, 0], np.float32)


def count_rows_on_disk(path: Path) -> int:
    """Return the number of rows that another process reads from the file."""
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT count(*) FROM features").fetchone()[0])
    finally:
        connection.close()


def test_an_added_row_can_be_read_at_once(features: FeatureFile) -> None:
    assert not features.has("a")
    features.add("a", row(1))
    assert (features.has("a"), features.has("b")) == (True, False)
    rows = features.read(["b", "a", "a"])
    assert list(rows) == ["a"]
    assert rows["a"].dtype == np.float32
    np.testing.assert_array_equal(rows["a"], row(1))
    assert features.read([]) == {}


def test_adding_a_row_again_replaces_it(features: FeatureFile) -> None:
    features.add("a", row(1))
    features.flush()
    features.add("a", row(2))
    for _ in range(2):
        np.testing.assert_array_equal(features.read(["a"])["a"], row(2))
        features.flush()


def test_rows_are_kept_in_half_precision(features: FeatureFile) -> None:
    values = np.random.default_rng(0).normal(size=500).astype(np.float32)
    features.add("a", values)
    np.testing.assert_array_equal(features.read(["a"])["a"], values.astype(np.float16).astype(np.float32))


def test_rows_are_written_by_a_flush_or_when_there_are_many(features: FeatureFile, path: Path) -> None:
    features.add("a", row(1))
    assert count_rows_on_disk(path) == 0
    features.flush()
    assert count_rows_on_disk(path) == 1
    for number in range(COMMIT):
        features.add(f"b{number}", row(number))
    assert count_rows_on_disk(path) == 1 + COMMIT


def test_closing_writes_the_rows(path: Path) -> None:
    file = FeatureFile(path, MODEL)
    file.add("a", row(3))
    file.close()
    reopened = FeatureFile(path, MODEL)
    np.testing.assert_array_equal(reopened.read(["a"])["a"], row(3))
    reopened.close()


def test_more_rows_can_be_read_than_one_sql_statement_can_name(features: FeatureFile) -> None:
    names = [f"n{number}" for number in range(2 * MAX_PARAMETERS + 3)]
    for number, name in enumerate(names):
        features.add(name, row(number % 100))
    rows = features.read([*names, "nothing"])
    assert rows.keys() == set(names)
    np.testing.assert_array_equal(rows["n777"], row(77))


def test_rows_of_two_models_are_kept_apart(features: FeatureFile, path: Path) -> None:
    features.add("a", row(1))
    features.flush()
    other = FeatureFile(path, "other@2/4+9")
    assert (other.has("a"), other.read(["a"])) == (False, {})
    other.add("a", row(9))
    other.close()
    np.testing.assert_array_equal(features.read(["a"])["a"], row(1))
    assert count_rows_on_disk(path) == 2


@pytest.mark.parametrize("content", [b"no database at all" * 100, b""], ids=["text", "empty"])
def test_a_damaged_file_is_begun_anew(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    file = FeatureFile(path, MODEL)
    assert not file.has("a")
    file.add("a", row(1))
    file.close()
    assert count_rows_on_disk(path) == 1


def test_a_file_with_another_table_is_begun_anew(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE features (something TEXT)")
    connection.close()
    file = FeatureFile(path, MODEL)
    file.add("a", row(1))
    file.close()
    assert count_rows_on_disk(path) == 1


def test_damage_to_an_open_file_only_loses_rows(path: Path) -> None:
    file = FeatureFile(path, MODEL)
    names = [f"n{number}" for number in range(1000)]  # These are more rows than SQLite keeps in memory.
    for name in names:
        file.add(name, np.ones(2000, np.float32))
    file.flush()
    size = path.stat().st_size
    with path.open("r+b") as database:
        database.seek(4096)
        database.write(b"\xff" * (size - 4096))
    assert len(file.read(names)) < len(names)
    assert not any(map(file.has, names))
    file.add("a", row(1))
    file.flush()
    np.testing.assert_array_equal(file.read(["a"])["a"], row(1))
    file.close()
    assert count_rows_on_disk(path) == 1


def test_a_missing_folder_is_created_and_a_folder_in_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    FeatureFile(tmp_path / "new" / NAME, MODEL).close()
    assert (tmp_path / "new" / NAME).is_file()
    (tmp_path / "taken").mkdir()
    with pytest.raises(StoreError) as error:
        FeatureFile(tmp_path / "taken", MODEL)
    assert error.value.code == "disk"
    assert str(tmp_path / "taken") in error.value.problem


def test_threads_can_write_and_read_at_the_same_time(features: FeatureFile) -> None:
    def add_and_check(start: int) -> None:
        for number in range(start, start + 100):
            features.add(f"n{number}", row(number % 50))
            assert features.has(f"n{number}")

    threads = [threading.Thread(target=add_and_check, args=(start,)) for start in (0, 100, 200, 300)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(features.read(f"n{number}" for number in range(400))) == 400


def test_texts_are_kept_by_content_and_reader(tmp_path: Path) -> None:
    path = tmp_path / TEXTS
    texts = PhotoTexts(path)
    assert not texts.has("a", "one@1") and texts.read(["a"]) == {} and not path.exists()
    texts.add("a", "one@1", "arla\neko")
    texts.add("b", "one@1", "")
    assert texts.has("a", "one@1") and not texts.has("a", "two@1")
    assert texts.read(["a", "b", "c", "a"]) == {"a": "arla\neko", "b": ""}
    texts.close()
    again = PhotoTexts(path)
    assert again.read(["a", "b"]) == {"a": "arla\neko", "b": ""}
    again.add("a", "two@1", "oatly")
    assert again.has("a", "two@1") and again.read(["a"]) == {"a": "oatly"}
    again.close()


def test_a_damaged_file_of_texts_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / TEXTS
    path.write_bytes(b"no database " * 400)
    texts = PhotoTexts(path)
    assert texts.read(["a"]) == {}
    for number in range(TEXT_COMMIT + 1):
        texts.add(f"p{number}", "one@1", "milk")
    assert len(texts.read(f"p{number}" for number in range(TEXT_COMMIT + 1))) == TEXT_COMMIT + 1
    texts.close()
