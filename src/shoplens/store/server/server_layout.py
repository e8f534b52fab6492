"""Where the generations of a store on a server lie, and which of them is live.

A generation is a collection, and its files (manifest, filters, rankers, calibrations) are a document of the object
store. They are fetched into the working folder, in which they lie as in any store. The live generation is the one whose
collection the alias names. Where several shops share a collection, a generation is a value of the tenant field, and a
document names the live one.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from qdrant_client import models as api

from shoplens.errors import StoreError
from shoplens.index.protocol import StoredIndex, VectorSizes
from shoplens.index.qdrant_server.collection import TENANT, alias_target, create_collection, switch_alias
from shoplens.index.qdrant_server.connection import ServerConnection
from shoplens.index.qdrant_server.requests import ServerRequests
from shoplens.index.qdrant_server.server_index import ServerIndex
from shoplens.settings import Settings
from shoplens.store.files.atomic import BROKEN_SEAL, NEW, SEAL, file_version, replace_file, timestamp
from shoplens.store.files.merchandising import NAME as MERCHANDISING
from shoplens.store.generation import SHARD
from shoplens.store.layout import StoreLayout
from shoplens.store.manifest import NAME as MANIFEST
from shoplens.store.manifest import is_kept, load_manifest
from shoplens.store.renames import RENAMED
from shoplens.store.server.objects import ObjectStore
from shoplens.store.server.write_log import WriteLog

SHARED_FILES = ("keys.json", RENAMED, MERCHANDISING)
"""Files of a store that all of its generations share."""


class ServerLayout:
    """The generations of a store on a server, see :class:`~shoplens.store.layout.StoreLayout`.

    Args:
        folder: working folder of this process.
        connection: to the server.
        objects: with the files.
        settings: of new collections, and of requests.
    """

    is_shared = True

    def __init__(self, folder: Path, connection: ServerConnection, objects: ObjectStore, settings: Settings) -> None:
        self.folder, self.generations = folder, folder / "generations"
        self.connection, self.objects, self._settings = connection, objects, settings
        self._name, self._tenant = connection.address.name, settings.qdrant_tenant
        self._prefix = f"{self._name}/tenants/{self._tenant}" if self._tenant else self._name
        self._local = StoreLayout(folder)
        self._pulled: dict[str, int] = {}
        self._files: dict[str, dict[str, Any]] = {}  # generation -> its files as they were fetched or stored last
        self._shared: dict[str, dict[str, Any]] = {}  # the same for the files that all generations share
        self._log = WriteLog(objects, self._prefix)
        self._pushed: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {}

    def exists(self) -> bool:
        """Whether the server has the store, finished or not."""
        return bool(self._remote_names())

    def current(self) -> str | None:
        """Return the live generation, whose files are fetched; None when no build ever ended."""
        name = self._current_name()
        if name is not None:
            self.pull(name)
        return name

    def version(self) -> tuple[str | None, int]:
        """Return the live generation and the version of its files, without fetching any."""
        name = self._current_name()
        return name, 0 if name is None else self.objects.read(self._document(name))[0]

    def make_current(self, name: str) -> None:
        """Name the live generation, in one call; before that, its files are stored."""
        for folder in self._local.complete():
            self.publish(folder)
        self._log.require_lease()
        self.objects.change(self._document(name), lambda before: {**before, "served": timestamp()})
        if self._tenant:
            self.objects.change(f"{self._prefix}/live", lambda _: {"generation": name})
        else:
            switch_alias(self.connection, self._name, self._collection(name))

    def complete(self) -> list[Path]:
        """Return the folders of all generations, fetched, in the order in which they served."""
        return [self.pull(name) for name in self._remote_names()]

    def kept_folders(self) -> list[Path]:
        """Return the folders of generations that were kept to go back to, the one that served last first."""
        live = self._current_name()
        kept = [folder for folder in self.complete() if folder.name != live and is_kept(folder)]
        served = {folder: str(self.objects.read(self._document(folder.name))[1].get("served", "")) for folder in kept}
        return sorted(kept, key=lambda folder: (served[folder], folder.name), reverse=True)

    def reuse(self, folder: Path) -> Path:
        """Leave a generation that was kept as it is: its collection keeps its name."""
        return folder

    def building(self) -> AbstractContextManager[None]:
        """Keep other processes from building, and have them log what they write meanwhile.

        Raises:
            StoreError: ``store-in-use``, another process is building.
        """
        return self._log.building()

    def close_write_log(self) -> list[str]:
        """Return the ids of products that other processes wrote during the build; what follows waits for the switch."""
        return self._log.close()

    def confirm_writes(self, live: str, ids: Iterable[str]) -> bool:
        """Return whether products were written to the live generation; a build that is under way gets their ids."""
        written = list(ids)
        if not written:
            return True
        self._log.add(written)
        return self._current_name() == live

    def close(self) -> None:
        """Close the connection to the server."""
        self.connection.close()

    def next(self) -> Path:
        """Return a new folder, of a generation that no process has begun."""
        numbers = [int(name) for name in self._remote_names()]
        names = [one.name for one in self.connection.call(self.connection.client.get_collections).collections]
        for name in names:
            prefix, _, number = name.rpartition("-")
            if prefix == self._name and number.isdecimal() and not self._tenant:
                numbers.append(int(number))
        return self.generations / f"{max(numbers, default=0) + 1:06d}"

    def tidy(self, live: str) -> None:
        """Remove folders of generations that the server does not have any more."""
        known = set(self._remote_names())
        for folder in self._local.complete():
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)

    def remove(self, folder: Path) -> None:
        """Remove a generation: its collection, then its files."""
        if self._tenant:
            if self.connection.call(self.connection.client.collection_exists, self._name):
                own = api.FieldCondition(key=TENANT, match=api.MatchValue(value=self._tenant_value(folder.name)))
                ServerRequests(self.connection, self._name, self._settings).delete_all(api.Filter(must=[own]))
        else:
            self.connection.call(self.connection.client.delete_collection, self._collection(folder.name))
        self.objects.remove_files(self.work_folder(folder.name))
        self.objects.remove(self._document(folder.name))
        shutil.rmtree(folder, ignore_errors=True)

    def work_folder(self, name: str) -> str:
        """Return where in the object store the steps of the build of a generation are."""
        return f"{self._document(name)}/work"

    def publish(self, folder: Path) -> None:
        """Store the files of a generation that this process changed since it fetched them."""
        if not (folder / MANIFEST).is_file():
            return
        name, before = folder.name, self._files.get(folder.name, {})
        files = {path.relative_to(folder).as_posix(): self._put(path) for path in _files_of(folder)}
        changed = {file: row for file, row in files.items() if before.get(file) != row}
        gone = before.keys() - files.keys()
        if not changed and not gone:
            return

        def merge(document: dict[str, Any]) -> dict[str, Any]:
            others = {file: row for file, row in document.get("files", {}).items() if file not in gone}
            return {**document, "collection": self._collection(name), "files": {**others, **changed}}

        version = self.objects.change(self._document(name), merge)
        self._files[name] = files
        if self._pulled.get(name, version - 1) == version - 1:  # else others' files are fetched first
            self._pulled[name] = version

    def publish_shared(self) -> None:
        """Store the files that all generations share, those that this process changed since it fetched them."""
        files = {name: self._put(self.folder / name) for name in SHARED_FILES if (self.folder / name).is_file()}
        changed = {name: row for name, row in files.items() if self._shared.get(name) != row}
        if changed:
            document = f"{self._prefix}/shared"
            self.objects.change(document, lambda before: {"files": {**before.get("files", {}), **changed}})
            self._shared |= changed

    def pull_shared(self) -> None:
        """Fetch the files that all generations share, if any changed."""
        _, document = self.objects.read(f"{self._prefix}/shared")
        for name, row in document.get("files", {}).items():
            if name in SHARED_FILES and self._shared.get(name) != row:
                self._fetch(self.folder / name, row, mode=0o600)
                self._shared[name] = row

    def pull(self, name: str) -> Path:
        """Fetch the files of a generation that are not here yet, and return its folder.

        Raises:
            StoreError: ``damaged-store``, the object store lacks the generation or a file of it.
        """
        folder = self.generations / name
        version, document = self.objects.read(self._document(name))
        if not version:
            raise StoreError(
                f"The object store {self.objects.root} lacks the files of generation {name} of {self._prefix}.",
                "Set SHOPLENS_OBJECT_STORE to the one that the store was built with, the same on every machine.",
                code="damaged-store",
            )
        if self._pulled.get(name) == version and folder.is_dir():
            return folder
        folder.mkdir(parents=True, exist_ok=True)
        files: dict[str, dict[str, Any]] = document["files"]
        for file, row in sorted(files.items(), key=lambda item: item[0] == MANIFEST):  # the manifest last
            if ".." not in Path(file).parts and not Path(file).is_absolute():
                self._fetch(folder / file, row)
        for path in _files_of(folder):
            if path.relative_to(folder).as_posix() not in files:
                path.unlink()
        self._pulled[name], self._files[name] = version, files
        return folder

    def open_index(self, shard: Path, sizes: VectorSizes) -> StoredIndex:
        """Open the index of a generation; that of an unfinished one is created where there is none.

        Raises:
            StoreError: ``no-collection``, that of a finished generation is missing.
        """
        name, client = shard.parent.name, self.connection.client
        collection = self._collection(name)
        if not load_manifest(shard.parent).complete:
            create_collection(self.connection, collection, sizes, self._settings)
        elif not self.connection.call(client.collection_exists, collection):
            raise StoreError(
                f"The server {self.connection.address} lacks the collection {collection} of generation {name}.",
                "Restore it from a snapshot of the server, or build it anew with `shoplens index --replace FEED`.",
                code="no-collection",
            )
        requests = ServerRequests(self.connection, collection, self._settings)
        return ServerIndex(requests, sizes, self._tenant_value(name) if self._tenant else "")

    def _current_name(self) -> str | None:
        if self._tenant:
            name = self.objects.read(f"{self._prefix}/live")[1].get("generation")
            return None if name is None else str(name)
        target = alias_target(self.connection, self._name)
        return None if target is None else target.rpartition("-")[2]

    def _remote_names(self) -> list[str]:
        return [name for name in self.objects.list_documents(f"{self._prefix}/generations") if name.isdecimal()]

    def _document(self, name: str) -> str:
        return f"{self._prefix}/generations/{name}"

    def _collection(self, name: str) -> str:
        return self._name if self._tenant else f"{self._name}-{name}"

    def _tenant_value(self, name: str) -> str:
        return f"{self._tenant}@{name}"

    def _put(self, path: Path) -> dict[str, Any]:
        """Store a file, and return its hash and size; a file that did not change is not read again."""
        version = file_version(path)
        known = self._pushed.get(str(path))
        if known is None or known[0] != version:
            content = path.read_bytes()
            known = version, {"hash": self.objects.put(content), "bytes": len(content)}
            self._pushed[str(path)] = known
        return known[1]

    def _fetch(self, path: Path, row: dict[str, Any], mode: int = 0o666) -> None:
        """Fetch a file unless it is here with this content."""
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == row["hash"]:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, self.objects.get(str(row["hash"])), mode)


def _files_of(folder: Path) -> list[Path]:
    """Return the files of a generation that belong to it, in order."""
    skipped = {SEAL, BROKEN_SEAL}
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in skipped and NEW not in path.suffixes and SHARD not in path.parts[-2:-1]
    ]
