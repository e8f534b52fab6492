"""Processes that change one file at the same time: each change is kept."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

from shoplens.service.keys import Keys
from shoplens.store.files.atomic import change_file
from tests.forked import forked

PROCESSES, CHANGES = 6, 15


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
