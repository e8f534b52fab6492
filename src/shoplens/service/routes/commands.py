"""What the service does for `shoplens` commands that are run beside it: it lends its store, and takes it back."""

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
from shoplens.feedback.events import Event
from shoplens.service.schemas import EventSent
from shoplens.service.state import command, running
from shoplens.shop import Shop
from shoplens.shop.feedback import FeedbackSummary

T = TypeVar("T")
log = logging.getLogger("shoplens.service")
router = APIRouter(prefix="/commands", include_in_schema=False, dependencies=[Depends(command)])


class Lend(BaseModel):
    """To a command that waits.

    Attributes:
        name: where it waits (:mod:`shoplens.store.copies.snapshot`).
        kept: whether it wants generations that can be gone back to, too.
    """

    name: str
    kept: bool = False


class Take(BaseModel):
    """Back from a command; ``keep`` what was live before."""

    keep: bool


class BackUp(BaseModel):
    """To a new folder of this machine."""

    folder: str


class Happened(BaseModel):
    """What shoppers did: in a ``file`` of this machine, or as ``events``."""

    file: str = ""
    events: list[EventSent] = []


class Back(BaseModel):
    """To a generation; to the latest that is kept where ``name`` is empty."""

    name: str


@router.post("/lend")
async def lend(request: Request, asked: Lend) -> dict[str, str]:
    """Copy the live generation to where a command waits; says what the service embeds by, empty for the shipped one."""
    shop = running(request).shop
    await _beside(request, lambda: shop.lend(asked.name, kept=asked.kept))
    model = shop.settings.model
    return {"model": "" if model is None else str(model.resolve())}


@router.post("/take")
async def take(request: Request, asked: Take) -> dict[str, Any]:
    """Make what a command made of it live; searches that have begun end with the generation they began with."""
    return await _switch_generation(request, lambda shop: shop.take_back(keep=asked.keep))


@router.post("/back")
async def back(request: Request, asked: Back) -> dict[str, Any]:
    """Go back to a kept generation."""
    return await _switch_generation(request, lambda shop: shop.roll_back(asked.name))


@router.post("/backup")
async def backup(request: Request, asked: BackUp) -> dict[str, int]:
    """Copy the store."""
    shop = running(request).shop
    await _beside(request, lambda: shop.backup(asked.folder))
    return {"products": await _beside(request, lambda: len(shop))}


@router.post("/feedback")
async def feedback(request: Request, asked: Happened) -> dict[str, Any]:
    """Keep what shoppers did; it takes the generation that answers to know what a product may be called."""
    shop = running(request).shop
    events = [Event(one.query_id, one.product_id, one.kind, one.user, one.at) for one in asked.events]
    done = await _beside(request, lambda: shop.add_feedback(asked.file or events))
    return _as_json(done)


async def _beside(request: Request, call: Callable[[], T]) -> T:
    """In threads of their own: what a command made is not given up because clients have the others."""
    return await asyncio.get_running_loop().run_in_executor(running(request).beside, call)


async def _switch_generation(request: Request, call: Callable[[Shop], Summary]) -> dict[str, Any]:
    service = running(request)
    done = await _beside(request, lambda: call(service.shop))
    log.info("Generation %s answers now.", await _beside(request, lambda: service.shop.generation))
    return _as_json(done)


def _as_json(summary: Summary | FeedbackSummary) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(asdict(summary), default=str))
    return found
