"""What a shop says of itself: facets, dimensions, the map; and what shoppers say: feedback."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from shoplens.feedback.events import Event
from shoplens.service.routes.searching import FAILURES
from shoplens.service.schemas import BackupDone, EventsDone, EventsSent
from shoplens.service.state import may, running

router = APIRouter()


@router.get(
    "/v1/facets", responses=FAILURES, summary="Values of fields, counted", dependencies=[Depends(may("search"))]
)
async def facets(
    request: Request,
    field: Annotated[list[str] | None, Query(max_length=20, description="All fields where none is named.")] = None,
    where: Annotated[list[str] | None, Query(max_length=50, description="Conditions that products meet.")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000, description="Values of a field, most products first.")] = 20,
) -> dict[str, Any]:
    """How many products hold each value. For counts of what is relevant to a photo, ask a search for `facets`."""
    service = running(request)
    return {
        "facets": await service.work.of(
            request, lambda: service.shop.products.count_values(field or (), where or (), limit)
        ),
    }


@router.get(
    "/v1/dimensions",
    responses=FAILURES,
    summary="The dimensions of likeness",
    dependencies=[Depends(may("search"))],
)
async def dimensions(request: Request) -> dict[str, Any]:
    """What weights can be given to, and what each counts by default."""
    rows = await asyncio.to_thread(running(request).shop.dimensions)
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
    response_model=EventsDone,
    responses=FAILURES,
    summary="What shoppers did",
    dependencies=[Depends(may("search"))],
)
async def feedback(request: Request, sent: EventsSent) -> dict[str, Any]:
    """Clicks, purchases and `wrong` marks of answers that are remembered; sending one again changes nothing."""
    service = running(request)
    events = [Event(one.query_id, one.product_id, one.kind, one.user, one.at) for one in sent.events]
    done = await asyncio.to_thread(service.shop.feedback.add, events)
    return {
        "added": {"click": done.clicks, "purchase": done.purchases, "wrong": done.wrong},
        "rejected": done.rejected,
        "problems": [
            {"level": row.level, "kind": row.kind, "times": row.times, "example": row.example, "fix": row.fix}
            for row in done.problems
        ],
    }


@router.get(
    "/v1/missing",
    responses=FAILURES,
    summary="What was searched for and is not in the catalogue",
    dependencies=[Depends(may("admin"))],
)
async def missing(request: Request) -> dict[str, Any]:
    """Searches by day and by the category of what is nearest; nothing of any photo is kept. It takes `calibrate`."""
    return {"searches": await asyncio.to_thread(running(request).missing.counts)}


@router.post(
    "/v1/backups",
    response_model=BackupDone,
    responses=FAILURES,
    summary="Copy the store",
    dependencies=[Depends(may("admin"))],
)
async def backup(request: Request) -> dict[str, str]:
    """To a new folder in that of the setting `backups`, whole or not at all; searches go on meanwhile."""
    service = running(request)
    return {"folder": str(await service.writes.of(request, service.shop.write_timestamped_backup))}


@router.delete(
    "/v1/users/{user:path}",
    status_code=204,
    responses=FAILURES,
    summary="Forget a user",
    dependencies=[Depends(may("admin"))],
)
async def forget(request: Request, user: str) -> Response:
    """Their answers and all that they did are removed and overwritten."""
    await asyncio.to_thread(lambda: running(request).shop.feedback.forget(user=user))
    return Response(status_code=204)


@router.get("/v1/map", responses=FAILURES, summary="The map of the catalogue", dependencies=[Depends(may("search"))])
async def drawn_map(request: Request) -> dict[str, Any]:
    """Where products lie when what looks alike lies together. The first one to ask waits while it is drawn."""
    service = running(request)
    return await service.fetches.of(request, service.maps.get)


@router.get(
    "/v1/photos/{content_hash}",
    responses={**FAILURES, 200: {"content": {"image/jpeg": {}}, "description": "The photo."}},
    response_class=Response,
    summary="A product's photo",
)
async def photo(
    request: Request,
    content_hash: str,
    width: Annotated[int, Query(description="At most so wide and as high: 96, 192, 384, 768 or 1536.")] = 768,
) -> Response:
    """By its content, so it never changes. Encoded anew, without what else the file held."""
    service = running(request)
    tag = f'"{content_hash}-{width}"'
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "ETag": tag}
    if request.headers.get("if-none-match") == tag:  # who has it has it for good
        return Response(status_code=304, headers=headers)
    found = service.pictures.held(content_hash, width)
    service.metrics.pictures.labels("miss" if found is None else "hit").inc()
    if found is None:
        found = await service.work.of(request, lambda: service.pictures.of(content_hash, width))
    return Response(found, media_type="image/jpeg", headers=headers)


@router.get("/healthz", include_in_schema=False)
async def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@router.get("/readyz", include_in_schema=False)
async def ready(request: Request) -> JSONResponse:
    """Searches would be answered."""
    service = running(request)
    try:
        products = await asyncio.to_thread(len, service.shop)
    except Exception as problem:  # whatever it is, it is not ready
        return JSONResponse({"status": "not ready", "why": str(problem)}, 503)
    return JSONResponse({"status": "ready", "products": products})


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """For Prometheus."""
    service = running(request)
    service.metrics.waiting.set(service.work.waiting)
    service.metrics.working.set(service.work.working)
    service.metrics.products.set(await asyncio.to_thread(len, service.shop))
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
