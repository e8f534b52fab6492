"""Processes that change one file at the same time: each change is kept."""

from __future__ import annotations

import os
import stat
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from shoplens.embedders.added import REPLACED, added_model, added_models
from shoplens.errors import ModelError
from shoplens.models.folder import ADDING, LOCK, put_in_place, remove_model
from shoplens.service.keys import Keys
from shoplens.store.files.atomic import change_file
from tests.forked import forked

PROCESSES, CHANGES = 6, 8


def create_keys(folder: Path, number: int) -> None:
    """Create keys and print each, as `shoplens keys add` does."""
    keys = Keys(folder)
    for one in range(CHANGES):
        print(keys.create(f"key {number}-{one}", "search")[0])


def test_keys_of_processes_that_add_them_at_once_are_all_known(tmp_path: Path) -> None:
    printed = list[str]()

    def run(number: int) -> None:
        with forked(create_keys, tmp_path, number) as process:
            printed.extend(line.strip() for line in process.lines)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(PROCESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = Keys(tmp_path)
    assert len(printed) == len(keys.list_all()) == PROCESSES * CHANGES
    assert all(keys.find(secret) is not None for secret in printed)
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"keys.json", "CHANGING"}


def put_models(models: Path, number: int, replace: bool) -> None:
    """Put a model of two files in place again and again, and print how often that was allowed."""
    for _ in range(CHANGES):
        with tempfile.TemporaryDirectory(dir=models, prefix=ADDING) as folder:
            made = Path(folder) / "model"
            made.mkdir()
            for name in ("network.onnx", "network.json"):
                (made / name).write_text(str(number))
            with suppress(ModelError):
                put_in_place(made, models, replace=replace)
                print("put")


@pytest.mark.parametrize("replace", [True, False])
def test_a_model_that_processes_add_at_once_is_that_of_one_of_them(tmp_path: Path, replace: bool) -> None:
    put = list[str]()

    def run(number: int) -> None:
        with forked(put_models, tmp_path, number, replace) as process:
            put.extend(process.lines)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        with suppress(FileNotFoundError):
            path = added_model(tmp_path, "model")
            if path is not None:
                assert path.read_text() in {"0", "1", "2"}, "what is there is complete"
    assert len(put) == (3 * CHANGES if replace else 1)
    path = added_model(tmp_path, "model")
    assert path is not None and path.read_text() == path.with_suffix(".json").read_text()
    assert {one.name for one in tmp_path.iterdir()} == {"model", LOCK}


def test_a_process_that_is_killed_while_it_replaces_a_model_leaves_the_one_before(tmp_path: Path) -> None:
    for name in ("network.onnx", "network.json"):
        (tmp_path / f"{REPLACED}model").mkdir(exist_ok=True)
        (tmp_path / f"{REPLACED}model" / name).touch()
    assert added_models(tmp_path) == {"model": tmp_path / f"{REPLACED}model" / "network.onnx"}
    abandoned = tmp_path / f"{ADDING}left"
    abandoned.mkdir()
    os.utime(abandoned, (0, 0))
    remove_model("model", tmp_path)
    assert added_models(tmp_path) == {} and {one.name for one in tmp_path.iterdir()} == {LOCK}


def test_changes_by_threads_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "count"

    def count() -> None:
        for _ in range(CHANGES):
            change_file(path, lambda content: str(int(content or b"0") + 1))

    threads = [threading.Thread(target=count) for _ in range(PROCESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() == str(PROCESSES * CHANGES)


def test_what_a_killed_process_left_of_a_file_is_removed_after_an_hour(tmp_path: Path) -> None:
    old, new, other = (tmp_path / name for name in ("keys.json.0a.new", "keys.json.0b.new", "keys.jsonl.0c.new"))
    for path in (old, new, other):
        path.write_text("half")
    for path in (old, other):
        os.utime(path, (0, 0))
    Keys(tmp_path).create("a key", "search")
    assert {path.name for path in tmp_path.iterdir()} == {"keys.json", "CHANGING", new.name, other.name}
