"""Models that ``shoplens models add`` has written: a folder for each, which has its ONNX file and its card."""

from __future__ import annotations

import json
from pathlib import Path

REPLACED = ".replaced-"
"""Prefix of the folder of a model while another one takes its place; it counts where there is no other."""


def added_models(models: Path) -> dict[str, Path]:
    """Return the ONNX files by the names of the models, sorted by name."""
    folders = [folder.name.removeprefix(REPLACED) for folder in models.iterdir()] if models.is_dir() else []
    names = sorted({name for name in folders if not name.startswith(".")})
    found = {name: added_model(models, name) for name in names}
    return {name: path for name, path in found.items() if path is not None}


def added_model(models: Path, name: str) -> Path | None:
    """Return the ONNX file of an added model; None where there is none of this name."""
    if not name or Path(name).name != name:
        return None
    folder = models / name if (models / name).is_dir() else models / f"{REPLACED}{name}"
    return next((path for path in sorted(folder.glob("*.onnx")) if path.with_suffix(".json").is_file()), None)


def read_added_card(network: Path) -> dict[str, object]:
    """Return all keys of a card, with those for people."""
    card: dict[str, object] = json.loads(network.with_suffix(".json").read_text("utf-8"))
    return card
