"""``/v1/search`` and what is like a product."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from shoplens.errors import InvalidValue
from shoplens.images.source import is_url
from shoplens.ranking.strategies import EncodedQuery
from shoplens.ranking.verdict import verdict_words
from shoplens.search.answer_json import as_json
from shoplens.service.failures import RequestRefused
from shoplens.service.schemas import MOST_PAGED, AnswerDocument, Failed, SearchRequest
from shoplens.service.state import ServiceState, may, running
from shoplens.types import Answer, Query, Region, Steering

router = APIRouter()
FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": Failed, "description": said}
    for status, said in {
        400: "The request is no HTTP that can be read.",
        401: "It takes a key.",
        403: "The key may not do this.",
        404: "It names something that is not there.",
        408: "It arrived too slowly.",
        409: "It would destroy something.",
        410: "What it refers to is of another model.",
        413: "It is too large.",
        415: "It is of a kind that is not understood.",
        422: "Something in it makes no sense.",
        429: "Too many; wait for the seconds of Retry-After.",
        500: "Something went wrong that should not.",
        503: "Too much is waiting, or the store cannot answer.",
    }.items()
}
FORM, JSON = "multipart/form-data", "application/json"
MOST_PARTS = 200
_REPEATED = {"where", "facets"}
_STRUCTURED = {"weights", "region"}


@router.post(
    "/v1/search",
    response_model=AnswerDocument,
    responses=FAILURES,
    summary="Products for a photo, a product, or a colour",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": {"$ref": "#/components/schemas/SearchRequest"}},
                FORM: {"schema": {"$ref": "#/components/schemas/SearchForm"}},
            },
        }
    },
    dependencies=[Depends(may("search"))],
)
async def search(request: Request) -> Response:
    """Best first. Send the photo as `multipart/form-data` (`curl -F image=@photo.jpg -F k=5`) or JSON.

    An answer's `query_id` can be searched by again within half an hour: with other weights, ticks or pages, and without
    sending the photo again. Photos are not kept.
    """
    service = running(request)
    with service.work.expecting():
        asked, photo = await _parse_request(request)
    started_from = [name for name in ("image", "url", "product_id", "query_id") if getattr(asked, name) is not None]
    if photo is not None and "image" not in started_from:
        started_from.append("image")
    if len(started_from) > 1 or not (started_from or asked.color):
        told = " and ".join(started_from) or "nothing"
        raise InvalidValue(
            f"It starts from {told}.",
            "Give one of image, url, product_id and query_id, or color.",
            code="ambiguous-query",
        )
    if asked.image is not None:
        photo = _decode_base64(asked.image)
    seen, seen_in = (None, "") if asked.query_id is None else service.recent.of(asked.query_id)
    if seen is not None and asked.region is not None:
        raise InvalidValue(
            "A region is a part of a photo, and there is none at hand.",
            "Send the photo again, with its region.",
            code="region-of-nothing",
        )
    if asked.url is not None:
        photo = await service.fetches.of(request, lambda: _fetch_photo(service, asked.url or ""))
    query = query_of(asked, photo if seen is None else b"")
    return await answer_page(request, service, query, asked, seen, seen_in if asked.offset else "")


@router.get(
    "/v1/products/{product_id:path}/similar",
    response_model=AnswerDocument,
    responses=FAILURES,
    summary="Products like one of the catalogue",
    dependencies=[Depends(may("search"))],
)
async def similar(request: Request, product_id: str, k: int = 20, strategy: str = "") -> Response:
    """Best first, without itself. With more to say, ask `/v1/search` with `product_id`."""
    try:
        asked = SearchRequest(product_id=product_id, k=k, strategy=strategy)
    except ValidationError as problem:
        raise RequestValidationError([{**one, "loc": ("query", *one["loc"])} for one in problem.errors()]) from None
    return await answer_page(request, running(request), query_of(asked, None), asked, None)


def query_of(asked: SearchRequest, photo: bytes | None) -> Query:
    """The query that is asked for; one more result than a page, to know whether another page follows."""
    steering = Steering(
        weights=asked.weights,
        profile=asked.profile,
        like=asked.product_id or "",
        color=asked.color or "",
        facets=tuple(dict.fromkeys(asked.facets)),
        predicted=asked.predicted,
        explain=asked.explain,
    )
    precision = {} if asked.precision is None else {"precision": asked.precision}
    return Query(
        photo,
        k=min(asked.offset + asked.k + 1, MOST_PAGED),
        where=tuple(asked.where),
        region=None if asked.region is None else Region(*asked.region),
        per_group=asked.per_group,
        sold_out=asked.sold_out,
        strategy=asked.strategy,
        steering=steering,
        **precision,
    )


async def answer_page(
    request: Request,
    service: ServiceState,
    query: Query,
    asked: SearchRequest,
    seen: EncodedQuery | None,
    seen_in: str = "",
) -> Response:
    """The page of the answer that is asked for.

    Args:
        seen_in: the generation that the pages before are of; empty for a first page.

    Raises:
        InvalidValue: ``another-generation``.
    """

    def call() -> bytes:
        generation = service.shop.generations.live
        answer, encoded = service.shop.search_encoded(query, seen, user=asked.user, shown=asked.offset + asked.k)
        if seen_in and service.shop.generations.live != seen_in:
            raise InvalidValue(
                "Another generation of the catalogue answers now, in which other products may be on this page.",
                "Begin with the first page: leave out offset.",
                code="another-generation",
            )
        if encoded is not None:
            service.recent.hold(answer.query_id, encoded, generation)
        service.metrics.count_search(answer.took_ms, answer.verdict)
        if query.photo is not None and not (query.where or asked.offset):
            service.missing.count(answer)
        return json.dumps(page_of(service, answer, asked), ensure_ascii=False, separators=(",", ":")).encode()

    return Response(await service.work.of(request, call), media_type=JSON)


def page_of(service: ServiceState, answer: Answer, asked: SearchRequest) -> dict[str, Any]:
    """The documented object; photos are addresses on this service."""
    end = asked.offset + asked.k
    more = len(answer.results) > end and end < MOST_PAGED
    found = as_json(replace(answer, results=answer.results[asked.offset : end]))
    rows = found["results"]
    addresses = service.shop.products.photo_hashes([row["product_id"] for row in rows])
    for row in rows:
        own = addresses.get(row["product_id"], {})
        row["photo"] = photo_address(own.get(row["photo"], ""))
        row["photos"] = [photo_address(name) for name in own.values()]
    words = verdict_words(answer.verdict)
    return {**found, "verdict_words": words, "next_offset": end if more else None}


def photo_address(content_hash: str) -> str:
    """Where a product's photo is; empty for one that has gone meanwhile."""
    return f"/v1/photos/{content_hash}" if content_hash else ""


