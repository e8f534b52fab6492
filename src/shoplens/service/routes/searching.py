"""``/v1/search``, and ``/v1/products/ID/similar``."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pydantic_core
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
from shoplens.search.objects.object_search import check_object_query
from shoplens.service.auth import client_address, require_role
from shoplens.service.desk.search_log import log_search
from shoplens.service.failures import RequestRefused
from shoplens.service.limits.bodies import MAX_BYTES, photo_body_bytes, read_form, read_json
from shoplens.service.product_links import complete_product
from shoplens.service.routes.guarded import GuardedRoute
from shoplens.service.schemas import MAX_PAGED, AnswerDocument, ErrorDocument, SearchRequest
from shoplens.service.state import ServiceState, service_state
from shoplens.service.tracing.traces import add_stages
from shoplens.types import Answer, Query, Region, Steering
from shoplens.types.queries import MAX_PHOTOS

router = APIRouter(route_class=GuardedRoute)
FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorDocument, "description": description}
    for status, description in {
        400: "The request is not valid HTTP.",
        401: "The request needs a key.",
        403: "The role of the key does not allow this.",
        404: "The request names something that does not exist.",
        408: "The body arrived too slowly.",
        409: "The request would destroy data.",
        410: "The request refers to a photo or page of another model or generation.",
        413: "The body is too large.",
        415: "The content type is not supported.",
        422: "A value in the request is invalid.",
        429: "Too many requests; try again after the number of seconds in Retry-After.",
        500: "An internal error occurred.",
        503: "Too many requests are waiting, or the store cannot answer.",
    }.items()
}
PAGES_END = f"Pages end after {MAX_PAGED} products. Add a condition or words to see other products."
PHOTO_ADDRESS = "/v1/photos/"
FORM, JSON = "multipart/form-data", "application/json"
MAX_PARTS = 200
Photos = list[bytes]
_REPEATED = {"where", "facets"}
_STRUCTURED = {"weights", "region"}


@router.post(
    "/v1/search",
    response_model=AnswerDocument,
    responses=FAILURES,
    summary="Products for a photo, a product, a colour, or words",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": {"$ref": "#/components/schemas/SearchRequest"}},
                FORM: {"schema": {"$ref": "#/components/schemas/SearchForm"}},
            },
        }
    },
    dependencies=[Depends(require_role("search"))],
)
async def search(request: Request) -> Response:
    """Search for products, best first; the photo is sent as `multipart/form-data` (`curl -F image=@photo.jpg`) or JSON.
    Up to five photos of one thing are sent as several parts `image`, and ranked together.

    Within half an hour, the `query_id` of an answer starts another search by the same photo, with other weights, ticks
    or pages, without sending the photo again. Photos are not stored.
    """
    service = service_state(request)
    request.scope[MAX_BYTES] = photo_body_bytes(service.shop.settings)
    with service.arrivals.reserve_place(client_address(request, service.shop.settings)):
        body, photos = await _parse_request(request)
    started_from = [name for name in ("image", "url", "product_id", "query_id") if getattr(body, name) is not None]
    if photos and "image" not in started_from:
        started_from.append("image")
    if len(started_from) > 1 or not (started_from or body.color or body.text.strip()):
        names = " and ".join(started_from) or "nothing"
        raise InvalidValue(
            f"The search starts from {names}.",
            "Give one of image, url, product_id and query_id, or color or text.",
            code="ambiguous-query",
        )
    if body.image is not None:
        photos = [await asyncio.to_thread(decode_base64, body.image)]
    encoded, generation = None, ""
    if body.query_id is not None:  # it may be on another machine
        encoded, generation = await asyncio.to_thread(service.query_cache.get, body.query_id)
    if encoded is not None and body.region is not None:
        raise InvalidValue(
            "A region needs the pixels of the photo, which are not stored.",
            "Send the photo again, with its region.",
            code="region-of-nothing",
        )
    if encoded is not None and body.objects:
        raise InvalidValue(
            "Searching for each object needs the pixels of the photo, which are not stored.",
            "Send the photo again, or give the region of one object.",
            code="conflicting-query",
        )
    if body.url is not None:
        photos = [await service.fetches.run(request, lambda: _fetch_photo(service, body.url or ""))]
    query = query_of(body, photos if encoded is None else [b""])
    return await answer_page(request, service, query, body, encoded, generation if body.offset else "")


@router.get(
    "/v1/products/{product_id:path}/similar",
    response_model=AnswerDocument,
    responses=FAILURES,
    summary="Products like one of the catalogue",
    dependencies=[Depends(require_role("search"))],
)
async def similar(request: Request, product_id: str, k: int = 20, strategy: str = "") -> Response:
    """Find products like one of the catalogue, best first. `/v1/search` with `product_id` has more options."""
    try:
        body = SearchRequest(product_id=product_id, k=k, strategy=strategy)
    except ValidationError as problem:
        raise RequestValidationError([{**one, "loc": ("query", *one["loc"])} for one in problem.errors()]) from None
    return await answer_page(request, service_state(request), query_of(body, []), body, None)


def query_of(body: SearchRequest, photos: Photos) -> Query:
    """Make the query of a request, with one result more than the page, to know whether another page follows."""
    steering = Steering(
        weights=body.weights,
        profile=body.profile,
        like=body.product_id or "",
        color=body.color or "",
        text=body.text,
        facets=tuple(dict.fromkeys(body.facets)),
        predicted=body.predicted,
        explain=body.explain,
    )
    precision = {} if body.precision is None else {"precision": body.precision}
    return Query(
        photos[0] if photos else None,
        k=min(body.offset + body.k + 1, MAX_PAGED) if body.offset < MAX_PAGED else 1,
        where=tuple(body.where),
        region=None if body.region is None else Region(*body.region),
        per_group=body.per_group,
        sold_out=body.sold_out,
        strategy=body.strategy,
        steering=steering,
        more_photos=tuple(photos[1:]),
        **precision,
    )


async def answer_page(
    request: Request,
    service: ServiceState,
    query: Query,
    body: SearchRequest,
    encoded: EncodedQuery | None,
    first_generation: str = "",
) -> Response:
    """Answer a query, and respond with the requested page.

    Args:
        encoded: the photo as it was encoded by an earlier search.
        first_generation: generation that answered the pages before; empty for a first page.

    Raises:
        InvalidValue: ``another-generation``.
    """

    if body.precision is None:
        query = replace(query, precision=service.shop.settings.precision)

    def call() -> bytes:
        if body.objects:
            check_object_query(query)
        generation = service.shop.generations.live
        answer, photo = service.shop.search_encoded(query, encoded, user=body.user, shown=body.offset + body.k)
        by_object = []
        if body.objects:
            by_object = service.shop.search_objects(query, answer, photo, user=body.user, shown=body.k)
            answer = replace(answer, object_answers=tuple(one for one, _ in by_object))
        if first_generation and service.shop.generations.live != first_generation:
            raise InvalidValue(
                "Another generation of the catalogue answers now; other products may be on this page.",
                "Begin with the first page: leave out offset.",
                code="another-generation",
            )
        if photo is not None:
            service.query_cache.add(answer.query_id, photo, generation)
        for one, encoded_object in by_object:
            if encoded_object is not None:
                service.query_cache.add(one.query_id, encoded_object, generation)
        service.metrics.count_search(answer.took_ms, answer.verdict)
        add_stages(request.scope, answer.took_ms, answer.verdict)
        if query.photo is not None and not (query.where or body.offset):
            service.not_found.count(answer)
        log_search(service.shop, answer, body, client_address(request, service.shop.settings))
        return pydantic_core.to_json(page_of(service, answer, body))

    return Response(await service.work.run(request, call), media_type=JSON)


def page_of(service: ServiceState, answer: Answer, body: SearchRequest) -> dict[str, Any]:
    """Return the documented object of a page; photos are addresses on this service."""
    end = min(body.offset + body.k, MAX_PAGED)
    more = len(answer.results) > end
    if body.offset >= MAX_PAGED or len(answer.results) == end == MAX_PAGED:
        answer = replace(answer, notes=(*answer.notes, PAGES_END))
    first_page = body.model_copy(update={"offset": 0})
    results = answer.results[body.offset : end]
    page = as_json(replace(answer, results=results, object_answers=()))
    page["object_answers"] = [page_of(service, one, first_page) for one in answer.object_answers]
    for row, result in zip(page["results"], results, strict=True):
        complete_product(row, row["product_id"], service.shop.settings)
        own = {photo.source: photo.content_hash for photo in result.product_photos}
        row["photo"] = photo_address(own.get(row["photo"], ""))
        row["photos"] = [photo_address(name) for name in own.values()]
    if body.variants:
        _add_variants(service, page["results"])
    words = verdict_words(answer.verdict)
    return {**page, "verdict_words": words, "next_offset": end if more else None}


def _add_variants(service: ServiceState, rows: list[dict[str, Any]]) -> None:
    """Add to each result the products of its group."""
    products = service.shop.products
    variants = products.variants(row["group_id"] for row in rows)
    hashes = products.photo_hashes([one.product.id for held in variants.values() for one in held])
    for row in rows:
        row["variants"] = [
            {
                "product_id": one.product.id,
                "photo": photo_address(next(iter(hashes.get(one.product.id, {}).values()), "")),
                "color": one.color,
                "swatch": one.swatch,
            }
            for one in variants.get(row["group_id"], ())
        ]


def photo_address(content_hash: str) -> str:
    """Return the address of a product's photo; empty for a photo that was removed meanwhile."""
    return f"{PHOTO_ADDRESS}{content_hash}" if content_hash else ""


