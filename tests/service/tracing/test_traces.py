"""Tests of traces: ``traceparent`` in the log, and spans for OpenTelemetry."""

from __future__ import annotations

import subprocess
import sys

import pytest
from fastapi.testclient import TestClient

from shoplens import Shop
from shoplens.service.app import application
from shoplens.service.middleware import RequestMiddleware
from shoplens.service.tracing.traces import OpenTelemetryTraces, read_traceparent

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_the_log_has_the_trace_of_a_request(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        client.get("/healthz", headers={"traceparent": PARENT})
        client.get("/healthz", headers={"traceparent": "00-x\n"})
    lines = [vars(one) for one in caplog.records if one.name == "shoplens.service" and "/healthz" in one.getMessage()]
    assert lines[-2]["traceparent"] == PARENT and "traceparent" not in lines[-1]


@pytest.mark.parametrize("given", ["", PARENT.upper(), PARENT[:-1], "00-" + "0" * 32 + PARENT[35:], PARENT + "-x"])
def test_malformed_parents_are_ignored(given: str) -> None:
    assert read_traceparent({b"traceparent": given.encode()}) == ""


def test_the_packages_are_not_loaded_without_need() -> None:
    packages = ("opentelemetry.sdk", "opentelemetry.exporter", "mcp")
    code = f"import sys, shoplens.service.app, shoplens.cli; print([m for m in {packages} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.extras
def test_a_span_is_sent_for_each_request(shop: Shop) -> None:
    export = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter = export.InMemorySpanExporter()
    traces = OpenTelemetryTraces("", exporter)
    app = application(shop)
    [middleware] = [one for one in app.user_middleware if one.cls is RequestMiddleware]
    middleware.kwargs["traces"] = traces
    with TestClient(app) as client:
        client.post("/v1/search", json={"product_id": "red-1", "k": 2}, headers={"traceparent": PARENT})
        client.get("/v1/products/none")
    traces.close()
    search, product = exporter.get_finished_spans()
    assert search.name == "POST /v1/search" and product.attributes["http.response.status_code"] == 404
    assert f"{search.context.trace_id:032x}" == PARENT[3:35] and f"{search.parent.span_id:016x}" == PARENT[36:52]
    assert search.attributes["shoplens.stage.retrieve_ms"] >= 0
    assert search.attributes["shoplens.verdict"] == "uncalibrated" and search.attributes["shoplens.request_id"]
    assert "red-1" not in str(search.attributes)
