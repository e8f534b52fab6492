"""The responses about the catalogue as a whole: facets, dimensions, the map, and what was not found."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field


class FacetValueDocument(BaseModel):
    """A value of a field."""

    value: str
    relevant: Annotated[int, Field(description="Products with this value that are relevant to the search.")]
    all: Annotated[int, Field(description="Products with this value that meet the other conditions.")]


class FacetDocument(BaseModel):
    """A field whose values were counted for a search, most relevant first."""

    field: str
    relevant: Annotated[int, Field(description="Products that are relevant to the search.")]
    complete: Annotated[bool, Field(description="Whether all relevant products were counted.")]
    values: list[FacetValueDocument]


class PriceRangeDocument(BaseModel):
    """The lowest and the highest price, and the number of products in equal steps between them."""

    min: float
    max: float
    counts: list[int]


class FacetsDocument(BaseModel):
    """What products can be filtered by."""

    facets: Annotated[
        dict[str, dict[str, int]], Field(description="Field, value, and number of products, most products first.")
    ]
    trees: Annotated[
        dict[str, dict[str, int]],
        Field(description="Field, path `A > B`, and number of products; each path after the one above it."),
    ]
    price: Annotated[PriceRangeDocument | None, Field(description="Of at most 2,000 products.")]


class DimensionDocument(BaseModel):
    """A dimension of likeness that can be weighted."""

    name: str
    kind: str
    scored: str
    weight: float
    classes: Annotated[dict[str, int], Field(description="Class, and number of products.")]
    note: str


class DimensionsDocument(BaseModel):
    """The dimensions that can be weighted."""

    dimensions: list[DimensionDocument]


class MapProductDocument(BaseModel):
    """A product on the map."""

    id: str
    title: str
    photo: Annotated[str, Field(description="Its photo, on this service.")]
    x: Annotated[float, Field(description="Position from 0 to 1.")]
    y: float
    dimensions: Annotated[dict[str, str], Field(description="Dimension, and the product's value.")]


class MapDocument(BaseModel):
    """The map of the catalogue, on which similar products lie together."""

    products: list[MapProductDocument]
    note: Annotated[str, Field(description="How the positions were computed.")]


class MissingDocument(BaseModel):
    """Searches for products that are not in the catalogue."""

    searches: Annotated[
        dict[str, dict[str, int]], Field(description="Day, category of the nearest product, and number of searches.")
    ]
