"""Models that ``shoplens models add`` has written: a folder for each, which has its ONNX file and its card."""

from __future__ import annotations

import json
from pathlib import Path


def added_models(models: Path) -> dict[str, Path]:
    """Return the ONNX files by the names of the models, sorted by name."""
    found = {}
    for folder in sorted(models.iterdir()) if models.is_dir() else ():
        path = None if folder.name.startswith(".") else added_model(models, folder.name)
        if path is not None:
            found[folder.name] = path
    return found


def added_model(models: Path, name: str) -> Path | None:
    """Return the ONNX file of an added model; None where there is none of this name."""
    if not name or Path(name).name != name:
        return None
    return next((path for path in sorted((models / name).glob("*.onnx")) if path.with_suffix(".json").is_file()), None)


def read_added_card(network: Path) -> dict[str, object]:
    """Return all keys of a card, with those for people."""
    card: dict[str, object] = json.loads(network.with_suffix(".json").read_text("utf-8"))
    return card
