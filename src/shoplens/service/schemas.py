"""What is sent and answered, as the OpenAPI document tells it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shoplens.filters.photo_features.palette import BASIC_COLORS

MOST_PAGED = 500
MOST_AT_ONCE = 100
MOST_IDENTIFIERS = 1_000
MOST_BASE64 = 60_000_000
Text = Annotated[str, Field(max_length=2_000)]
Id = Annotated[str, Field(min_length=1, max_length=512, examples=["MH01-Black"])]
Attribute = str | float | bool
COLORS = ", ".join(sorted(BASIC_COLORS))


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class SearchRequest(_Sent):
    """A search. Exactly one of `image`, `url`, `product_id` and `query_id`, or `color` alone, says what to start from.

    By `multipart/form-data` the same fields are parts, `image` a file; `where` and `facets` may be repeated, and what
    else is an object or a list here (`weights`, `region`) is JSON.
    """

    model_config = ConfigDict(
        extra="forbid",
        allow_inf_nan=False,
        json_schema_extra={"examples": [{"product_id": "MH01-Black", "k": 5, "where": ["price < 60"]}]},
    )

    image: Annotated[str | None, Field(description="The photo's file, base64.", max_length=MOST_BASE64)] = None
    url: Annotated[Text | None, Field(description="Where the photo is: http or https, a public address.")] = None
    product_id: Annotated[
        str | None,
        Field(description="Start from this product: its id, or an id, SKU or GTIN of its rows.", max_length=512),
    ] = None
    query_id: Annotated[
        str | None,
        Field(description="Start from the photo of an earlier search, which is not sent again.", max_length=64),
    ] = None
    color: Annotated[str | None, Field(description=f"In this colour: #rrggbb, or {COLORS}.", max_length=40)] = None
    region: Annotated[
        list[int] | None, Field(description="x, y, width, height in pixels.", min_length=4, max_length=4)
    ] = None
    k: Annotated[int, Field(description="Results of a page.", ge=1, le=MOST_PAGED)] = 20
    offset: Annotated[int, Field(description="Results before this page.", ge=0, lt=MOST_PAGED)] = 0
    where: Annotated[list[Text], Field(description="Conditions that all hold: `price < 60`.", max_length=50)] = []
    per_group: Annotated[int | None, Field(description="Most variants of one design.", ge=1, le=1_000)] = None
    sold_out: Annotated[Literal["show", "hide", "last"], Field(description="What is sold out.")] = "show"
    strategy: Annotated[str, Field(description="Empty for the best there is.", max_length=40)] = ""
    weights: Annotated[dict[str, float], Field(description="Dimension → weight.", max_length=100)] = {}
    profile: Annotated[str, Field(description="Of the shop's settings.", max_length=100)] = ""
    facets: Annotated[list[Text], Field(description="Fields to count.", max_length=20)] = []
    predicted: Annotated[float | None, Field(description="Also values predicted so surely.", ge=0.5, le=0.99)] = None
    precision: Annotated[float | None, Field(description="Of `exact` and `not-in-catalogue`.", ge=0.5, le=0.99)] = None
    explain: Annotated[bool, Field(description="Give the reasons.")] = False
    user: Annotated[str, Field(description="Who asks, as the shop calls them.", max_length=512)] = ""


class ErrorBody(BaseModel):
    """What went wrong."""

    code: Annotated[str, Field(description="For machines; stable.")]
    problem: Annotated[str, Field(description="What was wrong, with the value.")]
    fix: Annotated[str, Field(description="What to do.")]
    request_id: Annotated[str, Field(description="Names this request in the log.")] = ""


class Failed(BaseModel):
    """The answer to every request that fails."""

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
    identifiers: Annotated[list[str], Field(description="What else finds it: ids, SKUs, GTINs of its rows.")] = []


class ResultDocument(BaseModel):
    """A product that was found. `parts` add up to `score`."""

    rank: int
    product_id: str
    title: str
    score: float
    photo: Annotated[str, Field(description="The photo that matched, on this service.")]
    photos: list[str]
    same_photo: bool
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


class AnswerDocument(BaseModel):
    """An answer, as `shoplens search --json` gives it, with where the next page begins."""

    query_id: Annotated[str, Field(description="For feedback, and to search by the same photo again.")]
    remembered: Annotated[bool, Field(description="Whether feedback can be given on it.")]
    query: dict[str, Any]
    strategy: dict[str, str | None]
    weights: dict[str, float]
    importances: dict[str, float]
    verdict: str
    verdict_words: str
    absent_probability: float | None
    results: list[ResultDocument]
    facets: list[dict[str, Any]]
    notes: list[str]
    took_ms: dict[str, float]
    next_offset: Annotated[int | None, Field(description="Of the next page; null where there is none.")]


class ProductSent(_Sent):
    """A product to add or to replace, as a line of the project's own feed format."""

    id: Id
    title: Annotated[str, Field(max_length=2_000)]
    photos: Annotated[list[Text], Field(description="http or https.", min_length=1, max_length=50)]
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
        list[Id], Field(description="What else finds it: ids, SKUs, GTINs of its rows.", max_length=MOST_IDENTIFIERS)
    ] = []


class ProductsSent(_Sent):
    """Products to add or to replace; one that cannot be used does not hold up the others."""

    products: Annotated[list[ProductSent], Field(min_length=1, max_length=MOST_AT_ONCE)]


class ProductChange(_Sent):
    """What changes of a product; what is left out stays."""

    title: Annotated[str | None, Field(max_length=2_000)] = None
    description: Annotated[str | None, Field(max_length=50_000)] = None
    url: Text | None = None
    price: Annotated[float | None, Field(ge=0)] = None
    currency: Annotated[str | None, Field(max_length=3)] = None
    in_stock: bool | None = None
    attributes: Annotated[
        dict[str, Attribute | list[Attribute] | None] | None,
        Field(description="Those named are replaced; null removes one.", max_length=200),
    ] = None


class ItemDone(BaseModel):
    """What became of one product."""

    id: str
    done: Literal["added", "changed", "unchanged", "rejected"]
    problems: list[dict[str, Any]] = []


class ProductsDone(BaseModel):
    """What became of each product, in the order sent."""

    items: list[ItemDone]


class BackupDone(BaseModel):
    """Where the copy is, on the service's machine."""

    folder: str


class EventSent(_Sent):
    """What somebody did with a result."""

    query_id: Annotated[str, Field(min_length=1, max_length=512)]
    product_id: Id
    kind: Literal["click", "purchase", "wrong"]
    user: Annotated[str, Field(max_length=512)] = ""
    at: Annotated[float | None, Field(description="Seconds since 1970.")] = None


class EventsSent(_Sent):
    """What shoppers did."""

    events: Annotated[list[EventSent], Field(min_length=1, max_length=1_000)]


class EventsDone(BaseModel):
    """What became of events."""

    added: dict[str, int]
    rejected: int
    problems: list[dict[str, Any]]
