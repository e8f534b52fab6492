"""A span for each request, sent by OTLP over HTTP; without the setting ``traces``, the packages are not even loaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from starlette.types import Scope

from shoplens.errors import InvalidValue

SPAN = "shoplens.span"
"""Key of a request's scope: its span; absent where traces are not sent."""
_TRACE_PARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class Traces(Protocol):
    """Starts and ends the spans of requests."""

    def start(self, scope: Scope, traceparent: str) -> str: ...
    def end(self, scope: Scope, method: str, route: str, status: int) -> None: ...
    def close(self) -> None: ...


def read_traceparent(headers: Mapping[bytes, bytes]) -> str:
    """Return the header ``traceparent`` of a request (W3C Trace Context); empty for none, or a malformed one."""
    given = headers.get(b"traceparent", b"").decode("latin-1")
    return given if _TRACE_PARENT.fullmatch(given) else ""


def add_stages(scope: Scope, took_ms: Mapping[str, float], verdict: str) -> None:
    """Add to the span of a request how long the stages of its search took, and the verdict."""
    if (span := scope.get(SPAN)) is not None:
        for stage, took in took_ms.items():
            span.set_attribute(f"shoplens.stage.{stage}_ms", round(took, 2))
        span.set_attribute("shoplens.verdict", verdict)


class OpenTelemetryTraces:
    """Spans by the packages of OpenTelemetry.

    Args:
        endpoint: address that takes traces by OTLP over HTTP.
        exporter: another exporter, for tests.

    Raises:
        InvalidValue: ``no-otel``, the extra is not installed.
    """

    def __init__(self, endpoint: str, exporter: Any = None) -> None:
        try:
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.trace import SpanKind
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

            if exporter is None:
                from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

                exporter = OTLPSpanExporter(endpoint=endpoint)
        except ImportError as problem:
            raise InvalidValue(
                f"The packages of OpenTelemetry cannot be loaded: {problem}.",
                "Run: pip install 'shoplens[otel]'",
                code="no-otel",
            ) from None
        self._provider = TracerProvider(resource=Resource.create({"service.name": "shoplens"}))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("shoplens")
        self._propagator, self._kind = TraceContextTextMapPropagator(), SpanKind.SERVER

    def start(self, scope: Scope, traceparent: str) -> str:
        """Start the span of a request, and return the ``traceparent`` of it."""
        parent = self._propagator.extract({"traceparent": traceparent} if traceparent else {})
        span = self._tracer.start_span(scope["method"], context=parent, kind=self._kind)
        scope[SPAN] = span
        context = span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"

    def end(self, scope: Scope, method: str, route: str, status: int) -> None:
        """End the span of a request."""
        span = scope[SPAN]
        span.update_name(f"{method} {route}")
        attributes = {"http.request.method": method, "http.route": route, "http.response.status_code": status}
        span.set_attributes({**attributes, "shoplens.request_id": scope.get("request_id", "")})
        span.end()

    def close(self) -> None:
        """Send the spans that are left."""
        self._provider.shutdown()
