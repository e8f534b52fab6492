"""Fetched photos survive the death of the process and stay within their limit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from shoplens.images.hashes import content_hash
from shoplens.images.photo_cache import PhotoCache

LARGE = 10**9


def test_a_kept_photo_is_found_under_its_url(tmp_path: Path) -> None:
    kept = PhotoCache(tmp_path, LARGE)
    assert kept.path_of("https://shop.example/a") is None and kept.bytes_of("https://shop.example/a") is None
    path = kept.keep("https://shop.example/a", b"photo")
    name = content_hash(b"photo")
    assert path == kept.path_of("https://shop.example/a") == tmp_path / "photos" / name[:2] / name
    assert kept.bytes_of("https://shop.example/a") == path.read_bytes() == b"photo"
    assert PhotoCache(tmp_path, LARGE).bytes_of("https://shop.example/a") == b"photo"


def test_equal_photos_are_kept_once_and_a_new_one_replaces(tmp_path: Path) -> None:
    kept = PhotoCache(tmp_path, LARGE)
    assert kept.keep("a", b"same") == kept.keep("b", b"same")
    kept.keep("a", b"other")
    assert (kept.bytes_of("a"), kept.bytes_of("b")) == (b"other", b"same")
    kept.forget("a")
    kept.forget("never kept")
    assert (kept.bytes_of("a"), kept.bytes_of("b")) == (None, b"same")
    assert list((tmp_path / "unfinished").iterdir()) == []


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    kept = PhotoCache(tmp_path, 1000)
    for age, name in enumerate("abcde"):
        path = kept.keep(name, name.encode() * 200)
        os.utime(path, (1000 + age, 1000 + age))
    assert kept.path_of("a") is not None  # a use
    kept.keep("f", b"f" * 200)
    assert [name for name in "abcdef" if kept.bytes_of(name)] == ["a", "d", "e", "f"]


def test_the_limit_counts_what_was_there_before(tmp_path: Path) -> None:
    PhotoCache(tmp_path, 1000).keep("a", b"a" * 600)
    kept = PhotoCache(tmp_path, 1000)
    kept.keep("b", b"b" * 600)
    assert (kept.path_of("a"), kept.bytes_of("b")) == (None, b"b" * 600)


def test_the_latest_photo_is_kept_even_above_the_limit(tmp_path: Path) -> None:
    kept = PhotoCache(tmp_path, 0)
    assert kept.keep("a", b"photo").read_bytes() == b"photo"
    kept.keep("b", b"other")
    assert (kept.bytes_of("a"), kept.bytes_of("b")) == (None, b"other")


def test_a_damaged_photo_or_link_is_as_good_as_none(tmp_path: Path) -> None:
    kept = PhotoCache(tmp_path, LARGE)
    kept.keep("a", b"photo").write_bytes(b"phot\0")
    assert kept.bytes_of("a") is None
    kept.keep("a", b"photo")
    assert kept.bytes_of("a") == b"photo"
    (link,) = (path for path in (tmp_path / "urls").rglob("*") if path.is_file())
    for nonsense in (b"", b"\xff\xfe", b"../../../etc/passwd", b"0" * 31):
        link.write_bytes(nonsense)
        assert kept.path_of("a") is None and kept.bytes_of("a") is None


def test_old_leftovers_are_removed(tmp_path: Path) -> None:
    PhotoCache(tmp_path, LARGE).keep("a", b"photo")
    old, fresh = tmp_path / "unfinished" / "old", tmp_path / "unfinished" / "fresh"
    for leftover in (old, fresh):
        leftover.write_bytes(b"half")
    os.utime(old, (1000, 1000))
    PhotoCache(tmp_path, LARGE).keep("a", b"photo")
    assert (old.exists(), fresh.exists()) == (False, True)


def test_opening_and_reading_a_cache_create_no_files(tmp_path: Path) -> None:
    kept = PhotoCache(tmp_path / "kept", LARGE)
    kept.forget("a")
    assert kept.path_of("a") is None and kept.bytes_of("a") is None
    assert list(tmp_path.iterdir()) == []


def test_files_of_other_programs_are_ignored(tmp_path: Path) -> None:
    path = PhotoCache(tmp_path, LARGE).keep("a", b"a" * 600)
    strays = [tmp_path / "photos" / ".DS_Store", path.parent / ".DS_Store", tmp_path / "urls" / ".DS_Store"]
    for stray in strays:
        stray.write_bytes(b"x" * 5000)
    kept = PhotoCache(tmp_path, 1000)
    kept.keep("b", b"b" * 300)
    assert kept.bytes_of("a") and kept.bytes_of("b")  # strays take no room
    kept.keep("c", b"c" * 600)
    assert kept.bytes_of("c") and all(stray.exists() for stray in strays)


def test_a_link_without_its_photo_is_removed_when_it_is_read(tmp_path: Path) -> None:
    kept = PhotoCache(tmp_path, LARGE)
    kept.keep("a", b"photo").unlink()
    assert any(path.is_file() for path in (tmp_path / "urls").rglob("*"))
    assert kept.path_of("a") is None
    assert not any(path.is_file() for path in (tmp_path / "urls").rglob("*"))


def test_many_threads_can_use_a_cache(tmp_path: Path) -> None:
    kept = PhotoCache(tmp_path, 20_000)
    wrong: list[str] = []

    def work(worker: int) -> None:
        for turn in range(40):
            name = f"{(worker * 7 + turn) % 25}"
            kept.keep(name, name.encode() * 500)
            if kept.bytes_of(name) not in (None, name.encode() * 500):
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert sum(path.stat().st_size for path in (tmp_path / "photos").rglob("*") if path.is_file()) <= 20_000


WRITER = """
import sys
from pathlib import Path
from shoplens.images.photo_cache import PhotoCache
kept = PhotoCache(Path(sys.argv[1]), 3_000_000)
print("started", flush=True)
for turn in range(10**9):
    kept.keep(f"url {turn % 50}", (f"photo {turn} ".encode() * 20_000)[: 200_000 + turn % 7])
    print(turn, flush=True)
"""


def test_a_killed_writer_leaves_no_partial_photo(tmp_path: Path) -> None:
    for moment in (0.001, 0.01, 0.05, 0.12):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None and writer.stdout.readline() == "started\n"
            time.sleep(moment)
            writer.send_signal(signal.SIGKILL)
            finished = writer.stdout.read().split()
        kept = PhotoCache(tmp_path, 3_000_000)
        for path in (tmp_path / "photos").rglob("*"):
            assert path.is_dir() or content_hash(path.read_bytes()) == path.name
        whole = [line for line in finished if line.isdecimal()]
        if whole:
            last = int(whole[-1])
            data = kept.bytes_of(f"url {last % 50}")
            assert data is not None and data.startswith(f"photo {last} ".encode())
