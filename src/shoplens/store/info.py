"""Facts about a store: what it holds, and how it was made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from shoplens.embedders.shipped import newer_network
from shoplens.errors import Refused, StoreError
from shoplens.ranking.merchandising.resolution import merchandising_notes
from shoplens.ranking.strategies import STRATEGIES
from shoplens.settings import Merchandising
from shoplens.store.calibration_file import load_calibration
from shoplens.store.copies.snapshot_folders import SNAPSHOTS
from shoplens.store.dimensions_file import read_tuning
from shoplens.store.files.atomic import size_on_disk
from shoplens.store.generation import Generation
from shoplens.store.manifest import Manifest
from shoplens.store.store import Store

_OBJECT_BYTES = 768
"""Bytes of the index for the object in a photo, measured."""


@dataclass(frozen=True, slots=True)
class GenerationRow:
    """One generation, live or kept.

    Attributes:
        live: whether it answers queries.
        created: UTC.
        model, look: ids of the embedder and of the trained head; ``look`` is empty where none was trained.
        products: number of products now.
        proof: result of its training, in words.
        calibrated: strategies with a calibration.
    """

    name: str
    live: bool
    created: str
    model: str
    look: str
    products: int
    proof: str
    calibrated: tuple[str, ...]


def generation_rows(store: Store) -> list[GenerationRow]:
    """Return the live generation, then the kept ones, the latest first."""
    rows = []
    for name in (store.live.name, *(folder.name for folder in store.kept_generations())):
        with store.reading_generation(name) as generation:
            manifest, look = generation.manifest, generation.look
            rows.append(
                GenerationRow(
                    name,
                    name == store.live.name,
                    manifest.created,
                    manifest.model,
                    manifest.look,
                    generation.index.count(),
                    ""
                    if look is None
                    else str(look.card.training_record.get("reason", look.card.training_record.get("why", ""))),
                    tuple(one for one in STRATEGIES if load_calibration(generation, one) is not None),
                )
            )
    return rows


def refuse_to_replace(store: Store, feed: str) -> None:
    """Raise an error if this feed's products would replace a live generation.

    Raises:
        Refused: ``store-exists``.
    """
    if not store.has_live:
        return
    raise Refused(
        f"{store.folder} already holds {store.live.index.count()} products from {store.live.manifest.feed}. "
        f"Indexing {feed} would replace them all.",
        "Give --replace to do that, or use `shoplens sync` to add, change and remove what differs.",
        code="store-exists",
    )


def classifier_model(generation: Generation) -> str:
    """Return the id of a generation's classifier, or what is wrong with it; empty for none."""
    try:
        return generation.require_classifier().model if "classifier" in generation.capabilities else ""
    except StoreError as problem:
        return str(problem)


def _object_costs(manifest: Manifest) -> dict[str, Any]:
    """Return what is done with objects, and what that costs: passes of the network for each photo, at most, instead of
    one, and bytes of the index."""
    objects = manifest.objects
    finds_itself = bool(manifest.preprocessing.get("mask")) and not objects.by_finder
    passes = 1 + (objects.framed and finds_itself) + (objects.compared and not objects.second_order)
    bytes_per_photo = _OBJECT_BYTES if objects.compared else 0
    return {**asdict(objects), "passes": passes, "bytes_per_photo": bytes_per_photo}


def _describe_views(generation: Generation) -> dict[str, Any]:
    """Return how many further photos of products taught how photos of one product differ, what that gains in nDCG@10,
    with its standard error, and whether it is used."""
    views = None if generation.filters is None else generation.filters.models.views
    learned = {"photos": 0 if views is None else views.photos, "gain": 0.0, "error": 0.0}
    return {"used": views is not None, **learned, **read_tuning(generation.folder, "views")}


def store_info(store: Store, merchandising: Merchandising) -> dict[str, Any]:
    """Describe the live generation, with the fields that conditions may name; ready for JSON.

    Args:
        merchandising: of the shop; each entry that is not the id of a product gets a note.
    """
    with store.reading() as generation:
        manifest, index = generation.manifest, generation.index
        return {
            "store": str(store.folder),
            "products": index.count(),
            "model": manifest.model,
            "newer_model": newer_network(manifest.model),
            "dimensions": manifest.dimensions,
            "look": manifest.look,
            "classifier": classifier_model(generation),
            "feed": manifest.feed,
            "feed_format": manifest.feed_format,
            "created": manifest.created,
            "generation": generation.name,
            "calibrated": {
                name: {"created": one.created, "queries": one.queries, "products": one.products}
                for name in STRATEGIES
                if (one := load_calibration(generation, name)) is not None
            },
            "merchandising": [
                {"entry": one.entry, "products": list(one.products), "by": one.by, "note": one.sentence}
                for one in merchandising_notes(index, merchandising)
            ],
            "objects": _object_costs(manifest),
            "views": _describe_views(generation),
            "tuning": read_tuning(generation.folder),
            "caption": {} if generation.caption is None else asdict(generation.caption),
            "bytes": size_on_disk(store.folder, without=SNAPSHOTS),
            "fields": {
                field: {"holds": sorted(kinds), "values": dict(index.facet(field, 5))}
                for field, kinds in sorted(index.field_kinds().items())
                if field != "id"
            },
        }
