"""How queries name a photo: whatever a caller gave -> an absolute path, a URL, or bytes."""

from __future__ import annotations

from pathlib import Path

from shoplens.errors import InvalidValue
from shoplens.images.source import is_url


def located(photo: str | Path | bytes) -> str | bytes:
    """A photo as queries name it: an absolute path, a URL, or bytes.

    Raises:
        InvalidValue: the path is empty.
    """
    if isinstance(photo, bytes) or (isinstance(photo, str) and is_url(photo)):
        return photo
    if not str(photo):
        raise InvalidValue("The photo's path is empty.", "Give a file, a URL, or bytes.")
    try:
        return str(Path(photo).expanduser().absolute())
    except RuntimeError:  # no such user
        return str(Path(photo).absolute())
