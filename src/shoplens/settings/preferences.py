"""All tables of ``shoplens.toml``, which say what a shop wants to be alike.

Reading them is pure: dicts become frozen values. A contradiction is a :class:`~shoplens.errors.SettingsError` that
names the table and the key. Names and values are compared folded (:func:`~shoplens.settings.names.fold_name`), and
shown as they were written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shoplens.settings.dimensions import DimensionRules, read_dimensions
from shoplens.settings.merchandising import Merchandising, read_merchandising
from shoplens.settings.tables import check_keys, in_table, open_table, read_table, read_texts
from shoplens.settings.weights import Profile, check_weights, read_profiles

TABLES = ("dimensions", "weights", "profiles", "merchandising", "feed")
"""The tables of ``shoplens.toml``."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """The five tables; empty where ``shoplens.toml`` has none.

    Attributes:
        dimensions: which attributes of the feed become dimensions, and how.
        weights: default static weights, dimension -> number from 0 to a million.
        profiles: name -> weights to choose with ``--profile``.
        merchandising: products that are pinned, boosted or buried.
        feed: ``[feed.map]``, field of a product -> columns of the shop's feed.
    """

    dimensions: DimensionRules = field(default_factory=DimensionRules)
    weights: Mapping[str, float] = field(default_factory=dict)
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    merchandising: Merchandising = field(default_factory=Merchandising)
    feed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with in_table("weights"):
            check_weights(self.weights)


def preferences_from(tables: Mapping[str, Any], folder: Path = Path()) -> Preferences:
    """Read the tables of :data:`TABLES`; the paths of labels files are relative to ``folder``.

    Raises:
        SettingsError: an unknown key, a wrong type, or settings that contradict each other.
    """
    check_keys(tables, TABLES)
    return Preferences(
        read_dimensions(tables, folder),
        dict(read_table(tables, "weights")),
        read_profiles(tables),
        read_merchandising(tables),
        _read_feed_map(tables),
    )


def _read_feed_map(tables: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Read ``[feed.map]``; the reader of the feed checks whether the fields and the columns exist."""
    with open_table(tables, "feed") as feed:
        check_keys(feed, ("map",))
        with open_table(feed, "map") as columns:
            return {
                name: (value,) if isinstance(value, str) else read_texts(columns, name)
                for name, value in columns.items()
            }
