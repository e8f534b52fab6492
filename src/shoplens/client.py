"""A client of a shop's service, for backends that search and keep the catalogue up to date.

>>> with Client("http://127.0.0.1:8000", key="sl_…") as client:  # doctest: +SKIP
...     answer = client.search(Path("photo.jpg"), k=5, where=["price < 60"])
...     client.update("MH01-Black", price=45.0, in_stock=True)
"""

from __future__ import annotations

import base64
import copy
import json
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlencode

import httpcore

from shoplens.errors import InvalidValue, ShoplensError
from shoplens.service.catalogue_schemas import DimensionDocument, FacetsDocument, MapDocument
from shoplens.service.schemas import (
    AnswerDocument,
    ErrorDocument,
    EventsResult,
    ItemResult,
    ProductDocument,
    ProductsResult,
    RegionsDocument,
)

SECONDS = 30.0


class ServiceError(ShoplensError):
    """The service refused a request, or cannot be reached.

    Attributes:
        status: HTTP status; 0 where there was no response.
        message: a text for shoppers, in English; empty where there was no response.
        retry_after: seconds after which the request may be sent again; 0 where that would not help.
    """

    code = "service"

    def __init__(
        self, problem: str, fix: str, *, code: str, status: int = 0, retry_after: float = 0, message: str = ""
    ) -> None:
        super().__init__(problem, fix, code=code)
        self.status, self.retry_after, self.message = status, retry_after, message


