"""Numbers and indexes on a Qdrant server for the contract suite: on the client's emulation, and on a real server where
SHOPLENS_QDRANT_URL names one, such as qdrant://localhost:6334."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from shoplens.index.protocol import Index, VectorSizes
from shoplens.settings import Settings

NewServerIndex = Callable[[VectorSizes], Index]
_SHARED = f"shared-{secrets.token_hex(4)}"


def in_16_bits(numbers: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Numbers that indexes store as they are; others are rounded to 16 bits."""
    return numbers.astype(np.float16).astype(np.float32)


def new_server_index(sizes: VectorSizes, address: str = "qdrant://:memory:", tenant: str = "") -> Index:
    """Return an empty index on a collection of its own, or, for a tenant, on one that all tenants share."""
    pytest.importorskip("qdrant_client")
    from shoplens.index.qdrant_server.collection import create_collection
    from shoplens.index.qdrant_server.connection import connect
    from shoplens.index.qdrant_server.requests import ServerRequests
    from shoplens.index.qdrant_server.server_index import ServerIndex
    from shoplens.settings.server_address import parse_address

    settings = Settings(qdrant_tenant=tenant)
    sized = f"{sizes.pretrained}-{sizes.filter_vector}-{sizes.trained}-{sizes.text}"
    name = f"{_SHARED}-{sized}" if tenant else f"test-{secrets.token_hex(6)}"
    connection = connect(parse_address(f"{address}/{name}"), settings)
    create_collection(connection, name, sizes, settings)
    return ServerIndex(ServerRequests(connection, name, settings), sizes, tenant)


def new_tenant_index(sizes: VectorSizes) -> Index:
    """Return an index of a new shop in a collection that other shops share."""
    return new_server_index(sizes, tenant=f"shop-{secrets.token_hex(4)}")


def new_real_server_index(sizes: VectorSizes) -> Index:
    """Return an index on the server that SHOPLENS_QDRANT_URL names; skip the test where there is none."""
    address = os.environ.get("SHOPLENS_QDRANT_URL", "")
    if not address:
        pytest.skip("needs a Qdrant server: set SHOPLENS_QDRANT_URL, such as qdrant://localhost:6334")
    return new_server_index(sizes, address)


SERVER_PARAMETERS: list[Any] = [
    pytest.param(new_server_index, id="server", marks=pytest.mark.extras),
    pytest.param(new_tenant_index, id="tenant", marks=pytest.mark.extras),
    pytest.param(new_real_server_index, id="real-server", marks=pytest.mark.extras),
]
