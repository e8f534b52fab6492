"""What a store and a generation say about themselves. The file format is a promise: see ``FORMAT``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from shoplens.errors import StoreError
from shoplens.index.protocol import VectorSizes
from shoplens.store.files.atomic import replace_file

FORMAT = 5
"""1: no filters. 2: filters whose numbers lay beside a vector as they were, called ``dense``, and which are to be
fitted anew. 3: those numbers lie in one space, see ``Space``. 4: a trained vector may
stand beside the untouched one, and a generation may be kept after the next has taken over. 5: products have the
identifiers of their rows, and ids are held as they are written; products that were written before have neither."""
NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """One generation.

    Attributes:
        model: id of the model that made every vector in it.
        dimensions: length of a vector.
        feed: path of the feed it was built from.
        feed_format: name of that feed's format.
        created: UTC, when the build began.
        preprocessing: the model's card: size, fit, scale of the pixels; empty for an embedder without one.
        products, photos: how many the build ended with; changes since then are not counted here.
        complete: whether the build reached its end; only a complete generation can be live.
        kept: whether it stays on disk though the next has taken over, so that it can be gone back to.
        placed: numbers of the filters beside a vector; 0 for a generation that has no room for any.
        look: id of the trained extractor whose vectors stand beside the model's; empty for a generation without one.
        trained: length of its vectors.
        format: version of everything on disk.
    """

    model: str
    dimensions: int
    feed: str
    feed_format: str
    created: str
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    products: int = 0
    photos: int = 0
    complete: bool = False
    placed: int = 0
    look: str = ""
    trained: int = 0
    kept: bool = False
    format: int = FORMAT

    @property
    def sizes(self) -> VectorSizes:
        return VectorSizes(self.dimensions, self.placed, self.trained)

    def write(self, folder: Path) -> None:
        replace_file(folder / NAME, json.dumps(asdict(self), indent=2) + "\n")


def manifest_in(folder: Path) -> Manifest:
    """Manifest of a generation.

    Raises:
        StoreError: when it is missing, damaged, or of a later version than this Shoplens knows.
    """
    path = folder / NAME
    try:
        told = json.loads(path.read_text("utf-8"))
        if told["format"] > FORMAT:
            raise StoreError(
                f"{path} is of format {told['format']}; this Shoplens knows up to {FORMAT}.",
                "Upgrade: pip install --upgrade shoplens.",
                code="newer-store",
            )
        if not (isinstance(told["model"], str) and isinstance(told["dimensions"], int)):
            raise ValueError("model or dimensions make no sense")
        if "dense" in told:
            told["placed"] = told.pop("dense")
        return Manifest(**{**told, "format": FORMAT})
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise StoreError(
            f"{path} cannot be read: {problem!r}.",
            "Restore a backup, or build the store anew with `shoplens index --replace`.",
            code="damaged-store",
        ) from problem


def format_in(folder: Path) -> int:
    """The version of what lies in a generation's folder, whose manifest could be read."""
    return int(json.loads((folder / NAME).read_text("utf-8"))["format"])


def is_kept(folder: Path) -> bool:
    """Whether a generation, or what is left of one, is kept to be gone back to."""
    try:
        return manifest_in(folder).kept
    except StoreError:
        return False
