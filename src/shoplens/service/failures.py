"""Errors as HTTP responses: a status for each kind of error, and one JSON shape for all of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from shoplens.errors import (
    ConditionError,
    FeedError,
    InvalidValue,
    ModelError,
    PhotoError,
    Refused,
    SettingsError,
    ShoplensError,
    StoreError,
    disk_error,
)
from shoplens.service.responses.messages import choose_language, message_for

log = logging.getLogger("shoplens.service")
CLIENT_GONE = 499
STATUSES: dict[str, int] = {
    "unknown-product": 404,
    "unknown-photo": 404,
    "unknown-query": 404,
    "no-such-page": 404,
    "model-changed": 410,
    "another-generation": 410,
    "photo-too-many-bytes": 413,
    "too-large": 413,
    "photo-not-an-image": 415,
    "unsupported-type": 415,
    "unauthenticated": 401,
    "unknown-key": 401,
    "insufficient-role": 403,
    "too-many-requests": 429,
    "busy": 503,
    "too-slow": 408,
    "waited-too-long": 503,
    "client-gone": CLIENT_GONE,
    "store-in-use": 503,
    "closed-store": 503,
}
"""Code of an error -> status, where it differs from that of its class."""
KINDS: dict[type[ShoplensError], int] = {
    InvalidValue: 422,
    ConditionError: 422,
    PhotoError: 422,
    FeedError: 422,
    Refused: 409,
    SettingsError: 500,
    StoreError: 503,
    ModelError: 500,
}


class RequestRefused(ShoplensError):
    """A request that is refused: without a key, too many, too large, or too slow.

    Args:
        wait: seconds after which it may be sent again; 0 where that would not help.
    """

    code = "refused-request"

    def __init__(self, problem: str, fix: str, *, code: str, wait: float = 0) -> None:
        super().__init__(problem, fix, code=code)
        self.wait = wait


def status_of(problem: ShoplensError) -> int:
    """Return the HTTP status of an error."""
    kind = next((KINDS[one] for one in type(problem).__mro__ if one in KINDS), 500)
    return STATUSES.get(problem.code, kind)


def failure(problem: ShoplensError, request_id: str = "", language: str = "en") -> JSONResponse:
    """Return the response to a request that failed.

    Args:
        language: of the message for shoppers.
    """
    headers = {}
    if isinstance(problem, RequestRefused) and problem.wait:
        headers["Retry-After"] = str(max(1, round(problem.wait)))
    status = status_of(problem)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return _respond(status, problem.code, problem.problem, problem.fix, request_id, language, headers)


def request_language(scope: Scope) -> str:
    """Return the language that the sender of a request prefers."""
    return choose_language(Headers(scope=scope).get("accept-language", ""))


def _respond(
    status: int, code: str, problem: str, fix: str, request_id: str, language: str, headers: Mapping[str, str] | None
) -> JSONResponse:
    body = {"code": code, "problem": problem, "fix": fix, "request_id": request_id}
    return JSONResponse({"error": {**body, "message": message_for(code, language)}}, status, headers)


def install_error_handlers(app: FastAPI) -> None:
    """Make the application answer every error in this shape."""

    @app.exception_handler(ShoplensError)
    async def handle_known_error(request: Request, problem: ShoplensError) -> JSONResponse:
        if status_of(problem) >= 500:
            log.warning("%s", problem, extra={"code": problem.code})
        return failure(problem, _id(request), request_language(request.scope))

    @app.exception_handler(RequestValidationError)
    async def handle_invalid_request(request: Request, problem: RequestValidationError) -> JSONResponse:
        invalid = InvalidValue(*_describe_validation(list(problem.errors())), code="bad-request")
        return failure(invalid, _id(request), request_language(request.scope))

    @app.exception_handler(HTTPException)
    async def handle_http_error(request: Request, problem: HTTPException) -> JSONResponse:
        body = {"code": "no-such-page"}
        if problem.status_code == 405:
            body["code"] = "no-such-method"
        text, language = str(problem.detail), request_language(request.scope)
        return _respond(problem.status_code, body["code"], text, "See /docs.", _id(request), language, problem.headers)

    @app.exception_handler(ClientDisconnect)
    async def handle_disconnect(request: Request, problem: ClientDisconnect) -> Response:
        return Response(status_code=CLIENT_GONE)  # only the log records it

    @app.exception_handler(OSError)
    async def handle_system_error(request: Request, problem: OSError) -> JSONResponse:
        if (full := disk_error(problem)) is not None:
            return await handle_known_error(request, full)
        return await handle_unknown_error(request, problem)

    @app.exception_handler(Exception)
    async def handle_unknown_error(request: Request, problem: Exception) -> JSONResponse:
        log.error("unforeseen", exc_info=problem, extra={"request_id": _id(request)})
        unforeseen = ShoplensError(
            "An internal error occurred.",
            "The log of the service has the details under this request_id.",
            code="unforeseen",
        )
        return failure(unforeseen, _id(request), request_language(request.scope))


def _id(request: Request) -> str:
    return str(request.scope.get("request_id", ""))


def _describe_validation(errors: list[Any]) -> tuple[str, str]:
    """Return the first error of a request, and what to do."""
    first = errors[0]
    where = ".".join(str(part) for part in first.get("loc", ())[1:]) or "The body"
    message = f"{where}: {first.get('msg', 'it cannot be used')}."
    more = f" And {len(errors) - 1} more." if len(errors) > 1 else ""
    return f"{message}{more}", "See /docs for what is expected."
