"""All models that ``--model`` and ``models add`` know, as rows of one table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from shoplens.embedders.added import added_models, read_added_card
from shoplens.embedders.onnx import network_files
from shoplens.embedders.shipped import NETWORKS, shipped_file
from shoplens.models.registry import REGISTRY, KnownModel

State = Literal["shipped", "added", "known", "by export"]


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model.

    Attributes:
        state: ``shipped`` with the package and ``added`` are there for ``--model``; ``known`` ones can be added, those
            ``by export`` by exporting them.
        megabytes: size of its file; of the registry's, computed for float32.
        prepared: how photos are prepared, of known models, in words.
        output: the output that is the vector.
        text: whether it has a text tower.
        cpu_ms: milliseconds for a photo on one thread of this machine; None where it was not measured.
    """

    name: str
    state: State
    purpose: str
    licence: str
    megabytes: float
    dimensions: int
    cpu_ms: float | None
    source: str
    revision: str = ""
    prepared: str = ""
    output: str = ""
    text: bool = False


def list_models(models: Path) -> list[ModelRow]:
    """Return the models of the package, those that were added to a folder, and the rest of the registry."""
    added = added_models(models)
    return [
        *(_row_of_file(name, shipped_file(name), "shipped") for name in NETWORKS),
        *(_row_of_file(name, path, "added") for name, path in added.items()),
        *(_row_of_known(model) for model in REGISTRY.values() if model.name not in added),
    ]


def _row_of_file(name: str, path: Path, state: State) -> ModelRow:
    card: dict[str, Any] = read_added_card(path)
    known = REGISTRY.get(name)
    purpose = known.purpose if known else "products, fast" if state == "shipped" else ""
    size = sum(file.stat().st_size for file in network_files(path)) / 1e6
    return ModelRow(
        name,
        state,
        purpose,
        str(card.get("licence", "not named")),
        round(size, 1),
        int(card.get("dimensions", 0)),
        card.get("cpu_ms"),
        "the package" if state == "shipped" else str(card.get("source", "")),
        str(card.get("revision", "")),
        output=str(card.get("output", "")),
        text="text" in card,
    )


def _row_of_known(model: KnownModel) -> ModelRow:
    state: State = "by export" if model.by_export else "known"
    source = f"huggingface.co/{model.repository}"
    about = (model.name, state, model.purpose, model.licence, model.megabytes, model.dimensions, None, source)
    return ModelRow(*about, prepared=model.prepared, output=model.output, text=model.text)
