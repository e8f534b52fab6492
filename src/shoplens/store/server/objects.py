"""A small versioned object store: contents by their hash, and documents of which every version stays.

::

    ROOT/
      objects/ab/abcdef…              a content, named by its SHA-256; never changed
      NAME/versions/00000012.json     version 12 of the document NAME; never changed

The root is a folder, or any address that ``fsspec`` opens, such as ``s3://bucket/prefix``. A version is created only
where there is none of its number, so two writers never lose each other's.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shoplens.errors import SettingsError, StoreError

KEPT_VERSIONS = 20
"""Versions of a document that stay; older ones are removed when a new one is written."""
ATTEMPTS = 20
"""Attempts to read or to change a document that others change."""
_VERSION = re.compile(r"(\d{8})\.json")


class ObjectStore:
    """A versioned object store. Thread-safe.

    Args:
        root: a folder, or an address of ``fsspec``.

    Raises:
        SettingsError: no package opens such an address.
    """

    def __init__(self, root: str) -> None:
        try:
            import fsspec

            self._is_folder = "://" not in root
            options = {} if self._is_folder else {"use_listings_cache": False}
            self._files, path = fsspec.core.url_to_fs(root, **options)
        except (ImportError, ValueError) as problem:
            raise SettingsError(
                f"The object store {root!r} cannot be opened: {problem}.",
                "Give a folder, or s3://bucket/prefix with the extra: pip install 'shoplens[cluster]'.",
            ) from None
        self.root, self._root = root, path.rstrip("/")

    def put(self, content: bytes) -> str:
        """Store a content, and return its hash; nothing is sent where it is stored already."""
        name = hashlib.sha256(content).hexdigest()
        path = self._object_path(name)
        if not self._call(self._files.exists, path):
            self._write(path, content)
        return name

    def get(self, name: str) -> bytes:
        """Return a content by its hash.

        Raises:
            StoreError: ``damaged-store``, it is missing, or differs from its hash.
        """
        try:
            content: bytes = self._call(self._files.cat_file, self._object_path(name))
        except FileNotFoundError:
            raise self._damage_error(f"lacks the content {name}") from None
        if hashlib.sha256(content).hexdigest() != name:
            raise self._damage_error(f"holds a content {name} that differs from its name")
        return content

    def read(self, document: str) -> tuple[int, dict[str, Any]]:
        """Return number and content of the latest version of a document; 0 and nothing where there is none.

        Raises:
            StoreError: ``damaged-store``.
        """
        for _ in range(ATTEMPTS):
            versions = self._versions(document)
            if not versions:
                return 0, {}
            path = self._version_path(document, versions[-1])
            try:
                content: dict[str, Any] = json.loads(self._call(self._files.cat_file, path))
                return versions[-1], content
            except FileNotFoundError:
                continue  # the document was removed, or many versions were written meanwhile
            except ValueError as problem:
                raise self._damage_error(f"holds {path}, which cannot be read: {problem}") from None
        raise self._damage_error(f"lacks every version of {document} that it lists")

    def change(self, document: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> int:
        """Read a document, change it, and write the next version, again where another process was first.

        Args:
            change: returns the new content for the present one; it may be called several times.

        Returns:
            The number of the version that holds the new content; the present one where nothing changes.

        Raises:
            StoreError: ``store-in-use``, others changed it all the time.
        """
        for _ in range(ATTEMPTS):
            number, before = self.read(document)
            after = change(before)
            if number and after == before:
                return number
            content = json.dumps(after, ensure_ascii=False, sort_keys=True).encode()
            try:
                self._create(self._version_path(document, number + 1), content)
            except FileExistsError:
                continue
            self._remove_old_versions(document)
            return number + 1
        raise StoreError(
            f"Other processes are changing {document} in {self.root} all the time.",
            "Wait until they have finished.",
            code="store-in-use",
        )

    def list_documents(self, folder: str) -> list[str]:
        """Return the names of the documents in a folder, without the folder's, in order."""
        found = self._list(f"{self._root}/{folder}")
        return sorted(name for name in found if self._versions(f"{folder}/{name}"))

    def remove(self, document: str) -> None:
        """Remove a document with all of its versions; its contents stay for others that have the same."""
        for number in reversed(self._versions(document)):  # an interrupted removal leaves an older version
            self._call(self._files.rm_file, self._version_path(document, number))

    def write_file(self, path: str, content: bytes) -> None:
        """Write a file that is of use for a while only, such as a step of a build; the last writer wins."""
        self._write(f"{self._root}/{path}", content)

    def read_file(self, path: str) -> bytes:
        """Return such a file.

        Raises:
            FileNotFoundError: there is none.
        """
        content: bytes = self._call(self._files.cat_file, f"{self._root}/{path}")
        return content

    def has_file(self, path: str) -> bool:
        """Whether there is such a file."""
        return bool(self._call(self._files.exists, f"{self._root}/{path}"))

    def list_files(self, folder: str) -> list[str]:
        """Return the names of such files in a folder, in order."""
        return sorted(self._list(f"{self._root}/{folder}"))

    def remove_files(self, folder: str) -> None:
        """Remove a folder of such files."""
        with contextlib.suppress(FileNotFoundError):
            self._call(self._files.rm, f"{self._root}/{folder}", recursive=True)

    def _write(self, path: str, content: bytes) -> None:
        """Write a file so that a reader sees all of it or none, as an object store does by itself."""
        if not self._is_folder:
            self._call(self._files.pipe_file, path, content)
            return
        new = self._write_beside(path, content)
        self._call(new.replace, path)

    def _create(self, path: str, content: bytes) -> None:
        """Write a file that is not there yet, as :meth:`_write` does.

        Raises:
            FileExistsError: it is there.
        """
        if not self._is_folder:
            self._call(self._files.pipe_file, path, content, mode="create")
            return
        new = self._write_beside(path, content)
        try:
            self._call(os.link, new, path)
        finally:
            new.unlink()

    def _write_beside(self, path: str, content: bytes) -> Path:
        new = Path(f"{path}.{secrets.token_hex(4)}.new")
        self._call(new.parent.mkdir, parents=True, exist_ok=True)
        self._call(new.write_bytes, content)
        return new

    def _versions(self, document: str) -> list[int]:
        names = self._list(f"{self._root}/{document}/versions")
        return sorted(int(match[1]) for name in names if (match := _VERSION.fullmatch(name)))

    def _list(self, folder: str) -> list[str]:
        try:
            found = self._call(self._files.ls, folder, detail=False)
        except FileNotFoundError:
            return []
        return [str(path).rstrip("/").rpartition("/")[2] for path in found]

    def _remove_old_versions(self, document: str) -> None:
        for number in self._versions(document)[:-KEPT_VERSIONS]:
            try:
                self._call(self._files.rm_file, self._version_path(document, number))
            except FileNotFoundError:
                continue  # another writer was first

    def _object_path(self, name: str) -> str:
        return f"{self._root}/objects/{name[:2]}/{name}"

    def _version_path(self, document: str, number: int) -> str:
        return f"{self._root}/{document}/versions/{number:08d}.json"

    def _call(self, method: Callable[..., Any], *args: Any, **options: Any) -> Any:
        try:
            return method(*args, **options)
        except (FileNotFoundError, FileExistsError):
            raise
        except Exception as problem:
            text = " ".join(str(problem).split())[:300]
            if "PreconditionFailed" in text or "pre-conditions" in text.lower():
                raise FileExistsError(text) from problem
            raise StoreError(
                f"The object store {self.root} does not answer: {text or type(problem).__name__}.",
                "Check its address and its credentials, then try again.",
                code="no-object-store",
            ) from problem

    def _damage_error(self, what: str) -> StoreError:
        return StoreError(
            f"The object store {self.root} {what}.",
            "Build the store anew with `shoplens index --replace FEED`.",
            code="damaged-store",
        )


def default_root(folder: Path) -> str:
    """Return the root of the object store where the settings name none: beside the working folder of a store."""
    return str(folder.parent / f"{folder.name}.objects")
