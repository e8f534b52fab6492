"""Ids that products had before, and what they are called now: ``renamed.json`` in the store. It outlives generations.

::

    {"version": 1, "renamed": {"old id": "id"}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from shoplens.errors import StoreError
from shoplens.store.files.atomic import file_version, replace_file

RENAMED = "renamed.json"
"""Name of the file, in a store and in a copy of one."""
VERSION = 1


class RenameFile:
    """Reads the file anew when it has changed: a command beside a service may write it.

    Args:
        path: it is made when first something is written.

    Raises:
        StoreError: from both methods, ``damaged-renames``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, ...], Mapping[str, str]] = ((), {})

    def read(self) -> Mapping[str, str]:
        """Old id -> id."""
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
        """Replace what is there, in one step that survives loss of power."""
        if dict(renames) != self.read():
            told = {"version": VERSION, "renamed": dict(sorted(renames.items()))}
            replace_file(self._path, json.dumps(told, ensure_ascii=False, indent=1) + "\n")


def follow_renames(known: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """What was renamed before and now, each old id straight to the last one; an id that leads back to itself is none.

    Args:
        known: before, old id -> id.
        new: now; what products are called now is no old id any more.

    >>> follow_renames({"a": "b"}, {"b": "c"})
    {'a': 'c', 'b': 'c'}
    >>> follow_renames({"a": "b"}, {"b": "a"})
    {'b': 'a'}
    """
    steps = {**{old: id for old, id in known.items() if old not in new.values()}, **new}
    found = {}
    for old in steps:
        last, passed = steps[old], {old}
        while last in steps and last not in passed:
            passed.add(last)
            last = steps[last]
        if last not in passed:
            found[old] = last
    return found


def _renames_in(data: bytes) -> dict[str, str]:
    told = json.loads(data)
    if told["version"] > VERSION:
        raise ValueError("it was written by a later version")
    return {str(old): str(new) for old, new in told["renamed"].items()}
