"""Points of the engine as earlier versions wrote them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qdrant_edge as engine

from shoplens.index.qdrant.points import field_path

Payload = dict[str, Any]


def rewrite(shard: Path, change: Callable[[Payload], Payload]) -> None:
    """Give every point of a closed shard another payload, and the ids of before their index."""
    held = engine.EdgeShard.load(str(shard))
    points, rest = held.scroll(engine.ScrollRequest(limit=1000, with_payload=True))
    assert rest is None
    for point in points:
        held.update(engine.UpdateOperation.overwrite_payload([point.id], change(dict(point.payload or {}))))
    for field in ("id", "group_id"):
        index = engine.KeywordIndexParams(enable_hnsw=False)
        held.update(engine.UpdateOperation.create_field_index(field_path("text", field), index))
        held.update(engine.UpdateOperation.delete_field_index(field_path("exact", field)))
    held.update(engine.UpdateOperation.create_field_index(field_path("number", "id"), engine.FloatIndexParams()))
    held.flush()
    held.close()


def as_of_format_4(payload: Payload) -> Payload:
    """Ids folded as texts, with numbers where they read as such; no identifiers; letters that nobody composed."""
    record = json.loads(payload["record"])
    assert record.pop("identifiers") == []
    for name in ("id", "group_id"):
        if record[name]:
            payload["text"][name] = [record[name].casefold()]
    for name, values in record["attributes"].items():
        payload["text"][name] = [str(value).casefold() for value in values]
    if record["id"].isdecimal():
        payload["number"]["id"] = [float(record["id"])]
    del payload["exact"]
    return {**payload, "record": json.dumps(record)}
