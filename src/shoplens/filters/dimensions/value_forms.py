"""Recognizes the form of a feed's value: a link, a code, an article number, or something that can name a class."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

Form = Literal["link", "code", "article-number", "other"]
MAX_LENGTH = 2_000
"""Characters of a value that are examined."""

_ENDINGS = (
    "jpe?g|png|gif|webp|avif|heic|bmp|tiff?|svg|ico|pdf|docx?|xlsx?|csv|txt|xml|json|zip|mp[34]|webm|mov|avi|wav|"
    "glb|gltf|usdz|obj|stl|html?|php|aspx?"
)
_LINK = rf"[a-z][a-z0-9+.-]*://\S*|(?:mailto|data):\S+|//\S+|www\.\S+\.\S+|.*[^\s./\\]\.(?:{_ENDINGS})(?:[?#]\S*)?"
_GTIN = r"\d{8,14}"
_ISBN = r"(?=(?:\d[- ]?){9,12}[\dx]$)(?:97[89][- ])?\d{1,5}[- ]\d{1,7}[- ]\d{1,7}[- ][\dx]"
_HASH = r"\{?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?|(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{16,128}"
_MEASURE = r"\d+(?:[.,]\d+)*[a-z]{0,4}(?:[x*/-]\d+(?:[.,]\d+)*[a-z]{0,4})*"
_ARTICLE = rf"(?!(?:{_MEASURE})$)(?=.*\d{{3}}|(?:.*\d){{5}})(?=.{{6,40}}$)[a-z0-9]+(?:[-_./#][a-z0-9]+)*"

_FLAGS = re.ASCII | re.IGNORECASE
_FORMS: Mapping[Form, re.Pattern[str]] = {
    "link": re.compile(_LINK, _FLAGS),
    "code": re.compile(f"{_GTIN}|{_ISBN}|{_HASH}", _FLAGS),
    "article-number": re.compile(_ARTICLE, _FLAGS),
}
"""Form -> its pattern; the first that matches decides."""


def recognize_form(text: str) -> Form:
    """Return the form of a trimmed value.

    ``link``: an address, or a path with the extension of a file. ``code``: 8 to 14 digits as a GTIN has, an ISBN, a
    UUID, or 16 and more hexadecimal digits; these never name a class. ``article-number``: one word of letters and
    digits that has three digits in a row or five altogether, and is no measure; it may name a class (``RAL9010``,
    ``AW2024``) if many products share it.

    >>> [recognize_form(text) for text in ("//cdn.example/a.jpg", "4006381333931", "ES009453/19", "120x200cm", "3XL")]
    ['link', 'code', 'article-number', 'other', 'other']
    """
    if text.isalpha():
        return "other"
    return next((form for form, pattern in _FORMS.items() if pattern.fullmatch(text[:MAX_LENGTH])), "other")
