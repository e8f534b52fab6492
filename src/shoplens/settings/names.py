"""Names in the tables of ``shoplens.toml``: which are reserved, and how two of them are compared."""

from __future__ import annotations

from shoplens.types import fold

PHOTO_DIMENSIONS = ("look", "object", "design", "shape", "text", "caption")
"""Dimensions that are computed from the photos, or that compare words; no attribute of the feed may have their
names."""
SCORE_PARTS = ("pin", "boost", "bury", "not", "context")
"""Parts of a score that are not dimensions; no attribute of the feed may have their names either."""
RESERVED_NAMES = (*PHOTO_DIMENSIONS, *SCORE_PARTS)
"""Names that a dimension of the feed cannot have; an attribute with such a name is called ``attributes.<name>``."""
MAX_NAME_LENGTH = 128
"""Longest name of a dimension, in characters."""


def fold_name(text: str) -> str:
    """Return a name or value in the form in which it is compared: trimmed, case-folded, and composed (NFC)."""
    return fold(text.strip())
