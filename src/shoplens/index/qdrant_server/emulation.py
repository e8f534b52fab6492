"""The emulation of a server by the client, which compares every point: for tests, and for trying things out.

It keeps no payload indexes; Shoplens reads from them which fields a collection has, so they are remembered here.
"""

from __future__ import annotations

import json
import threading
import warnings
from pathlib import Path
from typing import Any

from qdrant_client import QdrantClient
from qdrant_client import models as api

SCHEMAS = "payload-indexes.json"
"""File of the emulation's folder: collection -> payload path -> type of its index."""


class EmulatedQdrant:
    """The client's local mode, with one caller at a time, and with the payload indexes that were asked for.

    Args:
        folder: None keeps everything in memory.

    Raises:
        RuntimeError: another process has the folder open.
    """

    def __init__(self, folder: Path | None) -> None:
        self._lock = threading.RLock()
        self._file = None if folder is None else folder / SCHEMAS
        self._client = (
            QdrantClient(":memory:")
            if folder is None
            else QdrantClient(path=str(folder), force_disable_check_same_thread=True)
        )
        self._schemas: dict[str, dict[str, str]] = {}
        if self._file is not None and self._file.is_file():
            self._schemas = json.loads(self._file.read_text("utf-8"))

    def create_payload_index(self, collection_name: str, field_name: str, field_schema: Any, **_: Any) -> Any:
        """Remember that a path of the payload is indexed."""
        with self._lock:
            kind = field_schema if isinstance(field_schema, str) else field_schema.type
            self._schemas.setdefault(collection_name, {})[field_name] = str(getattr(kind, "value", kind))
            self._write_schemas()
            return api.UpdateResult(operation_id=0, status=api.UpdateStatus.COMPLETED)

    def get_collection(self, collection_name: str, **options: Any) -> Any:
        """Return what the client says of a collection, with its payload indexes."""
        with self._lock:
            info = self._client.get_collection(collection_name, **options)
            kinds = self._schemas.get(self._target(collection_name), {})
            info.payload_schema = {
                path: api.PayloadIndexInfo(data_type=api.PayloadSchemaType(kind), points=0)
                for path, kind in kinds.items()
            }
            return info

    def delete_collection(self, collection_name: str, **options: Any) -> Any:
        """Delete a collection, and forget its payload indexes."""
        with self._lock:
            self._schemas.pop(collection_name, None)
            self._write_schemas()
            return self._client.delete_collection(collection_name, **options)

    def __getattr__(self, name: str) -> Any:
        """Return a method of the client, which lets one caller in at a time."""
        method = getattr(self._client, name)
        if not callable(method):
            return method

        def call(*args: Any, **options: Any) -> Any:
            with self._lock, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that search parameters mean nothing here, above all
                return method(*args, **options)

        return call

    def _target(self, name: str) -> str:
        """Return the collection that an alias stands for, or the name itself."""
        aliases = self._client.get_aliases().aliases
        return next((one.collection_name for one in aliases if one.alias_name == name), name)

    def _write_schemas(self) -> None:
        if self._file is not None:
            self._file.write_text(json.dumps(self._schemas), "utf-8")
