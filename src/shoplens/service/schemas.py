"""The bodies of requests and responses, as in the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shoplens.filters.photo_features.color_histogram import BASIC_COLORS
from shoplens.service.catalogue_schemas import FacetDocument
from shoplens.types import MeaningKind
from shoplens.types.queries import MAX_TEXT

MAX_PAGED = 500
MAX_PRODUCTS = 100
MAX_IDENTIFIERS = 1_000
MAX_BASE64 = 60_000_000
Text = Annotated[str, Field(max_length=2_000)]
Id = Annotated[str, Field(min_length=1, max_length=512, examples=["MH01-Black"])]
Attribute = str | float | bool
COLORS = ", ".join(sorted(BASIC_COLORS))


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class SearchRequest(_Input):
    """A search. It starts from exactly one of `image`, `url`, `product_id` and `query_id`, or from `color` or
    `text` alone.

    In `multipart/form-data` the same fields are parts and `image` is a file; `where` and `facets` may be repeated, and
    the other objects and lists (`weights`, `region`) are JSON.
    """

    model_config = ConfigDict(
        extra="forbid",
        allow_inf_nan=False,
        json_schema_extra={"examples": [{"product_id": "MH01-Black", "k": 5, "where": ["price < 60"]}]},
    )

    image: Annotated[str | None, Field(description="The photo's file, base64.", max_length=MAX_BASE64)] = None
    url: Annotated[Text | None, Field(description="Public http or https address of the photo.")] = None
    product_id: Annotated[
        str | None,
        Field(description="Product to start from: its id, or an id, SKU or GTIN of its rows.", max_length=512),
    ] = None
    query_id: Annotated[
        str | None,
        Field(description="Earlier search whose photo to start from, without sending it again.", max_length=64),
    ] = None
    color: Annotated[str | None, Field(description=f"Colour of the products: #rrggbb, or {COLORS}.", max_length=40)] = (
        None
    )
    text: Annotated[
        str,
        Field(
            description="What the shopper says, in English, German or French, such as `in red, not striped, under 40`.",
            max_length=MAX_TEXT,
        ),
    ] = ""
    region: Annotated[
        list[int] | None,
        Field(description="Part of the photo: x, y, width, height in pixels.", min_length=4, max_length=4),
    ] = None
    k: Annotated[int, Field(description="Number of results per page.", ge=1, le=MAX_PAGED)] = 20
    offset: Annotated[
        int, Field(description=f"Number of results before this page; pages end after {MAX_PAGED}.", ge=0, le=10_000)
    ] = 0
    where: Annotated[
        list[Text], Field(description="Conditions that products must meet, such as `price < 60`.", max_length=50)
    ] = []
    per_group: Annotated[int | None, Field(description="Largest number of products of one group.", ge=1, le=1_000)] = (
        None
    )
    sold_out: Annotated[
        Literal["show", "hide", "last"], Field(description="Whether sold-out products are shown, hidden, or come last.")
    ] = "show"
    strategy: Annotated[str, Field(description="Name of the strategy; empty for the default one.", max_length=40)] = ""
    weights: Annotated[dict[str, float], Field(description="Weight of each dimension.", max_length=100)] = {}
    profile: Annotated[str, Field(description="Profile of weights from the shop's settings.", max_length=100)] = ""
    facets: Annotated[list[Text], Field(description="Fields whose values are counted.", max_length=20)] = []
    predicted: Annotated[
        float | None,
        Field(description="Also meet conditions by values predicted with this probability.", ge=0.5, le=0.99),
    ] = None
    precision: Annotated[
        float | None, Field(description="Precision of the verdicts `exact` and `not-in-catalogue`.", ge=0.5, le=0.99)
    ] = None
    explain: Annotated[bool, Field(description="Whether results carry reasons.")] = False
    variants: Annotated[
        bool, Field(description="Whether results carry the products of the same group in all their colours.")
    ] = False
    objects: Annotated[
        bool, Field(description="Whether to search for each thing in the photo by itself, too; see `object_answers`.")
    ] = False
    user: Annotated[str, Field(description="The shop's id of the shopper, for feedback.", max_length=512)] = ""


class ErrorBody(BaseModel):
    """An error."""

    code: Annotated[str, Field(description="Stable code for programs.")]
    problem: Annotated[str, Field(description="What was wrong, with the value.")]
    fix: Annotated[str, Field(description="What to do.")]
    message: Annotated[str, Field(description="A text for shoppers, in the language of Accept-Language.")] = ""
    request_id: Annotated[str, Field(description="Id of the request in the log.")] = ""


class ErrorDocument(BaseModel):
    """The response to every request that fails."""

    error: ErrorBody


class ProductDocument(BaseModel):
    """A product's record."""

    id: str
    title: str
    photos: Annotated[list[str], Field(description="Addresses on this service.")]
    description: str = ""
    url: str = ""
    price: float | None = None
    currency: str = ""
    brand: str = ""
    category: list[str] = []
    attributes: dict[str, list[Attribute]] = {}
    group_id: str = ""
    in_stock: bool | None = None
    identifiers: Annotated[
        list[str], Field(description="Other names that find the product: ids, SKUs, GTINs of its rows.")
    ] = []


