"""What a store holds and how it was made."""

from __future__ import annotations

from typing import Any

from shoplens.index.durable import size_on_disk
from shoplens.index.store import Store
from shoplens.ranking.stored_calibration import calibration_of
from shoplens.ranking.strategies import STRATEGIES


def store_info(store: Store) -> dict[str, Any]:
    """The live generation in figures, with the fields that conditions may name; ready for JSON."""
    with store.reading() as generation:
        manifest, index = generation.manifest, generation.index
        return {
            "store": str(store.folder),
            "products": index.count(),
            "model": manifest.model,
            "dimensions": manifest.dimensions,
            "feed": manifest.feed,
            "feed_format": manifest.feed_format,
            "created": manifest.created,
            "generation": generation.name,
            "calibrated": {
                name: {"created": one.created, "queries": one.queries, "products": one.products}
                for name in STRATEGIES
                if (one := calibration_of(generation, name)) is not None
            },
            "bytes": size_on_disk(store.folder),
            "fields": {
                field: {"holds": sorted(kinds), "values": dict(index.facet(field, 5))}
                for field, kinds in sorted(index.field_kinds().items())
                if field != "id"
            },
        }
