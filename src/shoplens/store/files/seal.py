"""The seal of a generation: sizes and checksums of its files, and how many products are in them.

It is written when everything has been flushed, and broken before the first change after that. Files that differ from an
unbroken seal were damaged by something else than Shoplens. A process that was killed leaves a broken seal; by that one
can still be seen whether a file has been cut off.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from shoplens.errors import StoreError
from shoplens.index.qdrant.engine_errors import REPAIR
from shoplens.store.files.atomic import BROKEN_SEAL, NEW, SEAL, replace_file

CHECKED_AT_OPEN = 256 << 20
"""Bytes whose checksums are compared when a generation is opened, those of the smallest files first: a quarter of a
second. The rest is compared by a service after it has started, and by `shoplens doctor --files`."""
VERSION = 1
_BLOCK = 1 << 16
_ZEROS = bytes(_BLOCK)
_ORDERLESS = frozenset({"edge_config.json", "segment.json"})
"""Files that the engine writes again with their keys in another order, though nothing changed."""
_TIDIED, _LARGE = (".versions", "tracker_journal.dat"), 1 << 20
"""Ends of the names of files that the engine tidies when it opens them; all others above this size it leaves alone."""
_SHARD = "shard/"
_CHECKED_BY_READER = "calibration-"
"""Beginning of the names of files that have a checksum of their own, and that one command makes anew."""
_MAY_SHRINK = (".json", "shard/wal/", "tracker_journal.dat", "version.info")
"""Ends and beginnings of the names of files that may become smaller while a generation is changed."""


@dataclass(frozen=True, slots=True)
class Seal:
    """What a seal says.

    Attributes:
        products: number of products.
        files: path in the folder of the generation -> size in bytes and checksum.
        settled_by: version of the engine that has opened the files since they were written; empty for none. The first
            time, it tidies small files (versions of removed points, journals); after that, opening changes nothing.
    """

    products: int
    files: Mapping[str, tuple[int, int]]
    settled_by: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether opening the files changes none of them."""
        return self.settled_by == engine_version()


def write_seal(folder: Path, products: int, before: Seal | None = None) -> None:
    """Seal a folder whose files are flushed and do not change meanwhile; without room for the seal, leave it.

    Args:
        before: seal of the same files before the engine opened them, which changes no large one.
    """
    if (folder / SEAL).is_file():
        return
    with contextlib.suppress(OSError):
        known = {} if before is None else {name: row for name, row in before.files.items() if _stays(name, row[0])}
        files = {name: known.get(name) or _fingerprint(folder / name) for name in _file_names(folder)}
        seal = Seal(products, files, "" if before is None else engine_version())
        replace_file(folder / SEAL, json.dumps({"version": VERSION, **asdict(seal)}) + "\n")
        (folder / BROKEN_SEAL).unlink(missing_ok=True)


def read_seal(folder: Path) -> Seal | None:
    """Return the seal; None where it was broken, or never written.

    Raises:
        StoreError: ``damaged-store``, it cannot be read.
    """
    return _read(folder / SEAL)


def check_seal(folder: Path, limit: int | None = CHECKED_AT_OPEN) -> Seal | None:
    """Compare the files of a generation with its seal, and return it; None where it is broken.

    Args:
        limit: bytes whose checksums are compared; sizes are always. None for all.

    Raises:
        StoreError: ``damaged-store``, with the file that differs.
    """
    seal = read_seal(folder)
    if seal is None:
        _check_lengths(folder)
        return None
    compared = 0
    for name, (size, checksum) in sorted(seal.files.items(), key=lambda item: item[1][0]):
        path = folder / name
        if limit is not None and name.startswith(_CHECKED_BY_READER):
            continue
        if not path.is_file():
            if name.startswith(_SHARD):
                raise damage_error(path, "is missing")
            continue  # a calibration that was deleted, for example
        status = path.stat()
        if status.st_size != size:
            raise damage_error(path, f"has {status.st_size:,} bytes instead of {size:,}")
        compared += getattr(status, "st_blocks", size // 512) * 512
        if (limit is None or compared <= limit) and _fingerprint(path)[1] != checksum:
            raise damage_error(path, "has other contents than when it was written")
    return seal


@cache
def engine_version() -> str:
    """Return the version of the engine."""
    return version("qdrant-edge-py")


def damage_error(path: Path, what: str) -> StoreError:
    """Return the error for a file that was damaged."""
    return StoreError(f"The store is damaged: {path} {what}.", REPAIR, code="damaged-store")


def _check_lengths(folder: Path) -> None:
    """Raise an error if a file is shorter than it was when the seal was broken: the engine's files only grow."""
    before = _read(folder / BROKEN_SEAL)
    for name, (size, _) in () if before is None else before.files.items():
        path = folder / name
        is_fixed = name.startswith(_SHARD) and not name.startswith(_MAY_SHRINK) and not name.endswith(_MAY_SHRINK)
        if is_fixed and path.is_file() and path.stat().st_size < size:
            raise damage_error(path, f"has {path.stat().st_size:,} bytes instead of at least {size:,}")


def _read(path: Path) -> Seal | None:
    try:
        content = json.loads(path.read_bytes())
        files = {str(name): (int(size), int(checksum)) for name, (size, checksum) in content["files"].items()}
        return Seal(int(content["products"]), files, str(content.get("settled_by", "")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise damage_error(path, f"cannot be read: {problem!r}") from None


def _file_names(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in (SEAL, BROKEN_SEAL) and not name.endswith(NEW):
            yield name


def _fingerprint(path: Path) -> tuple[int, int]:
    """Return size and checksum of a file. Zeros count as holes do, so a copy without holes has the same checksum."""
    if path.name in _ORDERLESS:
        content = path.read_bytes()
        return len(content), zlib.crc32(_canonical_json(content))
    checksum = 0
    with path.open("rb", buffering=0) as file:
        size, block = os.fstat(file.fileno()).st_size, bytearray(_BLOCK)
        for offset in _data_blocks(file, size):
            file.seek(offset)
            length = file.readinto(block)
            part = memoryview(block)[:length]
            if part != _ZEROS[:length]:
                checksum = zlib.crc32(part, zlib.crc32(offset.to_bytes(8, "little"), checksum))
    return size, checksum


def _canonical_json(content: bytes) -> bytes:
    try:
        value: Any = json.loads(content)
    except ValueError:
        return content
    return json.dumps(value, sort_keys=True).encode()


def _stays(name: str, size: int) -> bool:
    """Whether the engine leaves a file as it is when it opens a shard."""
    return size > _LARGE and not name.endswith(_TIDIED)


def _data_blocks(file: io.FileIO, size: int) -> Iterator[int]:
    """Yield the offsets of the blocks of a file that may hold something else than zeros."""
    offset = 0
    while offset < size:
        if hasattr(os, "SEEK_DATA"):
            try:
                offset = os.lseek(file.fileno(), offset, os.SEEK_DATA) // _BLOCK * _BLOCK
            except OSError:  # only a hole follows
                return
        yield offset
        offset += _BLOCK
