"""Metrics of a service, for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.12, 0.2, 0.4, 0.8, 1.6, 3.2, 10.0)


class Metrics:
    """The metrics of one service."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Histogram(
            "shoplens_request_seconds",
            "Time to answer, by route and status.",
            ("route", "status"),
            buckets=SECONDS,
            registry=self._registry,
        )
        self.stages = Histogram(
            "shoplens_stage_seconds",
            "Time of a stage of a search.",
            ("stage",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self.errors = Counter("shoplens_errors", "Requests that failed, by code.", ("code",), registry=self._registry)
        self.verdicts = Counter("shoplens_verdicts", "Answers, by verdict.", ("verdict",), registry=self._registry)
        self.thumbnails = Counter(
            "shoplens_pictures",
            "Product photos sent, by whether they were in the cache.",
            ("cache",),
            registry=self._registry,
        )
        self.waiting = Gauge("shoplens_waiting", "Requests that wait for the processor.", registry=self._registry)
        self.working = Gauge("shoplens_working", "Requests that use the processor.", registry=self._registry)
        self.free_bytes = Gauge(
            "shoplens_disk_free_bytes", "Free bytes on the disk of the store.", registry=self._registry
        )
        self.accepts_writes = Gauge(
            "shoplens_accepts_writes", "1 where the disk has room for changes, else 0.", registry=self._registry
        )
        self.damaged = Gauge(
            "shoplens_damaged", "1 where a file of the store is damaged, else 0.", registry=self._registry
        )
        self.products = Gauge("shoplens_products", "Products in the store.", registry=self._registry)

    def count_search(self, took_ms: Mapping[str, float], verdict: str) -> None:
        """Record the stage times and the verdict of a search."""
        for stage, took in took_ms.items():
            self.stages.labels(stage).observe(took / 1e3)
        self.verdicts.labels(verdict).inc()

    def text(self) -> bytes:
        """Return the metrics in the text format."""
        return generate_latest(self._registry)
