"""File names in either Unicode form: ``ü`` is one character here and two there, in a feed or on the disk."""

from __future__ import annotations

import os
from pathlib import Path
from unicodedata import normalize


def existing_form(path: str) -> str:
    """The path as it stands on the disk, its names in the form given, composed (NFC) or decomposed (NFD).

    Below the first name that is in another form, no link is followed: nobody who checked the given path for links
    that lead elsewhere can have seen it. A path that exists as given, or in no form, is returned as it is.
    """
    if path.isascii() or os.path.lexists(path):
        return path
    here, is_given = "", True
    for name in Path(path).parts:
        for form in (name, normalize("NFC", name), normalize("NFD", name)):
            found = os.path.join(here, form)  # noqa: PTH118 (a Path would cost more than looking)
            if os.path.lexists(found):
                break
        else:
            return path
        is_given = is_given and form == name
        if not is_given and os.path.islink(found):  # noqa: PTH114
            return path
        here = found
    return here
