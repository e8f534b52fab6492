"""What a store holds and how it was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shoplens.errors import Refused, StoreError
from shoplens.preferences import Merchandising
from shoplens.ranking.merchandising import merchandising_notes
from shoplens.ranking.strategies import STRATEGIES
from shoplens.store.calibration_file import calibration_of
from shoplens.store.copies.snapshot_folders import SNAPSHOTS
from shoplens.store.files.atomic import size_on_disk
from shoplens.store.generation import Generation
from shoplens.store.store import Store


@dataclass(frozen=True, slots=True)
class GenerationRow:
    """One generation, live or kept.

    Attributes:
        live: whether it answers.
        created: UTC.
        model, look: ids of the extractors; ``look`` is empty where none was trained.
        products: it holds now.
        proof: what its training came to, in words.
        calibrated: strategies whose answers say how sure they are.
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
    """The live generation first, then the kept ones, the latest first."""
    found = []
    for name in (store.live.name, *(folder.name for folder in store.kept_generations())):
        with store.reading_generation(name) as generation:
            manifest, look = generation.manifest, generation.look
            found.append(
                GenerationRow(
                    name,
                    name == store.live.name,
                    manifest.created,
                    manifest.model,
                    manifest.look,
                    generation.index.count(),
                    "" if look is None else str(look.card.made.get("why", "")),
                    tuple(one for one in STRATEGIES if calibration_of(generation, one) is not None),
                )
            )
    return found


def refuse_to_replace(store: Store, feed: str) -> None:
    """See that no live generation would be replaced by this feed's products.

    Raises:
        Refused: ``store-exists``.
    """
    if not store.has_live:
        return
    raise Refused(
        f"{store.folder} already holds {store.live.index.count()} products from {store.live.manifest.feed}. "
        f"Indexing {feed} would replace them all.",
        "Say --replace for that, or use `shoplens sync` to add, change and remove what differs.",
        code="store-exists",
    )


def classifier_model(generation: Generation) -> str:
    """Id of its classifier, or what is wrong with it; empty for none."""
    try:
        return generation.classifier.model if "classifier" in generation.has else ""
    except StoreError as problem:
        return str(problem)


def store_info(store: Store, said: Merchandising) -> dict[str, Any]:
    """The live generation in figures, with the fields that conditions may name; ready for JSON.

    Args:
        said: by a merchandiser; what it names by anything but a product's id is told.
    """
    with store.reading() as generation:
        manifest, index = generation.manifest, generation.index
        return {
            "store": str(store.folder),
            "products": index.count(),
            "model": manifest.model,
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
                if (one := calibration_of(generation, name)) is not None
            },
            "merchandising": [
                {"entry": one.entry, "products": list(one.products), "by": one.by, "note": one.sentence}
                for one in merchandising_notes(index, said)
            ],
            "bytes": size_on_disk(store.folder, without=SNAPSHOTS),
            "fields": {
                field: {"holds": sorted(kinds), "values": dict(index.facet(field, 5))}
                for field, kinds in sorted(index.field_kinds().items())
                if field != "id"
            },
        }