class MeaningDocument(BaseModel):
    """What some words of `text` were read as. Without the characters from `start` to `end`, the text means the rest."""

    words: str
    start: int
    end: int
    kind: MeaningKind
    classes: Annotated[dict[str, dict[str, float]], Field(description="Dimension, class, and its share of the wish.")]
    color: str
    condition: str
    corrected: Annotated[str, Field(description="What misspelled words were taken for.")]


class VariantDocument(BaseModel):
    """A product of the same group."""

    product_id: str
    photo: Annotated[str, Field(description="Its first photo, on this service.")]
    color: Annotated[str, Field(description="Its colour, as the shop calls it.")]
    swatch: Annotated[str, Field(description="Its colour as #rrggbb; empty where the name is not known.")]


class ResultDocument(BaseModel):
    """A product that was found. `parts` add up to `score`."""

    rank: int
    product_id: str
    title: str
    score: float
    photo: Annotated[str, Field(description="The photo that matched, on this service.")]
    photos: list[str]
    same_photo: bool
    barcode: Annotated[str, Field(description="The barcode in the photo that is this product's; empty for none.")]
    match_probability: float | None
    parts: dict[str, float]
    predicted: dict[str, dict[str, float]]
    reasons: dict[str, Any] | None
    description: str
    url: str
    price: float | None
    currency: str
    brand: str
    category: list[str]
    attributes: dict[str, list[Attribute]]
    group_id: str
    in_stock: bool | None
    identifiers: list[str]
    variants: Annotated[
        list[VariantDocument], Field(description="The products of its group, by id, where `variants` was true.")
    ] = []


class AnswerDocument(BaseModel):
    """An answer, as of `shoplens search --json`, with the offset of the next page."""

    query_id: Annotated[str, Field(description="Id of the answer, for feedback and further searches by the photo.")]
    remembered: Annotated[bool, Field(description="Whether the answer is logged, so that feedback can be sent.")]
    query: dict[str, Any]
    strategy: dict[str, str | None]
    words: Annotated[list[MeaningDocument], Field(description="What the words of `text` were read as.")]
    weights: dict[str, float]
    importances: dict[str, float]
    verdict: str
    verdict_words: str
    absent_probability: float | None
    results: list[ResultDocument]
    object_answers: Annotated[
        list[AnswerDocument],
        Field(description="First page of the answer for each of `query.objects` by itself, where `objects` was true."),
    ] = []
    facets: list[FacetDocument]
    notes: list[str]
    took_ms: dict[str, float]
    next_offset: Annotated[int | None, Field(description="Offset of the next page; null where there is none.")]


