"""A small Qdrant server for tests: REST over the client's emulation.

Every body is parsed by the OpenAPI models of the client, which forbid what they do not know. Requests are recorded, and
failures can be ordered.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import BaseModel
from qdrant_client import models as api

from shoplens.index.qdrant_server.emulation import EmulatedQdrant


@dataclass
class Request:
    """A request that came."""

    method: str
    path: str
    options: dict[str, str]
    body: Any


@dataclass
class Failure:
    """What happens to the next requests whose path matches: a status, after some seconds; 0 closes the connection."""

    path: str
    status: int
    times: int
    seconds: float = 0.0
    after: bool = False
    """Whether the request is carried out before the failure, as where an answer is lost."""
    message: str = "ordered by a test"


@dataclass
class FakeQdrant:
    """The server; ``url`` is the address of a store on it, without its name."""

    port: int = 0
    emulation: EmulatedQdrant = field(default_factory=lambda: EmulatedQdrant(None))
    requests: list[Request] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    update_status: str = ""
    """What writes are answered with, in place of ``completed``."""
    on_request: Callable[[Request], None] = lambda request: None
    """Called before a request is carried out."""

    @property
    def url(self) -> str:
        return f"qdrant+http://127.0.0.1:{self.port}"

    def sent(self, pattern: str) -> list[Request]:
        """Return the recorded requests whose method and path match."""
        return [one for one in self.requests if re.search(pattern, f"{one.method} {one.path}")]

    def failure_of(self, path: str) -> Failure | None:
        """Return what is to happen to a request, once less from now on."""
        for one in self.failures:
            if one.times > 0 and re.search(one.path, path):
                one.times -= 1
                return one
        return None

    def answer(self, method: str, path: str, body: Any) -> Any:
        """Carry out a request, and return its result."""
        for pattern, wanted, act in ROUTES:
            match = re.fullmatch(pattern, path)
            if match is not None and method == wanted:
                return act(self.emulation, body or {}, *map(unquote, match.groups()))
        raise LookupError(f"no route for {method} {path}")


def _points(client: Any, body: Any, name: str) -> Any:
    points = api.PointsList(**body).points
    return client.upsert(name, points)


def _query(client: Any, name: str, one: api.QueryRequest) -> Any:
    return client.query_points(
        name,
        query=one.query,
        using=one.using,
        query_filter=one.filter,
        search_params=one.params,
        limit=one.limit or 10,
        with_payload=one.with_payload or False,
        with_vectors=one.with_vector or False,
    )


def _scroll(client: Any, body: Any, name: str) -> Any:
    one = api.ScrollRequest(**body)
    points, following = client.scroll(
        name,
        scroll_filter=one.filter,
        limit=one.limit,
        offset=one.offset,
        with_payload=one.with_payload,
        with_vectors=one.with_vector,
    )
    return {"points": points, "next_page_offset": following}


def _retrieve(client: Any, body: Any, name: str) -> Any:
    one = api.PointRequest(**body)
    return client.retrieve(name, ids=one.ids, with_payload=one.with_payload, with_vectors=one.with_vector)


def _delete(client: Any, body: Any, name: str) -> Any:
    kind = api.PointIdsList if "points" in body else api.FilterSelector
    return client.delete(name, points_selector=kind(**body))


def _set_payload(client: Any, body: Any, name: str) -> Any:
    one = api.SetPayload(**body)
    return client.set_payload(name, payload=one.payload, points=one.points)


def _count(client: Any, body: Any, name: str) -> Any:
    one = api.CountRequest(**body)
    return client.count(name, count_filter=one.filter, exact=one.exact)


def _facet(client: Any, body: Any, name: str) -> Any:
    one = api.FacetRequest(**body)
    return client.facet(name, key=one.key, facet_filter=one.filter, limit=one.limit, exact=one.exact)


def _create(client: Any, body: Any, name: str) -> Any:
    one = api.CreateCollection(**body)
    return client.create_collection(name, vectors_config=one.vectors, sparse_vectors_config=one.sparse_vectors)


def _index(client: Any, body: Any, name: str) -> Any:
    one = api.CreateFieldIndex(**body)
    return client.create_payload_index(name, field_name=one.field_name, field_schema=one.field_schema)


def _aliases(client: Any, body: Any) -> Any:
    return client.update_collection_aliases(api.ChangeAliasesOperation(**body).actions)


COLLECTION = r"/collections/([^/]+)"
ROUTES: list[tuple[str, str, Callable[..., Any]]] = [
    ("/collections", "GET", lambda client, body: client.get_collections()),
    ("/aliases", "GET", lambda client, body: client.get_aliases()),
    ("/collections/aliases", "POST", _aliases),
    (COLLECTION, "GET", lambda client, body, name: client.get_collection(name)),
    (COLLECTION, "PUT", _create),
    (COLLECTION, "DELETE", lambda client, body, name: client.delete_collection(name)),
    (f"{COLLECTION}/exists", "GET", lambda client, body, name: {"exists": client.collection_exists(name)}),
    (f"{COLLECTION}/index", "PUT", _index),
    (f"{COLLECTION}/points", "PUT", _points),
    (f"{COLLECTION}/points", "POST", _retrieve),
    (f"{COLLECTION}/points/scroll", "POST", _scroll),
    (f"{COLLECTION}/points/count", "POST", _count),
    (f"{COLLECTION}/points/delete", "POST", _delete),
    (f"{COLLECTION}/points/payload", "POST", _set_payload),
    (
        f"{COLLECTION}/points/vectors",
        "PUT",
        lambda client, body, name: client.update_vectors(name, api.UpdateVectors(**body).points),
    ),
    (
        f"{COLLECTION}/points/query",
        "POST",
        lambda client, body, name: _query(client, name, api.QueryRequest(**body)),
    ),
    (
        f"{COLLECTION}/points/query/batch",
        "POST",
        lambda client, body, name: [_query(client, name, one) for one in api.QueryRequestBatch(**body).searches],
    ),
    (f"{COLLECTION}/facet", "POST", _facet),
]


@contextmanager
def run_fake_qdrant(port: int = 0) -> Iterator[FakeQdrant]:
    """Run the server on a thread, on any free port."""
    fake = FakeQdrant()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            address = urlsplit(self.path)
            data = self.rfile.read(int(self.headers.get("content-length", 0)))
            body = json.loads(data) if data else None
            options = {name: values[0] for name, values in parse_qs(address.query).items()}
            fake.requests.append(Request(self.command, address.path, options, body))
            fake.on_request(fake.requests[-1])
            if fake.keys and self.headers.get("api-key") not in fake.keys:
                self._send(403, {"status": {"error": "forbidden"}})
                return
            failure = fake.failure_of(f"{self.command} {address.path}")
            if failure is not None:
                time.sleep(failure.seconds)
                if failure.after:
                    fake.answer(self.command, address.path, body)
                if failure.status == 0:
                    self.close_connection = True
                    self.connection.close()
                    return
                if failure.status != 200:
                    self._send(failure.status, {"status": {"error": failure.message}})
                    return
            try:
                result = fake.answer(self.command, address.path, body)
            except ValueError as problem:
                missing = "not found" in str(problem)
                self._send(404 if missing else 400, {"status": {"error": str(problem)}})
                return
            content = json.loads(_Json(result=result).model_dump_json())
            if fake.update_status and isinstance(result, api.UpdateResult):
                content["result"]["status"] = fake.update_status
            self._send(200, {"result": content["result"], "status": "ok", "time": 0.0})

        do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = _handle  # noqa: N815  (http.server calls them by these names)

        def _send(self, status: int, content: Any) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    fake.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Json(BaseModel):
    result: Any
