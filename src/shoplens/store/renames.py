"""Ids that products had before, and their present ids: ``renamed.json`` in the store, for all generations.

::

    {"version": 1, "renamed": {"old id": "id"}}
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from shoplens.errors import StoreError
from shoplens.store.files.atomic import change_file, file_version
from shoplens.store.files.checked_json import dump_checked, parse_checked

RENAMED = "renamed.json"
"""Name of the file, in a store and in a backup."""
VERSION = 1


class RenameFile:
    """Reads the file again when it has changed, since a command beside a service may write it.

    Args:
        path: of the file, which is created by the first write.

    Raises:
        StoreError: from both methods, ``damaged-renames``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, ...], Mapping[str, str]] = ((), {})

    def read(self) -> Mapping[str, str]:
        """Return old id -> present id."""
        try:
            version = file_version(self._path)
            if version != self._read[0]:
                self._read = version, _renames_in(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise StoreError(
                f"{self._path} cannot be read: {problem!r}.",
                "Put the one of a backup in its place. Without the file, ids that products had before are unknown.",
                code="damaged-renames",
            ) from problem
        return self._read[1]

    def write(self, renames: Mapping[str, str]) -> None:
        """Replace the contents of the file atomically."""
        if dict(renames) != self.read():
            content = {"version": VERSION, "renamed": dict(sorted(renames.items()))}
            change_file(self._path, lambda _: dump_checked(content))


def follow_renames(known: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Merge earlier renames with new ones, so that each old id leads directly to the last; cycles are left out.

    Args:
        known: earlier renames, old id -> id.
        new: new renames, old id -> id; a present id is not an old id any more.

    >>> follow_renames({"a": "b"}, {"b": "c"})
    {'a': 'c', 'b': 'c'}
    >>> follow_renames({"a": "b"}, {"b": "a"})
    {'b': 'a'}
    """
    steps = {**{old: id for old, id in known.items() if old not in new.values()}, **new}
    merged = {}
    for old in steps:
        last, passed = steps[old], {old}
        while last in steps and last not in passed:
            passed.add(last)
            last = steps[last]
        if last not in passed:
            merged[old] = last
    return merged


def _renames_in(data: bytes) -> dict[str, str]:
    content = parse_checked(data)
    if content["version"] > VERSION:
        raise ValueError("it was written by a later version")
    return {str(old): str(new) for old, new in content["renamed"].items()}
