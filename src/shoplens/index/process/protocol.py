"""What the two processes say to each other: pickled messages over a local connection.

A request is the name of a method with its arguments. It is answered by a result, or by an error; a method that yields
is answered by parts, and then by a result. Both processes are of one user, and the connection needs a key.
"""

from __future__ import annotations

import copyreg
import io
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from shoplens.index.protocol import VectorSizes

YIELDING = frozenset({"entries", "all_records", "ids"})
"""Methods that are answered by parts."""
PART = 200
"""Number of items of a part."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What the process opens.

    Attributes:
        folder: folder of the shard.
        key: whoever connects has to know it.
    """

    folder: Path
    sizes: VectorSizes
    key: bytes


@dataclass(frozen=True, slots=True)
class Ready:
    """The first message of the process: the address of its listener, or why it ends."""

    address: str = ""
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    arguments: Sequence[Any]
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    items: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Result:
    value: Any = None


@dataclass(frozen=True, slots=True)
class Failure:
    error: Exception


Message = Request | Part | Result | Failure


def _read_only(values: dict[str, Any]) -> MappingProxyType[str, Any]:
    return MappingProxyType(values)


def _reduce_mapping(values: MappingProxyType[str, Any]) -> tuple[Any, ...]:
    return _read_only, (dict(values),)


class _Pickler(pickle.Pickler):
    """Pickles the read-only mappings of products, too."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.dispatch_table = {**copyreg.dispatch_table, MappingProxyType: _reduce_mapping}


def send(connection: Connection, message: Message) -> None:
    """Send a message; blocks while the other side does not read."""
    buffer = io.BytesIO()
    _Pickler(buffer).dump(message)
    connection.send_bytes(buffer.getbuffer())


def receive(connection: Connection) -> Any:
    """Receive a message.

    Raises:
        EOFError, OSError: the other side has ended.
    """
    return pickle.loads(connection.recv_bytes())
