"""Finds ``no-usable-photo``: products of the feed that the last runs could not index because no photo was usable."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shoplens.build.product_encoder import UNUSABLE
from shoplens.evaluation.doctor.findings import Finding
from shoplens.index.protocol import Index

_REPORT_NAME = re.compile(r"\d{8}T\d+Z-(index|sync|add)\.jsonl")
_COMPLETE_RUNS = ("index", "sync")


def find_products_without_photo(reports: Path, index: Index) -> Iterator[Finding]:
    """Read the newest report of a complete feed (``index``, ``sync``) and the reports of ``add`` after it.

    A run that rejects nothing writes no report, so products that the store has by now are ignored.

    Args:
        reports: folder of the store's reports; it may be missing.
    """
    rejected: dict[str, tuple[dict[str, Any], str]] = {}
    for report in _reports_since_complete_run(reports):
        for row in _rows(report):
            if row.get("kind") == UNUSABLE and isinstance(row.get("product_id"), str) and row["product_id"]:
                rejected[row["product_id"]] = row, report.name
    indexed = {record.product.id for record in index.records(rejected)}
    for product_id, (row, name) in rejected.items():
        if product_id not in indexed:
            photos = str(row.get("value", ""))
            yield Finding(
                "no-usable-photo",
                (product_id,),
                f"None of its photos can be used: {photos or 'there are none'}.",
                f"Repair or replace one of them. The report {name} says what is wrong with each.",
                feed_value=photos,
            )


def _reports_since_complete_run(reports: Path) -> list[Path]:
    """Return the reports from the last complete run on, the oldest first."""
    matches = {path: match for path in reports.glob("*.jsonl") if (match := _REPORT_NAME.fullmatch(path.name))}
    paths = sorted(matches)
    last = max((place for place, path in enumerate(paths) if matches[path][1] in _COMPLETE_RUNS), default=0)
    return paths[last:]


def _rows(report: Path) -> Iterator[dict[str, Any]]:
    with report.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:  # the run was interrupted while it wrote the line
                continue
            if isinstance(row, dict):
                yield row
