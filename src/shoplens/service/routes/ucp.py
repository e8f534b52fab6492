"""The catalogue search of the Universal Commerce Protocol 2026-04-08 over REST: by words, a photo or a product.

Source: https://ucp.dev/2026-04-08/specification/catalog/search. The protocol leaves photos to extensions; the input
``like`` has the shape that Shopify's catalogues take.
"""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from shoplens.errors import InvalidValue
from shoplens.service.auth import is_proxy, require_role
from shoplens.service.routes.guarded import GuardedRoute
from shoplens.service.routes.searching import FAILURES, answer_page, decode_base64, query_of
from shoplens.service.schemas import SearchRequest
from shoplens.service.state import service_state
from shoplens.types.queries import MAX_TEXT

router = APIRouter(route_class=GuardedRoute)
VERSION, SITE = "2026-04-08", "https://ucp.dev/2026-04-08"
SERVICE, CAPABILITY = "dev.ucp.shopping", "dev.ucp.shopping.catalog.search"
MOST_PRODUCTS = 50
NO_DECIMALS = {"CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"}
THREE_DECIMALS = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
Words = Annotated[str, Field(max_length=1_000)]


class _Input(BaseModel):
    """What the protocol or an extension adds is accepted, and ignored."""

    model_config = ConfigDict(extra="ignore")


class ImageInput(_Input):
    """A photo."""

    content_type: str = "image/jpeg"
    data: Annotated[str, Field(description="The bytes of its file, base64.")]


class LikeInput(_Input):
    """What products should be like: a photo, or one of the shop's products."""

    image: ImageInput | None = None
    id: Annotated[str, Field(max_length=512)] = ""


class PriceFilter(_Input):
    """Prices, in the smallest unit of the currency."""

    min: Annotated[int | None, Field(ge=0)] = None
    max: Annotated[int | None, Field(ge=0)] = None


class FiltersInput(_Input):
    """What products must have; all of it holds."""

    categories: Annotated[list[Words], Field(max_length=50, description="One of these names or paths `A > B`.")] = []
    brand: Annotated[list[Words], Field(max_length=50)] = []
    availability: Annotated[list[Words], Field(max_length=10, description="`in_stock` or `out_of_stock`.")] = []
    price: PriceFilter = PriceFilter()


class PaginationInput(_Input):
    """A page."""

    cursor: Annotated[str, Field(max_length=100)] = ""
    limit: Annotated[int, Field(ge=1, description=f"At most {MOST_PRODUCTS} are returned.")] = 10


class ContextInput(_Input):
    """Of the market only the currency is used, by the price filter."""

    currency: Annotated[str, Field(max_length=3)] = ""


class CatalogSearchRequest(_Input):
    """A search by words, by a photo or a product, or by both."""

    query: Annotated[str, Field(max_length=MAX_TEXT)] = ""
    like: Annotated[list[LikeInput], Field(max_length=1)] = []
    filters: FiltersInput = FiltersInput()
    context: ContextInput = ContextInput()
    pagination: PaginationInput = PaginationInput()


def profile_document(request: Request) -> dict[str, Any]:
    """Return which part of the Universal Commerce Protocol the service has: the search of its catalogue."""
    service = {
        "version": VERSION,
        "spec": f"{SITE}/specification/overview",
        "transport": "rest",
        "schema": f"{SITE}/services/shopping/rest.openapi.json",
        "endpoint": f"{_service_address(request)}/ucp",
    }
    capability = {
        "version": VERSION,
        "spec": f"{SITE}/specification/catalog/search",
        "schema": f"{SITE}/schemas/shopping/catalog_search.json",
    }
    profile = {"version": VERSION, "services": {SERVICE: [service]}, "capabilities": {CAPABILITY: [capability]}}
    return {"ucp": {**profile, "payment_handlers": {}}}


