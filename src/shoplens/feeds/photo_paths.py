"""From the reference to a photo in a feed to an absolute path inside the media folder, or a URL."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote, urljoin

from shoplens.errors import PhotoError
from shoplens.fetching.path_forms import existing_form
from shoplens.fetching.urls import normalize_photo_url
from shoplens.types import Rejection

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_ADDRESS = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]+:)?[/\\]{2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_FETCHED = frozenset({"http", "https"})


class PhotoPaths:
    """Where the photos of one feed are.

    Args:
        media: the folder that local photos must lie in, which may be a link itself; None where there are none.
        rooted: a leading ``/`` means the media folder, not the root of the disk.
        address: that references are relative to where there is no media folder.
    """

    def __init__(self, media: Path | None, *, rooted: bool = False, address: str = "") -> None:
        self._rooted, self._address = rooted, address
        self._is_local = media is not None
        folder = media or Path()
        self.media = os.path.abspath(folder)  # noqa: PTH100 (a Path would resolve links or keep "..")
        self._real_root = os.path.join(os.path.realpath(folder), "")  # noqa: PTH118
        self._roots = tuple({os.path.join(self.media, ""), self._real_root})  # noqa: PTH118

    def resolve(self, reference: str) -> str | Rejection:
        """Absolute normalised path or http(s) URL; the rejection lacks row, product and field.

        Nothing is opened. ``//host/path`` is an https URL, unless it is a path in the media folder. A name that stands
        on the disk in another Unicode form, or percent-encoded in the feed alone, is found. A link inside the media
        folder must not lead out of it, but stays part of the path.
        """
        reference = reference.strip()
        if _ADDRESS.match(reference) and not reference.startswith(self._roots):
            return _address(reference)
        if _CONTROL.search(reference):
            return _rejection(
                "bad-photo-path", reference, "It holds characters that cannot be printed.", "Remove them."
            )
        if scheme := _SCHEME.match(reference):
            if scheme[1].lower() in _FETCHED:
                return _address(reference)
            fix = "Give an http or https URL, or a path in the media folder."
            return _rejection("photo-scheme", reference, f"Photos are not read from {scheme[1]!r} addresses.", fix)
        if not self._is_local:
            return _address(self._joined(reference))
        return self._local(reference)

    def _joined(self, reference: str) -> str:
        """The reference behind the feed's address; as it is, to be told of, where it makes no address."""
        try:
            return urljoin(self._address, reference)
        except ValueError:
            return reference

    def _local(self, reference: str) -> str | Rejection:
        path = reference.replace("\\", "/")
        if self._rooted and not path.startswith(self._roots):
            path = path.lstrip("/")
        path = os.path.normpath(os.path.join(self.media, path))  # noqa: PTH118
        if not path.startswith(self._roots):
            fix = "Name photos relative to the media folder, or give that folder with --media."
            return _rejection("photo-outside-media", reference, f"It is not inside the media folder {self.media}.", fix)
        path = self._on_disk(path)
        if not os.path.realpath(path).startswith(self._real_root):
            reason = f"It is behind a link that leads out of the media folder {self.media}."
            return _rejection("photo-outside-media", reference, reason, "Put the file itself into the media folder.")
        return path

    def _on_disk(self, path: str) -> str:
        """The path as it stands on the disk: in another Unicode form, or with what the feed percent-encodes."""
        found = existing_form(path)
        if "%" not in path or os.path.lexists(found):
            return found
        decoded = os.path.normpath(unquote(path))
        is_usable = decoded.startswith(self._roots) and not _CONTROL.search(decoded)
        return existing_form(decoded) if is_usable and os.path.lexists(existing_form(decoded)) else found


def _address(reference: str) -> str | Rejection:
    try:
        return normalize_photo_url(reference)
    except PhotoError as problem:
        kind = "photo-scheme" if (scheme := _SCHEME.match(reference)) and scheme[1].lower() not in _FETCHED else ""
        return _rejection(kind or "bad-photo-url", reference, problem.problem, problem.fix)


def _rejection(kind: str, reference: str, reason: str, fix: str) -> Rejection:
    return Rejection(kind=kind, value=reference, reason=reason, fix=fix)
