"""Reads the bodies of requests: their sizes are limited, and nothing is parsed that would stop the service.

While JSON is parsed, no other thread of the process runs. So a body with too many values is refused before it is
parsed: counting commas and brackets takes a thousandth of the time.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser

from shoplens.errors import InvalidValue
from shoplens.service.failures import RequestRefused
from shoplens.settings import Settings

BASE64_FACTOR = 4 / 3
"""Size of a photo as base64 relative to its bytes."""
SMALL = 1 << 16
MAX_BYTES = "shoplens.max_bytes"
"""Key of a request's scope: bytes that its body may have."""
MAX_VALUES = 50_000
"""Values in the JSON of a body; parsing so many takes about 40 ms."""
MAX_PRODUCT_VALUES = 400_000
"""Values in the JSON of products, which only clients with the role ``write`` send."""


def photo_body_bytes(settings: Settings) -> int:
    """Return the bytes that a body with a photo may have, as a form or as base64."""
    return round(min(settings.max_photo_bytes, settings.max_query_bytes) * BASE64_FACTOR) + 100_000


class _MemoryParser(MultiPartParser):
    """Keeps files in memory, whatever their size: a query photo never touches a disk."""

    spool_max_size = 1 << 40


async def read_json(request: Request, max_values: int = MAX_VALUES) -> Any:
    """Return the value in a request's body, parsed beside the event loop.

    Raises:
        RequestRefused: ``too-large``, it has too many bytes or values.
        InvalidValue: ``bad-request``, it is not JSON.
    """
    content = await request.body()
    values = sum(content.count(sign) for sign in (b",", b"[", b"{"))
    if values > max_values:
        raise RequestRefused(
            f"The body has {values:,} values or more.", f"Send fewer than {max_values:,}.", code="too-large"
        )
    try:
        return await asyncio.to_thread(json.loads, content)
    except (ValueError, RecursionError) as problem:
        raise InvalidValue(
            f"The body is not valid JSON: {problem}.", "Send one JSON object.", code="bad-request"
        ) from None


@asynccontextmanager
async def read_form(request: Request, max_files: int, max_fields: int) -> AsyncIterator[FormData]:
    """Give the parts of a form, whose files lie in memory.

    Raises:
        InvalidValue: ``bad-form``.
    """
    parser = _MemoryParser(request.headers, request.stream(), max_files=max_files, max_fields=max_fields)
    try:
        form = await parser.parse()
    except MultiPartException as problem:
        raise InvalidValue(
            f"The form cannot be read: {problem.message}",
            "Send multipart/form-data, as `curl -F image=@photo.jpg` does.",
            code="bad-form",
        ) from None
    try:
        yield form
    finally:
        await form.close()
