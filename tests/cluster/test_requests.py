"""What is sent to a Qdrant server, what is sent again, and what is told when it fails."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from shoplens.errors import StoreError
from shoplens.index.condition_parser import parse_condition
from shoplens.index.protocol import PhotoConstraint, VectorQuery, VectorSizes
from shoplens.settings import Settings
from tests.index.test_contract import DIMENSIONS, FILTER_VECTOR_SIZE, entry

pytest.importorskip("qdrant_client")
pytestmark = pytest.mark.extras

if True:  # after the skip: these need the client
    from shoplens.index.qdrant_server.collection import alias_target, create_collection, switch_alias
    from shoplens.index.qdrant_server.connection import ATTEMPTS, ServerConnection, connect
    from shoplens.index.qdrant_server.requests import ServerRequests
    from shoplens.index.qdrant_server.server_index import ServerIndex
    from shoplens.settings.server_address import parse_address
    from tests.cluster.fake_qdrant import Failure, FakeQdrant, run_fake_qdrant

SIZES = VectorSizes(DIMENSIONS, FILTER_VECTOR_SIZE, text=1)
SETTINGS = Settings(
    qdrant_shards=6, qdrant_replicas=2, qdrant_write_consistency=2, qdrant_read_consistency="majority", qdrant_timeout=3
)


@pytest.fixture
def fake() -> Iterator[FakeQdrant]:
    with run_fake_qdrant() as fake:
        yield fake


@pytest.fixture
def connection(fake: FakeQdrant) -> Iterator[ServerConnection]:
    connection = connect(parse_address(f"{fake.url}/shop"), SETTINGS)
    connection._pause = lambda seconds: None
    yield connection
    connection.close()


@pytest.fixture
def index(connection: ServerConnection) -> ServerIndex:
    """Return an index of thirty products on the fake server."""
    create_collection(connection, "shop-000001", SIZES, SETTINGS)
    index = ServerIndex(ServerRequests(connection, "shop-000001", SETTINGS), SIZES)
    rng = np.random.default_rng(7)
    index.upsert([entry(number, rng) for number in range(30)])
    return index


def vector() -> np.ndarray:
    return np.eye(DIMENSIONS, dtype=np.float32)[0]


def test_a_collection_is_made_with_its_payload_indexes_before_the_first_point(
    fake: FakeQdrant, index: ServerIndex
) -> None:
    (created,) = fake.sent("PUT /collections/shop-000001$")
    body = created.body
    assert (body["shard_number"], body["replication_factor"], body["write_consistency_factor"]) == (6, 2, 2)
    dense = {"size": DIMENSIONS + FILTER_VECTOR_SIZE, "distance": "Dot", "datatype": "float16", "on_disk": False}
    assert body["vectors"]["combined"] == dense
    assert body["sparse_vectors"].keys() == {"marks", "text"}
    assert body["hnsw_config"]["m"] == 16 and body["hnsw_config"]["payload_m"] == 0
    assert body["quantization_config"] == {"scalar": {"type": "int8", "quantile": 0.99, "always_ram": True}}
    order = [f"{one.method} {one.path}" for one in fake.requests]
    first_point = order.index("PUT /collections/shop-000001/points")
    indexed = [one.body["field_name"] for one in fake.requests[:first_point] if one.path.endswith("/index")]
    assert {"view", "hashes", "size", 'text."color"', 'number."price"', 'exact."id"'} <= set(indexed)


def test_a_collection_that_several_shops_share_has_a_graph_for_each(fake: FakeQdrant) -> None:
    settings = Settings(qdrant_tenant="one", qdrant_quantization="none", qdrant_on_disk=True)
    connection = connect(parse_address(f"{fake.url}/shops"), settings)
    create_collection(connection, "shops", SIZES, settings)
    (created,) = fake.sent("PUT /collections/shops$")
    assert (created.body["hnsw_config"]["m"], created.body["hnsw_config"]["payload_m"]) == (0, 16)
    assert created.body["hnsw_config"]["on_disk"] and created.body["vectors"]["pretrained"]["on_disk"]
    assert created.body.get("quantization_config") is None
    (tenant,) = [one.body for one in fake.sent("PUT .*/index") if one.body["field_name"] == "tenant"]
    assert tenant["field_schema"] == {"type": "keyword", "is_tenant": True}
    connection.close()


def test_a_search_sends_filter_parameters_and_consistency(fake: FakeQdrant, index: ServerIndex) -> None:
    fake.requests.clear()
    condition = parse_condition("color = red and price < 20")
    hits = index.nearest_products(vector(), 3, PhotoConstraint(condition, first_photos_only=True))
    assert len(hits) == 3
    query = fake.sent("POST /collections/shop-000001/points/query$")[0]
    assert query.options == {"consistency": "majority", "timeout": "3"}
    assert (query.body["using"], query.body["limit"], query.body["with_payload"]) == ("pretrained", 14, False)
    assert query.body["params"] == {
        "hnsw_ef": 128,
        "exact": False,
        "quantization": {"ignore": False, "rescore": True, "oversampling": 2.0},
        "acorn": {"enable": True, "max_selectivity": 0.6},
    } | {name: value for name, value in query.body["params"].items() if name == "indexed_only"}
    first, _ = query.body["filter"]["must"][0], query.body["filter"]["must"][1]
    assert first["must"] == [
        {"key": 'text."color"', "match": {"any": ["red"]}},
        {"key": 'number."price"', "range": {"lt": 20.0}},
    ]
    assert query.body["filter"]["must"][1] == {"key": "view", "match": {"value": 0}}
    exact = fake.sent("points/query$")[1]  # fewer than wanted came back
    assert exact.body["params"]["exact"] and exact.body["params"]["quantization"]["ignore"]


def test_scores_of_photos_are_one_request_for_all_queries(fake: FakeQdrant, index: ServerIndex) -> None:
    probe = VectorQuery(look=vector(), filter_vector=np.ones(FILTER_VECTOR_SIZE, np.float32))
    hits = index.nearest_photos(probe, 5, PhotoConstraint())
    fake.requests.clear()
    scores = index.photo_scores([probe, VectorQuery(look=vector())], hits.keys)
    assert scores.shape == (2, 5)
    (batch,) = fake.requests
    assert batch.path.endswith("/points/query/batch") and len(batch.body["searches"]) == 2
    assert all(
        one["params"]["exact"] and len(one["filter"]["must"][0]["has_id"]) == 5 for one in batch.body["searches"]
    )
    np.testing.assert_allclose(scores[0], hits.scores, atol=1e-5)


def test_writes_wait_and_are_put_in_order(fake: FakeQdrant, index: ServerIndex) -> None:
    index.remove(["p3"])
    index.replace_products([index.records(["p4"])[0].product])
    writes = [*fake.sent("PUT .*/points$"), *fake.sent("/points/(delete|payload)$")]
    assert len(writes) >= 3
    assert all(one.options == {"wait": "true", "ordering": "medium", "timeout": "3"} for one in writes)


@pytest.mark.parametrize("status", [0, 429, 500, 503])
def test_a_request_that_failed_is_sent_again(fake: FakeQdrant, index: ServerIndex, status: int) -> None:
    fake.failures.append(Failure("points/query", status, times=ATTEMPTS - 1))
    assert len(index.nearest_products(vector(), 3)) == 3


def test_a_write_whose_answer_was_lost_is_repeated_and_counts_once(fake: FakeQdrant, index: ServerIndex) -> None:
    fake.failures.append(Failure("PUT .*/points$", 500, times=1, after=True))
    index.upsert([entry(77, np.random.default_rng(1))])
    assert index.count() == 31


def test_a_write_that_was_not_applied_in_time_is_not_acknowledged(fake: FakeQdrant, index: ServerIndex) -> None:
    fake.update_status = "wait_timeout"
    with pytest.raises(StoreError, match="has not applied a write in time") as caught:
        index.remove(["p3"])
    assert caught.value.code == "server-unavailable"


def test_a_shard_that_does_not_answer_is_never_a_smaller_answer(fake: FakeQdrant, index: ServerIndex) -> None:
    message = "Service internal error: the replica set for shard 2 has no active replica"
    fake.failures.append(Failure("points/(query|count)", 500, times=99, message=message))
    for read in (lambda: index.nearest_products(vector(), 3), lambda: index.count()):
        with pytest.raises(StoreError) as caught:
            read()
        assert caught.value.code == "server-unavailable" and "shard 2" in caught.value.problem
    assert len(fake.sent("points/count")) == ATTEMPTS


def test_a_node_that_is_too_slow_is_told(fake: FakeQdrant) -> None:
    settings = Settings(qdrant_timeout=1)
    connection = connect(parse_address(f"{fake.url}/shop"), settings)
    connection._pause, connection._attempts = (lambda seconds: None), 2
    fake.failures.append(Failure("GET /collections$", 200, times=2, seconds=1.3))
    with pytest.raises(StoreError) as caught:
        connection.call(connection.client.get_collections)
    assert caught.value.code == "server-unavailable"
    assert connection.call(connection.client.get_collections).collections == []
    connection.close()


def test_a_partial_write_is_completed_by_the_next(fake: FakeQdrant, index: ServerIndex) -> None:
    rng = np.random.default_rng(3)
    fewer = entry(6, rng, id="p8")  # one photo instead of three: two are deleted, then one is written
    fake.failures.append(Failure("PUT .*/points$", 500, times=ATTEMPTS))
    with pytest.raises(StoreError, match="may be repeated"):
        index.upsert([fewer])
    assert index.count() == 30, "the product is still there, as it was"
    index.upsert([fewer])
    (record,) = index.records(["p8"])
    assert (record.photos, index.count()) == (fewer.photos, 30)
    assert len(list(index.entries(["p8"]))) == 1


def test_a_key_that_is_refused_is_told_and_not_tried_again(fake: FakeQdrant, index: ServerIndex) -> None:
    fake.keys.add("secret")
    fake.requests.clear()
    with pytest.raises(StoreError) as caught:
        index.count()
    assert caught.value.code == "server-refused" and "SHOPLENS_QDRANT_KEY" in caught.value.fix
    assert len(fake.requests) == 1


def test_a_collection_that_is_missing_is_told(connection: ServerConnection) -> None:
    with pytest.raises(StoreError) as caught:
        connection.call(connection.client.count, "nothing")
    assert caught.value.code == "no-collection"


def test_an_alias_is_switched_in_one_call(fake: FakeQdrant, connection: ServerConnection) -> None:
    for name in ("shop-000001", "shop-000002"):
        create_collection(connection, name, SIZES, SETTINGS)
        switch_alias(connection, "shop", name)
        assert alias_target(connection, "shop") == name
    first, second = fake.sent("POST /collections/aliases")
    assert [*first.body["actions"][0]] == ["create_alias"]
    assert [next(iter(action)) for action in second.body["actions"]] == ["delete_alias", "create_alias"]
