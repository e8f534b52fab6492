"""The address of a store on a Qdrant server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from shoplens.errors import SettingsError

SCHEMES = {
    "qdrant": "gRPC, by default at port 6334",
    "qdrant+http": "REST, by default at port 6333",
    "qdrant+file": "the emulation of the client in a folder of this machine, for tests",
}
"""Scheme of an address -> how the server is spoken to."""
MEMORY = ":memory:"
"""In place of a host: the emulation of the client in this process, for tests."""
_ADDRESS = re.compile(r"(?P<scheme>qdrant(?:\+[a-z]+)?):/+(?P<rest>[^?#]+)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_PORTS = {"qdrant": 6334, "qdrant+http": 6333}


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a store on a server is.

    Attributes:
        scheme: a key of :data:`SCHEMES`.
        host: of the server; :data:`MEMORY`, or empty for a folder.
        port: of the server; 0 for an emulation.
        folder: of the emulation; None for a server.
        name: of the store; it begins the names of its collections.
    """

    scheme: str
    host: str
    port: int
    folder: Path | None
    name: str

    def __str__(self) -> str:
        if self.folder is not None:
            return f"{self.scheme}://{self.folder}/{self.name}"
        host = f"[{self.host}]" if self.host.count(":") > 1 and self.host != MEMORY else self.host
        return f"{self.scheme}://{host}{f':{self.port}' if self.port else ''}/{self.name}"


def is_server_address(text: str | Path) -> bool:
    """Whether a text is the address of a store on a server, and no folder; a path has lost one of its two slashes.

    >>> is_server_address("qdrant://search.example:6334/shop"), is_server_address("shoplens-store")
    (True, False)
    """
    return re.match(r"qdrant(\+[a-z]+)?:/", str(text)) is not None


def parse_address(text: str | Path) -> ServerAddress:
    """Parse the address of a store on a server.

    Raises:
        SettingsError: ``bad-settings``, it is none.

    >>> parse_address("qdrant://10.0.0.7/shop")
    ServerAddress(scheme='qdrant', host='10.0.0.7', port=6334, folder=None, name='shop')
    """
    match = _ADDRESS.fullmatch(str(text))
    if match is None or match["scheme"] not in SCHEMES:
        raise _address_error(text)
    scheme, (place, _, name) = match["scheme"], match["rest"].rpartition("/")
    if not place or not _NAME.fullmatch(name):
        raise _address_error(text)
    if scheme == "qdrant+file":
        return ServerAddress(scheme, "", 0, Path("/") / place, name)
    if place == MEMORY:
        return ServerAddress(scheme, MEMORY, 0, None, name)
    bare = re.fullmatch(r"(?:\[([0-9a-fA-F:]+)\]|([^:/@]+))(?::(\d{1,5}))?", place)
    if bare is None:
        raise _address_error(text)
    return ServerAddress(scheme, bare[1] or bare[2], int(bare[3] or _PORTS[scheme]), None, name)


def _address_error(text: str | Path) -> SettingsError:
    return SettingsError(
        f"The store {str(text)[:200]!r} is no address of a Qdrant server.",
        "Write qdrant://HOST:6334/NAME, or qdrant+http://HOST:6333/NAME for REST; NAME has letters, digits, '_', '.' "
        "and '-'.",
    )
