"""File names in either Unicode form: in a feed or on the disk, ``ü`` may be one character (NFC) or two (NFD)."""

from __future__ import annotations

import os
from pathlib import Path
from unicodedata import normalize


def find_existing_path(path: str) -> str:
    """Return the path that exists on the disk, trying each name as given, composed (NFC) and decomposed (NFD).

    Below the first name that exists in another form than the given one, no link is followed, because a check of the
    given path for links that lead out of a folder cannot have seen such a link. A path that exists as given, or in no
    form, is returned unchanged.
    """
    if path.isascii() or os.path.lexists(path):
        return path
    existing, is_as_given = "", True
    for name in Path(path).parts:
        for form in (name, normalize("NFC", name), normalize("NFD", name)):
            candidate = os.path.join(existing, form)  # noqa: PTH118 (a Path would cost more than the look-up)
            if os.path.lexists(candidate):
                break
        else:
            return path
        is_as_given = is_as_given and form == name
        if not is_as_given and os.path.islink(candidate):  # noqa: PTH114
            return path
        existing = candidate
    return existing
