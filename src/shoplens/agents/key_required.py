"""Requests without a key are refused before their body is read."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_REFUSAL = {
    "error": {
        "code": "unauthenticated",
        "problem": "The request has no key.",
        "fix": "Send the key as `Authorization: Bearer KEY`.",
    }
}


class KeyRequired:
    """An application that is called only for requests with a key; whether it is right, the service says."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not key_of(Headers(scope=scope)):
            response = JSONResponse(_REFUSAL, 401, {"WWW-Authenticate": "Bearer", "Connection": "close"})
            await response(scope, receive, send)
            return
        await self._application(scope, receive, send)


def key_of(headers: Mapping[str, str]) -> str:
    """Return the key that a request brings; empty for none."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else headers.get("x-api-key", "")
