"""``/v1/products``: read, add, update and remove products."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from shoplens.build.product_changes import PutResult
from shoplens.errors import InvalidValue
from shoplens.images.source import is_url
from shoplens.index.identifiers import unknown_product_error
from shoplens.search.answer_json import product_json
from shoplens.service.auth import require_role
from shoplens.service.product_links import complete_product
from shoplens.service.routes.guarded import GuardedRoute
from shoplens.service.routes.searching import FAILURES, photo_address
from shoplens.service.schemas import ProductChange, ProductDocument, ProductsInput, ProductsResult
from shoplens.service.state import ServiceState, service_state
from shoplens.types import Product, Rejection

router = APIRouter(route_class=GuardedRoute)


@router.get(
    "/v1/products/{product_id:path}",
    response_model=ProductDocument,
    responses=FAILURES,
    summary="A product",
    dependencies=[Depends(require_role("search"))],
)
async def product(request: Request, product_id: str) -> JSONResponse:
    """Return a product's record, with photos as addresses on this service.

    The product is named by its id, by an id, SKU or GTIN of a row that it is made of, or by an id that it had before.
    """
    service = service_state(request)
    return JSONResponse(await service.records.run(request, lambda: product_document(service, product_id)))


@router.post(
    "/v1/products",
    response_model=ProductsResult,
    responses=FAILURES,
    summary="Add products, or replace those with the same id",
    dependencies=[Depends(require_role("write"))],
)
async def put(request: Request, body: ProductsInput) -> JSONResponse:
    """Add or replace products, with a result for each; sending one again changes nothing.

    Photos are http or https addresses, which are fetched.
    """
    service = service_state(request)
    for one in body.products:
        for photo in one.photos:
            if not is_url(photo):
                raise InvalidValue(
                    f"The photo {photo[:200]!r} of product {one.id!r} is not an address.",
                    "Give http or https addresses. `shoplens add` adds files of this machine.",
                    code="bad-url",
                )
    rows = [one.model_dump(exclude_none=True, exclude_unset=True) for one in body.products]
    done = await service.writes.run(request, lambda: service.shop.products.put(rows))
    return JSONResponse({"items": [_item(one) for one in done]})


@router.patch(
    "/v1/products/{product_id:path}",
    response_model=ProductDocument,
    responses=FAILURES,
    summary="Update price, stock, attributes, …",
    dependencies=[Depends(require_role("write"))],
)
async def update(request: Request, product_id: str, body: ProductChange) -> JSONResponse:
    """Update a product, named by its own id; fields that are left out stay. No photo is decoded, so this is fast."""
    service = service_state(request)
    changes = body.model_dump(exclude_unset=True)
    if nulls := [name for name, value in changes.items() if value is None and name not in ("price", "in_stock")]:
        raise InvalidValue(
            f"{nulls[0]} is null.",
            "Leave out fields that stay; send an empty text to empty a field.",
            code="bad-request",
        )

    def call() -> dict[str, Any]:
        if "attributes" in changes:
            changes["attributes"] = _attributes(_product(service, product_id), changes["attributes"])
        service.shop.products.update(product_id, **changes)
        return product_document(service, product_id)

    return JSONResponse(await service.writes.run(request, call))


@router.delete(
    "/v1/products/{product_id:path}",
    status_code=204,
    responses=FAILURES,
    summary="Remove a product",
    dependencies=[Depends(require_role("write"))],
)
async def remove(request: Request, product_id: str) -> Response:
    """Remove a product, named by its own id; it is no error if there is none."""
    service = service_state(request)
    await service.writes.run(request, lambda: service.shop.products.remove([product_id]))
    return Response(status_code=204)


def _product(service: ServiceState, product_id: str) -> Product:
    found = service.shop.products.get(product_id)
    if found is None:
        raise unknown_product_error(product_id)
    return found


def product_document(service: ServiceState, product_id: str) -> dict[str, Any]:
    """Return the documented object of a product."""
    found = _product(service, product_id)
    hashes = service.shop.products.photo_hashes([found.id]).get(found.id, {})
    document = {**product_json(found), "photos": [photo_address(name) for name in hashes.values()]}
    complete_product(document, found.id, service.shop.settings)
    return document


def _attributes(product: Product, body: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Merge the attributes of a product with those that were body; null removes one."""
    found: dict[str, tuple[Any, ...]] = dict(product.attributes)
    for name, value in body.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = tuple(value) if isinstance(value, list) else (value,)
    return found


def _item(done: PutResult) -> dict[str, Any]:
    return {"id": done.id, "done": done.done, "problems": [problem_json(one) for one in done.problems]}


def problem_json(problem: Rejection) -> dict[str, Any]:
    """Return a problem as JSON, without empty fields."""
    return {name: value for name, value in asdict(problem).items() if value not in (None, "") and name != "row"}
