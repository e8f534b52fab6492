"""Compression of responses: texts of some size are sent as gzip to clients that accept it."""

from __future__ import annotations

import gzip
from functools import lru_cache

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MIN_BYTES = 1_024
LEVEL = 4
"""Higher levels cost more processor time than they save bytes on answers."""
TEXTS = ("application/json", "text/", "image/svg+xml")
"""Beginnings of the content types that are compressed; photos are compressed already."""


class CompressionMiddleware:
    """ASGI middleware that compresses texts that are sent in one piece."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _accepts_gzip(scope):
            await self._app(scope, receive, send)
            return
        start: Message = {}

        async def send_compressed(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if start:
                if _is_worth_it(start, message):
                    message = _compress(start, message)
                await send(start)
                start = {}
            await send(message)

        await self._app(scope, receive, send_compressed)


def _accepts_gzip(scope: Scope) -> bool:
    """Whether the client accepts gzip: it names it, and not with the weight 0."""
    for one in Headers(scope=scope).get("accept-encoding", "").split(","):
        name, _, weight = one.partition(";")
        if name.strip().lower() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _is_worth_it(start: Message, body: Message) -> bool:
    headers = Headers(raw=start["headers"])
    is_text = headers.get("content-type", "").startswith(TEXTS)
    is_whole = not body.get("more_body", False) and len(body.get("body", b"")) >= MIN_BYTES
    return is_text and is_whole and "content-encoding" not in headers


def _compress(start: Message, message: Message) -> Message:
    """Compress a body, and say so in the headers of the response."""
    headers = MutableHeaders(raw=start["headers"])
    body = message["body"]
    packed = _compress_file(body) if "etag" in headers else gzip.compress(body, LEVEL, mtime=0)
    headers["content-encoding"] = "gzip"
    headers["content-length"] = str(len(packed))
    headers.add_vary_header("Accept-Encoding")
    return {**message, "body": packed}


@lru_cache(maxsize=128)
def _compress_file(content: bytes) -> bytes:
    """Compress a file of the pages, once."""
    return gzip.compress(content, 9, mtime=0)
