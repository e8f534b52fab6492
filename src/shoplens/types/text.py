"""The forms in which texts are compared."""

from __future__ import annotations

import unicodedata


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