class Client:
    """A client of a service; thread-safe. Use it in a ``with`` block.

    Args:
        endpoint: address of the service.
        key: with the role that the requests need; empty for none.
        seconds: in which a response must arrive as a whole; :meth:`within` gives other requests another limit.

    Raises:
        InvalidValue: ``bad-key``.
    """

    def __init__(self, endpoint: str, key: str = "", seconds: float = SECONDS) -> None:
        if not key.isascii():
            raise InvalidValue("The API key is malformed.", "Create one with `shoplens keys add`.", code="bad-key")
        self._endpoint = endpoint.rstrip("/")
        self._headers = [("Authorization", f"Bearer {key}")] if key else []
        self._pool = httpcore.ConnectionPool(max_connections=20, keepalive_expiry=10.0)
        self._seconds = seconds

    def within(self, seconds: float) -> Client:
        """Return a client of the same connections whose responses must arrive in so many seconds.

        >>> client.within(2).search(photo)  # doctest: +SKIP
        """
        other = copy.copy(self)
        other._seconds = seconds
        return other

    def search(self, photo: Path | bytes | None = None, **fields: Any) -> AnswerDocument:
        """Search for the products in a photo (a file, or its bytes), or from what ``fields`` name.

        Args:
            fields: as of :class:`~shoplens.service.schemas.SearchRequest`: ``url``, ``product_id``, ``query_id``,
                ``color``, ``text``, the words; ``k``, ``offset``, ``where``, ``weights``, ``facets``, ``region``,
                ``objects``, …

        Raises:
            ServiceError: the service refused the request.
        """
        if photo is None:
            return AnswerDocument.model_validate(self._request("POST", "/v1/search", fields))
        data = photo if isinstance(photo, bytes) else photo.read_bytes()
        body, kind = _form(data, fields)
        return AnswerDocument.model_validate(self._answer("POST", "/v1/search", body, kind))

    def similar(self, product_id: str, k: int = 20) -> AnswerDocument:
        """Find products like one of the catalogue."""
        return AnswerDocument.model_validate(self._request("GET", f"{_address(product_id)}/similar?k={k}"))

    def regions(
        self, photo: Path | bytes, product_id: str, photo_address: str = "", region: Sequence[int] | None = None
    ) -> RegionsDocument:
        """Say where a photo matches a product's photo.

        Args:
            photo_address: which of the product's photos, as ``photo`` of a result; else its first.
            region: part of the photo: x, y, width, height in pixels.
        """
        data = photo if isinstance(photo, bytes) else photo.read_bytes()
        fields: dict[str, Any] = {"image": base64.b64encode(data).decode(), "product_id": product_id}
        fields |= {"photo": photo_address} if photo_address else {}
        fields |= {} if region is None else {"region": list(region)}
        return RegionsDocument.model_validate(self._request("POST", "/v1/regions", fields))

    def facets(self, fields: Iterable[str] = (), where: Iterable[str] = (), limit: int = 20) -> FacetsDocument:
        """Count products by value, by path of a tree, and by price; all fields where none is named."""
        query = [("limit", str(limit)), *(("field", one) for one in fields), *(("where", one) for one in where)]
        return FacetsDocument.model_validate(self._request("GET", f"/v1/facets?{urlencode(query)}"))

    def dimensions(self) -> list[DimensionDocument]:
        """Return the dimensions that can be weighted, with their default weights."""
        rows = self._request("GET", "/v1/dimensions")["dimensions"]
        return [DimensionDocument.model_validate(row) for row in rows]

    def map(self) -> MapDocument:
        """Return the map of the catalogue."""
        return MapDocument.model_validate(self._request("GET", "/v1/map"))

    def missing(self) -> dict[str, dict[str, int]]:
        """Return day -> category of the nearest product -> number of searches without a product. Needs the role
        admin."""
        searches: dict[str, dict[str, int]] = self._request("GET", "/v1/missing")["searches"]
        return searches

    def product(self, product_id: str) -> ProductDocument:
        """Return a product's record.

        Raises:
            ServiceError: ``unknown-product``.
        """
        return ProductDocument.model_validate(self._request("GET", _address(product_id)))

    def put(self, products: Sequence[Mapping[str, Any]]) -> list[ItemResult]:
        """Add or replace at most 100 products, and return a result for each. Needs the role write."""
        content = self._request("POST", "/v1/products", {"products": list(products)})
        return ProductsResult.model_validate(content).items

    def update(self, product_id: str, **changes: Any) -> ProductDocument:
        """Update price, stock, attributes, …; fields that are left out stay. Needs the role write."""
        return ProductDocument.model_validate(self._request("PATCH", _address(product_id), changes))

    def remove(self, product_id: str) -> None:
        """Remove a product; it is no error if there is none. Needs the role write."""
        self._request("DELETE", _address(product_id))

    def feedback(self, events: Iterable[Mapping[str, Any]]) -> EventsResult:
        """Send what shoppers did: ``query_id``, ``product_id``, ``kind``, and optionally ``user`` and ``at``."""
        return EventsResult.model_validate(self._request("POST", "/v1/feedback", {"events": list(events)}))

    def forget(self, user: str) -> None:
        """Delete a user's data. Needs the role admin."""
        self._request("DELETE", f"/v1/users/{quote(user, safe='')}")

    def command(self, what: str, body: Mapping[str, Any]) -> Any:
        """Send a request of a `shoplens` command to the service that has its store."""
        return self._request("POST", f"/commands/{what}", body)

    def close(self) -> None:
        self._pool.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _request(self, method: str, path: str, body: Any = None) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        return self._answer(method, path, content, "application/json")

    def _answer(self, method: str, path: str, content: bytes, kind: str) -> Any:
        kinds = [("Content-Type", kind)] if content else []
        end = time.monotonic() + self._seconds
        extensions = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), self._seconds)}
        try:
            with self._pool.stream(
                method,
                self._endpoint + path,
                headers=[*self._headers, *kinds],
                content=content,
                extensions=extensions,
            ) as answer:
                received = bytearray()
                for part in answer.iter_stream():
                    received += part
                    if time.monotonic() > end:
                        raise httpcore.ReadTimeout(f"more than {self._seconds:g} s")
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as problem:
            raise ServiceError(
                f"{self._endpoint} does not answer: {problem!r}.",
                "Check that the service runs, and try again.",
                code="no-answer",
            ) from problem
        if answer.status == 204:
            return None
        body = bytes(received)
        if answer.status == 200:
            return json.loads(body)
        wait = {name.lower(): value for name, value in answer.headers}.get(b"retry-after", b"0")
        try:
            error = ErrorDocument.model_validate_json(body).error
        except ValueError:
            raise ServiceError(
                f"{self._endpoint} answers {answer.status}.",
                "Check that the address is that of the service, and that no proxy answers for it.",
                code="no-answer",
                status=answer.status,
            ) from None
        after = float(wait) if wait.isdigit() else 0.0
        raise ServiceError(
            error.problem,
            error.fix,
            code=error.code,
            status=answer.status,
            retry_after=after,
            message=error.message,
        )


def _address(product_id: str) -> str:
    return f"/v1/products/{quote(product_id, safe='')}"


def _form(photo: bytes, fields: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return a multipart form, and its content type."""
    edge = secrets.token_hex(16)
    parts = [(name, value) for name, value in fields.items() if not isinstance(value, list | tuple) or name == "region"]
    parts += [
        (name, one)
        for name, values in fields.items()
        if (name, values) not in parts
        for one in values  # repeated
    ]
    lines = []
    for name, value in parts:
        text = value if isinstance(value, str) else json.dumps(value)
        lines += [f"--{edge}", f'Content-Disposition: form-data; name="{name}"', "", text]
    lines += [f"--{edge}", 'Content-Disposition: form-data; name="image"; filename="photo"', "", ""]
    end = f"\r\n--{edge}--\r\n"
    return "\r\n".join(lines).encode() + photo + end.encode(), f"multipart/form-data; boundary={edge}"
