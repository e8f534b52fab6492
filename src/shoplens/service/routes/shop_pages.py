"""Facets, dimensions, the map, product photos, feedback, statistics, and health of the service."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from shoplens.errors import StoreError
from shoplens.feedback.events import Event
from shoplens.index.disk_room import free_bytes, room_problem
from shoplens.service.auth import client_address, require_role
from shoplens.service.catalogue_schemas import DimensionsDocument, FacetsDocument, MapDocument, MissingDocument
from shoplens.service.routes.guarded import GuardedRoute
from shoplens.service.routes.searching import FAILURES
from shoplens.service.schemas import BackupResult, EventsInput, EventsResult
from shoplens.service.state import service_state

router = APIRouter(route_class=GuardedRoute)


@router.get(
    "/v1/facets",
    response_model=FacetsDocument,
    responses=FAILURES,
    summary="Values of fields, trees and prices, counted",
    dependencies=[Depends(require_role("search"))],
)
async def facets(
    request: Request,
    field: Annotated[list[str] | None, Query(max_length=20, description="All fields where none is named.")] = None,
    where: Annotated[list[str] | None, Query(max_length=50, description="Conditions that products meet.")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000, description="Values of a field, most products first.")] = 20,
) -> dict[str, Any]:
    """Count products by value, by path of a tree, and by price. A search with `facets` counts the products that are
    relevant to a photo."""
    products = service_state(request).shop.products
    return await service_state(request).work.run(
        request, lambda: asdict(products.count_values(field or (), where or (), limit))
    )


@router.get(
    "/v1/dimensions",
    response_model=DimensionsDocument,
    responses=FAILURES,
    summary="The dimensions of likeness",
    dependencies=[Depends(require_role("search"))],
)
async def dimensions(request: Request) -> dict[str, Any]:
    """List the dimensions that weights can be given to, with their default weights."""
    service = service_state(request)
    rows = await service.records.run(request, service.shop.dimensions)
    return {
        "dimensions": [
            {
                "name": row.name,
                "kind": row.kind,
                "scored": row.scored,
                "weight": row.weight,
                "classes": dict(row.classes or {}),
                "note": row.note,
            }
            for row in rows
            if row.weight is not None
        ]
    }


@router.post(
    "/v1/feedback",
    response_model=EventsResult,
    responses=FAILURES,
    summary="Send what shoppers did",
    dependencies=[Depends(require_role("search"))],
)
async def feedback(request: Request, body: EventsInput) -> dict[str, Any]:
    """Add clicks, purchases and `wrong` marks of logged answers; sending one again changes nothing."""
    service = service_state(request)
    events = [Event(one.query_id, one.product_id, one.kind, one.user, one.at) for one in body.events]
    summary = await service.records.run(request, lambda: service.shop.feedback.add(events))
    return {
        "added": {"click": summary.clicks, "purchase": summary.purchases, "wrong": summary.wrong},
        "rejected": summary.rejected,
        "problems": [
            {"level": row.level, "kind": row.kind, "times": row.times, "example": row.example, "fix": row.fix}
            for row in summary.problems
        ],
    }


@router.get(
    "/v1/missing",
    response_model=MissingDocument,
    responses=FAILURES,
    summary="Searches for products that are not in the catalogue",
    dependencies=[Depends(require_role("admin"))],
)
async def missing(request: Request) -> dict[str, Any]:
    """Count searches without a product, by day and category of the nearest product. It needs a calibration; no photo is
    stored."""
    service = service_state(request)
    return {"searches": await service.records.run(request, service.not_found.counts)}


@router.post(
    "/v1/backups",
    response_model=BackupResult,
    responses=FAILURES,
    summary="Copy the store",
    dependencies=[Depends(require_role("admin"))],
)
async def backup(request: Request) -> dict[str, str]:
    """Copy the store to a new folder in that of the setting `backups`, completely or not at all; searches go on."""
    service = service_state(request)
    return {"folder": str(await service.writes.run(request, service.shop.write_timestamped_backup))}


@router.delete(
    "/v1/users/{user:path}",
    status_code=204,
    responses=FAILURES,
    summary="Delete a user's data",
    dependencies=[Depends(require_role("admin"))],
)
async def forget(request: Request, user: str) -> Response:
    """Delete and overwrite the answers to a user, and all that the user did."""
    service = service_state(request)
    await service.records.run(request, lambda: service.shop.feedback.forget(user=user))
    return Response(status_code=204)


@router.get(
    "/v1/map",
    response_model=MapDocument,
    responses=FAILURES,
    summary="The map of the catalogue",
    dependencies=[Depends(require_role("search"))],
)
async def catalogue_map(request: Request) -> dict[str, Any]:
    """Return a map on which similar products lie together. The first request waits while it is computed."""
    service = service_state(request)
    return await service.fetches.run(request, service.map_cache.get)


@router.get(
    "/v1/photos/{content_hash}",
    responses={**FAILURES, 200: {"content": {"image/jpeg": {}}, "description": "The photo."}},
    response_class=Response,
    summary="A product's photo",
)
async def photo(
    request: Request,
    content_hash: str,
    width: Annotated[int, Query(description="Largest width and height in pixels: 96, 192, 384, 768 or 1536.")] = 768,
) -> Response:
    """Return a product's photo by its content, so that it never changes; encoded anew, without metadata."""
    service = service_state(request)
    await service.rates.photos.take(client_address(request, service.shop.settings))
    tag = f'"{content_hash}-{width}"'
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "ETag": tag}
    headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # pages of shops show it
    if request.headers.get("if-none-match") == tag:  # the photo never changes
        return Response(status_code=304, headers=headers)
    content = service.thumbnails.get_cached(content_hash, width)
    service.metrics.thumbnails.labels("miss" if content is None else "hit").inc()
    if content is None:
        content = await service.photos.run(request, lambda: service.thumbnails.get(content_hash, width))
    return Response(content, media_type="image/jpeg", headers=headers)


@router.get("/healthz", include_in_schema=False)
async def alive() -> dict[str, str]:
    """Answer that the process is alive."""
    return {"status": "alive"}


@router.get("/readyz", include_in_schema=False)
async def ready(request: Request) -> JSONResponse:
    """Answer whether searches would be answered."""
    service = service_state(request)
    await service.rates.health.take(client_address(request, service.shop.settings))
    try:
        products = await asyncio.to_thread(len, service.shop)
    except Exception as problem:  # any error means that it is not ready
        return JSONResponse({"status": "not ready", "why": str(problem)}, 503)
    if service.damage:
        return JSONResponse({"status": "damaged", "why": service.damage}, 503)
    writes = await asyncio.to_thread(room_problem, service.shop.folder)
    return JSONResponse({"status": "ready", "products": products, "writes": writes or "accepted"})


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Return the metrics for Prometheus."""
    service = service_state(request)
    await service.rates.health.take(client_address(request, service.shop.settings))
    service.metrics.waiting.set(service.work.waiting)
    service.metrics.working.set(service.work.working)
    with contextlib.suppress(StoreError):  # the other metrics are needed most when the store cannot be read
        service.metrics.products.set(await asyncio.to_thread(len, service.shop))
    service.metrics.free_bytes.set(await asyncio.to_thread(free_bytes, service.shop.folder))
    service.metrics.accepts_writes.set(not await asyncio.to_thread(room_problem, service.shop.folder))
    service.metrics.damaged.set(bool(service.damage))
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
