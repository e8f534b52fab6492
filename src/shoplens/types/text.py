"""The forms in which texts are compared."""

from __future__ import annotations

import unicodedata
from decimal import Decimal

from shoplens.types.catalogue import Value


def compose(text: str) -> str:
    """The text with every letter in one piece (NFC), whichever way it was typed; letter case stays.

    >>> compose("gru\\u0308n") == "gr\\u00fcn"
    True
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def fold(text: str) -> str:
    """The composed text without regard to letter case.

    >>> fold("GRU\\u0308N") == fold("gr\\u00fcn"), fold("STRASSE") == fold("Straße")
    (True, True)
    """
    return compose(compose(text).casefold())


def text_of(value: Value) -> str:
    """The text a value is compared by: ``true``, ``3``, ``3.5``, ``Light Blue``."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        written = format(Decimal(repr(value)), "f")
        return written.rstrip("0").rstrip(".") if "." in written else written
    return str(value)
