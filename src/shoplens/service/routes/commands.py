"""What the service does for `shoplens` commands that run beside it: it copies its store, and adopts what they made."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from shoplens.build.run import Summary
from shoplens.embedders import network_file
from shoplens.feedback.events import Event
from shoplens.service.auth import require_command
from shoplens.service.routes.guarded import GuardedRoute
from shoplens.service.schemas import EventInput
from shoplens.service.state import service_state
from shoplens.shop import Shop
from shoplens.shop.feedback import FeedbackSummary

T = TypeVar("T")
log = logging.getLogger("shoplens.service")
router = APIRouter(
    route_class=GuardedRoute, prefix="/commands", include_in_schema=False, dependencies=[Depends(require_command)]
)


class SnapshotRequest(BaseModel):
    """A request for a copy of the live generation.

    Attributes:
        name: folder in which the command waits (:mod:`shoplens.store.copies.snapshot_folders`).
        kept: whether the command wants the kept generations, too.
    """

    name: str
    kept: bool = False


class AdoptionRequest(BaseModel):
    """A request to make live what the command made; ``keep`` says whether the generation before is kept."""

    keep: bool


class BackupRequest(BaseModel):
    """A request to copy the store to a new folder of this machine."""

    folder: str


class FeedbackRequest(BaseModel):
    """What shoppers did: in a ``file`` of this machine, or as ``events``."""

    file: str = ""
    events: list[EventInput] = []


class RollbackRequest(BaseModel):
    """A request to go back to a generation; to the latest kept one where ``name`` is empty."""

    name: str


@router.post("/snapshot")
async def snapshot(request: Request, body: SnapshotRequest) -> dict[str, str]:
    """Copy the live generation to where a command waits; the answer names the service's model, empty for the shipped
    one."""
    shop = service_state(request).shop
    await _run_beside(request, lambda: shop.snapshots.write(body.name, kept=body.kept))
    model, models = shop.settings.model, shop.settings.models
    return {"model": "" if model is None else str(network_file(model, models=models).resolve())}


@router.post("/adopt")
async def adopt(request: Request, body: AdoptionRequest) -> dict[str, Any]:
    """Make what a command made live; searches that have begun end with the generation that they began with."""
    return await _switch_generation(request, lambda shop: shop.snapshots.take_back(keep=body.keep))


@router.post("/roll-back")
async def roll_back(request: Request, body: RollbackRequest) -> dict[str, Any]:
    """Go back to a kept generation."""
    return await _switch_generation(request, lambda shop: shop.generations.roll_back(body.name))


@router.post("/backup")
async def backup(request: Request, body: BackupRequest) -> dict[str, int]:
    """Copy the store."""
    shop = service_state(request).shop
    await _run_beside(request, lambda: shop.backup(body.folder))
    return {"products": await _run_beside(request, lambda: len(shop))}


@router.post("/feedback")
async def feedback(request: Request, body: FeedbackRequest) -> dict[str, Any]:
    """Add events; the live generation is needed to know by which ids events may name products."""
    shop = service_state(request).shop
    events = [Event(one.query_id, one.product_id, one.kind, one.user, one.at) for one in body.events]
    summary = await _run_beside(request, lambda: shop.feedback.add(body.file or events))
    return _as_json(summary)


async def _run_beside(request: Request, call: Callable[[], T]) -> T:
    """Run a call in the threads for commands, which clients' requests cannot use up."""
    return await asyncio.get_running_loop().run_in_executor(service_state(request).beside, call)


async def _switch_generation(request: Request, call: Callable[[Shop], Summary]) -> dict[str, Any]:
    service = service_state(request)
    summary = await _run_beside(request, lambda: call(service.shop))
    log.info("Generation %s answers now.", await _run_beside(request, lambda: service.shop.generations.live))
    return _as_json(summary)


def _as_json(summary: Summary | FeedbackSummary) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(json.dumps(asdict(summary), default=str))
    return content
