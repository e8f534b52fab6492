"""The tables ``[weights]`` and ``[profiles]``: how much every dimension counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shoplens.settings.names import fold_name
from shoplens.settings.tables import check_names, in_table, is_number, open_table, refuse

MAX_WEIGHT = 1e6
_CATEGORIES = "categories"
_SEPARATOR = ">"


@dataclass(frozen=True, slots=True)
class Profile:
    """Named weights, from ``[profiles.NAME]``; a dimension that they do not name keeps its default weight.

    Attributes:
        weights: dimension -> number from 0 to a million.
        by_category: path ``A > B`` -> weights that replace those of ``weights`` in that category and below it.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    by_category: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_weights(self.weights)
        with in_table(_CATEGORIES):
            _check_categories(self.by_category)
            for path, weights in self.by_category.items():
                with in_table(path):
                    check_weights(weights)


def read_profiles(tables: Mapping[str, Any]) -> dict[str, Profile]:
    """Read ``[profiles]``."""
    with open_table(tables, "profiles") as profiles:
        return {name: _read_profile(profiles, name) for name in profiles}


def check_weights(weights: Mapping[str, Any]) -> None:
    """Refuse a weight that is not a number from 0 to :data:`MAX_WEIGHT`, and a dimension that is named twice."""
    check_names(weights)
    for name, weight in weights.items():
        if isinstance(weight, Mapping):
            refuse(f"{name} is a table", f'Give a number. Put quotes around a name with dots: "{name}.…" = 2.')
        if not is_number(weight) or not 0 <= weight <= MAX_WEIGHT:
            refuse(f"{name} is {weight!r}", f"Give a number from 0 to {MAX_WEIGHT:,.0f}.")


def _read_profile(profiles: Mapping[str, Any], name: str) -> Profile:
    by_category = {}
    with open_table(profiles, name) as profile:
        with open_table(profile, _CATEGORIES) as categories:
            _check_categories(categories)
            for path in categories:
                with open_table(categories, path) as weights:
                    by_category[_normalize_path(path)] = dict(weights)
        return Profile({name: weight for name, weight in profile.items() if name != _CATEGORIES}, by_category)


def _check_categories(paths: Iterable[str]) -> None:
    paths = tuple(paths)
    for path in paths:
        if not _normalize_path(path):
            refuse(f"The category {path!r} is empty", "Write the path from the root down, e.g. 'Women > Tops'.")
    check_names(paths, normalize=lambda path: fold_name(_normalize_path(path)))


def _normalize_path(text: str) -> str:
    return f" {_SEPARATOR} ".join(step.strip() for step in text.split(_SEPARATOR) if step.strip())