class RegionsRequest(_Input):
    """A photo and a product, to see where they match."""

    image: Annotated[str, Field(description="The photo's file, base64.", max_length=MAX_BASE64)]
    product_id: Id
    photo: Annotated[
        str, Field(description="Which of the product's photos, as `photo` of a result; else its first.", max_length=512)
    ] = ""
    region: Annotated[
        list[int] | None,
        Field(description="Part of the photo: x, y, width, height in pixels.", min_length=4, max_length=4),
    ] = None


class MatchPointDocument(BaseModel):
    """A place that the two photos share."""

    query: Annotated[list[int], Field(description="x and y in the photo that was sent.")]
    product: Annotated[list[int], Field(description="x and y in the product's photo.")]
    similarity: float


class RegionsDocument(BaseModel):
    """Where a photo matches the photo of a product; `query` and `product` are null where nothing is found in one."""

    query: Annotated[list[int] | None, Field(description="Box of the most similar thing: x, y, width, height.")]
    product: Annotated[list[int] | None, Field(description="Box of the product in its photo.")]
    product_size: Annotated[list[int] | None, Field(description="Width and height of the product's photo.")]
    points: list[MatchPointDocument]


class ProductInput(_Input):
    """A product to add or replace, as a line of the project's own feed format."""

    id: Id
    title: Annotated[str, Field(max_length=2_000)]
    photos: Annotated[list[Text], Field(description="http or https addresses.", min_length=1, max_length=50)]
    description: Annotated[str, Field(max_length=50_000)] = ""
    url: Text = ""
    price: Annotated[float | None, Field(ge=0)] = None
    currency: Annotated[str, Field(max_length=3)] = ""
    brand: Text = ""
    category: Annotated[list[Text], Field(max_length=20)] = []
    attributes: Annotated[dict[str, Attribute | list[Attribute]], Field(max_length=200)] = {}
    group_id: Annotated[str, Field(max_length=512)] = ""
    in_stock: bool | None = None
    identifiers: Annotated[
        list[Id],
        Field(
            description="Other names that find the product: ids, SKUs, GTINs of its rows.", max_length=MAX_IDENTIFIERS
        ),
    ] = []


class ProductsInput(_Input):
    """Products to add or replace; a rejected one does not stop the others."""

    products: Annotated[list[ProductInput], Field(min_length=1, max_length=MAX_PRODUCTS)]


class ProductChange(_Input):
    """Changes of a product; fields that are left out stay."""

    title: Annotated[str | None, Field(max_length=2_000)] = None
    description: Annotated[str | None, Field(max_length=50_000)] = None
    url: Text | None = None
    price: Annotated[float | None, Field(ge=0)] = None
    currency: Annotated[str | None, Field(max_length=3)] = None
    in_stock: bool | None = None
    attributes: Annotated[
        dict[str, Attribute | list[Attribute] | None] | None,
        Field(description="Attributes to replace; null removes one.", max_length=200),
    ] = None


class ItemResult(BaseModel):
    """The result for one product."""

    id: str
    done: Literal["added", "changed", "unchanged", "rejected"]
    problems: list[dict[str, Any]] = []


class ProductsResult(BaseModel):
    """A result for each product, in the order of the request."""

    items: list[ItemResult]


class BackupResult(BaseModel):
    """The folder of the copy, on the service's machine."""

    folder: str


class EventInput(_Input):
    """What a shopper did with a result."""

    query_id: Annotated[str, Field(min_length=1, max_length=512)]
    product_id: Id
    kind: Literal["click", "purchase", "wrong"]
    user: Annotated[str, Field(max_length=512)] = ""
    at: Annotated[float | None, Field(description="Seconds since 1970.")] = None


class EventsInput(_Input):
    """What shoppers did."""

    events: Annotated[list[EventInput], Field(min_length=1, max_length=1_000)]


class EventsResult(BaseModel):
    """The result for events."""

    added: dict[str, int]
    rejected: int
    problems: list[dict[str, Any]]
