"""Over gRPC, every request of an index can be made and sent; what answers here gives empty answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shoplens.errors import StoreError
from shoplens.index.condition_parser import parse_condition
from shoplens.index.protocol import PhotoConstraint, VectorQuery, VectorSizes
from shoplens.settings import settings_from
from tests.index.test_contract import DIMENSIONS, FILTER_VECTOR_SIZE, entry

grpc = pytest.importorskip("grpc")
pytest.importorskip("qdrant_client")
pytestmark = pytest.mark.extras

if True:  # after the skip
    from google.protobuf import message_factory
    from qdrant_client.grpc import collections_service_pb2, points_service_pb2

    from shoplens.index.qdrant_server.collection import switch_alias
    from shoplens.index.qdrant_server.connection import connect
    from shoplens.index.qdrant_server.requests import ServerRequests
    from shoplens.index.qdrant_server.server_index import ServerIndex
    from shoplens.settings.server_address import parse_address

SIZES = VectorSizes(DIMENSIONS, FILTER_VECTOR_SIZE, text=1)


class EmptyServer(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers every call of Qdrant's services with an empty message, and keeps the requests, parsed."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, Any]] = []
        self.status: Any = None
        services = [
            collections_service_pb2.DESCRIPTOR.services_by_name["Collections"],
            points_service_pb2.DESCRIPTOR.services_by_name["Points"],
        ]
        self._methods = {f"/{one.full_name}/{method.name}": method for one in services for method in one.methods}

    def service(self, details: Any) -> Any:
        method = self._methods[details.method]
        classes = [message_factory.GetMessageClass(kind) for kind in (method.input_type, method.output_type)]

        def answer(request: Any, context: Any) -> Any:
            self.requests.append((f"{method.containing_service.name}.{method.name}", request))
            if self.status is not None:
                context.abort(self.status, "ordered by a test")
            response = classes[1]()
            if response.DESCRIPTOR.name == "GetCollectionInfoResponse":
                config = response.result.config
                config.hnsw_config.m, config.hnsw_config.ef_construct, config.hnsw_config.full_scan_threshold = (
                    16,
                    100,
                    9,
                )
                optimizer = config.optimizer_config
                optimizer.deleted_threshold, optimizer.vacuum_min_vector_number, optimizer.flush_interval_sec = (
                    0.2,
                    9,
                    5,
                )
                optimizer.default_segment_number = 1
                config.wal_config.wal_capacity_mb, config.wal_config.wal_segments_ahead = 32, 0
                config.params.shard_number = 1
                response.result.status, response.result.optimizer_status.ok = 1, True
            if response.DESCRIPTOR.name == "PointsOperationResponse":
                response.result.status = 2  # completed
            return response

        return grpc.unary_unary_rpc_method_handler(
            answer, request_deserializer=classes[0].FromString, response_serializer=classes[1].SerializeToString
        )


@pytest.fixture
def server() -> Iterator[tuple[EmptyServer, int]]:
    handler = EmptyServer()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers([handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield handler, port
    server.stop(None)


def test_every_request_can_be_made_over_grpc(server: tuple[EmptyServer, int]) -> None:
    handler, port = server
    settings = settings_from({}, store=Path(f"qdrant://127.0.0.1:{port}/shop"), qdrant_read_consistency="2")
    connection = connect(parse_address(settings.server), settings)
    client = connection.client
    client.create_collection("shop-000001", **_options(settings))
    index = ServerIndex(ServerRequests(connection, "shop-000001", settings), SIZES)
    item = entry(8, np.random.default_rng(1))
    index.upsert([item])
    condition = parse_condition("price < 20 and not color = red")
    constraint = PhotoConstraint(condition, first_photos_only=True, excluded_hash="0" * 32)
    probe = VectorQuery(look=item.vectors[0], filter_vector=np.ones(FILTER_VECTOR_SIZE, np.float32))
    assert index.nearest_products(item.vectors[0], 3, constraint) == []
    assert index.nearest_photos(probe, 3, constraint).keys == []
    scores = item.scores
    assert scores is not None
    assert index.nearest_photos(VectorQuery(class_vector=scores.class_vectors[1]), 3, constraint).keys == []
    assert (index.count(condition), index.facet("color", 5, condition), list(index.ids())) == (0, [], [])
    assert (index.records(["p8"]), list(index.all_records(condition)), index.remove(["p8"])) == ([], [], 0)
    assert not index.has_photo_size(3, 4) and index.products_with_photo("0" * 32) == []
    ServerRequests(connection, "shop-000001", settings).set_payload(
        ["0" * 8 + "-0000-0000-0000-000000000000"], {"a": 1}
    )
    ServerRequests(connection, "shop-000001", settings).delete(["0" * 8 + "-0000-0000-0000-000000000000"])
    switch_alias(connection, "shop", "shop-000001")
    names = Counter(name for name, _ in handler.requests)
    points = ("Upsert", "Query", "Count", "Facet", "Scroll", "Get", "SetPayload", "Delete", "CreateFieldIndex")
    assert {f"Points.{name}" for name in points} <= names.keys()
    assert {f"Collections.{name}" for name in ("Create", "Get", "UpdateAliases", "ListAliases")} <= names.keys()
    query = next(request for name, request in handler.requests if name == "Points.Query")
    assert (query.params.hnsw_ef, query.params.acorn.enable, query.read_consistency.factor) == (128, True, 2)
    assert query.params.quantization.rescore and len(query.filter.must) == 2 and len(query.filter.must_not) == 1
    upsert = next(request for name, request in handler.requests if name == "Points.Upsert")
    assert upsert.wait and upsert.ordering.type == 1 and len(upsert.points) == 3  # Medium
    assert set(upsert.points[0].vectors.vectors.vectors) == {"pretrained", "combined", "marks", "text"}
    connection.close()


def test_a_failure_over_grpc_is_repeated_and_told(server: tuple[EmptyServer, int]) -> None:
    handler, port = server
    settings = settings_from({}, store=Path(f"qdrant://127.0.0.1:{port}/shop"))
    connection = connect(parse_address(settings.server), settings)
    connection._pause = lambda seconds: None
    for status, code, times in (
        (grpc.StatusCode.UNAVAILABLE, "server-unavailable", 3),
        (grpc.StatusCode.UNAUTHENTICATED, "server-refused", 1),
        (grpc.StatusCode.INVALID_ARGUMENT, "server-refused", 1),
    ):
        handler.status = status
        handler.requests.clear()
        with pytest.raises(StoreError) as caught:
            ServerRequests(connection, "shop-000001", settings).count(None)
        assert caught.value.code == code and len(handler.requests) == times
    connection.close()


def _options(settings: Any) -> dict[str, Any]:
    from shoplens.index.qdrant_server.collection import collection_options

    return collection_options(SIZES, settings)
