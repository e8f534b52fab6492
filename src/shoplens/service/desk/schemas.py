"""The bodies of requests and responses of the desk, where merchandisers work."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1, max_length=512)]
Day = Annotated[str, Field(description="YYYY-MM-DD, in UTC; empty for no limit.", max_length=10)]


class RuleDocument(BaseModel):
    """A rule of merchandising, about products or about a condition."""

    model_config = ConfigDict(
        extra="forbid",
        allow_inf_nan=False,
        json_schema_extra={"examples": [{"action": "boost", "where": "brand = Acme", "amount": 0.1}]},
    )

    action: Literal["pin", "boost", "bury", "hide"]
    products: Annotated[list[Name], Field(description="Products by id or another name.", max_length=500)] = []
    where: Annotated[str, Field(description="Condition, such as `category = Tops`.", max_length=2_000)] = ""
    amount: Annotated[float, Field(description="Added to or subtracted from scores.", ge=0, le=1)] = 0.0
    start: Day = ""
    end: Day = ""
    note: Annotated[str, Field(description="Why, for people.", max_length=500)] = ""


class RulesInput(BaseModel):
    """All rules, in place of the present ones."""

    model_config = ConfigDict(extra="forbid")

    rules: Annotated[list[RuleDocument], Field(max_length=200)]
    version: Annotated[
        int | None, Field(description="Version that the change was made from; another one is refused.", ge=0)
    ] = None


class PreviewInput(BaseModel):
    """Rules to try on recent searches."""

    model_config = ConfigDict(extra="forbid")

    rules: Annotated[list[RuleDocument], Field(max_length=200)]
    query_ids: Annotated[
        list[Name], Field(description="Searches to try them on; the latest ones where none is named.", max_length=10)
    ] = []
    product_ids: Annotated[
        list[Name], Field(description="Products whose similar ones to try them on.", max_length=10)
    ] = []
    k: Annotated[int, Field(description="Results to compare.", ge=1, le=50)] = 12


class RulesStateDocument(BaseModel):
    """The rules at one time."""

    version: int
    at: str
    by: Annotated[str, Field(description="Name of the key that set them.")]
    rules: list[RuleDocument]


class MerchandisingNoteDocument(BaseModel):
    """A name in the merchandising that is no product's id."""

    name: str
    by: Annotated[
        Literal["identifier", "old-id", "nothing"],
        Field(description="Whether it is an identifier or an old id of products, or stands for nothing."),
    ]
    products: Annotated[list[str], Field(description="Ids of the products that it stands for.")]
    sentence: str


class MerchandisingDocument(RulesStateDocument):
    """The present rules."""

    before: Annotated[list[RulesStateDocument], Field(description="Earlier rules, the latest first.")]
    settings: Annotated[
        dict[str, Any], Field(description="Pins, boosts and buries of shoplens.toml, which rules override.")
    ]
    notes: list[MerchandisingNoteDocument]


class DeskProductDocument(BaseModel):
    """A product with its photo."""

    product_id: str
    title: str
    photo: Annotated[str, Field(description="Its first photo, on this service; empty where there is no such product.")]


class PreviewRowDocument(BaseModel):
    """What rules change for one search."""

    query_id: Annotated[str, Field(description="The search; empty where it was by a product.")]
    product_id: Annotated[str, Field(description="The product whose similar ones were searched for.")]
    before: list[DeskProductDocument]
    after: list[DeskProductDocument]
    added: Annotated[list[str], Field(description="Ids of products that come into the first k results.")]
    removed: Annotated[list[str], Field(description="Ids of products that leave them.")]


class PreviewDocument(BaseModel):
    """What rules change."""

    searches: list[PreviewRowDocument]
    notes: list[MerchandisingNoteDocument]


class SearchedForDocument(BaseModel):
    """What five shoppers or more looked for."""

    name: str
    searches: int
    shoppers: int
    not_found: int
    nearest: list[DeskProductDocument]


class ShownProductDocument(DeskProductDocument):
    """A product that five shoppers or more saw."""

    shown: int
    clicked: int


class DayDocument(BaseModel):
    """A day's searches."""

    day: str
    searches: int
    clicked: Annotated[int, Field(description="Searches with a click or a purchase.")]


class StatisticsDocument(BaseModel):
    """What shoppers looked for, saw and clicked."""

    remember: Annotated[bool, Field(description="Whether the service logs answers; without, there is nothing to tell.")]
    min_shoppers: Annotated[int, Field(description="Nothing is told of what fewer shoppers did.")]
    days: list[DayDocument]
    answers: int
    without_click: int
    most_shown: list[ShownProductDocument]
    most_clicked: list[ShownProductDocument]
    not_found: Annotated[list[SearchedForDocument], Field(description="By category of the nearest product.")]
    words: list[SearchedForDocument]


class ReportDocument(BaseModel):
    """A report in the store."""

    name: str
    created: Annotated[float, Field(description="Seconds since 1970.")]
    bytes: int


class ReportsDocument(BaseModel):
    """The reports in the store, the latest first."""

    reports: list[ReportDocument]


class FindingsDocument(BaseModel):
    """What the doctor found."""

    products: int
    counts: dict[str, int]
    notes: list[str]
    findings: Annotated[
        list[dict[str, Any]], Field(description="As of `shoplens doctor --json`, with photos on this service.")
    ]


class AcceptInput(BaseModel):
    """A finding that is right: the product gets the value that its photos show."""

    model_config = ConfigDict(extra="forbid")

    product_id: Name
    dimension: Annotated[str, Field(max_length=200)]
    value: Annotated[str, Field(description="`photo_value` of the finding.", min_length=1, max_length=2_000)]