async def _parse_request(request: Request) -> tuple[SearchRequest, bytes | None]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == FORM:
        async with request.form(max_files=1, max_fields=MOST_PARTS) as form:
            photo, fields = None, dict[str, Any]()
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    if name != "image":
                        raise InvalidValue(
                            f"There is a file {name!r}.", "Send the photo as `image`.", code="bad-request"
                        )
                    photo = await value.read()
                else:
                    _take(fields, name, value)
        fields.pop("image", None)
        return _valid(fields), photo
    if kind != JSON:
        raise RequestRefused(f"The content type is {kind[:100]!r}.", f"Send {FORM} or {JSON}.", code="unsupported-type")
    try:
        found = json.loads(await request.body())
    except (ValueError, RecursionError) as problem:
        raise InvalidValue(f"The body is no JSON: {problem}.", "Send one JSON object.", code="bad-request") from None
    return _valid(found), None


def _take(fields: dict[str, Any], name: str, value: str) -> None:
    if name in _REPEATED:
        fields.setdefault(name, []).append(value)
    elif name in _STRUCTURED:
        try:
            fields[name] = json.loads(value)
        except (ValueError, RecursionError) as problem:
            raise InvalidValue(f"{name} is no JSON: {problem}.", "See /docs.", code="bad-request") from None
    else:
        fields[name] = value


def _valid(found: Any) -> SearchRequest:
    try:
        return SearchRequest.model_validate(found)
    except ValidationError as problem:
        errors: Sequence[Any] = [{**one, "loc": ("body", *one["loc"])} for one in problem.errors()]
        raise RequestValidationError(errors) from None


def _decode_base64(image: str) -> bytes:
    try:
        return base64.b64decode(image.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as problem:
        raise InvalidValue(
            f"image is no base64: {problem}.", "Send the file's bytes, base64.", code="bad-request"
        ) from None


def _fetch_photo(service: ServiceState, url: str) -> bytes:
    if not is_url(url):
        raise InvalidValue(f"url is {url[:200]!r}.", "Give an http or https address.", code="bad-url")
    return service.shop.fetch_photo(url)