async def _parse_request(request: Request) -> tuple[SearchRequest, Photos]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == FORM:
        async with read_form(request, MAX_PHOTOS + 1, MAX_PARTS) as form:
            photos, fields = Photos(), dict[str, Any]()
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    if name != "image":
                        raise InvalidValue(
                            f"There is a file {name!r}.", "Send the photo as `image`.", code="bad-request"
                        )
                    photos.append(await value.read())
                else:
                    _add_field(fields, name, value)
        fields.pop("image", None)
        return _validate(fields), photos
    if kind != JSON:
        raise RequestRefused(f"The content type is {kind[:100]!r}.", f"Send {FORM} or {JSON}.", code="unsupported-type")
    content = await read_json(request)
    return _validate(content), []


def _add_field(fields: dict[str, Any], name: str, value: str) -> None:
    if name in _REPEATED:
        fields.setdefault(name, []).append(value)
    elif name in _STRUCTURED:
        try:
            fields[name] = json.loads(value)
        except (ValueError, RecursionError) as problem:
            raise InvalidValue(f"{name} is not valid JSON: {problem}.", "See /docs.", code="bad-request") from None
    else:
        fields[name] = value


def _validate(content: Any) -> SearchRequest:
    try:
        return SearchRequest.model_validate(content)
    except ValidationError as problem:
        errors: Sequence[Any] = [{**one, "loc": ("body", *one["loc"])} for one in problem.errors()]
        raise RequestValidationError(errors) from None


def decode_base64(image: str) -> bytes:
    try:
        return base64.b64decode(image.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as problem:
        raise InvalidValue(
            f"image is not valid base64: {problem}.", "Send the file's bytes, base64.", code="bad-request"
        ) from None


def _fetch_photo(service: ServiceState, url: str) -> bytes:
    if not is_url(url):
        raise InvalidValue(f"url is {url[:200]!r}.", "Give an http or https address.", code="bad-url")
    return service.shop.fetch_photo(url)
