"""What a shop can set: single values from the environment and ``shoplens.toml``, and the tables of that file."""

from shoplens.settings.dimensions import FEED_KINDS, DimensionRule, DimensionRules, FeedKind
from shoplens.settings.merchandising import ConditionRule, Merchandising
from shoplens.settings.names import MAX_NAME_LENGTH, PHOTO_DIMENSIONS, RESERVED_NAMES, SCORE_PARTS, fold_name
from shoplens.settings.preferences import TABLES, Preferences
from shoplens.settings.settings import Settings, settings_from
from shoplens.settings.weights import MAX_WEIGHT, Profile

__all__ = [
    "FEED_KINDS",
    "MAX_NAME_LENGTH",
    "MAX_WEIGHT",
    "PHOTO_DIMENSIONS",
    "RESERVED_NAMES",
    "SCORE_PARTS",
    "TABLES",
    "ConditionRule",
    "DimensionRule",
    "DimensionRules",
    "FeedKind",
    "Merchandising",
    "Preferences",
    "Profile",
    "Settings",
    "fold_name",
    "settings_from",
]
