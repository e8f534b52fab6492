"""Checks that all tables of ``shoplens.toml`` share; every error names the table, the key and the value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

from shoplens.errors import SettingsError
from shoplens.settings.names import fold_name

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class TableError(SettingsError):
    """A table of ``shoplens.toml`` cannot be used.

    Args:
        problem: a sentence that says what is wrong, with the key and the value.
        fix: a sentence that says what to do.
        table: path of the table, from the outermost one; empty where the error is not inside a table.
    """

    def __init__(self, problem: str, fix: str, table: tuple[str, ...] = ()) -> None:
        steps = (step if _BARE_KEY.fullmatch(step) else repr(step) for step in table)
        super().__init__(f"[{'.'.join(steps)}]: {problem}" if table else problem, fix)
        self.table = table
        self.problem_in_table = problem


def refuse(problem: str, fix: str) -> NoReturn:
    """Raise a :class:`TableError`; :func:`in_table` adds where the problem is."""
    raise TableError(f"{problem}.", fix)


@contextmanager
def in_table(name: str) -> Iterator[None]:
    """Add the name of a table to every :class:`TableError` that is raised inside."""
    try:
        yield
    except TableError as error:
        raise TableError(error.problem_in_table, error.fix, (name, *error.table)) from None


def read_table(tables: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the table that ``tables`` holds under a name, empty where it is missing."""
    table = tables.get(name, {})
    if not isinstance(table, dict):
        refuse(f"{name} is {table!r}", "Write a table of names and values.")
    return table


@contextmanager
def open_table(tables: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    """Yield what :func:`read_table` returns; every error that is raised inside names the table."""
    table = read_table(tables, name)
    with in_table(name):
        yield table


def read_texts(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return the list of texts that a table holds under a key, empty where the key is missing."""
    value = table.get(key, [])
    if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
        refuse(f"{key} is {value!r}", 'Write a list of quoted texts, e.g. ["A", "B"].')
    return tuple(value)


def check_keys(table: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse the first key of a table that is not a known one."""
    known = tuple(known)
    for key in table:
        if key not in known:
            refuse(f"Unknown key {key!r}", f"Known keys: {', '.join(known)}.")


def check_names(names: Iterable[str], *, normalize: Callable[[str], str] = fold_name) -> None:
    """Refuse a blank name, and two names that are the same once they are normalized."""
    seen: dict[str, str] = {}
    for name in names:
        normalized = normalize(name)
        if not normalized:
            refuse(f"The name {name!r} is blank", "Write a name that is not blank.")
        if normalized in seen:
            refuse(f"{seen[normalized]!r} and {name!r} are the same name", "Write the name only once.")
        seen[normalized] = name


def is_number(value: object) -> bool:
    """Return whether a value is a number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)
