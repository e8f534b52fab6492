"""The desk of merchandisers: rules, what shoppers looked for, reports, and the doctor's findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from shoplens.errors import InvalidValue
from shoplens.feedback.search_rows import MIN_SHOPPERS, SearchedFor, ShownProduct
from shoplens.ranking.merchandising.resolution import MerchandisingNote
from shoplens.ranking.strategies import EncodedQuery
from shoplens.service.auth import require_role
from shoplens.service.desk.schemas import (
    AcceptInput,
    FindingsDocument,
    MerchandisingDocument,
    PreviewDocument,
    PreviewInput,
    ReportsDocument,
    RuleDocument,
    RulesInput,
    StatisticsDocument,
)
from shoplens.service.routes.guarded import GuardedRoute
from shoplens.service.routes.products import product_document
from shoplens.service.routes.searching import FAILURES, photo_address
from shoplens.service.schemas import ProductDocument
from shoplens.service.state import ServiceState, service_state
from shoplens.store.files.merchandising import MerchandisingHistory, MerchandisingRule
from shoplens.types import Query as SearchQuery
from shoplens.types import Steering

router = APIRouter(route_class=GuardedRoute)
DESK = [Depends(require_role("desk"))]
PREVIEWED = 6
"""Number of recent searches that rules are tried on."""
Products = dict[str, dict[str, str]]


@router.get(
    "/v1/merchandising",
    response_model=MerchandisingDocument,
    responses=FAILURES,
    summary="What is pinned, boosted, buried and hidden",
    dependencies=DESK,
)
async def merchandising(request: Request) -> dict[str, Any]:
    """Return the rules that are set now, those before, and what `shoplens.toml` says."""
    service = service_state(request)
    return await service.records.run(request, lambda: _state(service, service.shop.merchandising.load()))


@router.put(
    "/v1/merchandising",
    response_model=MerchandisingDocument,
    responses=FAILURES,
    summary="Set the rules of merchandising",
    dependencies=DESK,
)
async def set_merchandising(request: Request, body: RulesInput) -> dict[str, Any]:
    """Replace all rules, at once or not at all; the next search follows them."""
    service, by = service_state(request), _key_name(request)
    rules = _rules(body.rules)
    return await service.writes.run(
        request, lambda: _state(service, service.shop.merchandising.replace(rules, by, body.version))
    )


@router.post(
    "/v1/merchandising/undo",
    response_model=MerchandisingDocument,
    responses=FAILURES,
    summary="Go back to the rules before",
    dependencies=DESK,
)
async def undo_merchandising(request: Request) -> dict[str, Any]:
    """Go back to the rules before the last change."""
    service, by = service_state(request), _key_name(request)
    return await service.writes.run(request, lambda: _state(service, service.shop.merchandising.undo(by)))


@router.post(
    "/v1/merchandising/preview",
    response_model=PreviewDocument,
    responses=FAILURES,
    summary="What rules would change",
    dependencies=DESK,
)
async def preview_merchandising(request: Request, body: PreviewInput) -> dict[str, Any]:
    """Answer recent searches, or searches for products like others, with the present rules and with these."""
    service, rules = service_state(request), _rules(body.rules)
    return await service.work.run(request, lambda: _preview(service, body, rules))


@router.get(
    "/v1/desk/statistics",
    response_model=StatisticsDocument,
    responses=FAILURES,
    summary="What shoppers looked for, saw and clicked",
    dependencies=DESK,
)
async def statistics(
    request: Request,
    days: Annotated[int, Query(ge=1, le=3_650, description="Days to look back.")] = 30,
) -> dict[str, Any]:
    """Return searches a day, the products that were shown and clicked most, and what was not found. It needs the
    setting `remember`; nothing is told of what fewer than five shoppers did, and no photo is stored."""
    service = service_state(request)
    return await service.records.run(request, lambda: _statistics(service, days))


@router.get(
    "/v1/desk/reports", response_model=ReportsDocument, responses=FAILURES, summary="The reports", dependencies=DESK
)
async def reports(request: Request) -> dict[str, Any]:
    """List the reports of evaluations, trainings and feeds that are in the store, the latest first."""
    service = service_state(request)
    files = await service.records.run(request, lambda: _report_files(service))
    rows = [{"name": one.name, "created": one.stat().st_mtime, "bytes": one.stat().st_size} for one in files]
    return {"reports": sorted(rows, key=lambda row: (-float(row["created"]), row["name"]))}


@router.get(
    "/v1/desk/reports/{name}",
    responses={**FAILURES, 200: {"content": {"application/octet-stream": {}}, "description": "The file."}},
    response_class=Response,
    summary="A report",
    dependencies=DESK,
)
async def report(request: Request, name: str) -> Response:
    """Return a report as a file to be saved."""
    service = service_state(request)
    files = {one.name: one for one in await service.records.run(request, lambda: _report_files(service))}
    if name not in files:
        raise InvalidValue(f"There is no report {name[:100]!r}.", "See /v1/desk/reports.", code="no-such-page")
    content = await service.records.run(request, files[name].read_bytes)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/octet-stream", headers=headers)


@router.get(
    "/v1/desk/findings",
    response_model=FindingsDocument,
    responses=FAILURES,
    summary="What is odd in the catalogue",
    dependencies=DESK,
)
async def findings(
    request: Request,
    kind: Annotated[list[str] | None, Query(max_length=10, description="Kinds of findings; all where none is.")] = None,
) -> dict[str, Any]:
    """Examine the catalogue as `shoplens doctor` does, which takes from seconds to minutes."""
    service = service_state(request)
    return await service.fetches.run(request, lambda: _findings(service, kind or ()))


@router.post(
    "/v1/desk/findings/accept",
    response_model=ProductDocument,
    responses=FAILURES,
    summary="Correct a product as its photos show",
    dependencies=DESK,
)
async def accept_finding(request: Request, body: AcceptInput) -> dict[str, Any]:
    """Give a product the value that its photos show; the feed should be corrected, too, or the next one undoes it."""
    service = service_state(request)

    def accept() -> dict[str, Any]:
        service.shop.merchandising.findings.accept(body.product_id, body.dimension, body.value)
        return product_document(service, body.product_id)

    return await service.writes.run(request, accept)


@router.get(
    "/v1/desk/corrected-feed",
    responses={**FAILURES, 200: {"content": {"application/x-ndjson": {}}, "description": "The feed."}},
    response_class=Response,
    summary="The catalogue as a feed",
    dependencies=DESK,
)
async def export_corrected_feed(request: Request) -> Response:
    """Return all products as they are now, with accepted corrections, in the project's own feed format."""
    service = service_state(request)
    content = await service.fetches.run(request, lambda: "".join(service.shop.merchandising.findings.export_feed()))
    headers = {"Content-Disposition": 'attachment; filename="corrected-feed.jsonl"'}
    return Response(content, media_type="application/x-ndjson", headers=headers)