@router.post(
    "/ucp/catalog/search",
    response_model=dict[str, Any],
    responses=FAILURES,
    summary="Products for words, a photo or a product, as the Universal Commerce Protocol describes it",
    dependencies=[Depends(require_role("search"))],
)
async def search_catalog(request: Request, body: CatalogSearchRequest) -> dict[str, Any]:
    """Search as `/v1/search` does, in the words of the Universal Commerce Protocol; `like` is a photo or a product."""
    service = service_state(request)
    like = body.like[0] if body.like else LikeInput()
    if not (body.query.strip() or like.image or like.id):
        raise InvalidValue(
            "The search has no query.", "Give query, or like with an image or an id.", code="ambiguous-query"
        )
    search = SearchRequest(
        text=body.query,
        product_id=like.id or None if like.image is None else None,
        k=min(body.pagination.limit, MOST_PRODUCTS),
        offset=_offset_of(body.pagination.cursor),
        per_group=1,
        sold_out="last",
    )
    photos = [decode_base64(like.image.data)] if like.image is not None else []
    conditions = _conditions_of(body.filters, body.context.currency or service.shop.settings.currency)
    query = replace(query_of(search, photos), where=tuple(conditions))
    response = await answer_page(request, service, query, search, None)
    answer = json.loads(bytes(response.body))
    address = _service_address(request)
    priced = [one for one in answer["results"] if one["price"] is not None and one["currency"]]
    products = [_product_document(one, address) for one in priced]
    pagination: dict[str, Any] = {"has_next_page": answer["next_offset"] is not None}
    if answer["next_offset"] is not None:
        pagination["cursor"] = str(answer["next_offset"])
    texts = [(answer["verdict"], answer["verdict_words"]), *(("note", note) for note in answer["notes"])]
    if len(products) < len(answer["results"]):
        texts.append(("no-price", "Products without a price or a currency were left out."))
    return {
        "ucp": {"version": VERSION, "capabilities": {CAPABILITY: [{"version": VERSION}]}},
        "products": products,
        "pagination": pagination,
        "messages": [_message_document(text, code=code) for code, text in texts if text],
    }


def _message_document(text: str, *, code: str) -> dict[str, str]:
    return {"type": "info", "code": code, "content": text}


def minor_units(price: float, currency: str) -> int:
    """Return a price in the smallest unit of its currency.

    >>> minor_units(12.5, "EUR"), minor_units(1200, "JPY")
    (1250, 1200)
    """
    return round(price * float(10 ** _decimals(currency)))


def _decimals(currency: str) -> int:
    return 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2


def _offset_of(cursor: str) -> int:
    if cursor and not (cursor.isascii() and cursor.isdigit() and int(cursor) <= 10_000):
        raise InvalidValue(f"The cursor {cursor!r} is not of this service.", "Leave it out.", code="bad-request")
    return int(cursor or 0)


def _conditions_of(filters: FiltersInput, currency: str) -> list[str]:
    """Return the filters as conditions; each is a list of values of which one is met, or a bound."""
    paths = [" and ".join(f"category = {_quote(step)}" for step in path.split(" > ")) for path in filters.categories]
    conditions = [" or ".join(f"({path})" for path in paths)] if paths else []
    if filters.brand:
        conditions.append(f"brand in ({', '.join(map(_quote, filters.brand))})")
    if stocked := {"true" for one in filters.availability if one == "in_stock"} | {
        "false" for one in filters.availability if one == "out_of_stock"
    }:
        conditions.append(" or ".join(f"in_stock = {one}" for one in sorted(stocked)))
    for sign, bound in ((">=", filters.price.min), ("<=", filters.price.max)):
        if bound is not None:
            conditions.append(f"price {sign} {Decimal(bound).scaleb(-_decimals(currency)):f}")
    return conditions


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _product_document(row: dict[str, Any], address: str) -> dict[str, Any]:
    """Return a result as a product with one variant."""
    price = {"amount": minor_units(row["price"], row["currency"]), "currency": row["currency"]}
    photos = [one for one in dict.fromkeys([row["photo"], *row["photos"]]) if one]
    variant = {
        "id": row["product_id"],
        "title": row["title"],
        "description": {"plain": row["description"] or row["title"]},
        "price": price,
        "availability": {"available": row["in_stock"] is not False},
    }
    product = {
        "id": row["product_id"],
        "title": row["title"],
        "description": variant["description"],
        "categories": [{"value": " > ".join(row["category"]), "taxonomy": "merchant"}] if row["category"] else [],
        "price_range": {"min": price, "max": price},
        "media": [{"type": "image", "url": address + one, "alt_text": row["title"]} for one in photos],
        "variants": [variant],
    }
    more = {"url": row["url"] if row["url"].startswith(("http://", "https://")) else "", "brand": row["brand"]}
    return product | {name: value for name, value in more.items() if value}


def _service_address(request: Request) -> str:
    """Return the address by which the client reaches the service; a trusted proxy says whether by TLS."""
    address = request.base_url
    peer = request.client.host if request.client else ""
    if request.headers.get("x-forwarded-proto") == "https" and is_proxy(peer, service_state(request).shop.settings):
        address = address.replace(scheme="https")
    return str(address).rstrip("/")
