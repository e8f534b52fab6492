"""``/v1/storefront``: what a search page shows of a shop before a search."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from shoplens.service.auth import require_role
from shoplens.service.catalogue_schemas import PriceRangeDocument
from shoplens.service.routes.guarded import GuardedRoute
from shoplens.service.routes.searching import FAILURES
from shoplens.service.state import service_state

router = APIRouter(route_class=GuardedRoute)


class FilterFieldDocument(BaseModel):
    """A field that shoppers filter by."""

    name: str
    tree: Annotated[list[str], Field(description="Its paths `A > B` in their order; empty where it is no tree.")]
    swatches: Annotated[dict[str, str], Field(description="Value in lower case -> #rrggbb; empty for no colours.")]


class WeightDocument(BaseModel):
    """A dimension and its default weight."""

    name: str
    weight: float


class SampleDocument(BaseModel):
    """A product whose photo shoppers can try."""

    product_id: str
    title: str
    photo: str


class StorefrontDocument(BaseModel):
    """What a search page shows of a shop before a search."""

    fields: Annotated[list[FilterFieldDocument], Field(description="Category, colour and brand come first.")]
    dimensions: Annotated[list[WeightDocument], Field(description="The heaviest first.")]
    samples: Annotated[list[SampleDocument], Field(description="Up to six, of different categories.")]
    price: Annotated[PriceRangeDocument | None, Field(description="Of at most 2,000 products.")]
    currency: str
    photo_ratio: Annotated[float, Field(description="Usual width of a product's first photo, divided by its height.")]


@router.get(
    "/v1/storefront",
    response_model=StorefrontDocument,
    responses=FAILURES,
    summary="What a search page shows before a search",
    dependencies=[Depends(require_role("search"))],
)
async def storefront(request: Request) -> dict[str, Any]:
    """Return the fields that shoppers filter by, the default weights, sample products, and prices."""
    service = service_state(request)
    return await service.work.run(request, service.storefront.get)
