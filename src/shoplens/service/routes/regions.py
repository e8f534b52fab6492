"""``/v1/regions``: where a photo matches a product's."""

from __future__ import annotations

import asyncio
from dataclasses import astuple

import pydantic_core
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from shoplens.service.auth import require_role
from shoplens.service.routes.guarded import GuardedRoute
from shoplens.service.routes.searching import FAILURES, JSON, PHOTO_ADDRESS, decode_base64
from shoplens.service.schemas import RegionsDocument, RegionsRequest
from shoplens.service.state import service_state
from shoplens.types import MatchRegions, Region

router = APIRouter(route_class=GuardedRoute)


@router.post(
    "/v1/regions",
    response_model=RegionsDocument,
    responses=FAILURES,
    summary="Where a photo matches a product's photo",
    dependencies=[Depends(require_role("search"))],
)
async def regions(request: Request, body: RegionsRequest) -> Response:
    """Return the thing in a photo that is most similar to a product, and up to twelve places that the two photos share.

    It takes a few passes of the network, so ask for one result at a time, when a shopper wants to see it.
    """
    service = service_state(request)
    region = None if body.region is None else Region(*body.region)
    photo = await asyncio.to_thread(decode_base64, body.image)
    content_hash = body.photo.removeprefix(PHOTO_ADDRESS)

    def call() -> bytes:
        matched = service.shop.explanations.match_regions(
            photo, body.product_id, product_photo=content_hash, region=region
        )
        return pydantic_core.to_json(_document(matched))

    return Response(await service.work.run(request, call), media_type=JSON)


def _document(matched: MatchRegions | None) -> dict[str, object]:
    if matched is None:
        return {"query": None, "product": None, "product_size": None, "points": []}
    return {
        "query": astuple(matched.query),
        "product": astuple(matched.product),
        "product_size": matched.product_size,
        "points": [
            {"query": point.query, "product": point.product, "similarity": point.similarity} for point in matched.points
        ],
    }
