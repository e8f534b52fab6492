"""``no-usable-photo``: products of the feed that the last runs could not index for want of a photo."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shoplens.build.product_encoder import UNUSABLE
from shoplens.evaluation.doctor.findings import Finding
from shoplens.index.protocol import Index

_RUN = re.compile(r"\d{8}T\d+Z-(index|sync|add)\.jsonl")
_WHOLE = ("index", "sync")


def without_usable_photo(reports: Path, index: Index) -> Iterator[Finding]:
    """From the newest report of a whole feed (``index``, ``sync``) and those of ``add`` after it.

    A run that rejects nothing writes no report, so a product that the store has by now is passed over.

    Args:
        reports: folder of the store's reports; it need not exist.
    """
    rejected: dict[str, tuple[dict[str, Any], str]] = {}
    for report in _since_the_last_whole_feed(reports):
        for row in _rows(report):
            if row.get("kind") == UNUSABLE and isinstance(row.get("product_id"), str) and row["product_id"]:
                rejected[row["product_id"]] = row, report.name
    there = {record.product.id for record in index.records(rejected)}
    for product_id, (row, name) in rejected.items():
        if product_id not in there:
            photos = str(row.get("value", ""))
            yield Finding(
                "no-usable-photo",
                (product_id,),
                f"None of its photos can be used: {photos or 'there are none'}.",
                f"Mend or replace one of them; {name} says what is wrong with each.",
                feed=photos,
            )


def _since_the_last_whole_feed(reports: Path) -> list[Path]:
    """Oldest first."""
    found = {path: match for path in reports.glob("*.jsonl") if (match := _RUN.fullmatch(path.name))}
    names = sorted(found)
    last = max((place for place, path in enumerate(names) if found[path][1] in _WHOLE), default=0)
    return names[last:]


def _rows(report: Path) -> Iterator[dict[str, Any]]:
    with report.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:  # of a run that was cut off
                continue
            if isinstance(row, dict):
                yield row
