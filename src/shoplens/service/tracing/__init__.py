"""Traces of requests, for OpenTelemetry (extra ``otel``)."""
