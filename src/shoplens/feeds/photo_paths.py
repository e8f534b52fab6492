"""From the reference to a photo in a feed to an absolute path inside the media folder, or a URL."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from shoplens.types import Rejection

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_FETCHED = frozenset({"http", "https"})


class PhotoPaths:
    """Where the photos of one feed are.

    Args:
        media: the folder that local photos must lie in; it may be a link itself.
        rooted: a leading ``/`` means the media folder, not the root of the disk.
    """

    def __init__(self, media: Path, *, rooted: bool = False) -> None:
        self.media = os.path.abspath(media)  # noqa: PTH100 (a Path would resolve links or keep "..")
        self._rooted = rooted
        self._real_root = os.path.join(os.path.realpath(media), "")  # noqa: PTH118
        self._roots = tuple({os.path.join(self.media, ""), self._real_root})  # noqa: PTH118

    def resolve(self, reference: str) -> str | Rejection:
        """Absolute normalised path or http(s) URL; the rejection lacks row, product and field.

        Nothing is opened. A link inside the media folder must not lead out of it, but stays part of the path.
        """
        if _CONTROL.search(reference):
            return _refused("bad-photo-path", reference, "It holds characters that cannot be printed.", "Remove them.")
        if scheme := _SCHEME.match(reference):
            return _address(reference, scheme[1].lower())
        path = reference.replace("\\", "/")
        if self._rooted and not path.startswith(self._roots):
            path = path.lstrip("/")
        path = os.path.normpath(os.path.join(self.media, path))  # noqa: PTH118
        if not path.startswith(self._roots):
            fix = "Name photos relative to the media folder, or give that folder with --media."
            return _refused("photo-outside-media", reference, f"It is not inside the media folder {self.media}.", fix)
        if not os.path.realpath(path).startswith(self._real_root):
            reason = f"It is behind a link that leads out of the media folder {self.media}."
            return _refused("photo-outside-media", reference, reason, "Put the file itself into the media folder.")
        return path


def _address(reference: str, scheme: str) -> str | Rejection:
    if scheme not in _FETCHED:
        fix = "Give an http or https URL, or a path in the media folder."
        return _refused("photo-scheme", reference, f"Photos are not read from {scheme!r} addresses.", fix)
    try:
        host = urlsplit(reference).hostname
    except ValueError:
        host = None
    if not host or " " in reference:
        fix = "Write a whole URL with spaces as %20, e.g. https://shop.example/photo.jpg."
        return _refused("bad-photo-url", reference, "It is not a whole URL.", fix)
    return reference


def _refused(kind: str, reference: str, reason: str, fix: str) -> Rejection:
    return Rejection(kind=kind, value=reference, reason=reason, fix=fix)
