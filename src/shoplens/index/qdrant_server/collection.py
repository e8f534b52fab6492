"""Collections on a server: how they are made, and the alias that names the live one."""

from __future__ import annotations

from typing import Any

from qdrant_client import models as api

from shoplens.errors import StoreError
from shoplens.index.protocol import VectorSizes
from shoplens.index.qdrant.config import (
    GRAPH_MIN_KB,
    HALVED,
    HNSW_EF_CONSTRUCT,
    HNSW_M,
    SCAN_MIN_KB,
    dense_vector_sizes,
    sparse_vector_names,
)
from shoplens.index.qdrant.points import HASHES, SIZE, VIEW
from shoplens.index.qdrant_server.connection import ServerConnection
from shoplens.settings import Settings

TENANT = "tenant"
"""Payload key that says whose a point is, where several shops share a collection."""
FIRST_INDEXES: dict[str, Any] = {
    VIEW: api.IntegerIndexParams(type=api.IntegerIndexType.INTEGER, lookup=True, range=False),
    HASHES: api.UuidIndexParams(type=api.UuidIndexType.UUID),
    SIZE: api.KeywordIndexParams(type=api.KeywordIndexType.KEYWORD),
}
"""Indexes of the payload that every collection has before the first point; those of fields follow with the fields."""
TENANT_INDEX = api.KeywordIndexParams(type=api.KeywordIndexType.KEYWORD, is_tenant=True)
TENANT_HNSW_M = 16
"""Links per node of the graphs of single tenants; a collection of several shops has no graph over all of them."""


def create_collection(connection: ServerConnection, name: str, sizes: VectorSizes, settings: Settings) -> None:
    """Create a collection with its payload indexes, or complete one whose creation was cut short.

    Raises:
        StoreError: ``other-model``, it exists with other vectors; as
            :meth:`~shoplens.index.qdrant_server.connection.ServerConnection.call`.
    """
    client = connection.client
    if not connection.call(client.collection_exists, name):
        connection.call(client.create_collection, name, **collection_options(sizes, settings))
    info = connection.call(client.get_collection, name)
    present = {vector: params.size for vector, params in info.config.params.vectors.items()}
    if present != dense_vector_sizes(sizes):
        raise StoreError(
            f"The collection {name} holds vectors {present}, and these are {dense_vector_sizes(sizes)}.",
            "Shops that share a collection must be built by the same model; choose another name for this store.",
            code="other-model",
        )
    existing = info.payload_schema
    wanted = {**FIRST_INDEXES, **({TENANT: TENANT_INDEX} if settings.qdrant_tenant else {})}
    for path, schema in wanted.items():
        if path not in existing:
            connection.call(client.create_payload_index, name, field_name=path, field_schema=schema, wait=True)


def collection_options(sizes: VectorSizes, settings: Settings) -> dict[str, Any]:
    """Return how a collection is created: the vectors of the embedded store, and what the settings say."""
    is_shared = bool(settings.qdrant_tenant)
    graph = api.HnswConfigDiff(
        m=0 if is_shared else HNSW_M,
        payload_m=TENANT_HNSW_M if is_shared else 0,
        ef_construct=HNSW_EF_CONSTRUCT,
        full_scan_threshold=SCAN_MIN_KB,
        on_disk=settings.qdrant_on_disk,
    )
    dense = {
        name: api.VectorParams(
            size=size,
            distance=api.Distance.DOT,
            datatype=api.Datatype.FLOAT16 if name in HALVED else None,
            on_disk=settings.qdrant_on_disk,
        )
        for name, size in dense_vector_sizes(sizes).items()
    }
    return {
        "vectors_config": dense,
        "sparse_vectors_config": {name: api.SparseVectorParams() for name in sparse_vector_names(sizes)} or None,
        "shard_number": settings.qdrant_shards or None,
        "replication_factor": settings.qdrant_replicas,
        "write_consistency_factor": settings.qdrant_write_consistency,
        "on_disk_payload": True,
        "hnsw_config": graph,
        "optimizers_config": api.OptimizersConfigDiff(indexing_threshold=GRAPH_MIN_KB),
        "quantization_config": _quantization(settings.qdrant_quantization),
    }


def _quantization(kind: str) -> Any:
    match kind:
        case "int8":
            scalar = api.ScalarQuantizationConfig(type=api.ScalarType.INT8, quantile=0.99, always_ram=True)
            return api.ScalarQuantization(scalar=scalar)
        case "binary":
            return api.BinaryQuantization(binary=api.BinaryQuantizationConfig(always_ram=True))
    return None


def alias_target(connection: ServerConnection, alias: str) -> str | None:
    """Return the collection that an alias names; None where there is no such alias."""
    aliases = connection.call(connection.client.get_aliases).aliases
    return next((one.collection_name for one in aliases if one.alias_name == alias), None)


def switch_alias(connection: ServerConnection, alias: str, collection: str) -> None:
    """Make an alias name this collection from now on, in one call."""
    changes: list[Any] = []
    if alias_target(connection, alias) is not None:
        changes.append(api.DeleteAliasOperation(delete_alias=api.DeleteAlias(alias_name=alias)))
    create = api.CreateAlias(collection_name=collection, alias_name=alias)
    changes.append(api.CreateAliasOperation(create_alias=create))
    connection.call(connection.client.update_collection_aliases, changes)
