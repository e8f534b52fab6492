"""``/v1/products``: look at, add, change and remove products."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from shoplens.build.product_changes import PutResult
from shoplens.errors import InvalidValue
from shoplens.images.source import is_url
from shoplens.index.identifiers import unknown_product_error
from shoplens.search.answer_json import product_json
from shoplens.service.routes.searching import FAILURES, photo_address
from shoplens.service.schemas import ProductChange, ProductDocument, ProductsDone, ProductsSent
from shoplens.service.state import ServiceState, may, running
from shoplens.types import Product, Rejection

router = APIRouter()


@router.get(
    "/v1/products/{product_id:path}",
    response_model=ProductDocument,
    responses=FAILURES,
    summary="A product",
    dependencies=[Depends(may("search"))],
)
async def product(request: Request, product_id: str) -> JSONResponse:
    """Its record, with photos as addresses on this service; by its id, or an id, SKU or GTIN of a row that it is made
    of, or an id that it had before."""
    service = running(request)
    return JSONResponse(await asyncio.to_thread(_document, service, product_id))


@router.post(
    "/v1/products",
    response_model=ProductsDone,
    responses=FAILURES,
    summary="Add products, or replace those with the same id",
    dependencies=[Depends(may("write"))],
)
async def put(request: Request, sent: ProductsSent) -> JSONResponse:
    """Each is told of by itself; sending it again changes nothing. Photos are http or https addresses, and fetched."""
    service = running(request)
    for one in sent.products:
        for photo in one.photos:
            if not is_url(photo):
                raise InvalidValue(
                    f"The photo {photo[:200]!r} of product {one.id!r} is no address.",
                    "Give http or https addresses; files of this machine are added by `shoplens add`.",
                    code="bad-url",
                )
    rows = [one.model_dump(exclude_none=True, exclude_unset=True) for one in sent.products]
    done = await service.writes.of(request, lambda: service.shop.products.put(rows))
    return JSONResponse({"items": [_item(one) for one in done]})


@router.patch(
    "/v1/products/{product_id:path}",
    response_model=ProductDocument,
    responses=FAILURES,
    summary="Change price, stock, attributes, …",
    dependencies=[Depends(may("write"))],
)
async def change(request: Request, product_id: str, sent: ProductChange) -> JSONResponse:
    """By its own id. What is left out stays as it is. No photo is looked at, so this is quick."""
    service = running(request)
    changes = sent.model_dump(exclude_unset=True)
    if nulls := [name for name, value in changes.items() if value is None and name not in ("price", "in_stock")]:
        raise InvalidValue(
            f"{nulls[0]} is null.", "Leave out what stays; an empty text empties one.", code="bad-request"
        )

    def call() -> dict[str, Any]:
        if "attributes" in changes:
            changes["attributes"] = _attributes(_product(service, product_id), changes["attributes"])
        service.shop.products.update(product_id, **changes)
        return _document(service, product_id)

    return JSONResponse(await service.writes.of(request, call))


@router.delete(
    "/v1/products/{product_id:path}",
    status_code=204,
    responses=FAILURES,
    summary="Remove a product",
    dependencies=[Depends(may("write"))],
)
async def remove(request: Request, product_id: str) -> Response:
    """By its own id. It is gone when this returns, whether it was there or not."""
    service = running(request)
    await service.writes.of(request, lambda: service.shop.products.remove([product_id]))
    return Response(status_code=204)


def _product(service: ServiceState, product_id: str) -> Product:
    found = service.shop.products.get(product_id)
    if found is None:
        raise unknown_product_error(product_id)
    return found


def _document(service: ServiceState, product_id: str) -> dict[str, Any]:
    found = _product(service, product_id)
    hashes = service.shop.products.photo_hashes([found.id]).get(found.id, {})
    return {**product_json(found), "photos": [photo_address(name) for name in hashes.values()]}


def _attributes(product: Product, sent: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Those of the product with those that were sent in their place; null removes one."""
    found: dict[str, tuple[Any, ...]] = dict(product.attributes)
    for name, value in sent.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = tuple(value) if isinstance(value, list) else (value,)
    return found


def _item(done: PutResult) -> dict[str, Any]:
    return {"id": done.id, "done": done.done, "problems": [problem_json(one) for one in done.problems]}


def problem_json(problem: Rejection) -> dict[str, Any]:
    """A problem without what is empty."""
    return {name: value for name, value in asdict(problem).items() if value not in (None, "") and name != "row"}
