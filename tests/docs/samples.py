"""A value of any type of the package with everything filled in, and the paths of the keys that its JSON has."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
NAME = "NAME"
"""Stands for every key that depends on the data."""


def sample(kind: type[T], **given: Any) -> T:
    """An instance of a dataclass or a named tuple: no field is empty, no optional one is None.

    Args:
        given: values of fields that have to be of a certain form.
    """
    return kind(**{name: given[name] if name in given else _value(hint, name) for name, hint in _fields(kind).items()})


def _fields(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {
        name: hints[name] for name in getattr(kind, "_fields", None) or [one.name for one in dataclasses.fields(kind)]
    }


def _value(hint: Any, name: str) -> Any:
    """A value of a type; a text is the field's name, so that no two fields hold the same."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return inner[0]
    if origin in (Union, types.UnionType):
        return _value(next(one for one in inner if one is not types.NoneType), name)
    if origin is tuple:
        return tuple(_value(one, name) for one in inner if one is not Ellipsis)
    if origin is not None and issubclass(origin, Mapping):
        return {NAME: _value(inner[1], name)}
    if origin is not None and issubclass(origin, Sequence):
        return [_value(inner[0], name)]
    if dataclasses.is_dataclass(hint) or hasattr(hint, "_fields"):
        return sample(hint)
    simple = {str: name, int: 1, float: 0.5, bool: True, Path: Path(name), Any: name}
    return simple[hint]


def key_paths(value: Any, before: str = "") -> Iterator[str]:
    """The paths of all keys of a JSON value that hold no further keys: ``results[].reasons.weights``.

    A list adds ``[]``. A key that depends on the data, and holds no object, has no path of its own.
    """
    if isinstance(value, dict) and set(value) != {NAME}:
        for key, inner in value.items():
            yield from key_paths(inner, f"{before}.{key}".lstrip("."))
    elif isinstance(value, dict):
        yield from key_paths(value[NAME], f"{before}.{NAME}" if _holds_keys(value[NAME]) else before)
    elif isinstance(value, list) and any(map(_holds_keys, value)):
        yield from dict.fromkeys(path for inner in value for path in key_paths(inner, f"{before}[]"))
    else:
        yield before


def _holds_keys(value: Any) -> bool:
    if isinstance(value, dict):
        return set(value) != {NAME} or _holds_keys(value[NAME])
    return isinstance(value, list) and any(map(_holds_keys, value))
