"""Resolution of a feed's references to photos: to absolute paths in the media folder, or to URLs."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote, urljoin

from shoplens.errors import PhotoError
from shoplens.fetching.path_forms import find_existing_path
from shoplens.fetching.urls import normalize_photo_url
from shoplens.types import Rejection

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_ADDRESS = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]+:)?[/\\]{2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_FETCHED_SCHEMES = frozenset({"http", "https"})


class PhotoPaths:
    """Resolves the references to photos of one feed.

    Args:
        media: the folder that local photos must lie in, which may be a link itself; None for a feed without local
            photos.
        rooted: whether a leading ``/`` means the media folder, not the root of the disk.
        address: the URL that references are relative to where there is no media folder.
    """

    def __init__(self, media: Path | None, *, rooted: bool = False, address: str = "") -> None:
        self._rooted, self._address = rooted, address
        self._is_local = media is not None
        folder = media or Path()
        self.media = os.path.abspath(folder)  # noqa: PTH100 (a Path would resolve links or keep "..")
        self._real_root = os.path.join(os.path.realpath(folder), "")  # noqa: PTH118
        self._roots = tuple({os.path.join(self.media, ""), self._real_root})  # noqa: PTH118

    def resolve(self, reference: str) -> str | Rejection:
        """Return the absolute path or the http(s) URL of a photo, or a rejection without row, product and field.

        No file is opened. ``//host/path`` is an https URL, unless it is a path in the media folder. A file is also
        found if its name has another Unicode form on the disk, or is percent-encoded only in the feed. A link inside
        the media folder stays part of the path, and must not lead out of the folder.
        """
        reference = reference.strip()
        if _ADDRESS.match(reference) and not reference.startswith(self._roots):
            return _resolve_url(reference)
        if _CONTROL.search(reference):
            return _rejection(
                "bad-photo-path", reference, "The path contains control characters.", "Remove these characters."
            )
        if scheme := _SCHEME.match(reference):
            if scheme[1].lower() in _FETCHED_SCHEMES:
                return _resolve_url(reference)
            fix = "Give an http or https URL, or a path in the media folder."
            return _rejection("photo-scheme", reference, f"Photos are not read from {scheme[1]!r} addresses.", fix)
        if not self._is_local:
            return _resolve_url(self._join_url(reference))
        return self._resolve_path(reference)

    def _join_url(self, reference: str) -> str:
        """Return the URL of a reference relative to the feed's URL; the reference itself where that is not possible."""
        try:
            return urljoin(self._address, reference)
        except ValueError:
            return reference

    def _resolve_path(self, reference: str) -> str | Rejection:
        path = reference.replace("\\", "/")
        if self._rooted and not path.startswith(self._roots):
            path = path.lstrip("/")
        path = os.path.normpath(os.path.join(self.media, path))  # noqa: PTH118
        if not path.startswith(self._roots):
            fix = "Name photos relative to the media folder, or give that folder with --media."
            reason = f"The photo is not inside the media folder {self.media}."
            return _rejection("photo-outside-media", reference, reason, fix)
        path = self._find_on_disk(path)
        if not os.path.realpath(path).startswith(self._real_root):
            reason = f"The path follows a link that leads out of the media folder {self.media}."
            return _rejection("photo-outside-media", reference, reason, "Put the file itself into the media folder.")
        return path

    def _find_on_disk(self, path: str) -> str:
        """Return the path that exists on the disk: in another Unicode form, or with its percent-encoding decoded."""
        existing = find_existing_path(path)
        if "%" not in path or os.path.lexists(existing):
            return existing
        decoded = os.path.normpath(unquote(path))
        is_usable = decoded.startswith(self._roots) and not _CONTROL.search(decoded)
        return find_existing_path(decoded) if is_usable and os.path.lexists(find_existing_path(decoded)) else existing


def _resolve_url(reference: str) -> str | Rejection:
    try:
        return normalize_photo_url(reference)
    except PhotoError as problem:
        kind = (
            "photo-scheme" if (scheme := _SCHEME.match(reference)) and scheme[1].lower() not in _FETCHED_SCHEMES else ""
        )
        return _rejection(kind or "bad-photo-url", reference, problem.problem, problem.fix)


def _rejection(kind: str, reference: str, reason: str, fix: str) -> Rejection:
    return Rejection(kind=kind, value=reference, reason=reason, fix=fix)
