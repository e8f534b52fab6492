"""The middleware of every request: an id, limits of size and time, headers, a log line and metrics."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shoplens.service.failures import RequestRefused, failure, request_language
from shoplens.service.limits.bodies import MAX_BYTES, SMALL
from shoplens.service.metrics import Metrics
from shoplens.service.tracing.traces import Traces, read_traceparent

log = logging.getLogger("shoplens.service")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self)"),
]
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class RequestMiddleware:
    """ASGI middleware of the service.

    Args:
        app: that answers the requests.
        metrics: of the service.
        seconds: in which a body must arrive.
        refuse: raises RequestRefused for requests that are refused before their body is read, which costs little.
        traces: starts and ends a span for each request; None for none.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        seconds: float,
        refuse: Callable[[Scope], None],
        traces: Traces | None = None,
    ) -> None:
        self._app, self._metrics, self._refuse = app, metrics, refuse
        self._seconds, self._traces = seconds, traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _NAME.fullmatch(given) else uuid.uuid4().hex
        scope["request_id"] = request_id
        status, begun, method = 500, time.perf_counter(), scope["method"]
        if method == "HEAD":  # answered wherever GET is, by the same headers without the body
            scope = {**scope, "method": "GET"}  # the server keeps its own, which sends no body
        traceparent = read_traceparent(headers)
        if self._traces is not None:
            traceparent = self._traces.start(scope, traceparent)

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = [*_HEADERS, (b"x-request-id", request_id.encode())]
                present = {name.lower() for name, _ in message.get("headers", [])}
                message["headers"] = [*message.get("headers", []), *(one for one in own if one[0] not in present)]
                if b"content-security-policy" not in present:
                    message["headers"].append((b"content-security-policy", POLICY.encode()))
            elif method == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        try:
            self._refuse(scope)
            await self._app(scope, self._limit_body(scope, receive), answer)
        except RequestRefused as refused:
            await failure(refused, request_id, request_language(scope))(scope, receive, answer)
        finally:
            took = time.perf_counter() - begun
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.requests.labels(route, str(status)).observe(took)
            if status >= 400:
                self._metrics.errors.labels(str(status)).inc()
            if self._traces is not None:
                self._traces.end(scope, method, route, status)
            fields = {"request_id": request_id, "status": status, "ms": round(took * 1e3, 1)}
            log.info(
                "%s %s %d",
                method,
                route,
                status,
                extra={**fields, "traceparent": traceparent} if traceparent else fields,
            )

    def _limit_body(self, scope: Scope, receive: Receive) -> Receive:
        """Return a receiver that raises RequestRefused for a body that is too large or too slow."""
        length = dict(scope["headers"]).get(b"content-length", b"0")
        declared = int(length) if length.isdigit() else 0
        end, received, ended = time.monotonic() + self._seconds, 0, False

        async def receive_limited() -> Message:
            nonlocal received, ended
            if ended:
                return await receive()  # waits for the client to disconnect
            most = scope.get(MAX_BYTES, SMALL)
            if declared > most:
                raise _too_large_error(most)
            try:
                message = await asyncio.wait_for(receive(), max(0.0, end - time.monotonic()))
            except TimeoutError:
                raise RequestRefused(
                    f"The body took more than {self._seconds:g} s.", "Send it faster, or send less.", code="too-slow"
                ) from None
            received += len(message.get("body", b""))
            ended = not message.get("more_body", False)
            if received > most:
                raise _too_large_error(most)
            return message

        return receive_limited


def _too_large_error(most: int) -> RequestRefused:
    return RequestRefused(f"The body has more than {most:,} bytes.", "Send less, or a smaller photo.", code="too-large")
