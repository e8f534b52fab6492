"""What the service does for `shoplens` commands that are run beside it: it lends its store, and takes it back."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from shoplens.build_run import Summary
from shoplens.service.running import command, running
from shoplens.shop import Shop

log = logging.getLogger("shoplens.service")
router = APIRouter(prefix="/commands", include_in_schema=False, dependencies=[Depends(command)])


class Lend(BaseModel):
    """To a command that waits.

    Attributes:
        name: where it waits (:mod:`shoplens.index.lent`).
        kept: whether it wants generations that can be gone back to, too.
    """

    name: str
    kept: bool = False


class Take(BaseModel):
    """Back from a command; ``keep`` what was live before."""

    keep: bool


class Back(BaseModel):
    """To a generation; to the latest that is kept where ``name`` is empty."""

    name: str


@router.post("/lend")
async def lend(request: Request, asked: Lend) -> dict[str, str]:
    """Copy the live generation to where a command waits; says what the service embeds by, empty for the shipped one."""
    shop = running(request).shop
    await asyncio.to_thread(shop.lend, asked.name, kept=asked.kept)
    model = shop.settings.model
    return {"model": "" if model is None else str(model.absolute())}


@router.post("/take")
async def take(request: Request, asked: Take) -> dict[str, Any]:
    """Make what a command made of it live; searches that have begun end with the generation they began with."""
    return await _switched(request, lambda shop: shop.take_back(keep=asked.keep))


@router.post("/back")
async def back(request: Request, asked: Back) -> dict[str, Any]:
    """Go back to a kept generation."""
    return await _switched(request, lambda shop: shop.roll_back(asked.name))


async def _switched(request: Request, call: Callable[[Shop], Summary]) -> dict[str, Any]:
    service = running(request)
    done = await service.writes.of(request, lambda: call(service.shop))
    log.info("Generation %s answers now.", await asyncio.to_thread(lambda: service.shop.generation))
    found: dict[str, Any] = json.loads(json.dumps(asdict(done), default=str))
    return found
