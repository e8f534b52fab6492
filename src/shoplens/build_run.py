"""What a run of the build path did, and its report."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from shoplens.catalogue import Report, SummaryRow
from shoplens.index.features import FeatureFile


@dataclass(slots=True)
class Summary:
    """What a run did: ``products = added + changed + unchanged``; ``problems`` has a row per kind of rejection.

    ``dimensions`` is how many filters were fitted for; 0 where none were.
    """

    products: int = 0
    photos: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    photos_embedded: int = 0
    photos_known: int = 0
    rows: int = 0
    dimensions: int = 0
    rejected: int = 0
    notes: int = 0
    seconds: float = 0.0
    report: Path | None = None
    problems: list[SummaryRow] = field(default_factory=list)


class Run:
    """A summary and a report that are complete when the run ends, however it ends."""

    def __init__(self, path: Path, features: FeatureFile) -> None:
        self.summary, self.report, self._started = Summary(), Report(path), time.perf_counter()
        self.features = features

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.features.close()
        self.report.close()
        self.summary.rejected, self.summary.notes = self.report.rejected, self.report.notes
        self.summary.problems = self.report.summary()
        self.summary.report = self.report.path if self.summary.problems else None
        self.summary.seconds = time.perf_counter() - self._started
