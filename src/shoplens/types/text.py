"""The normal forms in which texts are compared."""

from __future__ import annotations

import unicodedata
from decimal import Decimal

from shoplens.types.catalogue import Value


def normalize_nfc(text: str) -> str:
    """Return the text in Unicode normal form C, in which a letter and its accent are one character.

    Letter case is kept.

    >>> normalize_nfc("gru\\u0308n") == "gr\\u00fcn"
    True
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def fold(text: str) -> str:
    """Return the text in normal form C and case-folded, for comparisons that ignore letter case.

    >>> fold("GRU\\u0308N") == fold("gr\\u00fcn"), fold("STRASSE") == fold("Straße")
    (True, True)
    """
    return normalize_nfc(normalize_nfc(text).casefold())


def value_text(value: Value) -> str:
    """Return the text by which a value is compared, for example ``true``, ``3``, ``3.5`` or ``Light Blue``."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)
