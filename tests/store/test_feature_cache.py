"""Features of photos: kept by content and by what made them, on disk when flushed, begun anew when damaged."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shoplens.errors import StoreError
from shoplens.store.feature_cache import COMMIT, MAX_PARAMETERS, NAME, FeatureFile
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
    """Numbers that half precision holds exactly."""
    return np.array([number, -number / 2, 0.25, 0], np.float32)


def on_disk(path: Path) -> int:
    """Rows that another process sees."""
    other = sqlite3.connect(path)
    try:
        return int(other.execute("SELECT count(*) FROM features").fetchone()[0])
    finally:
        other.close()


def test_what_was_added_is_there_at_once(features: FeatureFile) -> None:
    assert not features.has("a")
    features.add("a", row(1))
    assert (features.has("a"), features.has("b")) == (True, False)
    found = features.read(["b", "a", "a"])
    assert list(found) == ["a"]
    assert found["a"].dtype == np.float32
    np.testing.assert_array_equal(found["a"], row(1))
    assert features.read([]) == {}


def test_what_is_added_again_replaces_what_was_there(features: FeatureFile) -> None:
    features.add("a", row(1))
    features.flush()
    features.add("a", row(2))
    for _ in range(2):
        np.testing.assert_array_equal(features.read(["a"])["a"], row(2))
        features.flush()


def test_rows_are_kept_in_half_precision(features: FeatureFile) -> None:
    wild = np.random.default_rng(0).normal(size=500).astype(np.float32)
    features.add("a", wild)
    np.testing.assert_array_equal(features.read(["a"])["a"], wild.astype(np.float16).astype(np.float32))


def test_a_flush_writes_and_many_rows_write_themselves(features: FeatureFile, path: Path) -> None:
    features.add("a", row(1))
    assert on_disk(path) == 0
    features.flush()
    assert on_disk(path) == 1
    for number in range(COMMIT):
        features.add(f"b{number}", row(number))
    assert on_disk(path) == 1 + COMMIT


def test_closing_writes_too(path: Path) -> None:
    first = FeatureFile(path, MODEL)
    first.add("a", row(3))
    first.close()
    again = FeatureFile(path, MODEL)
    np.testing.assert_array_equal(again.read(["a"])["a"], row(3))
    again.close()


def test_more_are_asked_for_than_fit_into_one_question(features: FeatureFile) -> None:
    names = [f"n{number}" for number in range(2 * MAX_PARAMETERS + 3)]
    for number, name in enumerate(names):
        features.add(name, row(number % 100))
    found = features.read([*names, "nothing"])
    assert found.keys() == set(names)
    np.testing.assert_array_equal(found["n777"], row(77))


def test_two_models_never_meet(features: FeatureFile, path: Path) -> None:
    features.add("a", row(1))
    features.flush()
    other = FeatureFile(path, "other@2/4+9")
    assert (other.has("a"), other.read(["a"])) == (False, {})
    other.add("a", row(9))
    other.close()
    np.testing.assert_array_equal(features.read(["a"])["a"], row(1))
    assert on_disk(path) == 2


@pytest.mark.parametrize("odd", [b"no database at all" * 100, b""], ids=["text", "empty"])
def test_a_damaged_file_is_begun_anew(path: Path, odd: bytes) -> None:
    path.write_bytes(odd)
    file = FeatureFile(path, MODEL)
    assert not file.has("a")
    file.add("a", row(1))
    file.close()
    assert on_disk(path) == 1


def test_a_file_of_another_shape_is_begun_anew(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE features (something TEXT)")
    other.close()
    file = FeatureFile(path, MODEL)
    file.add("a", row(1))
    file.close()
    assert on_disk(path) == 1


def test_damage_while_it_is_open_loses_rows_and_no_more(path: Path) -> None:
    file = FeatureFile(path, MODEL)
    names = [f"n{number}" for number in range(1000)]  # more than SQLite keeps in memory
    for name in names:
        file.add(name, np.ones(2000, np.float32))
    file.flush()
    size = path.stat().st_size
    with path.open("r+b") as raw:
        raw.seek(4096)
        raw.write(b"\xff" * (size - 4096))
    assert len(file.read(names)) < len(names)
    assert not any(map(file.has, names))
    file.add("a", row(1))
    file.flush()
    np.testing.assert_array_equal(file.read(["a"])["a"], row(1))
    file.close()
    assert on_disk(path) == 1


def test_a_folder_that_is_missing_is_made_and_one_in_its_place_is_told(tmp_path: Path) -> None:
    FeatureFile(tmp_path / "new" / NAME, MODEL).close()
    assert (tmp_path / "new" / NAME).is_file()
    (tmp_path / "taken").mkdir()
    with pytest.raises(StoreError) as told:
        FeatureFile(tmp_path / "taken", MODEL)
    assert told.value.code == "disk"
    assert str(tmp_path / "taken") in told.value.problem


def test_threads_may_write_and_read_at_once(features: FeatureFile) -> None:
    def work(start: int) -> None:
        for number in range(start, start + 100):
            features.add(f"n{number}", row(number % 50))
            assert features.has(f"n{number}")

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 100, 200, 300)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(features.read(f"n{number}" for number in range(400))) == 400