def _rules(documents: Iterable[RuleDocument]) -> list[MerchandisingRule]:
    return [MerchandisingRule(**{**one.model_dump(), "products": tuple(one.products)}) for one in documents]


def _key_name(request: Request) -> str:
    key = request.scope.get("shoplens.checked")
    return "" if key is None else str(key.name)


def _state(service: ServiceState, history: MerchandisingHistory) -> dict[str, Any]:
    own = service.shop.settings.preferences.merchandising
    return {
        **asdict(history.present),
        "before": [asdict(one) for one in history.before],
        "settings": {"pins": list(own.pins), "boosts": dict(own.boosts), "buries": dict(own.buries)},
        "notes": [_note_document(one) for one in service.shop.merchandising.notes()],
    }


def _note_document(note: MerchandisingNote) -> dict[str, Any]:
    return {"name": note.entry, "by": note.by, "products": note.products, "sentence": note.sentence}


def _preview(service: ServiceState, body: PreviewInput, rules: Sequence[MerchandisingRule]) -> dict[str, Any]:
    names = body.query_ids or ([] if body.product_ids else service.query_cache.latest(PREVIEWED))
    searches: list[tuple[SearchQuery, EncodedQuery | None]] = [
        (SearchQuery(b"", k=body.k), service.query_cache.get(name)[0]) for name in names
    ]
    searches += [(SearchQuery(None, k=body.k, steering=Steering(like=name)), None) for name in body.product_ids]
    previews = service.shop.merchandising.preview(rules, searches)
    found = {one.product.id: one.product.title for row in previews for one in (*row.before.results, *row.after.results)}
    products = _with_photos(service, found)
    rows = []
    for name, preview in zip([*names, *[""] * len(body.product_ids)], previews, strict=True):
        before, after = ([one.product.id for one in row.results] for row in (preview.before, preview.after))
        rows.append(
            {
                "query_id": name,
                "product_id": preview.query.steering.like,
                "before": [products[one] for one in before],
                "after": [products[one] for one in after],
                "added": [one for one in after if one not in before],
                "removed": [one for one in before if one not in after],
            }
        )
    return {"searches": rows, "notes": [_note_document(one) for one in service.shop.merchandising.notes_of(rules)]}


def _statistics(service: ServiceState, days: int) -> dict[str, Any]:
    known = service.shop.feedback.statistics(days)
    groups = (*known.not_found, *known.words)
    shown = (*known.most_shown, *known.most_clicked)
    ids = [*(one.product_id for one in shown), *(name for one in groups for name in one.nearest)]
    products = _with_photos(service, dict.fromkeys(ids, ""))

    def describe(group: SearchedFor) -> dict[str, Any]:
        return {**asdict(group), "nearest": [products[name] for name in group.nearest]}

    def add_product(row: ShownProduct) -> dict[str, Any]:
        return {**asdict(row), **products[row.product_id]}

    return {
        "remember": service.shop.settings.remember,
        "min_shoppers": MIN_SHOPPERS,
        "days": [{"day": day, "searches": many, "clicked": n} for day, (many, n) in known.days.items()],
        "answers": known.answers,
        "without_click": known.without_click,
        "most_shown": [add_product(one) for one in known.most_shown],
        "most_clicked": [add_product(one) for one in known.most_clicked],
        "not_found": [describe(one) for one in known.not_found],
        "words": [describe(one) for one in known.words],
    }


def _with_photos(service: ServiceState, titles: dict[str, str]) -> Products:
    """Return id -> the product with its photo, for ids with their titles; without a title, it is looked up."""
    hashes = service.shop.products.photo_hashes([*titles])
    rows: Products = {}
    for name, title in titles.items():
        product = None if title else service.shop.products.get(name)
        photo = photo_address(next(iter(hashes.get(name, {}).values()), ""))
        rows[name] = {"product_id": name, "title": title or (product.title if product else ""), "photo": photo}
    return rows


def _findings(service: ServiceState, kinds: Iterable[str]) -> dict[str, Any]:
    document = service.shop.quality.diagnose(kinds).as_json()
    ids = {one["product_id"] for row in document["findings"] for one in row["photos"]}
    hashes = service.shop.products.photo_hashes([*ids])
    for row in document["findings"]:
        for one in row["photos"]:
            one["photo"] = photo_address(hashes.get(one["product_id"], {}).get(one["photo"], ""))
    return document


def _report_files(service: ServiceState) -> list[Path]:
    folder = service.shop.folder / "reports"
    return [one for one in folder.glob("*") if one.is_file() and not one.is_symlink()] if folder.is_dir() else []
